"""How far a run is, when it will be done, and whether that is before its time limit. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.forecast import Forecast
from trainboard.pace import MOST, Pace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.extract.progress import Progress
    from trainboard.rows import Row
    from trainboard.series import Series

SKEW = 60.0
"""Seconds that a clock may be wrong; a moment beyond is in another time zone, and tells no silence."""

FIRST = (0.3, 1.5)
"""After its first line a run may take so many times what that line took, shared out: its start was in it."""

EARLY = 8
"""Points until which every one is a reason to forecast anew."""

ANEW = (2.0, 100.0, 30.0)
"""Then it is done anew after a hundredth of what is left, but not within the first figure of seconds, nor later than
after the last: a board has hundreds of runs."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of a run's way to its end. Moments are seconds since the epoch, the rest seconds from now."""

    done: float | None
    """In units; None where nobody says how long the run is."""
    total: float | None
    unit: str
    """The index word: `epoch`, `step`, …; empty where `done` is None."""
    share: float | None
    """From 0 to 1."""
    eta: float | None
    """Seconds left, likely; None where it cannot be told: not running, stalled, or nothing seen yet."""
    eta_low: float | None
    """With `eta_high` the interval in which the end is nine times in ten."""
    eta_high: float | None
    in_time: bool | None
    """Whether it ends before its time limit; None where there is none, or it may go either way (`limit` tells)."""
    limit: float | None
    """When its time limit ends it; None: it has none, or does not run."""
    checkpoint: float | None
    """When its newest checkpoint was saved; None where none is known."""
    improved: tuple[float, float] | None
    """Step and moment of the objective's best value; the moment may be nan."""
    stalled: float | None = None
    """Seconds that it is silent, where that is far longer than ever before."""


@dataclass(frozen=True, slots=True)
class Left:
    """Seconds until a run is done."""

    low: float | None = None
    likely: float | None = None
    """None: nobody knows."""
    high: float | None = None
    stalled: float | None = None
    """As in `Estimate`."""


class Course:
    """How one run gets on, for a board: what comes in costs little, and a forecast is made when somebody asks."""

    __slots__ = ("_at", "_forecast", "_pace", "_seen", "progress")

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self._pace = Pace()
        self._seen = -math.inf
        """When it last gave a sign of life, by our clock."""
        self._forecast: Forecast | None = None
        self._at = -math.inf
        """The sign of life that the forecast is from."""

    def begin(self, progress: Progress | None, stored: Mapping[str, Series], now: float) -> None:
        """Take up what is known of it."""
        self.progress = progress
        self._forecast, self._at = None, -math.inf
        if progress is not None:
            self._pace = pace_of(progress, stored)
        self._seen = now - silence(stored, None, now)

    def see(self, progress: Progress | None, moment: float | None, now: float) -> None:
        """It has printed something at `moment`, which came here `now`; None: nobody knows when it printed that."""
        self._seen = now
        if progress is None:
            return
        if self.progress is not None and (progress.unit, progress.total) != (self.progress.unit, self.progress.total):
            self._pace, self._forecast = Pace(), None
        self.progress = progress
        if moment is not None:
            self._pace.add(moment, progress.done)

    def left(self, row: Row, now: float, counted: Progress | None = None) -> Left:
        """How long the row still takes; `counted`: how far it is, where it does not say that itself."""
        progress = self.progress or counted
        if progress is None or row.started is None or row.state is not JobState.RUNNING:
            return Left()
        if self._forecast is None or len(self._pace) < EARLY or self._seen >= self._at + self._patience():
            self._forecast = forecast(self._pace, progress, row, min(self._seen, now))
            self._at = self._seen
        return left(self._forecast, max(0.0, now - self._seen), self._seen - self._at)

    def _patience(self) -> float:
        least, parts, most = ANEW
        return 0.0 if self._forecast is None else min(most, max(least, self._forecast.likely / parts))


def estimate(progress: Progress | None, series: Mapping[str, Series], row: Row, now: float) -> Estimate | None:
    """All of it from a run's whole series; None where nothing is known. `progress`: as its log tells it."""
    progress = progress or counted(newest_steps(series), row.total)
    runs = row.state is JobState.RUNNING and row.started is not None
    told = Left()
    if progress is not None and runs:
        silent = silence(series, row.started, now)
        told = left(forecast(pace_of(progress, series, row.started), progress, row, now - silent), silent)
    limit = deadline(row)
    saved = max(row.checkpoints, default=None)
    best = improved(series, row)
    if progress is None and limit is None and saved is None and best is None:
        return None
    if progress is not None:
        progress = replace(progress, done=reached(progress.done, progress.total, row.state))
    return Estimate(
        done=None if progress is None else progress.done,
        total=None if progress is None else progress.total,
        unit="" if progress is None else progress.unit,
        share=None if progress is None else progress.fraction,
        eta=told.likely,
        eta_low=told.low,
        eta_high=told.high,
        in_time=in_time(told, limit, now),
        limit=limit,
        checkpoint=saved,
        improved=best,
        stalled=told.stalled,
    )


