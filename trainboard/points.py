"""Points in many dimensions, as a program saved them. Pure.

What is left out is counted and said, never silent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Places = NDArray[np.intp]

ROWS = 20_000
"""Points that are drawn; of more, so many of all of the table."""
BYTES = 48 << 20
"""Read of one file."""
LABELS = re.compile(
    r"(?i)(?:true_?|y_?)?(?:label|class|target|category|cluster|species|group|digit|y)(?:es|s)?(?:_?name)?"
)
"""What the column or the array is called that tells the classes."""


class PointsError(Exception):
    """A table that cannot be shown: `str()` is one line that says why and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points, and what is known of each."""

    matrix: Matrix
    """Points × dimensions, all finite."""
    rows: Places
    """Of each point, its row in the table, from 0."""
    total: int
    """Rows of the table; of a text that was not read to its end, of what was read."""
    labels: tuple[str, ...] = ()
    """The class of each point; empty where nobody tells."""
    names: tuple[str, ...] = ()
    """What each point is; empty where nobody tells."""
    notes: tuple[str, ...] = ()
    """What was left out, for people."""


def finite(points: Points) -> Points:
    """Without the rows that are not finite. Raises `PointsError` where none is left."""
    good: NDArray[np.bool_] = np.asarray(np.isfinite(points.matrix).all(axis=1))
    lost = len(good) - int(good.sum())
    if not good.any():
        what = "all of its rows have a NaN or an infinity" if lost else "has no rows"
        raise PointsError(f"{what}: there is nothing to draw")
    if not lost:
        return points
    return _kept(points, good, f"{lost:,} rows left out: not finite")


def _kept(points: Points, which: NDArray[np.bool_], note: str = "") -> Points:
    places = np.flatnonzero(which)
    return replace(
        points,
        matrix=points.matrix[places],
        rows=points.rows[places],
        labels=tuple(points.labels[place] for place in places) if points.labels else (),
        names=tuple(points.names[place] for place in places) if points.names else (),
        notes=(*points.notes, note) if note else points.notes,
    )


def thinned(points: Points, most: int = ROWS) -> Points:
    """At most so many points."""
    count = len(points.matrix)
    if count <= most:
        return points
    which = np.zeros(count, np.bool_)
    which[chosen(count, most)] = True
    return _kept(points, which, f"{most:,} of {count:,} rows")


def chosen(count: int, most: int = ROWS) -> Places:
    """At most so many of `count` places, rising: drawn, the same at every time, for tables have their rhythms."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def labelled_by(points: Points, words: Sequence[str]) -> Points:
    """The points with the labels of all rows; where these are of another table, that is said."""
    if len(words) != points.total:
        said = f"the labels beside it are {len(words):,}, not {points.total:,}: not used"
        return replace(points, notes=(*points.notes, said))
    return replace(points, labels=tuple(words[row] for row in points.rows.tolist()))
