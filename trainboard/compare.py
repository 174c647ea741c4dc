"""Several runs side by side: the parameters that differ, their metrics, and which run is the best. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trainboard.extract.names import objective as objective_of
from trainboard.layernames import of_a_layer, of_a_spread
from trainboard.results import KINDS, Value, goal_of, judged, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backends.base import JobState
    from specs.model import Scalar
    from trainboard.results import Aim, Result
    from trainboard.rows import Row
    from trainboard.series import Series

LARGEST = 1e300
"""Beyond it a number is a word: integers of specs know no bounds, and there is nothing to draw there."""
Place = tuple[int, float, str]
BEST = "best"
"""Of `KINDS`: what runs are compared by where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of a comparison."""

    key: str
    name: str
    state: JobState
    params: Mapping[str, Scalar]
    seconds: float | None
    """How long it ran so far; None where nobody knows."""
    metrics: Mapping[str, Value]
    experiment: str = ""
    """Its id; empty where it is not told."""
    gpu_hours: float | None = None
    """That all its attempts held; None where nobody knows."""
    finding: str = ""
    """Severity and rule of the worst finding that goes on, as `error: non_finite`; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Point:
    """A run's value of a metric over its value of a parameter."""

    entry: Entry
    x: float
    """The parameter, or its place among `Against.words`."""
    y: float


def mean(values: Sequence[float]) -> float:
    """The mean of finite numbers, which is finite and among them also where their sum is not."""
    halves = 2 * math.fsum(value / 2 / len(values) for value in values)
    return min(max(values), max(min(values), halves))


@dataclass(frozen=True, slots=True)
class Against:
    """A metric against a parameter."""

    points: tuple[Point, ...] = ()
    """From left to right."""
    words: tuple[str, ...] = ()
    """What stands at x = 0, 1, …, where the parameter is no number."""

    @property
    def means(self) -> list[tuple[float, float]]:
        """The mean of the finite values at each x where there are any, from left to right."""
        at: dict[float, list[float]] = {}
        for point in self.points:
            if math.isfinite(point.y):
                at.setdefault(point.x, []).append(point.y)
        return [(x, mean(ys)) for x, ys in at.items()]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs, and what there is to compare in them."""

    entries: tuple[Entry, ...] = ()
    params: tuple[str, ...] = ()
    """Those that are not the same in all runs."""
    metrics: tuple[str, ...] = ()
    """The objective first, then those of which one knows what is better, then those that the most runs have."""
    goals: Mapping[str, str] = field(default_factory=dict)
    """By metric: `minimize`, `maximize`, or nothing where no value is better than another."""

    def value(self, entry: Entry, metric: str, kind: str = BEST) -> float | None:
        """A run's value of a metric, `kind` of `KINDS`; the newest where none is better. None where it has none."""
        found = entry.metrics.get(metric)
        if kind == BEST and not self.goals.get(metric):
            kind = "last"
        value: float | None = getattr(found, kind) if found else None
        return value

    def best(self, metric: str, kind: str = BEST) -> frozenset[str]:
        """The keys of the runs that no other run beats; none where there is no other, or no better."""
        found = {entry.key: self.value(entry, metric, kind) for entry in self.entries}
        known = {key: value for key, value in found.items() if value is not None and not math.isnan(value)}
        if len(known) < 2 or not self.goals.get(metric):
            return frozenset()
        top = (max if self.goals[metric] == "maximize" else min)(known.values())
        return frozenset(key for key, value in known.items() if value == top)

    def ordered(self, column: str, kind: str = BEST, *, reverse: bool = False) -> tuple[Entry, ...]:
        """The runs by a metric, the best first, or by a parameter; those without a value come last either way."""
        of = {entry.key: self._place(entry, column, kind) for entry in self.entries}
        known = [(place, entry) for entry in self.entries if (place := of[entry.key]) is not None]
        down = self.goals.get(column) == "maximize"
        known.sort(key=lambda each: each[0], reverse=down is not reverse)
        return (*(entry for _, entry in known), *(entry for entry in self.entries if of[entry.key] is None))

    def _place(self, entry: Entry, column: str, kind: str) -> Place | None:
        """Where a run stands by a column; None where it has no value there."""
        if column not in self.goals:
            return _scalar(entry.params.get(column))
        value = self.value(entry, column, kind)
        return None if value is None or math.isnan(value) else (0, value, "")

    def against(self, param: str, metric: str, kind: str = BEST) -> Against:
        """The runs that have both, a metric over a parameter."""
        found = [
            (entry, entry.params[param], value)
            for entry in self.entries
            if param in entry.params and (value := self.value(entry, metric, kind)) is not None
        ]
        words: tuple[str, ...] = ()
        if not all(_is_number(each) for _, each, _ in found):
            order = sorted({str(each): _scalar(each) or () for _, each, _ in found}.items(), key=lambda item: item[1])
            words = tuple(word for word, _ in order)
        points = [
            Point(entry, float(words.index(str(each))) if words else float(each or 0), value)
            for entry, each, value in found
        ]
        return Against(tuple(sorted(points, key=lambda point: point.x)), words)

    def as_json(self) -> dict[str, Any]:
        """The keys that `compare --json` promises."""
        return {
            "params": list(self.params),
            "metrics": {
                name: {
                    "goal": self.goals[name] or None,
                    "best": [e.key for e in self.entries if e.key in self.best(name)],
                }
                for name in self.metrics
            },
            "runs": [
                {
                    "run": entry.key,
                    "name": entry.name,
                    "state": str(entry.state),
                    "seconds": entry.seconds,
                    "params": dict(entry.params),
                    "metrics": {
                        name: {kind: getattr(entry.metrics[name], kind) for kind in KINDS}
                        for name in self.metrics
                        if name in entry.metrics
                    },
                }
                for entry in self.entries
            ],
        }


