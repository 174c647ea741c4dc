"""The watch for the board, made when the first frame is out: what it imports would double the time until then."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from trainboard.options import CAREFUL, Options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Sequence
    from pathlib import Path

    from backends.base import Chunk, Sought, Wanted
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
    from trainboard.watch import Watch
    from trainboard.written import Written


class Opening:
    """`Actions` that are the watch's from the moment on when it is there; until then there is nothing to act on."""

    def __init__(self, make: Callable[[], Watch]) -> None:
        """`make` reads the config and makes the watch; it runs in a thread."""
        self._make = make
        self._watch: Watch | None = None
        self.failure: Exception | None = None
        """Why there is no watch, once `events` has told `Closed`."""

    async def events(self) -> AsyncGenerator[Event]:
        """The watch's events; `Closed` at once where the config is bad."""
        from trainboard.events import Closed

        try:
            watch = self._watch = await asyncio.to_thread(self._make)
        except Exception as error:  # kept whole: the command line knows which failures are expected
            self.failure = error
            yield Closed()
            return
        async with contextlib.aclosing(watch.events()) as events:
            async for event in events:
                yield event

    async def consider(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Prospect:
        return await self._there().consider(spec, backend, options)

    async def carry_out(self, prospect: Prospect) -> Sequence[Row]:
        return await self._there().carry_out(prospect)

    async def submit(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Sequence[Row]:
        return await self._there().submit(spec, backend, options)

    async def scripts(self, spec: Spec, settings: Sequence[Setting], backend: str | None) -> Scripts:
        return await self._there().scripts(spec, settings, backend)

    async def cancel(self, keys: Collection[str]) -> None:
        await self._there().cancel(keys)

    async def hold(self, keys: Collection[str]) -> None:
        await self._there().hold(keys)

    async def release(self, keys: Collection[str]) -> None:
        await self._there().release(keys)

    async def requeue(self, keys: Collection[str]) -> None:
        await self._there().requeue(keys)

    async def prioritise(self, keys: Collection[str], by: int) -> None:
        await self._there().prioritise(keys, by)

    async def to_top(self, keys: Sequence[str]) -> None:
        await self._there().to_top(keys)

    async def mute(self, rule: str, key: str, scope: str, *, on: bool = True) -> None:
        await self._there().mute(rule, key, scope, on=on)

    async def read_findings(self, ids: Collection[str]) -> None:
        await self._there().read_findings(ids)

    def uses(self) -> Using:
        return self._there().uses()

    async def add_host(self, host: str) -> str:
        return await self._there().add_host(host)

    def show(self, key: str | None) -> None:
        if self._watch is not None:
            self._watch.show(key)

    async def series(self, key: str) -> Recording:
        return await self._there().series(key)

    async def read_log(self, key: str, offset: int, limit: int) -> Chunk:
        return await self._there().read_log(key, offset, limit)

    async def search_log(self, key: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        return await self._there().search_log(key, wanted, offset, backwards=backwards)

    def save_log(self, key: str, path: Path, *, overwrite: bool = False) -> AsyncGenerator[tuple[int, int]]:
        return self._there().save_log(key, path, overwrite=overwrite)

    async def commands(self) -> Sequence[Logged]:
        return await self._there().commands()

    def shell(self, key: str) -> Shell:
        return self._there().shell(key)

    def profiling(self, key: str) -> Profiling:
        return self._there().profiling(key)

    def outputs(self, key: str) -> Written:
        return self._there().outputs(key)

    def look(self, keys: Collection[str]) -> None:
        if self._watch is not None:
            self._watch.look(keys)

    def refresh(self) -> None:
        if self._watch is not None:
            self._watch.refresh()

    def pause(self, paused: bool) -> None:
        if self._watch is not None:
            self._watch.pause(paused)

    def focus(self, focused: bool) -> None:
        if self._watch is not None:
            self._watch.focus(focused)

    @property
    def questions(self) -> Questions:
        return self._there().questions

    def backend_names(self) -> Sequence[str]:
        return self._watch.backend_names() if self._watch is not None else ()

    def spec_folder(self) -> Path:
        return self._there().spec_folder()

    def spec_files(self) -> Sequence[Path]:
        return self._watch.spec_files() if self._watch is not None else ()

    def spec_source(self, key: str) -> Path | None:
        return self._watch.spec_source(key) if self._watch is not None else None

    def offered_hosts(self) -> Sequence[str]:
        return self._watch.offered_hosts() if self._watch is not None else ()

    def _there(self) -> Watch:
        """The watch. Raises `Refused` in the moment before it is there."""
        from trainboard.actions import Refused

        if self._watch is None:
            raise Refused("one moment: the hosts are still being opened")
        return self._watch
