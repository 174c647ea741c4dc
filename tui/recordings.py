"""The series of several rows: each is read once, and goes on with what is told of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trainboard.actions import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping

    from trainboard.actions import Actions
    from trainboard.events import Sampled
    from trainboard.recording import Recording
    from trainboard.series import Series


class Recordings:
    """Holds what was read; `read` reads what is still wanted."""

    def __init__(self, actions: Actions, keys: Iterable[str]) -> None:
        self.known: dict[str, Recording] = {}
        """By row."""
        self.refused: dict[str, str] = {}
        """By row whose series cannot be read: why."""
        self.wanted = list(keys)
        """Rows whose series are still to be read, in this order."""
        self._actions = actions
        self._missed: dict[str, list[Sampled]] = {}
        """By row: what was told before its series was read."""

    async def read(self) -> AsyncGenerator[str]:
        """Read what is wanted, one after the other so that the first are there soon; the rows that are read."""
        while self.wanted:
            key = self.wanted[0]
            try:
                found = await self._actions.series(key)
                await asyncio.to_thread(_settle, found)
                self.known[key] = found
                self.refused.pop(key, None)
            except Refused as refusal:
                self.refused[key] = str(refusal)
            del self.wanted[0]
            for event in self._missed.pop(key, ()):
                self.take(event)
            yield key

    def take(self, event: Sampled) -> None:
        """Go on with what was told of a row; where it does not follow on what is here, that is wanted anew."""
        known = self.known.get(event.key)
        if event.key in self.wanted:
            self._missed.setdefault(event.key, []).append(event)
        elif known is None or not known.take(event):
            self.wanted.append(event.key)


def _settle(series: Mapping[str, Series]) -> None:
    """Find out what resumes replaced, which takes milliseconds for a million samples; the series remember it."""
    for each in series.values():
        each.current()
