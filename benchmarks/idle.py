"""What the benchmarks pass to the board in place of a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from pathlib import Path

    from specs.model import Spec
    from trainboard.events import Event
    from trainboard.rows import Row


async def nothing() -> AsyncIterator[Event]:
    """A stream without events."""
    none: tuple[Event, ...] = ()
    for event in none:
        yield event


class Nobody:
    """Actions without effect."""

    async def submit(self, spec: Spec, backend: str | None) -> Sequence[Row]:
        return ()

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

    def look(self, keys: Collection[str]) -> None:
        return None

    def show(self, key: str | None) -> None:
        return None

    def refresh(self) -> None:
        return None

    def pause(self, paused: bool) -> None:
        return None

    def focus(self, focused: bool) -> None:
        return None

    def backend_names(self) -> Sequence[str]:
        return ("here",)

    def spec_files(self) -> Sequence[Path]:
        return ()

    def spec_source(self, key: str) -> Path | None:
        return None

    def offered_hosts(self) -> Sequence[str]:
        return ()

    async def add_host(self, host: str) -> str:
        return ""
