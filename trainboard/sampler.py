"""From a run's sources to its series: what comes is read for metrics, stored, and told."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from specs.model import LOG
from trainboard.events import Sampled
from trainboard.extract.names import objective
from trainboard.feeds import LOOK, Feeds, Known, Piece
from trainboard.naming import is_gpu_use, is_usage, names_of, stream
from trainboard.reading import Reading, beyond, kind_of, read_whole, stamp_of
from trainboard.recording import MOST, Recording, recorded, series_path, stored_attempts
from trainboard.samples import Samples
from trainboard.series import join
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backends.base import Backend
    from trainboard.extract.progress import Progress
    from trainboard.rows import Row
    from trainboard.series import Sample, Series


USAGE_FILE = "usage.jsonl"
"""What a runner writes in its attempt directory about what the run uses."""

THIN = 2048
"""Points of each metric in what a board is told of what is stored; `recording` has all."""


class Sampler:
    """Keeps the series of one row up to date, as long as somebody runs `follow`."""

    def __init__(
        self,
        row: Row,
        backend: Backend,
        folder: Path,
        tell: Callable[[Sampled], None],
        look: float = LOOK,
        complain: Callable[[str], None] = lambda _: None,
        most: int | None = MOST,
        heard: Callable[[Piece, int], None] = lambda _piece, _offset: None,
    ) -> None:
        """`look`: seconds between two looks for new files; `complain`: as of `Feeds`; `most`: as of `recorded`;
        `heard`: told each piece of a source that is read, and where in its file it begins."""
        self.row = row
        self.ended = asyncio.Event()
        """Set when the job has ended: what is left of its sources is read then, and `follow` returns."""
        self.opened = False
        self.trouble = ""
        """Why some of its sources are not read, in one line; empty where all are."""
        self.complete = asyncio.Event()
        """Set when all sources of an ended run have been read, and told."""
        self._backend = backend
        self._folder = folder
        self._tell = tell
        self._look = look
        self._complain = complain
        self._most = most
        self._heard = heard
        self._file = SeriesFile(series_path(folder, row.key, row.attempt))
        self._turn = asyncio.Lock()
        """Held from the store to the tale, so that nothing is told twice or left out."""
        self._marks: Mapping[str, Mark] = {}
        self._readings: dict[str, Reading] = {}
        self._names: tuple[str, ...] = ()
        """Of the metrics that are stored, in the order of the file's table."""
        self._known = 0
        """Samples in the file that have been told."""
        self._stamp: object = None
        """What the file looked like when it was read for `catch_up`."""

    @property
    def finished(self) -> bool:
        """Whether all sources of an ended run have been read."""
        return self.complete.is_set()

    @property
    def progress(self) -> Progress | None:
        """How far the run is, where one of its sources tells."""
        return next((found for each in self._readings.values() if (found := each.progress) is not None), None)

    async def open(self) -> None:
        """Take up what is stored; tells the objective's samples."""
        async with self._turn:
            stored = await asyncio.to_thread(self._file.load, self._most)
            self._adopt(stored)
            await self._tell_stored(stored, objective_only=True)
        self.opened = True

    async def catch_up(self) -> None:
        """Tell what another process stored since; nothing is read where the file is as it was."""
        async with self._turn:
            stamp = await asyncio.to_thread(self._look_at_file)
            if stamp != self._stamp:
                self._stamp = stamp
                await self._catch_up()

    async def show_all(self) -> None:
        """Tell all samples of all metrics anew."""
        async with self._turn:
            await self._tell_stored(await self._told())

    async def recording(self) -> Recording:
        """What has been told so far, with the attempts before; thinned where there is more than `most`."""
        async with self._turn:
            told = await self._told()
            row, most = self.row, self._most
            found = await asyncio.to_thread(recorded, self._folder, row.key, row.attempt, told, most)
            found.trouble = self.trouble
            return found

    async def follow(self, log: str | None) -> None:
        """Read all sources until the job has ended and nothing is left. Raises a `BackendError` when the link breaks.

        `log`: where its log is; None where nobody knows.
        """
        while not self.finished:
            async with self._turn:
                await self._catch_up()
            if not self.finished:
                await self._read(log)

    async def _read(self, log: str | None) -> None:
        """Read on, to the end or until it turns out that another process reads the same sources and was faster."""
        wanted = self.row.sources_wanted
        globs = [source for source in wanted if source != LOG]
        path = log if LOG in wanted else None
        where = self.row.directory
        usage = f"{where}/{USAGE_FILE}" if self.row.ours and where else None
        feeds = Feeds(self._backend, path, where, globs, self._known_of, self.ended, self._look, usage, self._meet)
        async with contextlib.aclosing(feeds.pieces()) as pieces:
            async for piece in pieces:
                if not await self._take(piece):
                    return
        await self._finish()

    def _meet(self, trouble: str) -> None:
        """Why some sources are not read, or that all are: told where it is news."""
        self._complain(trouble)
        if trouble != self.trouble:
            self.trouble = trouble
            self._say(())

    async def _take(self, piece: Piece) -> bool:
        """Read, store and tell a piece; False where another process has written since we did."""
        async with self._turn:
            if piece.stamp is not None:
                return await self._take_whole(piece)
            reading = self._reading(piece.source)
            if piece.restarted or reading.stale:
                if not await self._forget(piece.source):
                    return False
                reading = self._reading(piece.source)
            self._heard(piece, 0 if piece.turned else reading.fed)
            feed = reading.turn if piece.turned else lambda wall: reading.feed(piece.data, wall, late=piece.late)
            samples = await asyncio.to_thread(feed, time.time())
            return await self._store(piece.source, samples, reading.mark)

    async def _take_whole(self, piece: Piece) -> bool:
        """A file that was written whole: what it has gained, or all of it in the place of what it had."""
        new = await asyncio.to_thread(read_whole, piece.source, self.row, piece.data, time.time())
        if new is None:
            return True
        old = await asyncio.to_thread(lambda: SeriesFile(self._file.path).load().samples(piece.source))
        more = beyond(old, new)
        if more is None and not await self._forget(piece.source):
            return False
        mark = Mark(len(piece.data), {"stamp": piece.stamp})
        return await self._store(piece.source, new if more is None else more, mark)

    async def _finish(self) -> None:
        """Store what stands at the ends of the sources, and that all is read."""
        async with self._turn:
            self._reading(LOG)
            for source in sorted(self._readings, key=lambda source: source == LOG):
                reading = self._readings[source]
                mark, samples = reading.mark, reading.finish(time.time())
                if not await self._store(source, samples, mark, complete=source == LOG):
                    return

    async def _store(self, source: str, samples: Sequence[Sample], mark: Mark, complete: bool = False) -> bool:
        """Store and tell these samples; False, and neither, where another process has written since we did."""
        if not await asyncio.to_thread(self._file.append, source, samples, mark, complete):
            return False
        if complete:
            self.complete.set()
        table = self._file.tables.metrics
        names = names_of(table)
        renamed, self._names = names[: len(self._names)] != self._names, names
        between = bool(samples) and any(of > source and stream(of) == stream(source) for of, _ in table)
        if renamed or between:  # an older file of several goes on: its samples are not the newest
            self._known += len(samples)
            await self._tell_stored(await self._told())
            return True
        called = {name: found for (of, name), found in zip(table, names, strict=True) if of == source}
        if not isinstance(samples, Samples):
            samples = [_renamed(sample, called[sample.metric]) for sample in samples]
        elif any(called[name] != name for name in samples.metrics):
            samples = samples.renamed(called.__getitem__)
        self._say(samples)
        return True

    async def _forget(self, source: str) -> bool:
        """What was read of a source is not in it any more; False as `_store`."""
        self._readings.pop(source, None)
        if source not in self._marks and all(of != source for of, _ in self._file.tables.metrics):
            return True
        if not await asyncio.to_thread(self._file.drop, source):
            return False
        if not kind_of(source).whole:
            self._readings[source] = Reading(source, self.row)
        stored = await asyncio.to_thread(SeriesFile(self._file.path).load, self._most)
        self._known, self._marks = stored.count, stored.marks
        await self._tell_stored(stored)
        return True

    async def _catch_up(self) -> None:
        """Go on from what is stored, and tell what another process put there since."""
        news = await asyncio.to_thread(self._file.read_on) if self.opened else None
        if news is None or news.names[: len(self._names)] != self._names:
            before, known = self._names, self._known
            stored = await asyncio.to_thread(self._file.load, self._most)
            self._adopt(stored)
            if known or before or stored.count or stored.complete:
                await self._tell_stored(stored)
            self.opened = True
            return
        told = self._known
        self._adopt(news)
        if news.count > told or self.finished:
            self._known = told
            self._say(await asyncio.to_thread(news.samples))

    def _adopt(self, stored: Stored) -> None:
        """Go on from what is stored."""
        self._marks, self._names, self._known = stored.marks, stored.names, stored.count
        self._readings.clear()
        if LOG in stored.marks:
            self._reading(LOG)  # it tells how far the run is
        if stored.complete and not any(reading.stale for reading in self._readings.values()):
            self.complete.set()
        else:
            self.complete.clear()

    def _reading(self, source: str) -> Reading:
        if source not in self._readings:
            self._readings[source] = Reading(source, self.row, self._marks.get(source))
        return self._readings[source]

    def _known_of(self, source: str) -> Known:
        """What was read of a source; a file that is read whole has no reading."""
        if kind_of(source).whole:
            return Known(stamp=stamp_of(self._marks.get(source)))
        reading = self._reading(source)
        return Known() if reading.stale else reading.known

    async def _told(self) -> Stored:
        """All that has been told, by a reader of its own: what others wrote since is told when `follow` finds it."""
        return await asyncio.to_thread(SeriesFile(self._file.path).load, self._most, self._known)

    async def _tell_stored(self, stored: Stored, *, objective_only: bool = False) -> None:
        thinned = await asyncio.to_thread(self._thinned, stored, objective_only)
        self._say((), restarted=True, stored=thinned, gpu_use=await asyncio.to_thread(gpu_use, stored))

    def _thinned(self, newest: Stored, objective_only: bool) -> dict[str, Series]:
        attempts = stored_attempts(self._folder, self.row.key, self.row.attempt, newest, self._most)
        wanted = None
        if objective_only:
            names = dict.fromkeys(name for stored in attempts for name in stored.names)
            found = objective(list(names), self.row.objective)
            wanted = () if found is None else (found,)
        series = join([stored.series(wanted) for stored in attempts])
        return {name: each.thinned(THIN) for name, each in series.items() if not is_usage(name)}

    def _say(
        self,
        samples: Sequence[Sample],
        restarted: bool = False,
        stored: Mapping[str, Series] | None = None,
        gpu_use: float | None = None,
    ) -> None:
        """Tell samples of the training and of what the run uses apart, in their order."""
        parts: list[tuple[bool, Sequence[Sample]]] = [(False, samples)]
        if not isinstance(samples, Samples) or any(map(is_usage, samples.metrics)):
            parts = [(used, tuple(group)) for used, group in groupby(samples, _is_used)] or [(False, ())]
        for at, (used, part) in enumerate(parts, 1):
            number, self._known = self._known, self._known + len(part)
            finished = self.finished and at == len(parts)
            event = Sampled(
                self.row.key,
                part,
                restarted,
                self.progress,
                finished,
                stored or {},
                number,
                self.trouble,
                gpu_use=gpu_use,
            )
            self._tell(replace(event, samples=(), usage=part) if used else event)

    def _look_at_file(self) -> object:
        try:
            seen = self._file.path.stat()
        except FileNotFoundError:
            return None
        return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _renamed(sample: Sample, name: str) -> Sample:
    return sample if sample.metric == name else sample._replace(metric=name)


def gpu_use(stored: Stored) -> float | None:
    """The newest use of the GPUs of an attempt, in percent: the mean of them. Blocks."""
    names = tuple(name for name in stored.names if is_gpu_use(name))
    newest = [each.last for each in stored.series(names).values() if each.last is not None] if names else []
    return sum(newest) / len(newest) if newest else None


def _is_used(sample: Sample) -> bool:
    return is_usage(sample.metric)


async def read_now(row: Row, backend: Backend, log: str | None) -> tuple[Recording, Progress | None]:
    """All that a row's sources have now, and how far it is by that; kept nowhere. Raises a `BackendError`."""
    with tempfile.TemporaryDirectory() as folder:
        sampler = Sampler(replace(row, attempt=None), backend, Path(folder), lambda _: None, most=None)
        sampler.ended.set()
        await sampler.follow(log)
        return await sampler.recording(), sampler.progress
