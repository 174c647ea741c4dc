"""Curves of an objective, one and many, in the form in which less is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Column = NDArray[np.float64]
    Places = NDArray[np.intp]

POINTS = 256
"""Values of a completed run that are kept to compare others with."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The objective of one run; all arrays are as long."""

    name: str
    steps: Column
    """Rising."""
    losses: Column
    """The values, negated where more is better; what is no number, or infinite, is inf."""
    best: Column
    """The least of the losses so far."""
    sign: float
    """A loss times this is the value."""
    length: float | None = None
    """Steps that the whole run has; None where nobody knows."""
    seconds: float | None = None
    """How long the whole run took; None where nobody knows."""

    @classmethod
    def of(
        cls,
        name: str,
        steps: Column,
        values: Column,
        goal: str = "minimize",
        length: float | None = None,
        seconds: float | None = None,
    ) -> Curve:
        """From the values as they were printed, by a goal, `minimize` or `maximize`."""
        sign = -1.0 if goal == "maximize" else 1.0
        known = np.isfinite(steps)
        steps, values = steps[known], values[known]
        losses = np.where(np.isfinite(values), sign * values, np.inf)
        return cls(name, steps, losses, np.minimum.accumulate(losses), sign, length, seconds)

    def __len__(self) -> int:
        return len(self.steps)

    def first(self, count: int) -> Curve:
        """The same when it had so many values."""
        rest = self.name, self.steps[:count], self.losses[:count], self.best[:count]
        return Curve(*rest, self.sign, self.length, self.seconds)

    def thinned(self, most: int) -> Curve:
        """The same with at most so many of its values, evenly chosen; none of `best` is lost."""
        if len(self) <= most:
            return self
        chosen = places(len(self), most)
        rest = self.name, self.steps[chosen], self.losses[chosen], self.best[chosen]
        return Curve(*rest, self.sign, self.length, self.seconds)

    def value(self, loss: float) -> float:
        """A loss as it would be printed."""
        return self.sign * loss


class Cohort:
    """Runs that are completed, to compare another one with; more can be added. Thinned to `POINTS` values each."""

    def __init__(self, curves: Iterable[Curve] = ()) -> None:
        self.count = 0
        self._steps = np.empty((0, POINTS))
        self._losses = np.empty((0, POINTS))
        self._best = np.empty((0, POINTS))
        self._means = np.empty((0, POINTS))
        self._ends = np.empty(0)
        self._finals = np.empty(0)
        for each in curves:
            self.add(each)

    def add(self, curve: Curve) -> None:
        """One more; a run without a value is none."""
        if not len(curve):
            return
        if self.count == len(self._ends):
            self._grow()
        chosen = places(len(curve))
        with np.errstate(over="ignore"):
            means = np.cumsum(curve.losses) / np.arange(1, len(curve) + 1)
        columns = (
            (self._steps, curve.steps),
            (self._losses, curve.losses),
            (self._best, curve.best),
            (self._means, means),
        )
        for table, column in columns:
            table[self.count, : len(chosen)] = column[chosen]
            table[self.count, len(chosen) :] = np.inf
        self._ends[self.count] = curve.steps[-1]
        self._finals[self.count] = curve.best[-1]
        self.count += 1

    @property
    def ends(self) -> Column:
        """The last step of each."""
        return self._ends[: self.count]

    @property
    def finals(self) -> Column:
        """The best loss of each."""
        return self._finals[: self.count]

    @property
    def length(self) -> float | None:
        """Steps that nine runs of ten do not exceed; None where there is no run."""
        return float(np.quantile(self.ends, 0.9)) if self.count else None

    def target(self, part: float = 0.25) -> float | None:
        """What the best part of the runs reached, all of them; None where fewer than two came to anything."""
        reached = np.sort(self.finals[np.isfinite(self.finals)])
        if len(reached) < 2:
            return None
        return float(reached[max(0, round(part * self.count) - 1) if part * self.count < len(reached) else -1])

    def losses(self, step: float) -> Column:
        """The newest loss of each at a step; inf where it had none yet."""
        return self._at(self._losses, step)

    def best(self, step: float) -> Column:
        """The least loss of each until a step."""
        return self._at(self._best, step)

    def means(self, step: float) -> Column:
        """The mean loss of each until a step."""
        return self._at(self._means, step)

    def best_at(self, steps: Column) -> Column:
        """The least loss of each until these steps: a row a run, a column a step."""
        return np.stack([self.best(step) for step in steps.tolist()], axis=1)

    def _at(self, table: Column, step: float) -> Column:
        last = (self._steps[: self.count] <= step).sum(axis=1) - 1
        found: Column = np.where(last >= 0, table[np.arange(self.count), np.maximum(last, 0)], np.inf)
        return found

    def _grow(self) -> None:
        room = max(16, self.count)
        more = np.full((room, POINTS), np.inf)
        self._steps, self._losses, self._best, self._means = (
            np.concatenate((table, more)) for table in (self._steps, self._losses, self._best, self._means)
        )
        self._ends, self._finals = (np.concatenate((each, np.empty(room))) for each in (self._ends, self._finals))


def places(count: int, most: int = POINTS) -> Places:
    """At most that many places of so many, evenly, the last among them."""
    if count <= most:
        return np.arange(count)
    return np.round(np.linspace(0, count - 1, most)).astype(np.intp)
