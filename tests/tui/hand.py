"""Keys for an app under test, and waiting for what comes of them: for events, and not for time to pass."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from textual import events
from textual.keys import _character_to_key, key_to_character
from textual.pilot import Pilot

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 30.0
"""Seconds after which a pause ends although something is still under way."""


class Threads(ThreadPoolExecutor):
    """Threads that know whether they do anything; whoever waits for what they did has heard of it before."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.busy = 0
        self._loop = loop

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self.busy += 1
        future: Future[T] = Future()
        super().submit(self._do, future, partial(fn, *args, **kwargs))
        return future

    def _do(self, future: Future[T], work: Callable[[], T]) -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._done)

    def _done(self) -> None:
        self.busy -= 1


class Hand(Pilot[Any]):
    """Presses keys, and returns as soon as nothing is under way.

    Textual's own pilot returns when the process has used little of the processor for a while: that takes a tenth of a
    second a key, and on a busy machine it may be too early.
    """

    def __init__(self, app: App[Any]) -> None:
        super().__init__(app)
        loop = asyncio.get_running_loop()
        self._threads = Threads(loop)
        loop.set_default_executor(self._threads)

    async def press(self, *keys: str) -> None:
        for key in keys:
            if len(key) == 1:
                self.app.post_message(events.Key(_character_to_key(key), key))
            else:
                self.app.post_message(events.Key(key, key_to_character(key)))
            await self.pause()

    async def pause(self, delay: float | None = None) -> None:
        if delay is not None:
            await asyncio.sleep(delay)
        until = monotonic() + LONGEST
        await self._still(until)
        while monotonic() < until:
            self.app.screen._on_timer_update()  # as Textual's own pilot does: draw now
            if await self._still(until) == 1:
                return

    async def _still(self, until: float) -> int:
        """Go on until the event loop has nothing left to do but to wait; how often it went round."""
        ready, turns = asyncio.get_running_loop()._ready, 0  # type: ignore[attr-defined]  # there is no other way to see
        while True:
            await asyncio.sleep(0)
            turns += 1
            if self._threads.busy:
                await asyncio.sleep(0.001)
            elif not ready or monotonic() >= until:
                return turns
