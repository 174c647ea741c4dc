"""One metric of a run, summed up as it comes: a history of bounded length, and where it was not finite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

CAPACITY = 512
"""Points of a history: where there are more samples, each stands for 2, 4, 8, … of them."""
OPENING = 8
CHUNK = 1024
"""Samples that wait until they are folded into the history at once."""
_ROWS = 5


class History(NamedTuple):
    """Columns of equal length, the oldest first; each point stands for as many samples, the last maybe for fewer."""

    steps: Column
    """The last step of each point."""
    means: Column
    lows: Column
    highs: Column
    rough: Column
    """The mean of the changes from one sample to the next, without their signs."""
    width: int
    """Samples of each point but the last."""


class Signal:
    """The finite samples of one metric, without what a resume replaced. A sample costs well under a microsecond."""

    __slots__ = (
        "_before",
        "_filled",
        "_history",
        "_steps",
        "_table",
        "_values",
        "_width",
        "bad",
        "bad_last",
        "bad_step",
        "count",
        "index",
        "last_step",
        "metric",
        "opening",
        "reached",
    )

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.index = ""
        """What the newest step counts."""
        self.count = 0
        """Finite samples."""
        self.last_step = -math.inf
        """Of the newest sample, be it finite or not."""
        self.reached = -math.inf
        """How far it had come before it last went back."""
        self.bad = 0
        """Samples that are not finite."""
        self.bad_step: float | None = None
        """That of the first of them."""
        self.bad_last = 0
        """How many of them are the newest samples, without a finite one after them."""
        self.opening: list[float] = []
        """The oldest finite values, at most `OPENING`."""
        self._steps: list[float] = []
        self._values: list[float] = []
        """Samples that are not in the table yet."""
        self._table: Column | None = None
        self._filled = 0
        self._width = 1
        self._before = math.nan
        """The last value in the table."""
        self._history: History | None = None

    def push(self, step: float, value: float, index: str = "") -> int:
        """Add the newest sample; where its step goes back, it replaces what is there from that step on.

        It says how many points of the history were replaced.
        """
        gone = 0
        if step < self.last_step:
            self.reached = self.last_step
            if index == self.index:
                gone = self.rewind(step)
        elif index is not self.index:
            self.index = index
        self.last_step = step
        self._history = None
        if value - value != 0.0:  # nan or infinite
            self.bad += 1
            self.bad_last += 1
            if self.bad_step is None:
                self.bad_step = step
            return gone
        if self.bad_last:
            self.bad_last = 0
        self._steps.append(step)
        self._values.append(value)
        if self.count < OPENING:
            self.opening.append(value)
        self.count += 1
        if len(self._values) >= CHUNK:
            self._fold()
        return gone

    def extend(self, steps: Column, values: Column, index: str) -> None:
        """Add many samples whose steps do not go back."""
        if not len(values):
            return
        self.index, self.last_step, self._history = index, float(steps[-1]), None
        finite = np.isfinite(values)
        if not finite.all():
            bad = np.flatnonzero(~finite)
            self.bad += len(bad)
            self.bad_step = float(steps[bad[0]]) if self.bad_step is None else self.bad_step
            good = np.flatnonzero(finite)
            self.bad_last = len(values) - 1 - int(good[-1]) if len(good) else self.bad_last + len(values)
            steps, values = steps[finite], values[finite]
        self._steps += steps.tolist()
        self._values += values.tolist()
        self.opening += values[: OPENING - len(self.opening)].tolist()
        self.count += len(values)
        self._fold()

    def rewind(self, step: float) -> int:
        """Forget what is at this step or beyond it; how many points of the history that was."""
        self._fold()
        rest = next((at for at, each in enumerate(self._steps) if each >= step), len(self._steps))
        gone = len(self._steps) - rest
        del self._steps[rest:], self._values[rest:]
        if not rest and self._table is not None:
            left = int(np.searchsorted(self._table[0, : self._filled], step))
            gone += self._filled - left
            self._filled = left
            self._before = float(self._table[1, left - 1]) if left else math.nan
        self.count = self._filled * self._width + len(self._values)
        del self.opening[self.count :]
        self.last_step = self._steps[-1] if self._steps else self._reached()
        self.bad_last = 0
        if self.bad_step is not None and self.bad_step >= step:
            self.bad, self.bad_step = 0, None
        self._history = None
        return gone

    @property
    def history(self) -> History:
        """The samples so far; the same object until there is a new one."""
        if self._history is None:
            self._fold()
            self._history = self._made()
        return self._history

    @property
    def last(self) -> float:
        """The newest finite value; nan where there is none."""
        return self._values[-1] if self._values else self._before

    @property
    def first(self) -> float:
        """The oldest finite value; nan where there is none."""
        return self.opening[0] if self.opening else math.nan

    def _reached(self) -> float:
        return float(self._table[0, self._filled - 1]) if self._filled and self._table is not None else -math.inf

    def _fold(self) -> None:
        """Put what waits into the table, as far as it makes whole points."""
        if len(self._values) < self._width:
            return
        values, steps = np.array(self._values), np.array(self._steps)
        before = values[0] if math.isnan(self._before) else self._before
        changes = np.abs(np.diff(values, prepend=before))
        if self._table is None:
            self._table = np.empty((_ROWS, CAPACITY))
        at = 0
        while len(values) - at >= self._width:
            if self._filled == CAPACITY:
                self._halve()
                continue
            width = self._width
            points = min(CAPACITY - self._filled, (len(values) - at) // width)
            end = at + points * width
            room = slice(self._filled, self._filled + points)
            block = values[at:end].reshape(points, width)
            self._table[0, room] = steps[at + width - 1 : end : width]
            self._table[1, room] = block.mean(axis=1)
            self._table[2, room] = block.min(axis=1)
            self._table[3, room] = block.max(axis=1)
            self._table[4, room] = changes[at:end].reshape(points, width).mean(axis=1)
            self._filled += points
            at = end
        if at:
            self._before = float(values[at - 1])
            del self._values[:at], self._steps[:at]

    def _halve(self) -> None:
        """Make one point of two."""
        table = self._table
        assert table is not None
        half = CAPACITY // 2
        pairs = table.reshape(_ROWS, half, 2)
        table[0, :half] = pairs[0, :, 1].copy()
        table[1, :half] = pairs[1].mean(axis=1)
        table[2, :half] = np.min(pairs[2], axis=1)
        table[3, :half] = np.max(pairs[3], axis=1)
        table[4, :half] = pairs[4].mean(axis=1)
        self._filled, self._width = half, self._width * 2

    def _made(self) -> History:
        table = np.empty((_ROWS, 0)) if self._table is None else self._table[:, : self._filled]
        if self._values:
            rest = np.array(self._values)
            change = float(
                np.abs(np.diff(rest, prepend=rest[0] if math.isnan(self._before) else self._before)).mean()
            )
            point = np.array([[self._steps[-1]], [rest.mean()], [rest.min()], [rest.max()], [change]])
            table = np.concatenate((table, point), axis=1)
        else:
            table = table.copy()
        table.flags.writeable = False
        return History(table[0], table[1], table[2], table[3], table[4], self._width)
