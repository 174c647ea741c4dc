"""What attempts used and held, from records and stored samples: one by one, and an experiment in sum. Blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backends.base import JobState
from specs.model import Goal, SpecError
from trainboard.naming import is_usage
from trainboard.plans import read, resources_of
from trainboard.recording import MOST, series_path
from trainboard.seriesfile import SeriesFile
from trainboard.use.measured import by_attempt
from trainboard.use.totals import Spell, totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from specs.model import Spec
    from trainboard.documents import Records
    from trainboard.records import Attempt, Experiment
    from trainboard.series import Series
    from trainboard.stored import Stored
    from trainboard.use.measured import Use
    from trainboard.use.totals import Totals

LEARNT = 40
"""Finished attempts that advice rests on at most: the newest."""

SETTLED = 120.0
"""Seconds after its end until which more samples of an attempt may come."""

TELLING = (JobState.COMPLETED, JobState.OUT_OF_MEMORY, JobState.TIMEOUT, JobState.FAILED)
"""Ends after which something can be learnt: it had enough, or too little."""


class Past:
    """Remembers what it measured of attempts that have ended, and the specs that it read."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of the series files."""
        self._folder = folder
        self._specs: dict[str, Spec | None] = {}
        self._measured: dict[str, Use] = {}
        """By attempt that has ended for good."""

    def stored(self, attempt: Attempt) -> Stored:
        """Its samples."""
        return SeriesFile(series_path(self._folder, attempt.run, attempt.number)).load(MOST)

    def usage(self, attempt: Attempt) -> dict[str, Series]:
        """Those of what it used."""
        return {name: each for name, each in self.stored(attempt).series().items() if is_usage(name)}

    def use(self, records: Records, attempt: Attempt, now: float, usage: Mapping[str, Series] | None = None) -> Use:
        """What an attempt used; by these samples, else by those that are stored."""
        if usage is None and attempt.id in self._measured:
            return self._measured[attempt.id]
        run = records.runs.get(attempt.run)
        spec = None if run is None else self.spec(records.experiments.get(run.experiment))
        asked = None if spec is None else resources_of(spec, history(records, attempt.run), attempt.number)
        found = by_attempt(attempt, asked, self.usage(attempt) if usage is None else usage, now)
        if f"{attempt.run}#{attempt.number}:cuda_oom" in records.findings:
            found = replace(found, gpu_full=True)
        if attempt.ended is not None and now - attempt.ended > SETTLED:
            self._measured[attempt.id] = found
        return found

    def spec(self, experiment: Experiment | None) -> Spec | None:
        """The spec that an experiment was submitted with; None where it cannot be read any more."""
        if experiment is None:
            return None
        if experiment.id not in self._specs:
            try:
                self._specs[experiment.id] = read(experiment)
            except SpecError:
                self._specs[experiment.id] = None
        return self._specs[experiment.id]

    def learnt(self, records: Records, experiment: str, now: float) -> dict[str, Use]:
        """By attempt, the oldest first: what the newest that ended of the same spec used."""
        found = records.experiments.get(experiment)
        if found is None:
            return {}
        same = {each.id for each in records.experiments.values() if each.name == found.name}
        runs = {run.id for run in records.runs.values() if run.experiment in same}
        ended = [each for each in records.attempts.values() if each.run in runs and each.state in TELLING]
        newest = sorted(ended, key=lambda each: each.ended or 0.0)[-LEARNT:]
        return {each.id: self.use(records, each, now) for each in newest if each.started is not None}

    def totals(self, records: Records, experiment: Experiment, now: float) -> Totals:
        """What an experiment took until now."""
        mine = {run.id for run in records.runs.values() if run.experiment == experiment.id}
        histories: dict[str, list[Attempt]] = {}
        for attempt in records.attempts.values():
            if attempt.run in mine:
                histories.setdefault(attempt.run, []).append(attempt)
        spells: list[Spell] = []
        for attempts in histories.values():
            spells += self._spells(experiment, sorted(attempts, key=number_of))
        return totals(spells, now)

    def _spells(self, experiment: Experiment, attempts: list[Attempt]) -> Iterator[Spell]:
        """The attempts of a run, each with what it held."""
        spec = self.spec(experiment)
        resumes = spec is not None and bool(spec.retry.resume)
        done = any(each.state is JobState.COMPLETED for each in attempts)
        best = self._best_at(experiment, attempts) if done else None
        for at, attempt in enumerate(attempts):
            later = any(each.started is not None for each in attempts[at + 1 :])
            cpus = None if spec is None else spec.resources.cpus
            yield Spell(attempt, self._gpus(spec, attempt), cpus, best, later and resumes)

    def _gpus(self, spec: Spec | None, attempt: Attempt) -> int:
        """How many GPUs an attempt held: as its spec says, else as its runner saw."""
        if spec is not None:
            return spec.resources.gpus
        return sum(name.startswith("usage/gpu") and name.endswith("/util") for name in self.stored(attempt).names)

    def _best_at(self, experiment: Experiment, attempts: list[Attempt]) -> float | None:
        """When the objective of a run was best; None where nobody knows."""
        if not experiment.objective:
            return None
        import numpy as np

        from trainboard.extract.names import objective
        from trainboard.series import join

        stored = [self.stored(attempt) for attempt in attempts]
        names = list(dict.fromkeys(name for each in stored for name in each.names if not is_usage(name)))
        name = objective(names, experiment.objective)
        found = None if name is None else join([each.series((name,)) for each in stored]).get(name)
        if found is None:
            return None
        _, values, walls = found.current()
        score = -values if experiment.goal == Goal.MAXIMIZE else values
        score = np.where(np.isfinite(score), score, np.inf)
        if not len(score) or not np.isfinite(score.min()):
            return None
        moment = float(walls[int(score.argmin())])
        return moment if np.isfinite(moment) else None


def history(records: Records, run: str) -> list[Attempt]:
    """The attempts of a run, the oldest first."""
    return sorted((each for each in records.attempts.values() if each.run == run), key=number_of)


def number_of(attempt: Attempt) -> int:
    """Its place among those of its run."""
    return attempt.number
