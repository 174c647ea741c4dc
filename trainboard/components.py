"""Principal components of points, and which points are near one. Pure; off the event loop where there are many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trainboard.points import chosen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Column = NDArray[np.float64]

KEPT = 10
"""Components to choose from."""
WORK = 1.5e9
"""Of wide tables so many rows tell the directions that they cost about this many multiplications."""
FLAT = 1e-12
"""A component with less of the whole is none: it is what rounding left."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Points along the directions in which they differ most."""

    scores: Matrix
    """Points × components."""
    directions: Matrix
    """Components × dimensions, each of length one."""
    shares: Column
    """Of the whole variance, by component, falling."""
    fitted: int
    """Points that told the directions: all, or some of many."""


def components(points: Matrix, most: int = KEPT, work: float = WORK) -> Components:
    """The principal components: the singular vectors of the points less their mean.

    The sign is that in which the greatest number of a direction is positive. Where all points are one, there is none.
    """
    size = float(np.abs(points).max(initial=0.0)) or 1.0
    scaled = points / size
    centred = scaled - scaled.mean(axis=0)
    count, width = centred.shape
    fitted = centred[chosen(count, _rows(count, width, work))]
    if len(fitted) < count:
        fitted = fitted - fitted.mean(axis=0)
    _, strengths, directions = np.linalg.svd(fitted, full_matrices=False)
    whole = float(np.square(strengths).sum())
    shares = np.square(strengths) / whole if whole > 0 else np.zeros(len(strengths))
    kept = min(most, int(np.count_nonzero(shares > FLAT)))
    directions = directions[:kept]
    greatest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(kept), greatest])[:, None]
    return Components(centred @ directions.T * size, directions, shares[:kept], len(fitted))


def _rows(count: int, width: int, work: float) -> int:
    """How many rows tell the directions."""
    affordable = work / max(1, width) / max(1, min(width, count))
    return max(min(count, 200), min(count, int(affordable)))


def turned(found: Components, like: Components) -> Components:
    """The same with the signs in which it is most like another one: where the points are the same, by the points."""
    kept = min(len(found.shares), len(like.shares))
    if len(found.scores) == len(like.scores):
        agree = (_centred(found.scores[:, :kept]) * _centred(like.scores[:, :kept])).sum(axis=0)
    elif found.directions.shape[1] == like.directions.shape[1]:
        agree = (found.directions[:kept] * like.directions[:kept]).sum(axis=1)
    else:
        return found
    signs = np.ones(len(found.shares))
    signs[:kept] = np.where(agree < 0, -1.0, 1.0)
    return replace(found, scores=found.scores * signs, directions=found.directions * signs[:, None])


def _centred(scores: Matrix) -> Matrix:
    return np.asarray(scores - scores.mean(axis=0), np.float64)


def nearest(points: Matrix, at: int, count: int, *, cosine: bool = False) -> list[tuple[int, float]]:
    """The points that are nearest to one in all dimensions, with their distances, the nearest first.

    `cosine`: one less the cosine of the angle, instead of the Euclidean distance; a point at the origin has none.
    """
    size = float(np.abs(points).max(initial=0.0)) or 1.0
    scaled = points / size
    if cosine:
        lengths = np.linalg.norm(scaled, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            distances = 1 - (scaled @ scaled[at]) / (lengths * lengths[at])
        distances = np.where(np.isfinite(distances), np.maximum(distances, 0.0), np.inf)
    else:
        distances = np.linalg.norm(scaled - scaled[at], axis=1) * size
    distances[at] = np.inf
    order = np.argsort(distances, kind="stable")[: max(0, min(count, len(points) - 1))]
    return [(int(place), float(distances[place])) for place in order if np.isfinite(distances[place])]