def counted(newest: Mapping[str, float], total: Mapping[str, float]) -> Progress | None:
    """How far a run is that does not say it: by the first index of its total that its samples count."""
    from trainboard.extract.progress import Progress

    for unit, whole in total.items():
        for word in (unit, unit.removesuffix("s")):
            if whole > 0 and math.isfinite(newest.get(word, math.nan)):
                return Progress(newest[word], whole, word)
    return None


def newest_steps(series: Mapping[str, Series]) -> dict[str, float]:
    """The greatest newest step by the index that it counts."""
    newest: dict[str, float] = {}
    for each in series.values():
        if len(each):
            newest[each.index] = max(newest.get(each.index, 0.0), float(each.steps[-1]))
    return newest


def reached(done: float, total: float, state: JobState) -> float:
    """How far a row is: one that counts from 0 and has completed says one less than its total at its end."""
    return total if state is JobState.COMPLETED and total - done == 1 else done


def deadline(row: Row) -> float | None:
    """When its time limit ends a running row."""
    runs = row.state is JobState.RUNNING and row.started is not None
    return (row.started or 0.0) + row.time_limit if runs and row.time_limit else None


def in_time(told: Left, limit: float | None, now: float) -> bool | None:
    """Whether the end comes before the limit; None where it may go either way, or nobody knows."""
    if limit is None:
        return None
    if told.high is not None and now + told.high <= limit:
        return True
    return False if told.low is not None and now + told.low > limit else None


def forecast(pace: Pace, progress: Progress, row: Row, newest: float) -> Forecast | None:
    """What is left at its newest sign of life; until there are two, by the time since it started."""
    todo = max(0.0, progress.total - progress.done)
    found = pace.forecast(todo)
    if found is not None or row.started is None or progress.done <= 0 or (row.attempt or 1) > 1:
        return found  # one that was resumed has not done it all since it started
    took = newest - row.started
    likely = took * todo / progress.done
    low, high = FIRST
    return Forecast(low * likely, likely, high * likely, took, took) if took > 0 else None


def left(found: Forecast | None, silent: float, since: float = 0.0) -> Left:
    """What a forecast says that was made so many seconds before the run was last heard of."""
    if found is None:
        return Left()
    now = found.after(silent, since)
    return Left(stalled=silent) if now is None else Left(*now)


def silence(series: Mapping[str, Series], started: float | None, now: float) -> float:
    """Seconds since the newest sample; 0 where its moment is in another time zone, or nobody knows it."""
    import numpy as np

    newest = max(
        (float(np.fmax.reduce(each.walls, initial=-math.inf)) for each in series.values()), default=-math.inf
    )
    return max(0.0, now - newest) if newest > (started or 0.0) - SKEW else 0.0


def pace_of(progress: Progress, series: Mapping[str, Series], started: float | None = None) -> Pace:
    """The pace by the metric that has most samples, in the units of the progress."""
    import numpy as np

    from trainboard.extract.names import INDEX_KINDS

    counted = [each for each in series.values() if each.index in INDEX_KINDS and len(each)]
    if not counted:
        return Pace()
    richest = max(counted, key=lambda each: (len(each), each.index == progress.unit))
    moments, work = richest.walls[richest.newest :], richest.steps[richest.newest :]
    known = np.abs(work) < MOST
    moments, work = moments[known], work[known]
    scale = 1.0
    if richest.index != progress.unit:
        scale = progress.done / float(work[-1]) if len(work) and work[-1] > 0 else 0.0
    own = moments >= (started or 0.0) - SKEW
    if own.any():  # else its clock is in another time zone
        moments, work = moments[own], work[own]
    return Pace.of(moments, work * scale)


def improved(series: Mapping[str, Series], row: Row) -> tuple[float, float] | None:
    """Where the objective was best."""
    import numpy as np

    from trainboard.extract.names import objective

    name = objective(list(series), row.objective)
    if name is None:
        return None
    steps, values, walls = series[name].current()
    score = -values if row.goal == "maximize" else values
    score = np.where(np.isfinite(score), score, np.inf)
    if not len(score) or not math.isfinite(score.min()):
        return None
    best = int(score.argmin())
    return float(steps[best]), float(walls[best])
