"""Where a value stands on an axis, and the round values that are written beside it. Pure."""

from __future__ import annotations

import math
import sys

from trainboard import show

NICE = (1, 2, 2.5, 5, 10)
LARGEST = math.log10(sys.float_info.max) - 1e-9
TINY = 1e-290


def spread(low: float, high: float) -> tuple[float, float]:
    """The same, made wider where it is a single value, or so narrow that floats do not tell its parts apart."""
    if high - low > max(1e-12 * max(abs(low), abs(high)), TINY):
        return low, high
    margin = abs(low) / 10 if abs(low) > TINY else 1.0
    return max(low - margin, -sys.float_info.max), min(high + margin, sys.float_info.max)


def position(value: float, low: float, high: float) -> float:
    """Between 0 and 1; halves first, as the difference of two finite numbers need not be finite."""
    span = high / 2 - low / 2
    return min(1.0, max(0.0, (value / 2 - low / 2) / span)) if span > 0 else 0.5


def value_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Round values in the range and their labels."""
    return [(value, show.number(value)) for value in ticks_between(low, high, most)]


def log_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """The same where the range is one of decimal logarithms: powers of ten, or round values where these are few."""
    if high - low >= 2:
        levels = ticks_between(low, high, most, whole=True)
        return [(t, show.number(10.0**t) if abs(t) < 4 else f"1e{t:.0f}") for t in levels]
    values = ticks_between(_power(low), _power(high), most)
    return [(math.log10(value), show.number(value)) for value in values if value > 0]


def _power(level: float) -> float:
    """Ten to this power, or the greatest number there is."""
    return math.pow(10.0, min(level, LARGEST))


def ticks_between(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Round values in the range, at most about `most`, whole ones where asked for."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * nice for nice in NICE if power * nice >= span / most)
    if whole:
        step = max(1.0, step if step % 1 == 0 else float(math.ceil(step)))
    start = math.ceil(low / step)
    return [(start + i) * step for i in range(int((high - start * step) / step + 1e-9) + 1)]
