"""Curves with fewer points that look the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]


def decimate(
    steps: Sequence[float] | Column, values: Sequence[float] | Column, points: int
) -> list[tuple[float, float]]:
    """A curve with fewer points that looks the same: first, last, least and greatest of each of its pieces.

    Pairs keep their order and are pairs of the input. A piece that holds a nan keeps one, so that a gap stays seen;
    infinite values are values. At most `points` pairs, or 5 where that is more; a curve that is short enough is
    returned whole.
    """
    import numpy as np

    x, y = np.asarray(steps, np.float64), np.asarray(values, np.float64)
    places = outline(y, points)
    return list(zip(x[places].tolist(), y[places].tolist(), strict=True))


def outline(values: Column, points: int) -> NDArray[np.intp]:
    """The places of what `decimate` keeps, in order."""
    import numpy as np

    count = len(values)
    if count <= max(points, 1):
        return np.arange(count)
    edges = np.arange(max(1, points // 5) + 1) * count // max(1, points // 5)
    starts, lasts = edges[:-1], edges[1:] - 1
    # One piece a row; short ones say their last value again.
    places = np.minimum(starts[:, None] + np.arange((lasts - starts).max() + 1), lasts[:, None])
    block = values[places]
    gaps = np.isnan(block)
    rows = np.arange(len(starts))
    kept = np.zeros(count, np.bool_)
    for column in (
        np.where(gaps, np.inf, block).argmin(1),
        np.where(gaps, -np.inf, block).argmax(1),
        gaps.argmax(1),
        0,
        -1,
    ):
        kept[places[rows, column]] = True
    return np.flatnonzero(kept)
