"""Logs of rows: the one that is shown, as it grows and through lost connections; pieces, searches, copies of any."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import BackendError, CommandFailed, HostKeyRefused, LoginRefused, Unreadable
from trainboard.actions import Refused
from trainboard.copies import copy, refusing
from trainboard.events import LogGrew, LogUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from pathlib import Path

    from backends.base import Backend, Chunk, Sought, Wanted
    from trainboard.events import Event
    from trainboard.place import Place
    from trainboard.rows import Row

TAIL = 256 * 1024
"""Bytes of a log that are shown when it is opened; what comes is added."""

FAR = 4 << 20
"""Bytes that a log may be ahead of what has been told of it; what is between then is left out, and read on demand."""

SEAL = 64
"""Bytes by which a log is known again."""

LONGEST_PAUSE = 60.0
"""Seconds at most between two tries to read a log on a host that others say is up."""


@dataclass(slots=True)
class Told:
    """How far a log has been told, and its last bytes: by them it is known again."""

    end: int = 0
    seal: bytes = b""
    fresh: bool = True
    """Whether what comes next begins anew."""

    def take(self, piece: Chunk) -> bool:
        """The next piece is told; whether it begins anew."""
        restarted = piece.restarted or self.fresh
        self.seal = ((b"" if restarted or piece.offset != self.end else self.seal) + piece.data)[-SEAL:]
        self.end, self.fresh = piece.offset + len(piece.data), False
        return restarted

    async def start(self, backend: Backend, path: str) -> int:
        """Where to go on in the file: where we are, if it is the same still; near its end, if that is far ahead."""
        if self.fresh:
            return -TAIL
        try:
            here = await backend.read(path, self.end - len(self.seal), max(1, len(self.seal)))
        except CommandFailed:
            self.fresh = True  # it went away; what comes to be there is another
            return -TAIL
        self.fresh = here.data[: len(self.seal)] != self.seal
        return -TAIL if self.fresh or here.size - self.end > FAR else self.end


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
        pause, told = 0.0, Told()
        while True:
            try:
                await self._follow(row, place.backend, told)
            except BackendError as error:
                self._tell(LogUnavailable(row.key, str(error)))
                place.suspect(error)
                if place.theirs:  # who polls may be let in where we are not: do not knock with each of their answers
                    await asyncio.sleep(pause)
                    pause = min(LONGEST_PAUSE, max(2.0, pause * 2))
                    if isinstance(error, LoginRefused | HostKeyRefused):
                        return
                await place.answered.wait()

    async def _follow(self, row: Row, backend: Backend, told: Told) -> None:
        """Tell a log from near its end on, or from where it was told to, until the connection breaks."""
        path = await self.path(row, backend)
        if path is None:
            self._tell(LogUnavailable(row.key, "Slurm does not tell where this job's output goes"))
            await asyncio.Event().wait()  # until another row is shown
            return
        while True:  # anew from near the end, whenever we are too far behind
            start = await told.start(backend, path)
            async with contextlib.aclosing(backend.follow(path, start)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Unreadable):
                        self._tell(LogUnavailable(row.key, f"{path}: {piece.reason}"))
                        continue
                    self._tell(LogGrew(row.key, piece.offset, piece.data, told.take(piece), piece.size))
                    if piece.size - told.end > FAR:
                        break

    async def read(self, row: Row, offset: int, limit: int) -> Chunk:
        """A piece of a row's log. Raises `Refused`."""
        backend, path = await self._place(row)
        with refusing():
            return await backend.read(path, offset, limit)

    async def search(self, row: Row, wanted: Wanted, offset: int, *, backwards: bool) -> Sought:
        """One step of a search in a row's log. Raises `Refused`."""
        backend, path = await self._place(row)
        with refusing():
            return await backend.search(path, wanted, offset, backwards=backwards)

    async def save(self, row: Row, target: Path, *, overwrite: bool) -> AsyncGenerator[tuple[int, int]]:
        """Copy a row's log to a file of this machine. Raises `Refused`, and `Exists`."""
        backend, path = await self._place(row)
        async with contextlib.aclosing(copy(backend, path, target, overwrite=overwrite)) as progress:
            async for each in progress:
                yield each

    async def _place(self, row: Row) -> tuple[Backend, str]:
        """Where a row's log is. Raises `Refused`."""
        place = self._places.get(row.backend)
        if place is None:
            raise Refused(f"{row.backend} is not in the config any more" if row.backend else "it was not sent yet")
        with refusing():
            path = await self.path(row, place.backend)
        if path is None:
            raise Refused("Slurm does not tell where this job's output goes")
        return place.backend, path
