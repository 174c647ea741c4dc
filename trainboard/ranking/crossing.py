"""A metric over two parameters: the mean of the runs at each pair of their levels. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specs.braces import as_text
from trainboard.ranking.columns import is_number
from trainboard.ranking.effects import levels, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from specs.model import Scalar
    from trainboard.compare import Comparison
    from trainboard.ranking.columns import Column

MOST = 24
"""Levels of a parameter that are shown; of words there may be more."""


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """Rows are the levels of `y`, columns those of `x`."""

    x: str
    y: str
    across: tuple[str, ...]
    down: tuple[str, ...]
    means: NDArray[np.float64]
    """nan where no run is."""
    counts: NDArray[np.intp]
    best: tuple[int, int] | None
    """The row and the column of the best mean, where one knows what is better."""
    left_out: int
    """Runs without a finite value, or of levels beyond those that are shown."""


def crossing(found: Comparison, column: Column, x: str, y: str) -> Crossing | None:
    """None where no run has a finite value."""
    counted = sample(found.entries, column)
    if not counted.entries:
        return None
    across, titles_x = axis([entry.params.get(x) for entry in counted.entries])
    down, titles_y = axis([entry.params.get(y) for entry in counted.entries])
    kept = (across < MOST) & (down < MOST)
    shape = min(MOST, len(titles_y)), min(MOST, len(titles_x))
    places = down[kept] * shape[1] + across[kept]
    size = shape[0] * shape[1]
    counts = np.bincount(places, minlength=size)
    # Of halves, so that large values do not overflow in their sum.
    sums = np.bincount(places, weights=counted.values[kept] / len(counted.values), minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(counts > 0, sums / counts * len(counted.values), np.nan).reshape(shape)
    goal, best = found.goals.get(column.name), None
    if goal and np.isfinite(means).any():
        place = int(np.nanargmax(means) if goal == "maximize" else np.nanargmin(means))
        best = place // shape[1], place % shape[1]
    left_out = counted.left_out + int((~kept).sum())
    return Crossing(x, y, titles_x[: shape[1]], titles_y[: shape[0]], means, counts.reshape(shape), best, left_out)


def axis(values: Sequence[Scalar]) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Of each value its place along an axis, numbers by size before words, and what is written at each place."""
    codes, binned = levels(values)
    members: dict[int, list[Scalar]] = {}
    for code, value in zip(codes.tolist(), values, strict=True):
        members.setdefault(code, []).append(value)
    ordered = sorted(members, key=lambda code: _place(members[code][0]))
    place = np.zeros(max(ordered) + 1, np.intp)
    place[ordered] = np.arange(len(ordered))
    titles = [_title(members[code], binned=binned) for code in ordered]
    return place[codes], tuple(titles)


def _place(value: Scalar) -> tuple[int, float, str]:
    if isinstance(value, int | float) and is_number(value) and not math.isnan(value):
        return 0, float(value), ""
    return 1, 0.0, as_text(value)


def _title(values: Sequence[Scalar], *, binned: bool) -> str:
    if not binned:
        return as_text(values[0]) or "–"
    return f"≥{min(float(value) for value in values if isinstance(value, int | float)):.3g}"
