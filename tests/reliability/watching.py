"""What a front end sees: the events of the board's own watch, gathered."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from tests.backends.conftest import Nobody
from trainboard.events import Event, HostSeen, Link, LogGrew, Noticed, Sampled, TableSeen
from trainboard.places import Places
from trainboard.store import Store
from trainboard.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from backends.base import JobState
    from trainboard.config import Config
    from trainboard.paths import Paths


@contextlib.asynccontextmanager
async def watching(config: Config, where: Paths) -> AsyncGenerator[Watching]:
    """A board that is open."""
    watch = Watch(config, where, Store(where.state), Places(where, Nobody()), {}, where.state)
    async with contextlib.aclosing(watch.events()) as stream:
        yield Watching(stream, watch)


class Watching:
    """The board's own watch, and what it told so far."""

    def __init__(self, stream: AsyncGenerator[Event], watch: Watch) -> None:
        self.watch = watch
        self._stream = stream
        self.log = b""
        self.steps: list[float] = []
        self.link = Link.CONNECTING
        self.states: dict[str, JobState] = {}
        self.notices: list[str] = []

    async def until(self, when: Callable[[], object]) -> None:
        """Read on until it is so."""
        try:
            async with asyncio.timeout(60):
                while not when():
                    self._see(await anext(self._stream))
        except TimeoutError:
            seen = (self.states, self.link, self.steps[-5:], self.log[-200:], self.notices)
            raise AssertionError(f"it did not come to that: {seen}") from None

    def _see(self, event: Event) -> None:
        match event:
            case LogGrew():
                self.log = (b"" if event.restarted else self.log) + event.data
            case Sampled():
                new = [each.step for each in event.samples if each.metric == "loss"]
                self.steps = new if event.restarted else self.steps + new
            case HostSeen():
                self.link = event.link
            case Noticed():
                self.notices.append(event.text)
            case TableSeen():
                self.states = {row.key: row.state for row in event.rows if row.ours}
