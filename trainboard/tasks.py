"""What goes on by itself: tasks that end with their owner, and trouble that is told once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from trainboard.events import Noticed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from trainboard.events import Event


class Tasks:
    """Tasks of one owner."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        """`tell` hears of an error that nobody thought of."""
        self._tell = tell
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run this until it ends, or `end`."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def end(self) -> None:
        """Cancel all of them; none runs when this returns."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._tell(Noticed("error", f"{type(error).__name__}: {error}"))


class Troubles:
    """What is wrong with our own files and parts, told once, however often it is met."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._told: dict[str, str] = {}

    def meet(self, what: str, text: str) -> None:
        """`what` names the thing that does not work; `text` is one line for the user, the same of one trouble that
        several things meet."""
        news = text not in self._told.values()
        self._told[what] = text
        if news:
            self._tell(Noticed("error", text))

    def over(self, what: str) -> None:
        """It works: should it fail again, that is news."""
        self._told.pop(what, None)
