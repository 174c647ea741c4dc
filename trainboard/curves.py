"""The curves of the rows: whose sources are read for metrics, and which stored series are opened."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from backends.base import BackendError
from specs.model import LOG
from trainboard.recording import MOST, recorded
from trainboard.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from trainboard.events import Event
    from trainboard.feeds import Piece
    from trainboard.logs import Logs
    from trainboard.place import Place
    from trainboard.recording import Recording
    from trainboard.rows import Row
    from trainboard.tasks import Tasks, Troubles

FOREIGN = 10
"""Running jobs of others' making whose curves are read without being selected, per backend."""

RECENT = 200
"""Ended runs whose curves are opened without being looked at: the newest. Others wait until somebody looks."""

TOGETHER = 1
"""Stored series that are opened at the same time: with more threads the event loop waits its turn for too long."""

PAUSE, EFFORT = 2.0, 10
"""Seconds between two looks at series that another process writes, or so many times as long as a look takes."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A row whose series is kept up to date."""

    sampler: Sampler
    task: asyncio.Task[None]


class Curves:
    """The samplers of one board. The process that polls reads logs; others read what it stored."""

    def __init__(
        self,
        places: Mapping[str, Place],
        logs: Logs,
        folder: Path,
        tell: Callable[[Event], None],
        tasks: Tasks,
        troubles: Troubles,
        heard: Callable[[Row, Piece, int], None] = lambda _row, _piece, _offset: None,
    ) -> None:
        """`heard`: told each piece of a source that is read, with its row, and where in its file it begins."""
        self._places = places
        self._logs = logs
        self._folder = folder
        self._tell = tell
        self._tasks = tasks
        self._troubles = troubles
        self._heard = heard
        self._rows: Mapping[str, Row] = {}
        self._curves: dict[str, Curve] = {}
        self._waiting: dict[str, Row] = {}
        """Rows whose samplers are about to begin: those of running jobs first."""
        self._beginning: asyncio.Task[None] | None = None
        self._told: dict[str, int | None] = {}
        """Rows whose series is complete and has been told, with the attempt that it is of."""
        self._looked: frozenset[str] = frozenset()
        self._shown: str | None = None
        self._reads_logs = False
        self._opening = asyncio.Semaphore(TOGETHER)

    def see(self, rows: Mapping[str, Row]) -> None:
        """The rows as they are now: samplers begin, and those of ended jobs come to their end."""
        self._rows = rows
        for key, curve in self._curves.items():
            row = rows.get(key)
            if row is None or row.state.ended:
                curve.sampler.ended.set()
        self._waiting = {row.key: row for row in sorted(self._wanted(), key=lambda row: row.state.ended)}
        if self._waiting and (self._beginning is None or self._beginning.done()):
            self._beginning = self._tasks.begin(self._begin_waiting())

    def read_logs(self, reads: bool) -> None:
        """Whether it is on us to read logs; if not, another process does, and what it stores is read."""
        if reads == self._reads_logs:
            return
        self._reads_logs = reads
        for curve in self._curves.values():
            curve.task.cancel()
        self._curves.clear()
        self.see(self._rows)

    def look(self, keys: Collection[str]) -> None:
        """These rows are on the screen."""
        if not self._looked >= set(keys):
            self._looked = frozenset(keys)
            self.see(self._rows)

    async def show(self, row: Row | None) -> None:
        """All metrics of this row are wanted."""
        self._shown = row.key if row else None
        if row is None or row.backend not in self._places:
            return
        if (curve := self._curves.get(row.key)) is not None and curve.sampler.opened:
            await curve.sampler.show_all()
        elif self._is_told(row):
            sampler = self._sampler(row)
            await sampler.open()
            await sampler.show_all()
        else:
            self.see(self._rows)

    async def series(self, row: Row) -> Recording:
        """The samples of a row that have been told, thinned where there are more than `MOST`. Raises `OSError`."""
        curve = self._curves.get(row.key)
        if curve is not None and curve.sampler.opened and curve.sampler.row.attempt == row.attempt:
            return await curve.sampler.recording()
        async with self._opening:
            return await asyncio.to_thread(recorded, self._folder, row.key, row.attempt, most=MOST)

    async def read_along(self) -> None:
        """Tell what another process stores, for ever, at a tenth of a core at most."""
        while True:
            begun = time.monotonic()
            if not self._reads_logs:
                for curve in tuple(self._curves.values()):
                    if curve.sampler.opened:
                        await curve.sampler.catch_up()
            await asyncio.sleep(max(PAUSE, EFFORT * (time.monotonic() - begun)))

    def _wanted(self) -> list[Row]:
        """Rows whose curves are wanted, and have no sampler yet."""
        wanted: list[Row] = []
        foreign: dict[str, int] = {}
        ended = 0
        for row in self._rows.values():
            alive = row.started is not None and not row.state.ended
            asked = row.key == self._shown or row.key in self._looked
            if row.ours:
                ended += row.state.ended
                chosen = row.started is not None and (alive or asked or ended <= RECENT)
            else:
                foreign[row.backend] = foreign.get(row.backend, 0) + alive
                chosen = (alive and foreign[row.backend] <= FOREIGN) or row.key == self._shown
            if chosen and row.backend in self._places and not self._is_kept(row):
                wanted.append(row)
        return wanted

    def _is_told(self, row: Row) -> bool:
        return row.key in self._told and self._told[row.key] == row.attempt

    def _is_kept(self, row: Row) -> bool:
        curve = self._curves.get(row.key)
        return self._is_told(row) or (curve is not None and curve.sampler.row.attempt == row.attempt)

    async def _begin_waiting(self) -> None:
        """One after the other: hundreds at once would keep the event loop from everything else."""
        while self._waiting:
            self._begin(self._waiting.pop(next(iter(self._waiting))))
            await asyncio.sleep(0)

    def _begin(self, row: Row) -> None:
        """A sampler of its own for each attempt: their logs are different files."""
        if (before := self._curves.pop(row.key, None)) is not None:
            before.task.cancel()
        sampler = self._sampler(row)
        self._curves[row.key] = Curve(sampler, self._tasks.begin(self._sample(row, sampler)))

    def _sampler(self, row: Row) -> Sampler:
        def complain(text: str) -> None:
            if text:
                self._troubles.meet(f"sources of {row.key}", f"{row.name}: metrics.sources: {text}")
            else:
                self._troubles.over(f"sources of {row.key}")

        backend = self._places[row.backend].backend
        heard = partial(self._heard, row)
        return Sampler(row, backend, self._folder, self._tell, complain=complain, heard=heard)

    async def _sample(self, row: Row, sampler: Sampler) -> None:
        """Keep one row's series up to date until its job has ended and its log is read."""
        if row.state.ended:
            sampler.ended.set()
        async with self._opening:
            await sampler.open()
        if row.key == self._shown:
            await sampler.show_all()
        if self._reads_logs or (row.state.ended and row.key == self._shown):
            await self._read_log(row, sampler)
        else:
            await sampler.complete.wait()
        if sampler.finished:
            self._told[row.key] = row.attempt
            self._curves.pop(row.key, None)

    async def _read_log(self, row: Row, sampler: Sampler) -> None:
        """Follow the sources of a row for its metrics, through lost connections."""
        place = self._places[row.backend]
        while not sampler.finished:
            await place.answered.wait()
            try:
                path = await self._logs.path(row, place.backend)
                if path is None and row.sources_wanted == (LOG,):
                    return
                await sampler.follow(path)
            except BackendError as error:
                place.suspect(error)
            except OSError as error:  # of ours: what was read and not stored is read again
                where = error.filename or self._folder
                self._troubles.meet(
                    "series", f"{where}: {error.strerror or error}; curves wait until it can be written"
                )
                await asyncio.sleep(PAUSE)
            else:
                self._troubles.over("series")
