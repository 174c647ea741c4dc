"""A curve as lines of text, drawn by plotext on a figure of its own.

plotext's kernel ends the whole process on a value that is not finite, so that all it ever sees are positions between
0 and 1; scales, ticks and their labels are made here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import plotext

from trainboard.ticks import log_ticks, position, spread, ticks_between, value_ticks
from tui import show
from tui.curves import extremes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.curves import Curve


def draw(curve: Curve, width: int, height: int, log: bool, rgb: tuple[int, ...] | None) -> list[str]:
    """At most `height` lines of at most `width` cells, with colour codes where `rgb` is given.

    The range of y is that of the finite values. A gap in the curve is a stretch without a finite value.
    """
    ys = [_level(value, log) for value in curve.values]
    places = decimate(ys, 2 * width)
    finite = [ys[i] for i in places if math.isfinite(ys[i])]
    if not finite:
        return ["", show.cut("  no finite value" + (" above zero" if log else ""), width)]
    low, high = spread(min(finite), max(finite))
    first, last = curve.steps[0], max(curve.steps[-1], curve.steps[0])
    figure = type(plotext.figure)(type(plotext.terminal)().limit(False, False))
    figure.plot_size(width, height - 1)
    figure.theme("colorless")
    for stretch in stretches(places, ys):
        xs = [position(curve.steps[i], first, last) for i in stretch]
        points = [position(ys[i], low, high) for i in stretch]
        marker = plotext.marker("braille", plotext.pixel(foreground=rgb) if rgb else None)
        figure.draw(figure.signal(xs, points, marker=marker).lines())
    for axis, ticks in (
        ("y", (log_ticks if log else value_ticks)(low, high, max(3, height // 3))),
        ("x", [(t, f"{t:g}") for t in ticks_between(first, last, max(2, width // 14), whole=True)]),
    ):
        span = (low, high) if axis == "y" else (first, last)
        ruler = figure.ruler(axis, "left" if axis == "y" else "lower")
        ruler.lim(0, 1)
        ruler.ticks([position(t, *span) for t, _ in ticks], [label for _, label in ticks])
    text = figure.build().string(colorless=rgb is None)
    lines = [line for line in text.split("\n") if line][: height - 1]
    return [*lines, show.clean(curve.index or "sample", 30).center(width).rstrip()]


def _level(value: float, log: bool) -> float:
    """Where a value is drawn: itself, or its decimal logarithm, nan where it has none."""
    if not log:
        return value
    return math.log10(value) if value > 0 and math.isfinite(value) else math.nan


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
