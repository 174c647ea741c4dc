"""The history of jobs: fetched from the accounting in windows, and what is over for good kept in the state folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from backends.base import BackendError
from backends.cluster import Cluster, Finished, Trouble
from backends.history import NoAccounting
from specs.model import SpecError
from trainboard.actions import Refused
from trainboard.files import write_whole
from trainboard.pasts import Past, merged
from trainboard.plans import read
from trainboard.store import StoreError
from trainboard.typed import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from backends.base import Backend
    from trainboard.documents import Records
    from trainboard.store import Store

WINDOW = 86400
"""Seconds of one file: a day, by UTC."""

SETTLED = 6 * 3600.0
"""Seconds after its end from which on a window changes no more: the accounting may be late by hours."""

SPAN = 7
"""Windows in one question at most."""

AGE = 60.0
"""Seconds for which what came of the newest hours is believed."""

VERSION = 1


@dataclass(frozen=True, slots=True)
class HistorySeen:
    """Jobs that ended since some moment."""

    jobs: tuple[Past, ...]
    """The newest end first."""
    since: float
    at: float
    troubles: tuple[Trouble, ...] = ()
    """By backend: from when to when nothing is known, and why; asked again the next time."""


class Histories:
    """What ended on all backends. Its files are `<backend>/<day>.json`; the days that are over are asked for once."""

    def __init__(
        self,
        backends: Callable[[], Mapping[str, Backend]],
        store: Store,
        folder: Path,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._backends = backends
        self._store = store
        self._folder = folder
        self._now = now
        self._open: dict[str, tuple[float, float, tuple[Finished, ...]]] = {}
        """By backend, what was told of the days that are not settled: when, since when, and what."""
        self._gpus: dict[str, int] = {}
        """By experiment."""
        self._turn = asyncio.Lock()

    async def load(self, since: float) -> HistorySeen:
        """All that ended since then, clusters side by side. Raises `Refused` where the store cannot be read."""
        async with self._turn:
            now = self._now()
            try:
                records = await self._store.load()
            except StoreError as error:
                raise Refused(str(error)) from error
            clusters = [each for each in self._backends().values() if isinstance(each, Cluster)]
            answers = await asyncio.gather(*(self._of(cluster, since, now) for cluster in clusters))
            accounted = {cluster.name: jobs for cluster, (jobs, _) in zip(clusters, answers, strict=True)}
            troubles = tuple(trouble for _, found in answers for trouble in found)
            gpus = await asyncio.to_thread(self._known_gpus, records, since)
            jobs = merged(accounted, records.attempts.values(), records.runs, gpus, since)
            return HistorySeen(jobs, since, now, troubles)

    async def _of(self, cluster: Cluster, since: float, now: float) -> tuple[tuple[Finished, ...], list[Trouble]]:
        """What one cluster's accounting knows. After a failure it is asked no further: it would fail again."""
        first, settled = int(since // WINDOW), int((now - SETTLED) // WINDOW)
        days = range(first, max(first, settled))
        kept = await asyncio.to_thread(self._read, cluster.name, days)
        jobs = [job for found in kept.values() for job in found]
        try:
            jobs += await self._newest(cluster, days.stop * WINDOW, now)
            for span in reversed(list(spans([day for day in days if day not in kept]))):
                jobs += await self._fetch(cluster, span)
        except NoAccounting as error:
            return (), [Trouble(cluster.name, error.bare)]
        except BackendError as error:
            known = "what is shown of it is not all"
            return within(jobs, since), [Trouble(cluster.name, f"{error.bare}; {known}")]
        return within(jobs, since), []

    async def _newest(self, cluster: Cluster, since: float, now: float) -> tuple[Finished, ...]:
        """Of the days that are not settled; a minute old at most."""
        known = self._open.get(cluster.name)
        if known is not None and 0 <= now - known[0] < AGE and known[1] == since:
            return known[2]
        # A clock there that is ahead of ours must not hide what has just ended.
        found = await cluster.finished(since, now + WINDOW)
        self._open[cluster.name] = (now, since, found)
        return found

    async def _fetch(self, cluster: Cluster, span: range) -> list[Finished]:
        """Some days in one question; each is kept only now that all of the answer is here."""
        found = await cluster.finished(span.start * WINDOW, span.stop * WINDOW)
        days: dict[int, list[Finished]] = {day: [] for day in span}
        for job in found:
            if job.ended is not None:
                days[int(job.ended // WINDOW)].append(job)
        with contextlib.suppress(OSError):  # a full disk: they are asked for again
            await asyncio.to_thread(self._write, cluster.name, days)
        return list(found)

    def _known_gpus(self, records: Records, since: float) -> dict[str, int]:
        """By experiment, how many GPUs its runs asked for, where its spec can still be read."""
        wanted = {
            records.runs[attempt.run].experiment
            for attempt in records.attempts.values()
            if attempt.run in records.runs and (attempt.ended or 0.0) >= since
        }
        for name in wanted - self._gpus.keys():
            if (experiment := records.experiments.get(name)) is not None:
                with contextlib.suppress(SpecError, OSError):
                    self._gpus[name] = read(experiment).resources.gpus or 0
        return self._gpus

    # files

    def _path(self, backend: str, day: int) -> Path:
        return self._folder / backend / f"{day}.json"

    def _read(self, backend: str, days: Sequence[int]) -> dict[int, tuple[Finished, ...]]:
        """The days that are kept; one whose file is torn or of another version is not."""
        found: dict[int, tuple[Finished, ...]] = {}
        for day in days:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
                said = json.loads(self._path(backend, day).read_bytes())
                if said["version"] == VERSION and said["day"] == day:
                    found[day] = tuple(from_json(Finished, each) for each in said["jobs"])
        return found

    def _write(self, backend: str, days: Mapping[int, Sequence[Finished]]) -> None:
        for day, jobs in days.items():
            said = {"version": VERSION, "day": day, "jobs": [to_json(job) for job in jobs]}
            write_whole(self._path(backend, day), json.dumps(said).encode())


def within(jobs: Sequence[Finished], since: float) -> tuple[Finished, ...]:
    """Those that ended since then, each once."""
    return tuple({job.job_id: job for job in jobs if (job.ended or 0.0) >= since}.values())


def spans(days: Sequence[int]) -> Iterator[range]:
    """Days, in their order, as ranges of at most `SPAN` that follow one another."""
    start = 0
    edges = [at for at, (day, after) in enumerate(pairwise(days), 1) if after != day + 1]
    for end in (*edges, len(days)):
        for at in range(start, end, SPAN):
            piece = days[at : min(end, at + SPAN)]
            yield range(piece[0], piece[-1] + 1)
        start = end
