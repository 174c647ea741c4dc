"""The log that is being shown: its tail, then what is added to it, through lost connections."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from backends.base import BackendError, HostKeyRefused, LoginRefused, Unreadable
from trainboard.events import LogGrew, LogUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backends.base import Backend
    from trainboard.events import Event
    from trainboard.place import Place
    from trainboard.rows import Row

TAIL = 256 * 1024
"""Bytes of a log that are shown when it is opened; what comes is added."""

LONGEST_PAUSE = 60.0
"""Seconds at most between two tries to read a log on a host that others say is up."""


class Logs:
    """Where the output of rows goes, and what is in it."""

    def __init__(self, places: Mapping[str, Place], tell: Callable[[Event], None]) -> None:
        self._places = places
        self._tell = tell
        self._paths: dict[str, str | None] = {}
        """Of jobs that are not ours: where their output goes, once somebody wanted to know."""

    async def path(self, row: Row, backend: Backend) -> str | None:
        """Where a row's output goes; a scheduler is asked once for a job. Raises `BackendError`."""
        if row.log is not None:
            return row.log
        if row.key not in self._paths:
            self._paths[row.key] = await backend.log_path(row.job)
        return self._paths[row.key]

    async def show(self, row: Row) -> None:
        """Tell the tail of a row's log, then what is added to it; never ends by itself."""
        self._tell(LogGrew(row.key, 0, b"", restarted=True))
        place = self._places.get(row.backend)
        if place is None:
            where = f"{row.backend} is not in the config any more" if row.backend else "it was not sent anywhere yet"
            self._tell(LogUnavailable(row.key, where))
            return
        pause = 0.0
        while True:
            try:
                await self._follow(row, place.backend)
            except BackendError as error:
                self._tell(LogUnavailable(row.key, str(error)))
                place.suspect(error)
                if place.theirs:  # who polls may be let in where we are not: do not knock with each of their answers
                    await asyncio.sleep(pause)
                    pause = min(LONGEST_PAUSE, max(2.0, pause * 2))
                    if isinstance(error, LoginRefused | HostKeyRefused):
                        return
                await place.answered.wait()

    async def _follow(self, row: Row, backend: Backend) -> None:
        """Tell a log from near its end on, until the connection breaks."""
        path = await self.path(row, backend)
        if path is None:
            self._tell(LogUnavailable(row.key, "Slurm does not tell where this job's output goes"))
            await asyncio.Event().wait()  # until another row is shown
            return
        first = True
        async with contextlib.aclosing(backend.follow(path, -TAIL)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Unreadable):
                    self._tell(LogUnavailable(row.key, f"{path}: {piece.reason}"))
                else:
                    self._tell(LogGrew(row.key, piece.offset, piece.data, piece.restarted or first))
                    first = False