def compare(entries: Sequence[Entry], aims: Iterable[Aim]) -> Comparison:
    """What there is to compare in these runs; of their aims, the first with an objective counts.

    A name stands for one column: a learning rate that the runs differ in is a parameter, printed or not.
    """
    counts: dict[str, int] = {}
    for entry in entries:
        for name in entry.metrics:
            counts[name] = counts.get(name, 0) + 1
    aim = min(aims, key=lambda each: each.objective is None, default=None)
    first = objective_of(list(counts), aim.objective if aim else None)
    params = tuple(name for name in varying([entry.params for entry in entries]) if name != first)
    goals = {name: judged(name, aim) if aim else "" for name in counts if name not in params}
    if first is not None:
        goals[first] = goals[first] or "minimize"
    metrics = sorted(goals, key=lambda name: (name != first, of_a_layer(name), not goals[name], -counts[name]))
    return Comparison(tuple(entries), params, tuple(metrics), goals)


def varying(params: Sequence[Mapping[str, Scalar]]) -> tuple[str, ...]:
    """The parameters that are not the same in all runs, in the order of their specs; of a single run, all of them."""
    names = dict.fromkeys(name for each in params for name in each)
    if len(params) == 1:
        return tuple(names)
    return tuple(name for name in names if len({repr(each.get(name)) for each in params}) > 1)


def of_row(row: Row, series: Mapping[str, Series], now: float) -> Entry:
    """A run as the board has it."""
    metrics = {
        name: value_of(found, goal_of(name, row), row.state)
        for name, found in series.items()
        if len(found) and not of_a_spread(name)
    }
    end = row.ended if row.state.ended else now
    seconds = None if row.started is None or end is None else end - row.started
    return Entry(row.key, row.name, row.state, row.params, seconds, metrics)


def of_result(result: Result) -> Entry:
    """A run as it is on record."""
    run, attempt = result.run, result.attempt
    return Entry(run.id, run.name, attempt.state, run.params, result.seconds, result.metrics)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST


def _scalar(value: Scalar) -> Place | None:
    """What a parameter is sorted by: numbers by size, before words."""
    if value is None:
        return None
    if isinstance(value, (int, float)) and _is_number(value):
        return 0, float(value), ""
    return 1, 0.0, str(value)
