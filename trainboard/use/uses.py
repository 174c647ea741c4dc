"""What rows and experiments use, gathered when somebody looks: samples, records, the scheduler's account."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backends.base import BackendError, JobState
from backends.jobuse import Accounted
from trainboard.actions import Refused
from trainboard.feeds import remainder
from trainboard.naming import RUNNER, is_usage
from trainboard.reading import Reading
from trainboard.series import by_metric
from trainboard.use.advice import advised
from trainboard.use.measured import by_job, by_row, together
from trainboard.use.past import Past

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from backends.base import Backend
    from backends.jobuse import JobUse, NodeGpu
    from trainboard.documents import Records
    from trainboard.records import Attempt
    from trainboard.rows import Row
    from trainboard.series import Sample, Series
    from trainboard.use.advice import Advice
    from trainboard.use.measured import Use
    from trainboard.use.rewrite import Rewrite
    from trainboard.use.totals import Totals

FRESH = 20.0
"""Seconds for which the account of a job that runs is not asked for again."""

KEPT = 512
"""Jobs whose accounts are kept."""

USAGE_FILE = "usage.jsonl"


@dataclass(frozen=True, slots=True)
class Used:
    """What is known of one row."""

    use: Use
    usage: Mapping[str, Series] = field(default_factory=dict)
    """The samples of its newest attempt, as its runner took them."""
    advice: tuple[Advice, ...] = ()
    trouble: str = ""
    """What could not be asked now, and why, in one line; empty where all answered."""
    at: float = 0.0
    """When it was gathered, seconds since the epoch."""


class Uses:
    """Gathers what is used. Nothing here is asked by itself: one look is one question."""

    def __init__(
        self,
        records: Callable[[], Records],
        backend: Callable[[str], Backend | None],
        folder: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`folder`: of the series files."""
        self._records = records
        self._backend = backend
        self._past = Past(folder)
        self._clock = clock
        self._accounts: dict[str, tuple[float, JobUse | None]] = {}

    async def of(self, row: Row) -> Used:
        """What a row uses, and what to ask for next time. What does not answer is told as `trouble`."""
        now, records = self._clock(), self._records()
        attempt, troubles = records.attempts.get(row.token), list[str]()
        usage: Mapping[str, Series] = {}
        use = by_row(row, now)
        if attempt is not None:
            try:
                usage = await self._usage(row, attempt)
            except BackendError as error:
                troubles.append(f"{error.bare}; the samples are as last seen")
                usage = await asyncio.to_thread(self._past.usage, attempt)
            use = await asyncio.to_thread(self._past.use, records, attempt, now, usage)
        try:
            account = await self._account(row, now)
        except BackendError as error:
            troubles.append(error.bare)
        else:
            use = use if account is None else together(use, by_job(account))
        if attempt is None:
            return Used(use, usage, advised([use]), "; ".join(troubles), now)
        learnt = await asyncio.to_thread(self._past.learnt, records, row.experiment or "", now)
        if attempt.id in learnt:
            learnt[attempt.id] = use
        advice = advised([limited(each, use) for each in learnt.values()])
        return Used(use, usage, advice, "; ".join(troubles), now)

    async def advice(self, experiment: str) -> tuple[Advice, ...]:
        """What to ask for in the spec of an experiment, by what is on record."""
        learnt = await asyncio.to_thread(self._past.learnt, self._records(), experiment, self._clock())
        return advised(list(learnt.values()))

    async def write(self, rewrite: Rewrite) -> None:
        """Write it, unless another program has changed the file meanwhile. Raises `Refused`."""
        from trainboard.use.rewrite import write

        await write(rewrite)

    async def rewritten(self, path: Path | None, advice: tuple[Advice, ...]) -> Rewrite:
        """A spec file with what is advised in it. Raises `Refused`."""
        from trainboard.use.rewrite import rewritten  # it reads YAML, which takes a while to import

        if path is None or not await asyncio.to_thread(path.is_file):
            raise Refused("the spec file of this job is not here")
        return await rewritten(path, advice)

    async def totals(self, experiment: str) -> Totals:
        """What an experiment took until now, over all attempts of its runs. Raises `Refused`."""
        records = self._records()
        found = records.experiments.get(experiment)
        if found is None:
            raise Refused("no such experiment is on record")
        return await asyncio.to_thread(self._past.totals, records, found, self._clock())

    def asks_nodes(self, row: Row) -> bool:
        """Whether the GPUs of a row can be asked on its nodes."""
        return row.state is JobState.RUNNING and isinstance(self._backend(row.backend), Accounted)

    async def node_gpus(self, row: Row) -> tuple[NodeGpu, ...]:
        """The GPUs of a running job, asked on its nodes by a step in it. Raises `Refused`."""
        backend = self._backend(row.backend)
        if not isinstance(backend, Accounted):
            raise Refused("only a job of a Slurm cluster can be given a step that looks at its GPUs")
        if row.state is not JobState.RUNNING:
            raise Refused(f"it is {row.state}: only a running job can be given a step")
        try:
            return await backend.node_gpus(row.job_id)
        except BackendError as error:
            raise Refused(str(error)) from error

    async def _usage(self, row: Row, attempt: Attempt) -> Mapping[str, Series]:
        """The samples of an attempt: what is stored, and what its host has beyond that. Raises a `BackendError`."""
        stored = await asyncio.to_thread(self._past.stored, attempt)
        known = {name: each for name, each in stored.series().items() if is_usage(name)}
        backend = self._backend(attempt.backend)
        if stored.complete or backend is None or not attempt.directory or attempt.started is None:
            return known
        reading = Reading(RUNNER, row, stored.marks.get(RUNNER))
        new: list[Sample] = []
        if reading.stale:
            reading, known = Reading(RUNNER, row), {}
        async for piece in remainder(backend, f"{attempt.directory}/{USAGE_FILE}", reading.offset):
            if piece.restarted:
                reading, known = Reading(RUNNER, row), {}
            new += await asyncio.to_thread(reading.feed, piece.data, self._clock())
        return by_metric(new, known) if new else known

    async def _account(self, row: Row, now: float) -> JobUse | None:
        """What the scheduler counts of a row's job. Raises a `BackendError`."""
        backend = self._backend(row.backend)
        if not isinstance(backend, Accounted) or not row.job_id or row.started is None:
            return None
        key = f"{row.backend}:{row.job_id}"
        known = self._accounts.get(key)
        if known is not None and (now - known[0] < FRESH or (known[1] is not None and known[1].state.ended)):
            return known[1]
        found = (await backend.job_use([row.job_id])).get(row.job_id)
        self._accounts[key] = now, found
        while len(self._accounts) > KEPT:
            del self._accounts[next(iter(self._accounts))]
        return found


def limited(use: Use, newest: Use) -> Use:
    """What an attempt was given, by the scheduler of the newest where its spec does not say it."""
    return replace(
        use,
        cpus=use.cpus if use.cpus is not None else newest.cpus,
        memory_asked=use.memory_asked if use.memory_asked is not None else newest.memory_asked,
        time_limit=use.time_limit if use.time_limit is not None else newest.time_limit,
    )
