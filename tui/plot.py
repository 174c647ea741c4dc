"""A curve as lines of text, drawn by plotext on a figure of its own.

plotext's kernel ends the whole process on a value that is not finite, so that all it ever sees are positions between
0 and 1; scales, ticks and their labels are made here.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import plotext

from tui import show
from tui.curves import extremes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.curves import Curve

NICE = (1, 2, 2.5, 5, 10)
LARGEST = math.log10(sys.float_info.max) - 1e-9


def draw(curve: Curve, width: int, height: int, log: bool, rgb: tuple[int, ...] | None) -> list[str]:
    """At most `height` lines of at most `width` cells, with colour codes where `rgb` is given.

    The range of y is that of the finite values. A gap in the curve is a stretch without a finite value.
    """
    ys = [_level(value, log) for value in curve.values]
    places = decimate(ys, 2 * width)
    finite = [ys[i] for i in places if math.isfinite(ys[i])]
    if not finite:
        return ["", show.cut("  no finite value" + (" above zero" if log else ""), width)]
    low, high = _range(min(finite), max(finite))
    first, last = curve.steps[0], max(curve.steps[-1], curve.steps[0])
    figure = type(plotext.figure)(type(plotext.terminal)().limit(False, False))
    figure.plot_size(width, height - 1)
    figure.theme("colorless")
    for stretch in stretches(places, ys):
        xs = [_position(curve.steps[i], first, last) for i in stretch]
        points = [_position(ys[i], low, high) for i in stretch]
        marker = plotext.marker("braille", plotext.pixel(foreground=rgb) if rgb else None)
        figure.draw(figure.signal(xs, points, marker=marker).lines())
    for axis, ticks in (
        ("y", (log_ticks if log else value_ticks)(low, high, max(3, height // 3))),
        ("x", [(t, f"{t:g}") for t in ticks_between(first, last, max(2, width // 14), whole=True)]),
    ):
        span = (low, high) if axis == "y" else (first, last)
        ruler = figure.ruler(axis, "left" if axis == "y" else "lower")
        ruler.lim(0, 1)
        ruler.ticks([_position(t, *span) for t, _ in ticks], [label for _, label in ticks])
    text = figure.build().string(colorless=rgb is None)
    lines = [line for line in text.split("\n") if line][: height - 1]
    return [*lines, show.clean(curve.index or "sample", 30).center(width).rstrip()]


def _level(value: float, log: bool) -> float:
    """Where a value is drawn: itself, or its decimal logarithm, nan where it has none."""
    if not log:
        return value
    return math.log10(value) if value > 0 and math.isfinite(value) else math.nan


def _range(low: float, high: float) -> tuple[float, float]:
    """The same, made wider where it is a single value."""
    if high - low > 1e-12 * max(abs(low), abs(high)) and high > low:
        return low, high
    margin = abs(low) / 10 or 1.0
    return low - margin, high + margin


def _position(value: float, low: float, high: float) -> float:
    """Between 0 and 1; halves first, as the difference of two finite numbers need not be finite."""
    span = high / 2 - low / 2
    return min(1.0, max(0.0, (value / 2 - low / 2) / span)) if span > 0 else 0.5


def decimate(values: Sequence[float], most: int) -> list[int]:
    """The places of at most about `most` values that keep every peak, dip and value that is not finite in sight."""
    count = len(values)
    if count <= most:
        return list(range(count))
    buckets = max(1, most // 3)
    chosen: list[int] = []
    for i in range(buckets):
        chosen += extremes(values, range(i * count // buckets, (i + 1) * count // buckets))
    return chosen


def stretches(places: Sequence[int], values: Sequence[float]) -> list[list[int]]:
    """Runs of places whose values are finite."""
    found: list[list[int]] = [[]]
    for i in places:
        if math.isfinite(values[i]):
            found[-1].append(i)
        elif found[-1]:
            found.append([])
    return [stretch for stretch in found if stretch]


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
