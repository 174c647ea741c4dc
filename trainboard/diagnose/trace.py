"""One quantity of one layer, summed up as it comes: a few numbers, for a network may have thousands of them."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

RECENT = 5
"""Newest values that are kept."""


class Trace:
    """The values of one quantity of one layer since the last resume that went back behind the first of them."""

    __slots__ = ("_typical", "bad", "bad_last", "bad_step", "count", "first", "high", "last_step", "low", "recent")

    def __init__(self) -> None:
        self.last_step = -math.inf
        self.bad = 0
        """Values that are not finite."""
        self.bad_step: float | None = None
        self.bad_last = 0
        """How many of them are the newest."""
        self._begin()

    def push(self, step: float, value: float) -> None:
        """Add the newest value; one of an earlier step begins anew."""
        if step < self.last_step:
            self._begin()
            self.bad, self.bad_step, self.bad_last = 0, None, 0
        self.last_step = step
        if value - value != 0.0:  # nan or infinite
            self.bad += 1
            self.bad_last += 1
            self.bad_step = step if self.bad_step is None else self.bad_step
            return
        self.bad_last = 0
        if not self.count:
            self.first = self.low = self.high = value
        elif value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value
        self.count += 1
        self._typical = math.nan
        self.recent.append(value)

    @property
    def last(self) -> float:
        """The newest finite value; nan where there is none."""
        return self.recent[-1] if self.recent else math.nan

    @property
    def typical(self) -> float:
        """The median of the newest values; nan where there is none."""
        if self._typical != self._typical and self.recent:  # nan: not asked for since the newest
            self._typical = median(self.recent)
        return self._typical

    def _begin(self) -> None:
        self.count = 0
        """Finite values."""
        self._typical = math.nan
        self.first = self.low = self.high = math.nan
        self.recent: deque[float] = deque(maxlen=RECENT)
