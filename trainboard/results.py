"""What came of runs: parameters, state, duration, and of each metric the final, the best and the last value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from backends.base import JobState
from trainboard.extract.names import fold
from trainboard.extract.names import objective as objective_of
from trainboard.layernames import of_a_spread
from trainboard.ledger import newest_attempts
from trainboard.recording import recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from trainboard.documents import Records
    from trainboard.records import Attempt, Experiment, Run
    from trainboard.series import Series

GREATER = re.compile(
    r"(?<![a-z])(?:acc(?:uracy)?|auc|auroc|bleu|correct|dice|f1|iou|kappa|m?ap|mrr|ndcg|precision|psnr|r2|recall"
    r"|returns?|rewards?|rouge|score|ssim|top[15]|win(?:rate)?)(?![a-z])"
)
LESS = re.compile(
    r"(?<![a-z])(?:bpb|bpc|bpd|cer|cost|err(?:or)?s?|fid|loss(?:es)?|mae|mape|mse|nll|perplexity|ppl|rmse|wer)(?![a-z])"
)
"""Words in the name of a metric that is better when it is greater, and of one that is not, which go first; of the
objective the spec says it."""

KINDS = ("final", "best", "last")
"""What is told of a metric, in the order of the columns."""


class Aim(Protocol):
    """What knows the metric that a run is to optimise: its experiment, or its row."""

    @property
    def objective(self) -> str | None: ...
    @property
    def goal(self) -> str: ...


Member = tuple["Experiment", "Run", "Attempt"]
"""A run with its newest attempt."""


@dataclass(frozen=True, slots=True)
class Value:
    """One metric of one run. Values may be nan or infinite, where the program printed that."""

    last: float | None
    """The newest value."""
    best: float | None
    """By the metric's goal; None where no value is a number."""
    final: float | None
    """The newest value of a run that is COMPLETED; None of any other."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run by its newest attempt."""

    experiment: Experiment
    run: Run
    attempt: Attempt
    metrics: Mapping[str, Value] = field(default_factory=dict)
    folder: Path | None = None
    """Where the results that were collected are; None where there are none."""

    @property
    def seconds(self) -> float | None:
        """How long it ran; None while it does, and where nobody knows."""
        attempt = self.attempt
        return None if attempt.started is None or attempt.ended is None else attempt.ended - attempt.started

    def as_json(self) -> dict[str, Any]:
        """The keys that `results --json` promises."""
        attempt = self.attempt
        return {
            "run": self.run.id,
            "experiment": self.experiment.id,
            "name": self.run.name,
            "state": str(attempt.state),
            "backend": attempt.backend or None,
            "params": dict(self.run.params),
            "started": attempt.started,
            "ended": attempt.ended,
            "seconds": self.seconds,
            "exit_code": attempt.exit_code,
            "reason": attempt.reason,
            "metrics": {name: {kind: getattr(value, kind) for kind in KINDS} for name, value in self.metrics.items()},
            "collected": None if self.folder is None else str(self.folder),
        }


def members(records: Records, names: Iterable[str]) -> list[Member]:
    """The runs that words name: a run, an experiment, or all experiments of a name; in the order of submission."""
    wanted, newest = set(names), newest_attempts(records)
    found = []
    for run in records.runs.values():
        experiment, attempt = records.experiments.get(run.experiment), newest.get(run.id)
        if experiment is None or attempt is None:
            continue
        if wanted & {run.id, experiment.id, experiment.name}:
            found.append((experiment, run, attempt))
    return sorted(found, key=lambda member: (member[0].created, member[0].id, member[1].index))


def read(series: Path, collected: Path, found: Iterable[Member]) -> list[Result]:
    """These runs with what is stored of their metrics and results. Blocks. Raises `OSError`.

    `series` and `collected`: the folders of the series files and of the results.
    """
    results = []
    for experiment, run, attempt in found:
        recording = recorded(series, run.id, attempt.number)
        folder = collected / run.id / str(attempt.number)
        metrics = values(recording, experiment, attempt.state)
        results.append(Result(experiment, run, attempt, metrics, folder if folder.is_dir() else None))
    return results


def values(series: Mapping[str, Series], experiment: Experiment, state: JobState) -> dict[str, Value]:
    """The metrics of a run, the objective first; without the quantiles that together tell a distribution."""
    wanted = objective_of(list(series), experiment.objective)
    names = sorted((name for name in series if not of_a_spread(name)), key=lambda name: name != wanted)
    return {name: value_of(series[name], goal_of(name, experiment), state) for name in names}


def value_of(series: Series, goal: str, state: JobState) -> Value:
    """A metric of a run."""
    return Value(series.last, series.best(goal), series.last if state is JobState.COMPLETED else None)


def goal_of(name: str, aim: Aim) -> str:
    """Which way a metric is better: as the spec says of its objective, else by its name; `minimize` in doubt."""
    return judged(name, aim) or "minimize"


def judged(name: str, aim: Aim) -> str:
    """The same; empty of what is neither good nor bad, as a learning rate."""
    return _judged(name, aim.objective, aim.goal)


@lru_cache(maxsize=4096)
def _judged(name: str, objective: str | None, goal: str) -> str:
    folded = fold(name)
    if objective is not None and folded == fold(objective):
        return goal
    if LESS.search(folded):
        return "minimize"
    return "maximize" if GREATER.search(folded) else ""


def parameters(results: Sequence[Result]) -> list[str]:
    """The parameters of these runs, in the order of their specs."""
    return list(dict.fromkeys(name for result in results for name in result.run.params))


def metrics(results: Sequence[Result]) -> list[str]:
    """The metrics of these runs."""
    return list(dict.fromkeys(name for result in results for name in result.metrics))
