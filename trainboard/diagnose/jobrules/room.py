"""Memory and disks that run out while a job goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Severity
from trainboard.diagnose.jobrules.base import facts, newest, told
from trainboard.diagnose.jobrules.windows import Stretch, gpus, now_of, recent, trend
from trainboard.diagnose.rule import Rule
from trainboard.show import clean, duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.jobseen import JobSeen

WARMUP, WINDOW, LEAST = 600.0, 6 * 3600.0, 1200.0
"""Seconds: what a job loads at its start is no growth; how far back is looked; how much of that there must be."""

ORDER, GROWTH = 0.8, 1.2
"""Spearman's correlation with time, and how much more at the end than at the start of the stretch."""

AHEAD = 12 * 3600.0
"""Seconds: where nobody knows how long the run takes, what will have happened until then is told."""

NEARLY, LITTLE = 0.01, 2 << 30
"""A file system with less free than this share of it, and than these bytes, is as good as full."""

QUOTA = "quota"
"""The user's own, where the run writes."""

EATEN = 0.05
"""Of what was free, so much must have gone for a forecast."""


def memory_filling(seen: JobSeen) -> Finding | None:
    """Its memory grows, and will reach what it may have before it is done.

    Trigger: without the first 10 minutes, Theil and Sen's slope over up to 6 hours, at least 20 minutes; Spearman's
    correlation with time ≥ 0.8 and growth ≥ 20 %; the limit is reached before the run's end, or within 12 hours. Page
    cache does not count.
    Defaults: 0.8, 20 %, 12 h.
    Source: facts of NeSI and Slurm accounting; Sen 1968.
    Advice: look for what keeps references (losses without .item(), lists of outputs, caches); save more often.
    """
    if seen.ended or seen.row is None or seen.row.started is None:
        return None
    places = [("usage/memory", "memory of the machine", newest(seen, "usage/memory_limit"))]
    places += [
        (f"usage/gpu{n}/memory", f"memory of GPU {n}", newest(seen, f"usage/gpu{n}/memory_total")) for n in gpus(seen)
    ]
    since = max(now_of(seen) - WINDOW, seen.row.started + WARMUP)
    for name, what, limit in places:
        stretch = recent(seen, name, now_of(seen) - since)
        found = trend(stretch) if stretch.span >= LEAST else None
        if limit is None or found is None or found.slope <= 0:
            continue
        left = (limit - float(stretch.values[-1])) / found.slope
        if found.order >= ORDER and found.last >= GROWTH * found.first and left < _horizon(seen):
            return told(
                "memory_filling",
                Severity.WARNING,
                "memory grows",
                f"The {what} grows by {size(found.slope * 3600)} an hour: {size(float(stretch.values[-1]))} of "
                f"{size(limit)} are used, and it runs out in about {duration(max(0.0, left))}.",
                "Look for what keeps references (losses without .item(), lists of outputs, caches); save more often.",
                evidence=facts(
                    bytes_per_hour=found.slope * 3600,
                    used_bytes=float(stretch.values[-1]),
                    limit_bytes=limit,
                    left_s=left,
                    order=found.order,
                ),
                metric=name,
            )
    return None


def disk_filling(seen: JobSeen) -> Finding | None:
    """A disk that it needs, or the user's quota there, will be full before it is done; or is as good as full now.

    Trigger: Theil and Sen's slope of what is free over up to 6 hours, at least 20 minutes: none is left before the
    run's end, or within 12 hours; or less than 1 % and 2 GiB are free now.
    Defaults: 1 %, 2 GiB, 12 h, at least 5 % of what was free has gone.
    Source: Sen 1968; statvfs, and quotas where the host tells them.
    Advice: delete old checkpoints, keep fewer (outputs.keep), write elsewhere.
    """
    if seen.ended:
        return None
    for path, total, stretch in _disks(seen):
        free = float(stretch.values[-1])
        found = trend(stretch) if stretch.span >= LEAST else None
        full = free < LITTLE and total is not None and free < NEARLY * total
        falls = (
            found is not None
            and found.slope < 0
            and found.order <= -ORDER
            and found.last <= (1 - EATEN) * found.first
        )
        left = free / -found.slope if found is not None and falls else None
        if not full and (left is None or left >= _horizon(seen)):
            continue
        where = "Your quota where it runs" if path == QUOTA else f"The disk of {clean(path, 120)}"
        when = f", and it is full in about {duration(left)}" if left is not None else ""
        return told(
            "disk_filling",
            Severity.WARNING,
            "disk fills up",
            f"{where} has {size(free)} free{when}.",
            "Delete old checkpoints, have fewer kept (outputs.keep), or write to another file system.",
            evidence=facts(path=clean(path, 200), free_bytes=free, total_bytes=total, left_s=left),
        )
    return None


def _disks(seen: JobSeen) -> Iterator[tuple[str, float | None, Stretch]]:
    """Where the job writes, as its runner sees it, and the disks of its host that we look at."""
    own = recent(seen, "usage/disk_free", WINDOW)
    if len(own.values):
        yield seen.row.directory if seen.row else "the run", newest(seen, "usage/disk_total"), own
    quota = recent(seen, "usage/quota_free", WINDOW)
    if len(quota.values):
        yield QUOTA, newest(seen, "usage/quota_total"), quota
    paths = dict.fromkeys(disk.path for health in seen.health for disk in health.disks)
    for path in paths:
        points = [
            (health.at, disk.free, disk.total)
            for health in seen.health
            for disk in health.answering
            if disk.path == path and health.at >= now_of(seen) - WINDOW
        ]
        if points:
            walls, free, total = np.array(points, dtype=float).T
            yield path, float(total[-1]), Stretch(walls, free)


def _horizon(seen: JobSeen) -> float:
    """Seconds until the run is done, at the latest; `AHEAD` where nobody knows."""
    ends = seen.estimate.eta_high or seen.estimate.eta if seen.estimate else None
    limit = seen.estimate.limit - seen.now if seen.estimate and seen.estimate.limit else None
    known = [each for each in (ends, limit) if each is not None]
    return min(known, default=AHEAD)


RULES = (
    Rule("memory_filling", Severity.WARNING, 140, memory_filling, "usage of memory"),
    Rule("disk_filling", Severity.WARNING, 142, disk_filling, "usage of the disk, the host's disks"),
)
