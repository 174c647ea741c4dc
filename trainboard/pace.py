"""How a run got on: when it first had done how much. Pure."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from trainboard.forecast import STALL, forecast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trainboard.forecast import Forecast

    Column = NDArray[np.float64]

KEPT = 512
"""Points kept of a run; neighbours are merged beyond, but for pauses."""

MOST = 1e15
"""No moment and no step is beyond it; neither is nan."""

RESOLUTION = 0.1
"""Seconds: points that lie closer are one."""


class Pace:
    """When a run first had reached each amount of work, newest last."""

    __slots__ = ("_work", "moments")

    def __init__(self) -> None:
        self.moments = array("d")
        """Seconds since the epoch."""
        self._work = array("d")

    @classmethod
    def of(cls, moments: Column, work: Column) -> Pace:
        """That of a run of which the columns are known."""
        import numpy as np

        sound = (np.abs(moments) < MOST) & (np.abs(work) < MOST)
        moments, work = moments[sound], work[sound]
        sound = moments >= np.maximum.accumulate(moments) if len(moments) else sound[:0]
        moments, work = moments[sound], work[sound]
        # Of equal moments the most that was done; of equal work the first moment; no dips.
        latest = np.append(np.diff(np.floor(moments / RESOLUTION)) > 0, True)[: len(work)]
        moments, work = moments[latest], work[latest]
        news = np.concatenate((np.ones(min(1, len(work)), np.bool_), np.diff(work) != 0))
        moments, work = moments[news], work[news]
        if len(work) > 2:
            dips = (work[1:-1] < work[:-2]) & (work[2:] >= work[:-2])
            kept = np.concatenate(([True], ~dips, [True]))
            moments, work = moments[kept], work[kept]
        while len(work) > KEPT:
            kept = thinned(moments, work)
            moments, work = moments[kept], work[kept]
        pace = cls()
        pace.moments, pace._work = array("d", moments.tolist()), array("d", work.tolist())
        return pace

    def __len__(self) -> int:
        return len(self._work)

    def add(self, moment: float, done: float) -> bool:
        """At `moment` this much was done; whether that is news."""
        if not (abs(moment) < MOST and abs(done) < MOST):
            return False
        if not self._work:
            self._append(moment, done)
            return True
        if done == self._work[-1] or -STALL < moment - self.moments[-1] < 0:
            return False
        if self._dipped(done):
            del self.moments[-1], self._work[-1]
        if 0 <= moment - self.moments[-1] < RESOLUTION and done > self._work[-1]:
            self._work[-1] = done
        else:
            self._append(moment, done)
        return True

    def _dipped(self, done: float) -> bool:
        """Whether the last point was no step back of the run, but a count of something else in between."""
        return len(self._work) > 2 and self._work[-1] < self._work[-2] <= done

    def _append(self, moment: float, done: float) -> None:
        self.moments.append(moment)
        self._work.append(done)
        if len(self._work) > KEPT:
            self._thin()

    def _thin(self) -> None:
        import numpy as np

        moments, work = np.array(self.moments), np.array(self._work)
        kept = thinned(moments, work)
        self.moments, self._work = array("d", moments[kept]), array("d", work[kept])

    def forecast(self, left: float) -> Forecast | None:
        """What so much work more will take; None where no pace can be told yet."""
        import numpy as np

        return forecast(np.array(self.moments), np.array(self._work), left)


def thinned(moments: Column, work: Column) -> NDArray[np.bool_]:
    """Which points to keep: about half, but all around pauses; where all are pauses, half of the older ones."""
    import numpy as np

    gaps, done = np.diff(moments), np.diff(work)
    usual = (done > 0) & (gaps >= 0)
    pace = gaps[usual] / done[usual]
    usual[usual] = pace <= 2 * np.median(pace) if len(pace) else False
    kept = np.ones(len(work), np.bool_)
    inner = np.arange(1, len(work) - 1, 2)
    kept[inner] = ~(usual[inner - 1] & usual[inner])
    if kept.sum() > 7 * len(work) // 8:
        kept[1 : len(work) // 2 : 2] = False
    return kept
