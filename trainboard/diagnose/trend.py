"""How a curve goes, in a few numbers that noise does not fool."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from trainboard.diagnose.signal import Column, Signal

BLOCKS = 20
"""Parts of equal length that a curve is cut into."""
TAIL = 0.1
"""The share of the newest samples that is the level of a curve."""
LEAST = 5
"""Samples that a level is made of at least, where there are twice as many."""
LEAP = 3.0
"""From a first sample to one that is so many times as large, a curve leaps."""
SIGMA = {1: 1.048, 2: 0.93}
"""The deviation of independent samples by the median of their changes, and by that of means of two changes…"""
SIGMA_OF_MANY = 0.8862
"""…and by the mean of many."""


@dataclass(frozen=True)
class Trend:
    """A curve as it went. Its samples are told by points: see `trainboard.diagnose.signal.History`."""

    signal: Signal

    @property
    def count(self) -> int:
        """Samples."""
        return self.signal.count

    @cached_property
    def means(self) -> Column:
        """The points."""
        return self.signal.history.means

    @cached_property
    def start(self) -> float:
        """Where it began: the median of the first three samples, or the first where it leapt up from there."""
        opening = self.signal.opening
        if not opening:
            return math.nan
        middle = float(np.median(opening[:3]))
        return opening[0] if 0 < LEAP * opening[0] < middle else middle

    @cached_property
    def noise(self) -> float:
        """The deviation of one sample from the next ones, by the median over the newer half."""
        rough = self.signal.history.rough[1:]
        return self._deviation(rough[len(rough) // 2 :])

    @cached_property
    def noise_at_first(self) -> float:
        """The same over the older half."""
        rough = self.signal.history.rough[1:]
        return self._deviation(rough[: len(rough) // 2 + 1])

    @cached_property
    def level(self) -> float:
        """Where it is: the median of the newest tenth."""
        return float(np.median(self.means[-self._tail :])) if len(self.means) else math.nan

    @cached_property
    def error(self) -> float:
        """The standard error of the difference of `level` and `best`: of medians, so a quarter more than of means."""
        parts = 1 / self._tail + len(self.blocks) / len(self.means)
        newest = self._deviation(self.signal.history.rough[-self._tail :])
        return 1.25 * max(self.noise, newest) * math.sqrt(parts / self.signal.history.width)

    @cached_property
    def blocks(self) -> Column:
        """The medians of equal parts, the oldest first: at most `BLOCKS`, each of at least `LEAST` points or one."""
        points = len(self.means)
        if points < 2 * LEAST:
            return self.means
        count = min(BLOCKS, points // LEAST)
        size = points // count
        blocks: Column = np.median(self.means[points - size * count :].reshape(count, size), axis=1)
        return blocks

    @cached_property
    def best(self) -> float:
        """The lowest of the blocks."""
        return float(self.blocks.min()) if len(self.blocks) else math.nan

    @cached_property
    def peak(self) -> float:
        """The highest single sample."""
        return float(self.signal.history.highs.max()) if self.count else math.nan

    @cached_property
    def peak_at(self) -> float:
        """Where that is, as a share of the samples."""
        highs = self.signal.history.highs
        return float(highs.argmax()) / max(1, len(highs) - 1) if self.count else math.nan

    @property
    def gain(self) -> float:
        """How far it has come down, by where it began; negative where it has risen."""
        return (self.start - self.level) / max(abs(self.start), 1e-12)

    def part(self, since: float, until: float = 1.0) -> Column:
        """The points of a stretch, as shares of the whole."""
        points = len(self.means)
        return self.means[int(points * since) : max(int(points * since) + 1, math.ceil(points * until))]

    def slope(self, since: float = 0.0) -> float:
        """How much a straight line through the newest points rises over that stretch, in standard errors of that."""
        if since not in self._slopes:
            self._slopes[since] = self._slope(self.part(since))
        return self._slopes[since]

    @cached_property
    def _slopes(self) -> dict[float, float]:
        return {}

    def _slope(self, values: Column) -> float:
        if len(values) < 4:
            return 0.0
        places = np.arange(len(values)) - (len(values) - 1) / 2
        spread = float((places**2).sum())
        rise = float((places * values).sum()) / spread
        rest = values - values.mean() - rise * places
        with np.errstate(over="ignore"):  # of losses of 1e200 no slope is sure
            error = math.sqrt(float((rest**2).sum()) / (len(values) - 2) / spread)
        return rise / error if error > 0 else math.copysign(math.inf, rise) if rise else 0.0

    def _deviation(self, rough: Column) -> float:
        sigma = SIGMA.get(self.signal.history.width, SIGMA_OF_MANY)
        return float(np.median(rough)) * sigma if len(rough) else 0.0

    @property
    def _tail(self) -> int:
        points = len(self.means)
        return max(1, min(points // 2, max(LEAST, int(points * TAIL))))
