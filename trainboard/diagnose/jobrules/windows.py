"""The newest stretch of what a job uses, and how it goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trainboard.naming import is_usage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainboard.diagnose.jobseen import JobSeen
    from trainboard.series import Series

    Column = NDArray[np.float64]

POINTS = 64
"""Of a stretch, for a slope: the median of the slopes of all pairs of them."""

_GPU = re.compile(r"usage/gpu(\d+)/")


class Stretch(NamedTuple):
    """Samples of the newest attempt, the oldest first."""

    walls: Column
    """Seconds since the epoch."""
    values: Column

    @property
    def span(self) -> float:
        """Seconds from the first to the last."""
        return float(self.walls[-1] - self.walls[0]) if len(self.walls) else 0.0


class Trend(NamedTuple):
    """How a stretch goes on."""

    slope: float
    """A second."""
    order: float
    """Spearman's correlation with time: 1 where it only ever rises."""
    first: float
    last: float


def recent(seen: JobSeen, name: str, seconds: float) -> Stretch:
    """The samples of a series in the last so many seconds, as far as they are finite."""
    found = seen.series.get(name)
    return EMPTY if found is None else last_of(found, now_of(seen) - seconds)


def last_of(series: Series, since: float) -> Stretch:
    """The finite samples of the newest attempt since then."""
    walls, values = series.walls[series.newest :], series.values[series.newest :]
    kept = (walls >= since) & np.isfinite(values)
    return Stretch(walls[kept], values[kept])


EMPTY = Stretch(np.empty(0), np.empty(0))


def now_of(seen: JobSeen) -> float:
    """Now, or when the job ended."""
    return seen.now if seen.row is None or seen.row.ended is None else min(seen.now, seen.row.ended)


def gpus(seen: JobSeen) -> list[int]:
    """The numbers of the GPUs that the runner measured."""
    return sorted({int(found[1]) for name in seen.series if (found := _GPU.match(name))})


def first_sample(seen: JobSeen) -> float | None:
    """When the training first measured something; None where it has not."""
    moments = [
        float(each.walls[each.newest])
        for name, each in seen.series.items()
        if not is_usage(name) and len(each) > each.newest and np.isfinite(each.walls[each.newest])
    ]
    return min(moments, default=None)


def trend(stretch: Stretch) -> Trend | None:
    """Theil and Sen's slope of a stretch, of as many points as are needed; None where there are too few."""
    walls, values = stretch
    if len(walls) < 8:
        return None
    places = np.unique(np.linspace(0, len(walls) - 1, min(POINTS, len(walls))).astype(int))
    walls, values = walls[places], values[places]
    one, other = np.triu_indices(len(walls), 1)
    apart = walls[other] - walls[one]
    slopes = (values[other] - values[one])[apart > 0] / apart[apart > 0]
    if not len(slopes):
        return None
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float)
    order = float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1]) if np.ptp(values) > 0 else 0.0
    quarter = max(1, len(values) // 4)
    first, last = float(np.median(values[:quarter])), float(np.median(values[-quarter:]))
    return Trend(float(np.median(slopes)), order, first, last)
