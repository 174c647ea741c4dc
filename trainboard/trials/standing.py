"""How the trials of a sweep stand that is asked for, by the records alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.show import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from specs.model import Scalar
    from trainboard.documents import Records
    from trainboard.records import Attempt, Experiment, Run

PAUSED = "asha: "
"""How the reason begins for which a run was stopped at a rung."""


class Fate(StrEnum):
    """What became of a trial."""

    ALIVE = "alive"
    """It waits or runs, or nobody has read yet what it came to."""
    DONE = "done"
    CUT = "cut"
    """It was stopped by its spec, at a rung or before its end; its value is what it had come to."""
    FAILED = "failed"
    """It failed, was cancelled, or told no number."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting that was asked for, with its runs: one for each seed."""

    number: int
    runs: tuple[Run, ...]
    fate: Fate
    value: float | None = None
    """The mean of its runs; None where there is none."""

    @property
    def params(self) -> Mapping[str, Scalar]:
        """Those of its first run."""
        return self.runs[0].params


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that is asked for, as it is now."""

    experiment: Experiment
    trials: tuple[Trial, ...]
    """By number."""

    @property
    def left(self) -> int:
        """How many are still to be asked for."""
        return 0 if self.experiment.halted else max(0, self.experiment.trials - len(self.trials))

    @property
    def alive(self) -> tuple[Trial, ...]:
        """Those that have not come to their end."""
        return tuple(each for each in self.trials if each.fate is Fate.ALIVE)

    @property
    def ended(self) -> tuple[Trial, ...]:
        """The others."""
        return tuple(each for each in self.trials if each.fate is not Fate.ALIVE)

    @property
    def best(self) -> Trial | None:
        """The one with the best value."""
        valued = [(each.value, each) for each in self.trials if each.value is not None]
        sign = -1 if self.experiment.goal == "maximize" else 1
        return min(valued, key=lambda pair: sign * pair[0], default=(0.0, None))[1]

    @property
    def paused(self) -> int:
        """How many trials wait at a rung, and may go on."""
        runs = [(each.fate, run) for each in self.trials for run in each.runs]
        return sum(
            fate is Fate.CUT and run.stopped.startswith(PAUSED) and len(run.rungs) > run.passed for fate, run in runs
        )

    @property
    def failing(self) -> int:
        """How many trials have failed since one came to something."""
        good = (each.number for each in self.ended if each.fate is not Fate.FAILED)
        last = max(good, default=-1)
        return sum(each.number > last and each.number >= self.experiment.forgiven for each in self.ended)

    @property
    def line(self) -> str:
        """`12 of 50 trials, 3 running, best val_loss 0.31 (char-rnn-1.7)`."""
        parts = [f"{len(self.ended)} of {self.experiment.trials} trials"]
        if self.alive:
            parts.append(f"{len(self.alive)} on the way")
        if failed := sum(each.fate is Fate.FAILED for each in self.trials):
            parts.append(f"{failed} failed")
        if self.paused and self.experiment.finished is None:
            parts.append(f"{self.paused} paused at a rung")
        if (best := self.best) is not None and best.value is not None:
            parts.append(f"best {self.experiment.objective} {number(best.value)} ({best.runs[0].id})")
        if self.experiment.halted:
            parts.append(f"asks for no more: {self.experiment.halted}")
        return ", ".join(parts)


def settled(run: Run, attempt: Attempt) -> bool:
    """Whether a run has ended, and what it came to is on record."""
    if not attempt.state.ended or run.requeued is not None or attempt.withdrawn:
        return False
    return run.told == attempt.number or attempt.state is JobState.LOST


def fate(run: Run, attempt: Attempt) -> Fate:
    """What became of one run."""
    if not settled(run, attempt):
        return Fate.ALIVE
    if run.told != attempt.number or run.value is None:
        return Fate.FAILED
    if attempt.state is JobState.COMPLETED:
        return Fate.DONE
    return Fate.CUT if run.stopped else Fate.FAILED


def paused(run: Run, attempt: Attempt) -> bool:
    """Whether a run waits at a rung, and may go on."""
    waits = run.cancelled is not None and run.stopped.startswith(PAUSED) and len(run.rungs) > run.passed
    return waits and settled(run, attempt) and attempt.state is not JobState.LOST


def sweep_of(experiment: Experiment, runs: Iterable[Run], newest: Mapping[str, Attempt]) -> Sweep:
    """A sweep that is asked for, from its runs."""
    by_number: dict[int, list[Run]] = {}
    for run in runs:
        if run.trial is not None and run.id in newest:
            by_number.setdefault(run.trial, []).append(run)
    return Sweep(experiment, tuple(_trial(number, by_number[number], newest) for number in sorted(by_number)))


def _trial(number: int, runs: Sequence[Run], newest: Mapping[str, Attempt]) -> Trial:
    fates = {run.id: fate(run, newest[run.id]) for run in runs}
    values = [run.value for run in runs if fates[run.id] in (Fate.DONE, Fate.CUT) and run.value is not None]
    value = sum(values) / len(values) if values else None
    several = set(fates.values())
    whole = next(each for each in (Fate.ALIVE, Fate.DONE, Fate.CUT, Fate.FAILED) if each in several)
    return Trial(number, tuple(sorted(runs, key=lambda run: run.index)), whole, value)


def sweeps(records: Records, newest: Mapping[str, Attempt]) -> dict[str, Sweep]:
    """All sweeps that are asked for, by experiment; none where there are none, at no cost."""
    asking = {key: each for key, each in records.experiments.items() if each.trials}
    if not asking:
        return {}
    runs: dict[str, list[Run]] = {key: [] for key in asking}
    for run in records.runs.values():
        if run.experiment in runs:
            runs[run.experiment].append(run)
    return {key: sweep_of(each, runs[key], newest) for key, each in asking.items()}
