"""The curves that the screen draws: per row and metric, thinned so that their size has a bound."""

from __future__ import annotations

import math
import time
from array import array
from typing import TYPE_CHECKING

from backends.base import JobState
from tui import show
from tui.groups import Measure, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trainboard.events import Sampled
    from trainboard.rows import Row
    from trainboard.series import Sample

LIMIT = 4096
"""Points kept of one metric: four times what the widest screen can show."""
GROUP = 4


class Curve:
    """One metric of one row."""

    def __init__(self, metric: str, index: str) -> None:
        self.metric = metric
        self.index = index
        """What the steps count; empty where it is our own count."""
        self.steps = array("d")
        self.values = array("d")
        self.count = 0
        """Samples seen, thinned ones included."""
        self.least, self.greatest = math.inf, -math.inf
        """Of the finite values; as they are here where there is none."""
        self._spark = (0, 0, "")
        """What was drawn last: for how many samples, how wide, and the text."""

    def add(self, sample: Sample) -> None:
        """Append; past the limit, neighbours are merged in such a way that extremes and non-finite values stay."""
        self.steps.append(sample.step)
        self.values.append(sample.value)
        self.count += 1
        if math.isfinite(sample.value):
            self.least, self.greatest = min(self.least, sample.value), max(self.greatest, sample.value)
        if len(self.values) > LIMIT:
            self._thin()

    def best(self, goal: str) -> float | None:
        """The best finite value by a goal, `minimize` or `maximize`."""
        value = self.greatest if goal == "maximize" else self.least
        return value if math.isfinite(value) else None

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self.values[-1] if self.values else None

    def spark(self, width: int) -> str:
        """The curve in one line of at most `width` cells."""
        if self._spark[:2] != (self.count, width):
            self._spark = (self.count, width, show.spark(self.values, width))
        return self._spark[2]

    def _thin(self) -> None:
        kept: list[int] = []
        for start in range(0, len(self.values), GROUP):
            kept += extremes(self.values, range(start, min(start + GROUP, len(self.values))))
        newest = len(self.values) - 1
        if kept[-1] != newest:
            kept.append(newest)
        self.steps = array("d", [self.steps[i] for i in kept])
        self.values = array("d", [self.values[i] for i in kept])


def extremes(values: Sequence[float], places: Sequence[int]) -> list[int]:
    """Of these places, those of the least, the greatest and the first non-finite value, in order."""
    finite = [i for i in places if math.isfinite(values[i])]
    odd = next((i for i in places if not math.isfinite(values[i])), None)
    chosen = {min(finite, key=values.__getitem__), max(finite, key=values.__getitem__)} if finite else set()
    return sorted(chosen if odd is None else chosen | {odd})


class Curves:
    """All curves, by row."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._rows: dict[str, dict[str, Curve]] = {}
        self._clock = clock

    def add(self, event: Sampled) -> None:
        """Take in new samples of one row."""
        if event.restarted:
            self._rows.pop(event.key, None)
        curves = self._rows.setdefault(event.key, {})
        for sample in event.samples:
            if sample.metric not in curves:
                curves[sample.metric] = Curve(sample.metric, sample.index)
            curves[sample.metric].add(sample)

    def keep(self, keys: set[str]) -> None:
        """Forget the rows that are not among these."""
        for key in self._rows.keys() - keys:
            del self._rows[key]

    def of(self, row: Row) -> tuple[Curve, ...]:
        """A row's curves, the objective first, then as they appeared."""
        curves = list(self._rows.get(row.key, {}).values())
        best = self.objective(row)
        return tuple(sorted(curves, key=lambda c: c is not best))

    def objective(self, row: Row) -> Curve | None:
        """The curve of the row's objective; for a row without one, that of a loss, else the first."""
        curves = self._rows.get(row.key, {})
        if row.objective in curves:
            return curves[row.objective]
        if row.objective is not None or not curves:
            return None
        return min(curves.values(), key=lambda c: ("val" not in c.metric, "loss" not in c.metric))

    def measure(self, row: Row) -> Measure:
        """What the group of this row has to know of its curves."""
        without = plain(row)
        if row.key not in self._rows:
            return without
        curve, progress, now = self.objective(row), self.progress(row), self._clock()
        best = curve.best(row.goal) if curve is not None and row.objective is not None else None
        if progress is None:
            return Measure(best, without.share)
        left = remaining(row, *progress, now)
        share = max(without.share, min(1.0, max(0.0, progress[0] / progress[1])))
        return Measure(best, share, now + left if left is not None and math.isfinite(left) else None)

    def progress(self, row: Row) -> tuple[float, float] | None:
        """How far the row is: (done, total) by the first index of its `total` that its samples count."""
        newest: dict[str, float] = {}
        for curve in self._rows.get(row.key, {}).values():
            if curve.steps:
                newest[curve.index] = max(newest.get(curve.index, 0.0), curve.steps[-1])
        for unit, total in row.total.items():
            for word in (unit, unit.removesuffix("s")):
                if word in newest and total > 0 and math.isfinite(newest[word]):
                    return _reached(newest[word], total, row.state), total
        return None


def _reached(done: float, total: float, state: JobState) -> float:
    """How far a row is: one that counts from 0 and has completed says one less than its total at its end."""
    return total if state is JobState.COMPLETED and total - done == 1 else done


def remaining(row: Row, done: float, total: float, now: float) -> float | None:
    """Seconds until a running row reaches its total at its mean speed so far; None where that cannot be told."""
    if row.started is None or row.state.ended or done <= 0:
        return None
    return (now - row.started) * max(0.0, total - done) / done
