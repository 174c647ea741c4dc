"""What the rules over job and machine have in common: which messages explain how a job stands now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.jobrules.silences import silence
from trainboard.show import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trainboard.diagnose.jobseen import JobSeen
    from trainboard.diagnose.messages import Hit

QUIET = 120.0
"""Seconds since a log file was changed, after which what was printed last is taken for its end. A job that runs goes
on until it is silent for longer than ever: an exception may be caught, and a smaller batch be tried."""

AT_ONCE = frozenset(("xid", "gpu_hardware", "disk_full", "quota", "time_limit", "preempted", "node_failure"))
"""Classes that matter as soon as they are printed."""

EXPLAINED = (
    "node_failure",
    "gpu_hardware",
    "disk_full",
    "quota_exceeded",
    "shared_memory",
    "cuda_missing",
    "cuda_oom",
    "host_oom",
    "cuda_fault",
    "port_taken",
    "loader_died",
    "nccl_timeout",
    "nccl_error",
    "segfault",
    "preempted",
    "time_limit",
)
"""What explains most of what is seen at the end of a job, the nearest to the cause first."""

LINES = 6
"""Lines of a finding."""


def standing(seen: JobSeen, *ids: str) -> list[Hit]:
    """The hits of these classes that may tell how the job is now: it did not go on after them, nor complete."""
    hits = [hit for hit in seen.hits if hit.id in ids and not hit.passed]
    if not hits or is_completed(seen):
        return []
    quiet = seen.ended or _is_quiet(seen)
    return [hit for hit in hits if quiet or hit.id in AT_ONCE]


def _is_quiet(seen: JobSeen) -> bool:
    """Whether nothing came after what was printed last: by its own rhythm, or of a log file, for a while."""
    if seen.row is not None:
        return silence(seen) is not None
    return seen.log_at is not None and seen.now - seen.log_at >= QUIET


def is_completed(seen: JobSeen) -> bool:
    """Whether it came to its proper end."""
    if seen.row is None:
        return seen.outcome == "completed"
    return seen.row.state is JobState.COMPLETED


def told(
    id: str,
    severity: Severity,
    cause: str,
    message: str,
    advice: str,
    hits: Iterable[Hit] = (),
    evidence: Mapping[str, float | str] | None = None,
    at: float | None = None,
    metric: str = "",
) -> Finding:
    """A finding, with the lines of these hits."""
    hits = tuple(hits)
    lines = [line for hit in hits for line in (hit.lines or (hit.line,))]
    return Finding(
        id=id,
        severity=severity,
        cause=cause,
        message=message,
        advice=advice,
        evidence=evidence or {},
        metric=metric,
        lines=tuple(dict.fromkeys(lines))[:LINES],
        offset=min((hit.offset for hit in hits), default=None),
        at=at,
    )


def ended_at(seen: JobSeen) -> float | None:
    """When the job ended."""
    return None if seen.row is None else seen.row.ended


def by_rank(hits: Iterable[Hit]) -> str:
    """` on rank 3`, where the messages say which; else nothing."""
    ranks = sorted({int(float(hit.facts["rank"])) for hit in hits if "rank" in hit.facts})
    if not ranks:
        return ""
    return f" on rank {ranks[0]}" if len(ranks) == 1 else f" on ranks {', '.join(map(str, ranks[:8]))}"


def newest(seen: JobSeen, name: str) -> float | None:
    """The newest value of a series."""
    found = seen.series.get(name)
    return found.last if found is not None and len(found) else None


def peak(seen: JobSeen, name: str) -> float | None:
    """The largest value of a series."""
    found = seen.series.get(name)
    return found.max if found is not None and len(found) else None


def facts(**known: float | str | None) -> dict[str, float | str]:
    """Evidence: what is known of these."""
    return {
        name: value if isinstance(value, str) else float(value) for name, value in known.items() if value is not None
    }


def near(seen: JobSeen, hit: Hit) -> list[Hit]:
    """The traceback that has led to a message, for its lines."""
    return [each for each in seen.hits if each.id == "traceback" and each.offset <= hit.offset and not each.passed][
        -1:
    ]


def words(hit: Hit) -> str:
    """What a line says, without what a launcher puts before it."""
    return clean(hit.line.rpartition("]: ")[2] or hit.line, 160).rstrip(".")
