"""Curves of any length made as short as the screen can show, without losing a peak; and smoothing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Column = NDArray[np.float64]

POINTS = 16_384
"""Points of a smoothed curve at most: a hundredth of the shortest time that it is smoothed over."""
STEPS = 1000
"""A smoothing weight is what is left of a sample's own after two thousandths of the whole curve."""
NATS = 200.0
"""How far weights may grow in one stretch of a sum: e**200 is far from what a float cannot hold."""


def outline(
    xs: Column,
    ys: Column,
    edges: Column,
    along: Callable[[Column], Column],
    up: Callable[[Column], Column],
) -> tuple[Column, Column]:
    """What a curve spans between one edge and the next: its least and greatest level, nan where it has none.

    The curve goes straight from sample to sample and has a gap at a value that is nan. `xs` and `edges` never fall;
    `along` and `up` take x and y to the axes' levels, and rise.
    """
    places = np.searchsorted(xs, edges)
    places[-1] = np.searchsorted(xs, edges[-1], "right")
    low, high = (up(part) for part in _extremes(ys, places))
    crossing = _crossing(xs, ys, edges, places, along, up)
    return (
        np.fmin(low, np.fmin(crossing[:-1], crossing[1:])),
        np.fmax(high, np.fmax(crossing[:-1], crossing[1:])),
    )


def _extremes(ys: Column, places: NDArray[np.intp]) -> tuple[Column, Column]:
    """The least and greatest of the samples between two places each."""
    low = np.full(len(places) - 1, np.nan)
    high = low.copy()
    filled = places[1:] > places[:-1]
    if filled.any():
        part = ys[places[0] : places[-1]]
        starts = places[:-1][filled] - places[0]
        low[filled], high[filled] = np.fmin.reduceat(part, starts), np.fmax.reduceat(part, starts)
    return low, high


def _crossing(
    xs: Column,
    ys: Column,
    edges: Column,
    places: NDArray[np.intp],
    along: Callable[[Column], Column],
    up: Callable[[Column], Column],
) -> Column:
    """The level of the curve where it crosses each edge; nan where it does not."""
    found = np.full(len(edges), np.nan)
    inside = (places > 0) & (places < len(xs))
    after = places[inside]
    left, right, here = along(xs[after - 1]), along(xs[after]), along(edges[inside])
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        share = np.clip((here / 2 - left / 2) / (right / 2 - left / 2), 0, 1)
        found[inside] = up(ys[after - 1]) * (1 - share) + up(ys[after]) * share
    return found


def smooth(xs: Column, ys: Column, weight: float) -> tuple[Column, Column]:
    """The exponential moving average over x, each sample counted by how far behind it lies: a curve of its own.

    It goes by x and not by the number of samples, so that a metric that is printed more often is not smoothed less.
    Values that are nan count for nothing, and the curve is nan there.
    """
    span = xs[-1] - xs[0] if len(xs) else 0.0
    if not 0 < weight < 1 or not span > 0 or not np.isfinite(span):
        return xs, ys
    xs, sums, counts = _binned(xs, ys)
    ages = (xs - xs[0]) / span * (-np.log(weight) / 2 * STEPS)
    bounds = np.searchsorted(ages, np.arange(0, ages[-1] + NATS, NATS)).tolist()
    above, below = np.empty(len(xs)), np.empty(len(xs))
    carried = 0.0, 0.0
    for start, end in zip(bounds, [*bounds[1:], len(xs)], strict=True):
        if start == end:
            continue
        grown = np.exp(ages[start:end] - ages[start])
        faded = np.exp(ages[start - 1] - ages[start]) if start else 1.0
        with np.errstate(over="ignore", invalid="ignore"):
            above[start:end] = (np.cumsum(sums[start:end] * grown) + carried[0] * faded) / grown
            below[start:end] = (np.cumsum(counts[start:end] * grown) + carried[1] * faded) / grown
        carried = above[end - 1], below[end - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return xs, np.where(counts > 0, above / below, np.nan)


def _binned(xs: Column, ys: Column) -> tuple[Column, Column, Column]:
    """At most `POINTS` places, with the sum and the number of the values that are there."""
    gaps = np.isnan(ys)
    values = np.where(gaps, 0.0, ys) if gaps.any() else ys
    counts = (~gaps).astype(np.float64)
    if len(xs) <= POINTS:
        return xs, values, counts
    edges = np.linspace(xs[0], xs[-1], POINTS + 1)
    starts = np.unique(np.searchsorted(xs, edges[:-1]))
    sizes = np.diff(starts, append=len(xs))
    with np.errstate(over="ignore"):
        return np.add.reduceat(xs, starts) / sizes, np.add.reduceat(values, starts), np.add.reduceat(counts, starts)
