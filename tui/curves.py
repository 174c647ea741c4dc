"""The curves that the screen draws: per row and metric, thinned so that their size has a bound."""

from __future__ import annotations

import math
import time
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

from backends.states import JobState
from tui import show
from tui.groups import Measure, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trainboard.events import Sampled
    from trainboard.extract.progress import Progress
    from trainboard.progress import Course, Left
    from trainboard.rows import Row
    from trainboard.series import Sample, Series

LIMIT = 4096
"""Points kept of one metric: four times what the widest screen can show."""
GROUP = 4
FEW = 64
"""Curves of a row beyond which those of single layers are left to the run's screen: there may be thousands."""


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

    @classmethod
    def of(cls, series: Series) -> Curve:
        """A thin copy of what is stored, without what a resume replaced."""
        import numpy as np

        curve, thin = cls(series.metric, series.index), series.thinned(LIMIT // 2)
        curve.steps.frombytes(thin.steps.tobytes())
        curve.values.frombytes(thin.values.tobytes())
        curve.count = len(series)
        finite = thin.values[np.isfinite(thin.values)]
        if len(finite):  # as `_measure`, of hundreds of metrics at once
            curve.least, curve.greatest = float(finite.min()), float(finite.max())
        return curve

    def add(self, sample: Sample) -> None:
        """Append; past the limit, neighbours are merged in such a way that extremes and non-finite values stay.

        A step back replaces what stands there and beyond.
        """
        self.index = sample.index
        if self.steps and sample.step < self.steps[-1]:
            kept = bisect_left(self.steps, sample.step)
            replaced = self.values[kept:]
            del self.steps[kept:], self.values[kept:]
            if self.least in replaced or self.greatest in replaced:
                self._measure()
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

    def _measure(self) -> None:
        """The least and the greatest of what is kept: every peak is."""
        finite = [value for value in self.values if math.isfinite(value)]
        self.least, self.greatest = min(finite, default=math.inf), max(finite, default=-math.inf)

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


def _kept(metric: str, curves: Mapping[str, Curve]) -> bool:
    from trainboard.layernames import of_a_layer, of_a_spread

    return metric in curves or not (of_a_spread(metric) or (len(curves) >= FEW and of_a_layer(metric)))


class Curves:
    """All curves, by row."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._rows: dict[str, dict[str, Curve]] = {}
        self._courses: dict[str, Course] = {}
        self._objectives: dict[str, tuple[tuple[str | None, int], str | None]] = {}
        """By row: the name of its objective, with what that was chosen from."""
        self._gpus: dict[str, float] = {}
        """By row: the newest use of its GPUs, in percent."""
        self._troubles: dict[str, str] = {}
        """By row: why some of its sources are not read."""
        self._clock = clock

    def add(self, event: Sampled) -> None:
        """Take in new samples of one row."""
        if event.restarted:
            self._rows.pop(event.key, None)
            self._courses.pop(event.key, None)
            self._objectives.pop(event.key, None)
        if event.usage or event.gpu_use is not None:
            self._use(event)
        self._troubles[event.key] = event.trouble
        self._go_on(event)
        curves = self._rows.setdefault(event.key, {})
        for name, series in event.stored.items():
            if len(series) and _kept(name, curves):
                curves[name] = Curve.of(series)
        for sample in event.samples:
            if not _kept(sample.metric, curves):
                continue
            if sample.metric not in curves:
                curves[sample.metric] = Curve(sample.metric, sample.index)
            curves[sample.metric].add(sample)

    def _use(self, event: Sampled) -> None:
        """The newest use of its GPUs: the mean of them."""
        from trainboard.naming import is_gpu_use

        newest = {sample.metric: sample.value for sample in event.usage if is_gpu_use(sample.metric)}
        if newest:
            self._gpus[event.key] = sum(newest.values()) / len(newest)
        elif event.gpu_use is not None:
            self._gpus[event.key] = event.gpu_use

    def gpu_use(self, row: Row) -> float | None:
        """The newest use of a running row's GPUs, in percent; None where nobody measures it."""
        return self._gpus.get(row.key) if row.state is JobState.RUNNING else None

    def _go_on(self, event: Sampled) -> None:
        """How the row gets on: what is stored, then one point for all that is new."""
        from trainboard.progress import Course

        now, course = self._clock(), self._courses.get(event.key)
        if course is None:
            course = self._courses[event.key] = Course()
            course.begin(event.progress, event.stored, now)
        if event.samples:
            course.see(event.progress, event.samples[-1].wall, now)

    def keep(self, keys: set[str]) -> None:
        """Forget the rows that are not among these."""
        for known in (self._courses, self._rows, self._objectives, self._gpus, self._troubles):
            for key in known.keys() - keys:
                del known[key]

    def trouble(self, row: Row) -> str:
        """Why some of a row's sources are not read, in one line; empty where all are."""
        return self._troubles.get(row.key, "")

    def of(self, row: Row) -> tuple[Curve, ...]:
        """A row's curves, the objective first, then as they appeared; those of single layers at the end."""
        from trainboard.layernames import of_a_layer

        curves = list(self._rows.get(row.key, {}).values())
        best = self.objective(row)
        return tuple(sorted(curves, key=lambda c: (c is not best, of_a_layer(c.metric))))

    def objective(self, row: Row) -> Curve | None:
        """The curve of the row's objective; for a row without one, that of the likeliest loss, else the first."""
        curves = self._rows.get(row.key, {})
        if not curves:
            return None
        made_of = row.objective, len(curves)
        from trainboard.extract.names import objective

        known = self._objectives.get(row.key)
        if known is None or known[0] != made_of:
            known = self._objectives[row.key] = made_of, objective(list(curves), row.objective)
        if known[1] is None and row.objective is None:
            return next(iter(curves.values()))
        return None if known[1] is None else curves.get(known[1])

    def measure(self, row: Row) -> Measure:
        """What the group of this row has to know of its curves."""
        without = plain(row)
        if row.key not in self._rows:
            return without
        curve, progress, now = self.objective(row), self.progress(row), self._clock()
        best = curve.best(row.goal) if curve is not None and row.objective is not None else None
        if progress is None:
            return Measure(best, without.share)
        left = self.left(row).likely
        share = max(without.share, min(1.0, max(0.0, progress[0] / progress[1])))
        return Measure(best, share, None if left is None else now + left)

    def progress(self, row: Row) -> tuple[float, float] | None:
        """How far the row is: (done, total)."""
        from trainboard.progress import reached

        told = self.far(row)
        return None if told is None else (reached(told.done, told.total, row.state), told.total)

    def left(self, row: Row) -> Left:
        """How long the row still takes."""
        from trainboard.progress import Left

        course = self._courses.get(row.key)
        return Left() if course is None else course.left(row, self._clock(), self.far(row))

    def far(self, row: Row) -> Progress | None:
        """How far it says it is, else by the first index of its `total` that its samples count."""
        from trainboard.progress import counted

        course = self._courses.get(row.key)
        if course is not None and course.progress is not None:
            return course.progress
        newest: dict[str, float] = {}
        for curve in self._rows.get(row.key, {}).values():
            if curve.steps:
                newest[curve.index] = max(newest.get(curve.index, 0.0), curve.steps[-1])
        return counted(newest, row.total)
