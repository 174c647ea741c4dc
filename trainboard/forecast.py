"""How long the rest of a run takes: the pace of its work, and the pauses that come back. Pure.

What is left is the remaining work at the pace of late, plus the pauses that are still to come: work that took far
longer than the same work usually does (evaluations, checkpoints), and does so again after equal amounts of work. So
one pause more or less changes little. The interval is Student's, from how much the pace of equal pieces differed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

PIECES = 16
"""Of equal work, in which the pace is compared."""

MEMORY = 1 / 4
"""Of what is known, the age at which a pace counts half."""

DOUBT, DOUBTS = 0.06, 2.0
"""How much the pace of two pieces differs before anything is known, as a share of it, and for how many pieces that
counts."""

LEAST_WORK = 1e-30
"""Between two lines: with less, the square of a pace is no number any more."""
LEAST_DOUBT = 0.01
"""Of every forecast, one standard deviation as a share: what no history tells."""

WANDER, FURTHEST = 0.6, 4.0
"""Of the variance between pieces, how much is added for work that is as much as all that was seen: others come to the
machine and go, and what was once does not stay; and to how many times that it grows."""

LATER = 1.2
"""What was never seen before makes a run longer more often than shorter: the interval is so much wider there."""

STALL, PATIENCE = 180.0, 5.0
"""A run is stalled that is silent for so many seconds and so many times its longest silence before."""

SCALES = 4 * 1.4826
"""Work that takes longer than usual by so many median deviations, and at least twice as long, holds a pause."""

IN_A_ROW = 3
"""Pauses, one after the other, are none."""

KIND = 1.8
"""Pauses of which one takes so many times as long as the next shorter one are of different kinds."""

REGULAR = 0.25
"""The variation of the distances between pauses, as a share, below which they are counted and not only averaged."""

ONCE = 1.5
"""So many times a pause that was seen once has to be expected, that it is as likely as not that it comes back."""

LATE = 1.5
"""So many times the work before it, after which a pause that has not come back is not waited for."""

RECENT = 32
"""Gaps from which the next one is told."""

WIDEST = 1.5
"""The logarithm of how many times longer or shorter than likely it may take."""

Q90 = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83, 1.81)
"""Student's t at 95 % for 1, 2, … degrees of freedom: nine in ten lie between it and its negative."""
Q90_NORMAL = 1.645


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds from the newest point to the end, as they look there."""

    low: float
    likely: float
    high: float
    pause: float
    """Until the next point is due."""
    longest: float
    """The longest time between two points so far."""

    def after(self, silent: float, since: float = 0.0) -> tuple[float, float, float] | None:
        """Low, likely and high after so many seconds without another point; None: it is stalled.

        `since`: seconds between the point of the forecast and the newest one.
        """
        if silent > max(STALL, PATIENCE * self.longest):
            return None
        went = min(silent, self.pause) + since
        late = silent - min(silent, self.pause)
        return max(0.0, self.low - went), max(0.0, self.likely - went), max(0.0, self.high - went) + late


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses of one kind that are still to come."""

    count: float
    seconds: float
    """Each."""
    variance: float
    """Of all of them together, seconds squared."""
    next_in: float
    """Work until the next one."""


def forecast(moments: Column, work: Column, left: float) -> Forecast | None:
    """The same from when each amount of work was done."""
    import numpy as np

    sound = (np.diff(moments) > 0) & (np.diff(work) > LEAST_WORK)
    if not sound.any():
        return None
    gaps, done, ends = np.diff(moments)[sound], np.diff(work)[sound], work[1:][sound]
    # What takes long at a start is the start, which does not come again.
    starts = np.concatenate(([True], ~sound[:-1]))[sound]
    over = gaps - usual_pace(gaps, done) * done
    slow = over > np.maximum(SCALES * np.median(np.abs(over)), gaps / 2)
    in_row = stretches(slow)
    starting = in_row & (np.cumsum(~in_row) == 0)
    slow &= ~in_row | starting
    starts |= starting
    mean, variance, freedom = mean_pace(gaps[~slow], done[~slow], left)
    pauses = [
        recurring(ends[kind], over[kind], float(ends[0] - done[0]), float(work[-1]), left)
        for kind in kinds(over, slow & ~starts)
    ]
    likely = mean * left + sum(each.count * each.seconds for each in pauses)
    doubt = left**2 * variance + sum(each.variance for each in pauses)
    doubt += (LEAST_DOUBT * likely) ** 2
    spread = min(WIDEST, math.sqrt(doubt) / likely * quantile(freedom)) if likely > 0 else 0.0
    next_work = float(np.median(done[-RECENT:]))
    due = sum(each.seconds for each in pauses if each.next_in <= next_work)
    return Forecast(
        low=likely * math.exp(-spread),
        likely=likely,
        high=likely * math.exp(LATER * spread),
        pause=mean * next_work + due,
        longest=float(gaps.max()),
    )


