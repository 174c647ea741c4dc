"""Zoom, pan and the cursor of a plot, and the words for them. Levels of x are those of its scale. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tui import show
from tui.scale import Along, levels, moment, told

if TYPE_CHECKING:
    from tui.chart import View
    from tui.scale import Scale
    from tui.traces import Trace

    Span = tuple[float, float]

FINEST = 1e-9
"""The part of the whole that is seen at least; finer than that, floats are steps."""


def zoomed(x: Scale, whole: Span, factor: float, around: float | None) -> Span | None:
    """A stretch so many times shorter; a level that is seen stays where it is. None: the whole."""
    low, high = x.low, x.high
    center = around if around is not None and low <= around <= high else (low + high) / 2
    size = high - low
    if factor > 1 and size / factor < FINEST * max(whole[1] - whole[0], abs(low), abs(high)):
        return low, high
    start = center - (center - low) / factor
    return _within(start, start + size / factor, whole)


def panned(x: Scale, whole: Span, share: float) -> Span | None:
    """The same length, moved by a share of it; None: the whole."""
    by = (x.high - x.low) * share
    return _within(x.low + by, x.high + by, whole)


def following(x: Scale, whole: Span, level: float) -> Span | None:
    """What is seen, moved so far that a level is within."""
    size = x.high - x.low
    low = min(max(x.low, level - size), level)
    return _within(low, low + size, whole)


def _within(low: float, high: float, whole: Span) -> Span | None:
    """A stretch, moved to where there is something; None where it is the whole."""
    size = high - low
    if size >= (whole[1] - whole[0]) * (1 - FINEST):
        return None
    low = min(max(low, whole[0]), whole[1] - size)
    return low, low + size


def stepped(trace: Trace, x: Scale, cursor: float | None, cells: float, width: int) -> float | None:
    """The x of the sample so many cells further, or of the next one where that is farther; None without samples.

    Without a cursor it begins at the newest sample that is seen.
    """
    xs = trace.raw[0]
    if not len(xs):
        return None
    if cursor is None:
        newest = trace.near(x.at(1.0))
        return None if newest is None else float(xs[newest])
    here = float(levels(np.array([cursor]), x.log)[0])
    target = x.at(x.place(here) + cells / width)
    place = trace.near(target)
    if place is None:
        return None
    if (float(xs[place]) - cursor) * cells <= 0:
        place = int(np.searchsorted(xs, cursor, "right") if cells > 0 else np.searchsorted(xs, cursor) - 1)
    return float(xs[place]) if 0 <= place < len(xs) else cursor


def words(view: View, weight: float) -> str:
    """How curves are looked at."""
    notes = (
        f"smoothed {weight:g}" if weight else "not smoothed",
        "log y" if view.log_y else "",
        "log x" if view.log_x else "",
        "no outliers" if view.robust else "",
        "own scales" if view.own else "",
        "zoomed" if view.span else "",
    )
    return " · ".join(filter(None, notes))


def where(trace: Trace, view: View, x: float, unit: str) -> str:
    """The cursor's place, by what x counts and beside it as a time, or as a step where x is one."""
    place = trace.near(x)
    known = told(x, view.along)
    if place is None:
        return known
    if view.along in (Along.RELATIVE, Along.WALL):
        return f"{known}  {show.clean(trace.index or 'sample', 20)} {trace.steps[place]:.10g}"
    wall = float(trace.walls[place])
    return f"{unit} {known}{'' if math.isnan(wall) else f'  {moment(wall)}'}"
