"""How long a job has been silent, where that is far longer than ever before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.jobrules.windows import now_of
from trainboard.forecast import PATIENCE, STALL
from trainboard.naming import is_usage

if TYPE_CHECKING:
    from trainboard.diagnose.jobseen import JobSeen

GAPS = 5
"""Gaps that a rhythm has at least."""

SKEW = 60.0
"""Seconds that a clock may be wrong; a moment beyond is in another time zone."""

DEAF = 300.0
"""Seconds without a word from its host or its runner, after which nobody knows what the run does."""

WORDLESS = 3600.0
"""Seconds without a line after which a job is stalled that has no rhythm yet."""


def silence(seen: JobSeen) -> tuple[float, float] | None:
    """Seconds that it has been silent until now or its end, and the longest silence before; None: nothing unusual."""
    if seen.row is None or seen.row.started is None or not (seen.ended or _hears(seen)):
        return None
    silent, longest = _silent(seen, now_of(seen), seen.row.started)
    if silent is None or silent <= max(STALL, PATIENCE * longest) or (longest == 0 and silent < WORDLESS):
        return None
    return silent, longest


def _hears(seen: JobSeen) -> bool:
    """Whether its host is heard at all: a link that is down is no silence of the run."""
    heard = [each.at for each in seen.health[-1:]]
    heard += [float(each.walls[-1]) for name, each in seen.series.items() if is_usage(name) and len(each)]
    return not heard or seen.now - max(heard) <= DEAF


def _silent(seen: JobSeen, now: float, started: float) -> tuple[float | None, float]:
    """Seconds since its newest sample, and the longest silence before; None: nobody knows."""
    own = [each for name, each in seen.series.items() if not is_usage(name) and len(each) > each.newest]
    if own:
        richest = max(own, key=len)
        moments = richest.walls[richest.newest :]
        moments = moments[(moments >= started - SKEW) & (moments <= now + SKEW)]
        if len(moments) <= GAPS:
            return None, 0.0  # another time zone, or too early to say
        last = max(moment for each in own if (moment := float(each.walls[-1])) <= now + SKEW)
        return max(0.0, now - last), max(float(np.diff(moments).max()), float(moments[0]) - started)
    return (None if seen.log_at is None else max(0.0, now - max(seen.log_at, started))), 0.0
