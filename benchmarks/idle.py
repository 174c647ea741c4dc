"""What the benchmarks pass to the board in place of a world."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from backends.base import Chunk, Sought
from trainboard.actions import Refused
from trainboard.config import BackendConfig
from trainboard.options import CAREFUL, Options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
    from pathlib import Path

    from backends.base import Wanted
    from specs.model import Setting, Spec
    from trainboard.asking import Questions
    from trainboard.commandlog import Logged
    from trainboard.events import Event
    from trainboard.profiling import Profiling
    from trainboard.prospect import Prospect
    from trainboard.recording import Recording
    from trainboard.rows import Row
    from trainboard.scripts import Scripts
    from trainboard.shell import Shell
    from trainboard.use.using import Using
    from trainboard.written import Written

HERE = BackendConfig("here", "slurm", "gateway", "~/runs", 10.0, True, "python3", ())


async def nothing() -> AsyncIterator[Event]:
    """A stream without events."""
    none: tuple[Event, ...] = ()
    for event in none:
        yield event


class Nobody:
    """Actions without effect."""

    async def consider(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Prospect:
        raise Refused("nobody is there")

    async def carry_out(self, prospect: Prospect) -> Sequence[Row]:
        return ()

    async def submit(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Sequence[Row]:
        return ()

    async def scripts(self, spec: Spec, settings: Sequence[Setting], backend: str | None) -> Scripts:
        from trainboard.scripts import scripts

        return await asyncio.to_thread(scripts, spec, settings, HERE, shared=True)

    async def cancel(self, keys: Collection[str]) -> None:
        return None

    async def hold(self, keys: Collection[str]) -> None:
        return None

    async def release(self, keys: Collection[str]) -> None:
        return None

    async def requeue(self, keys: Collection[str]) -> None:
        return None

    async def prioritise(self, keys: Collection[str], by: int) -> None:
        return None

    async def to_top(self, keys: Sequence[str]) -> None:
        return None

    async def mute(self, rule: str, key: str, scope: str, *, on: bool = True) -> None:
        return None

    async def read_findings(self, ids: Collection[str]) -> None:
        return None

    async def commands(self) -> Sequence[Logged]:
        return ()

    def shell(self, key: str) -> Shell:
        raise Refused("nobody is there")

    def uses(self) -> Using:
        raise Refused("nothing is used here")

    def profiling(self, key: str) -> Profiling:
        raise Refused("nobody is there")

    def outputs(self, key: str) -> Written:
        raise Refused("nobody is there")

    def look(self, keys: Collection[str]) -> None:
        return None

    def show(self, key: str | None) -> None:
        return None

    async def series(self, key: str) -> Recording:
        raise Refused("nothing is known of it")

    async def read_log(self, key: str, offset: int, limit: int) -> Chunk:
        return Chunk(0, b"", 0)

    async def search_log(self, key: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        return Sought(None, b"", 0, 0, True)

    async def save_log(self, key: str, path: Path, *, overwrite: bool = False) -> AsyncGenerator[tuple[int, int]]:
        yield 0, 0

    def refresh(self) -> None:
        return None

    def pause(self, paused: bool) -> None:
        return None

    def focus(self, focused: bool) -> None:
        return None

    def backend_names(self) -> Sequence[str]:
        return ("here",)

    @property
    def questions(self) -> Questions:
        raise Refused("nobody is there")

    def spec_folder(self) -> Path:
        raise Refused("nobody is there")

    def spec_files(self) -> Sequence[Path]:
        return ()

    def spec_source(self, key: str) -> Path | None:
        return None

    def offered_hosts(self) -> Sequence[str]:
        return ()

    async def add_host(self, host: str) -> str:
        return ""
