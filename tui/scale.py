"""An axis: what it counts, the stretch of it that is seen, and what is written beside it. Pure."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from trainboard.ticks import log_ticks, spread, ticks_between
from tui import show

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Round times between ticks; beyond them whole days."""


class Along(StrEnum):
    """What x counts."""

    STEP = "step"
    EPOCH = "epoch"
    RELATIVE = "time"
    """Seconds since the run's start."""
    WALL = "clock"
    """Seconds since the epoch, written as local time."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A stretch of an axis, between two levels: the values themselves, or their decimal logarithms."""

    low: float
    high: float
    log: bool = False

    @staticmethod
    def over(low: float, high: float, log: bool = False) -> Scale:
        """From one level to another, made wider where they are one."""
        return Scale(*spread(low, high), log)

    def level(self, values: Column) -> Column:
        """Where values stand; nan for what has no logarithm."""
        return levels(values, self.log)

    def share(self, levels: Column) -> Column:
        """Between 0 and 1 where they are seen; halves, as the difference of two floats need not be one."""
        return (levels / 2 - self.low / 2) / (self.high / 2 - self.low / 2)

    def place(self, level: float) -> float:
        """The same for one level."""
        return (level / 2 - self.low / 2) / (self.high / 2 - self.low / 2)

    def edges(self, count: int) -> Column:
        """The values that bound `count` equal parts of it."""
        shares = np.linspace(0, 1, count + 1)
        return values(self.low * (1 - shares) + self.high * shares, self.log)

    def at(self, share: float) -> float:
        """The value at a place between 0 and 1."""
        level = self.low * (1 - share) + self.high * share
        return _power(level) if self.log else level


def levels(values: Column, log: bool) -> Column:
    """Values on an axis: themselves, or their decimal logarithms, nan where there is none."""
    if not log:
        return values
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(values > 0, np.log10(values), np.nan)


def values(levels: Column, log: bool) -> Column:
    """The values at these levels."""
    with np.errstate(over="ignore"):
        return np.power(10.0, levels) if log else levels


def _power(level: float) -> float:
    try:
        return math.pow(10.0, level)
    except OverflowError:
        return math.inf


def y_ticks(scale: Scale, most: int) -> list[tuple[float, str]]:
    """Levels and what is written there."""
    if scale.log:
        return log_ticks(scale.low, scale.high, most)
    return _plain(scale, most, whole=False)


def x_ticks(scale: Scale, along: Along, most: int) -> list[tuple[float, str]]:
    """Levels and what is written there; times as durations or as times of day."""
    if scale.log:
        levels = log_ticks(scale.low, scale.high, most)
        return [
            (at, span(round(10.0**at, 6)) if along is Along.RELATIVE and at < 12 else label) for at, label in levels
        ]
    if along is Along.RELATIVE:
        return [(at, span(at)) for at in _times(scale, most, 0.0)]
    if along is Along.WALL:
        return [(at, moment(at, scale.high - scale.low)) for at in _times(scale, most, _offset(scale.low))]
    return _plain(scale, most, whole=along is Along.STEP)


def _plain(scale: Scale, most: int, *, whole: bool) -> list[tuple[float, str]]:
    ticks = ticks_between(scale.low, scale.high, most, whole=whole and scale.high - scale.low >= 1)
    gap = abs(ticks[1] - ticks[0]) if len(ticks) > 1 else 0.0
    return [(at, exact(at, gap)) for at in ticks]


def exact(value: float, gap: float) -> str:
    """A value with as many figures as tell it from one that is `gap` away; thousands as k, M, G."""
    if not gap or not math.isfinite(gap) or value == 0:
        return show.number(value)
    unit, sign = next(((u, s) for u, s in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if abs(value) >= 10 * u), (1.0, ""))
    if unit > 1 and abs(value) < 1e15:
        figures = max(0, math.ceil(-math.log10(gap / unit) - 1e-9))
        if figures <= 3:
            return f"{value / unit:.{figures}f}{sign}"
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(gap)) + 1
    return f"{value:.{max(4, min(12, digits + 1))}g}"


def _times(scale: Scale, most: int, offset: float) -> list[float]:
    """Round times in the range: multiples of a round step, as seen from a time zone."""
    wanted = (scale.high - scale.low) / most
    if wanted < SECONDS[0]:
        return ticks_between(scale.low, scale.high, most)
    step = next((s for s in SECONDS if s >= wanted), 86400 * math.ceil(wanted / 86400))
    first = math.ceil((scale.low + offset) / step) * step - offset
    return [first + i * step for i in range(int((scale.high - first) / step + 1e-9) + 1)]


def _offset(when: float) -> float:
    """Seconds by which local time is ahead at a moment; none where there is no such time."""
    try:
        return float(time.localtime(when).tm_gmtoff)
    except (ValueError, OverflowError, OSError):
        return 0.0


def span(seconds: float) -> str:
    """A time since the start: `90s`, `5m`, `1h30`; with fractions where they are small."""
    return (
        f"{seconds:.3g}s"
        if abs(seconds) < 60
        else f"-{show.duration(-seconds)}"
        if seconds < 0
        else show.duration(seconds)
    )


def moment(when: float, around: float = 0.0) -> str:
    """A time of day, with its date where the whole covers more than a day."""
    try:
        local = time.localtime(when)
    except (ValueError, OverflowError, OSError):
        return show.number(when)
    form = "%d %b %H:%M" if around > 86400 else "%H:%M" if around > 1200 else "%H:%M:%S"
    figures = 0 if not 0 < around < 8 else 1 if around >= 0.8 else 3
    return time.strftime(form, local) + (f".{int(when % 1 * 10**figures):0{figures}d}" if figures else "")


def told(value: float, along: Along) -> str:
    """One x, in words: for the cursor."""
    if along is Along.RELATIVE:
        return span(value)
    if along is Along.WALL:
        return moment(value, 0.0)
    return f"{value:.10g}"
