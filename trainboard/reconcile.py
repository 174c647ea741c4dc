"""What backends see against what the store says. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backends.base import JobState, Watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backends.base import Job
    from trainboard.records import Attempt

MISSES, MISSING_FOR = 3, 60.0
"""An attempt is LOST after this many answered queries without a sign of it, over at least this many seconds."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Since when, and in how many answered queries, an attempt has not been seen."""

    since: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one answered query changes."""

    changed: tuple[Attempt, ...]
    absences: Mapping[str, Absence]
    """By token, to be handed in next time."""


def open_attempts(attempts: Iterable[Attempt], backend: str) -> tuple[Attempt, ...]:
    """The attempts on this backend whose fate is still open."""
    return tuple(attempt for attempt in attempts if attempt.backend == backend and not attempt.state.ended)


def watched(attempt: Attempt) -> Watched:
    """What a backend needs to know of an attempt."""
    return Watched(attempt.id, attempt.job_id, attempt.directory, attempt.submitted or attempt.created)


def reconcile(
    attempts: Iterable[Attempt], jobs: Iterable[Job], absences: Mapping[str, Absence], now: float
) -> Verdict:
    """The open attempts of one backend against the answer of a query that did not fail.

    A state ends an attempt only on evidence. Being absent once means nothing; absent for long, an attempt is LOST —
    unless its submission is still unclear, which is for the look-up by token to settle.
    """
    seen = {job.token: job for job in jobs if job.token}
    changed: list[Attempt] = []
    missing: dict[str, Absence] = {}
    for attempt in attempts:
        job = seen.get(attempt.id)
        if job is not None:
            updated = updated_attempt(attempt, job, now)
            if updated != attempt:
                changed.append(updated)
        elif attempt.job_id:
            before = absences.get(attempt.id)
            absence = Absence(now) if before is None else Absence(before.since, before.count + 1)
            if absence.count >= MISSES and now - absence.since >= MISSING_FOR:
                changed.append(replace(attempt, state=JobState.LOST, ended=now, reason="gone without evidence"))
            else:
                missing[attempt.id] = absence
    return Verdict(tuple(changed), missing)


def updated_attempt(attempt: Attempt, job: Job, now: float) -> Attempt:
    """The attempt with what its job shows; what the job does not tell stays. One that nobody saw end, ended now."""
    return replace(
        attempt,
        state=job.state,
        job_id=job.job_id or attempt.job_id,
        submitted=job.submitted or attempt.submitted,
        started=job.started or attempt.started,
        ended=(job.ended or now) if job.state.ended else None,
        exit_code=job.exit_code,
        reason=job.reason,
    )
