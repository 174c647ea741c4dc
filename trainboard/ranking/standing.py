"""Experiments with all that is known of their runs, for a table of results."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backends.base import JobState
from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.compare import Comparison, Entry, compare
from trainboard.findings import worst
from trainboard.muting import muted_by
from trainboard.ranking.digests import Digests
from trainboard.results import Value, goal_of, members
from trainboard.use.past import Past
from trainboard.use.totals import HOUR, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trainboard.documents import Records
    from trainboard.paths import Paths
    from trainboard.ranking.digests import Digest
    from trainboard.records import Attempt, Diagnosed, Experiment
    from trainboard.results import Member


@dataclass(frozen=True, slots=True)
class Standing:
    """Runs of one or several experiments, as they stand."""

    experiments: tuple[Experiment, ...] = ()
    found: Comparison = field(default_factory=Comparison)
    at: float = 0.0
    """When that was so, seconds since the epoch."""


class Standings:
    """Reads what is stored; asks no host."""

    def __init__(self, paths: Paths, clock: Callable[[], float] = time.time) -> None:
        self._digests = Digests(paths.series, paths.digests)
        self._past = Past(paths.series)
        self._clock = clock
        self._one_reads = asyncio.Lock()

    async def of(
        self, records: Records, names: Sequence[str], tell: Callable[[int], None] = lambda left: None
    ) -> Standing:
        """The runs that words name: runs, experiments, or all experiments of a name.

        `tell`, in another thread, hears how many series are still to be read. Raises `Refused`.
        """
        async with self._one_reads:
            return await asyncio.to_thread(self._of, records, names, tell)

    def _of(self, records: Records, names: Sequence[str], tell: Callable[[int], None]) -> Standing:
        found = named(records, names)
        now = self._clock()
        together: defaultdict[str, list[Member]] = defaultdict(list)
        for member in found:
            together[member[0].id].append(member)
        digests: dict[str, Digest] = {}
        try:
            for experiment, own in together.items():
                digests |= self._digests.of(experiment, own, tell)
        except OSError as error:
            raise Refused(f"what is stored of the metrics cannot be read: {error}") from error
        hours, findings = self._hours(records, found, now), worst_of(records, found)
        entries = [
            replace(entry_of(member, digests[member[1].id], now), gpu_hours=held, finding=finding)
            for member, held, finding in zip(found, hours, findings, strict=True)
        ]
        experiments = tuple({member[0].id: member[0] for member in found}.values())
        return Standing(experiments, compare(entries, experiments), now)

    def _hours(self, records: Records, found: Sequence[Member], now: float) -> list[float | None]:
        """GPU-hours that each run held; None where its spec cannot be read any more."""
        mine = {run.id for _, run, _ in found}
        attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
        for attempt in records.attempts.values():
            if attempt.run in mine:
                attempts[attempt.run].append(attempt)
        hours: list[float | None] = []
        for experiment, run, _ in found:
            spec = self._past.spec(experiment)
            held = sum(seconds(each, now) for each in attempts[run.id]) / HOUR
            hours.append(None if spec is None else spec.resources.gpus * held)
        return hours


def named(records: Records, names: Sequence[str]) -> list[Member]:
    """The runs that words name, in the order of submission. Raises `Refused` for a word that names none."""
    found = members(records, names)
    told = {word for experiment, run, _ in found for word in (run.id, experiment.id, experiment.name)}
    for name in names:
        if name not in told:
            words = {*records.runs, *records.experiments, *(each.name for each in records.experiments.values())}
            raise Refused(f"no run or experiment {quoted(name)}{nearest(name, words)}; `trainboard ls` lists them")
    return found


def worst_of(records: Records, found: Sequence[Member]) -> list[str]:
    """Of each run its worst finding that goes on and is not muted, as `error: non_finite`; empty where none is."""
    mine = {run.id for _, run, _ in found}
    mutes = list(records.mutes.values())
    own: defaultdict[str, list[Diagnosed]] = defaultdict(list)
    for finding in records.findings.values():
        if finding.key in mine and not muted_by(finding, mutes):
            own[finding.key].append(finding)
    bad = [worst(own.get(run.id, ())) for _, run, _ in found]
    return ["" if each is None else f"{each.severity}: {each.rule}" for each in bad]


def entry_of(member: Member, digest: Digest, now: float) -> Entry:
    """A run as its records and its series have it."""
    experiment, run, attempt = member
    end = attempt.ended if attempt.state.ended else now
    took = None if attempt.started is None or end is None else end - attempt.started
    metrics = values(digest, experiment, attempt.state)
    return Entry(run.id, run.name, attempt.state, run.params, took, metrics, experiment.id)


def values(digest: Digest, experiment: Experiment, state: JobState) -> Mapping[str, Value]:
    """The metrics of a run by what is kept of its series: as `trainboard.results.values` has them of the series."""
    done = state is JobState.COMPLETED
    return {
        name: Value(
            each.last,
            each.greatest if goal_of(name, experiment) == "maximize" else each.least,
            each.last if done else None,
        )
        for name, each in digest.metrics.items()
    }