def stretches(slow: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of them come `IN_A_ROW`: a run that got slower, not one that paused."""
    import numpy as np

    edges = np.flatnonzero(np.diff(slow, prepend=False, append=False))
    lengths = np.repeat(edges[1::2] - edges[::2], edges[1::2] - edges[::2])
    found = slow.copy()
    found[slow] = lengths >= IN_A_ROW
    return found


def usual_pace(gaps: Column, done: Column) -> float:
    """Seconds for a unit of work: half of the work took less."""
    import numpy as np

    paces = gaps / done
    if (done == done[0]).all():
        return float(np.median(paces))
    order = np.argsort(paces)
    below = np.cumsum(done[order])
    return float(paces[order][np.searchsorted(below, below[-1] / 2)])


def mean_pace(gaps: Column, done: Column, left: float) -> tuple[float, float, float]:
    """The pace of the work to come, its variance, and the degrees of freedom behind that."""
    import numpy as np

    reached = np.cumsum(done)
    pieces = min(PIECES, len(done))
    piece = np.minimum(((reached - done / 2) / reached[-1] * pieces).astype(int), pieces - 1)
    work, took = np.bincount(piece, done, pieces), np.bincount(piece, gaps, pieces)
    work, took = work[work > 0], took[work > 0]
    pieces = len(work)
    weight = work * np.exp2((np.arange(pieces) + 1 - pieces) / (MEMORY * pieces))
    weight = weight / weight.sum()
    paces = took / work
    mean = float(weight @ paces)
    squares = float(((paces - paces.mean()) ** 2).sum()) + DOUBTS * (DOUBT * mean) ** 2
    freedom = pieces - 1 + DOUBTS
    each = squares / freedom
    change = float((np.diff(paces) ** 2).mean()) / 2 if pieces > 2 else each
    kinship = min(0.9, max(0.0, 1 - change / each))
    future = max(left / float(work.mean()), 1e-9)
    alike = (1 + kinship) / (1 - kinship)
    known = min(1.0 + kinship, alike * (float(weight @ weight) + 1 / future))
    ahead = min(FURTHEST, left / float(reached[-1]))
    variance = each * (known + WANDER * ahead)
    return mean, variance, freedom


def kinds(over: Column, paused: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The pauses by their length: evaluations apart from checkpoints; each kind in the order in which they came."""
    import numpy as np

    places = np.flatnonzero(paused)
    if not len(places):
        return []
    order = places[np.argsort(over[places])]
    apart = np.flatnonzero(over[order][1:] > KIND * over[order][:-1]) + 1
    return [np.sort(kind) for kind in np.split(order, apart)]


def recurring(at: Column, seconds: Column, begin: float, now: float, left: float) -> Pauses:
    """How pauses of one kind go on that were seen `at` these amounts of work; nothing is known before `begin`."""
    import numpy as np

    count, mean = len(at), float(seconds.mean())
    between = np.diff(at, prepend=begin)
    between = between[between > 0]
    since = max(0.0, now - float(at[-1]))
    period = float(between.mean()) if len(between) else since
    if period <= 0:
        return Pauses(0.0, mean, 0.0, math.inf)
    if count == 1:
        return perhaps(mean, period, since, left)
    more = (min(since, period) + left) / period
    spread = float(seconds.var(ddof=1))
    variance = more * spread + more**2 * spread / count
    if count > 2 and float(between.std()) < REGULAR * period:
        return Pauses(math.floor(more + 0.1), mean, variance, max(0.0, period - since))
    variance += more * mean**2 + (more * mean) ** 2 / (2 * count)
    return Pauses(max(0.0, more - 0.5), mean, variance, max(0.0, period - since))


def perhaps(seconds: float, period: float, since: float, left: float) -> Pauses:
    """The same for a pause that was seen once: where it would come back many times, it probably does."""
    more = (min(since, period) + left) / period
    again = 0.0 if since > LATE * period else more / (more + ONCE)
    variance = (seconds * more * max(again, 1 - again) / 2) ** 2 + more * (seconds / 2) ** 2
    return Pauses(again * more, seconds, variance, max(0.0, period - since) if again else math.inf)


def quantile(freedom: float) -> float:
    """Student's t that nine of ten stay below, to both sides."""
    place = max(1, int(freedom))
    return Q90[place - 1] if place <= len(Q90) else Q90_NORMAL * (1 + 1 / place)
