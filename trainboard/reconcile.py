"""What backends see against what the store says. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from backends.base import JobState, Watched
from backends.peaks import updated
from trainboard.sending import RESEND, overdue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backends.base import Job
    from trainboard.records import Attempt, Run

MISSES, MISSING_FOR = 3, 60.0
"""An attempt is LOST after this many answered queries without a sign of it, over at least this many seconds."""

LOOKED_FOR = 7 * 86400.0
"""Seconds for which a LOST attempt is still asked for: evidence wins, however late it comes."""


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
    """The attempts on this backend whose fate is still open; those that wait on our side are on none."""
    return tuple(each for each in attempts if each.backend == backend and not each.state.ended and not each.unsent)


def lost_attempts(attempts: Iterable[Attempt], backend: str, now: float) -> tuple[Attempt, ...]:
    """The attempts on this backend that were lost lately, and may be found again."""
    lost = (each for each in attempts if each.state is JobState.LOST and each.backend == backend)
    return tuple(each for each in lost if abs(now - (each.ended or now)) < LOOKED_FOR)


def watched(attempt: Attempt, run: Run | None = None) -> Watched:
    """What a backend needs to know of an attempt."""
    since = attempt.submitted or attempt.sent or attempt.created
    name = run.job_name if run else ""
    return Watched(attempt.id, attempt.job_id, attempt.directory, since, attempt.batch, attempt.task, name)


def reconcile(
    attempts: Iterable[Attempt], jobs: Iterable[Job], absences: Mapping[str, Absence], now: float, asked: float = inf
) -> Verdict:
    """The open and the lost attempts of one backend against the answer of a query that did not fail, `asked` then.

    A state ends an attempt only on evidence. Being absent once means nothing; absent for long, an attempt is LOST —
    unless its submission is still unclear: then it is handed over again. A lost one that is seen is what is seen.
    """
    seen = {job.token: job for job in jobs if job.token}
    changed: list[Attempt] = []
    missing: dict[str, Absence] = {}
    for attempt in attempts:
        job = seen.get(attempt.id)
        if job is not None:
            updated = updated_attempt(attempt, job, now, asked)
            if updated != attempt:
                changed.append(updated)
        elif attempt.job_id and attempt.state is not JobState.SUBMITTING and not attempt.state.ended:
            before = absences.get(attempt.id)
            absence = Absence(now) if before is None else Absence(before.since, before.count + 1)
            if absence.count >= MISSES and now - absence.since >= MISSING_FOR:
                changed.append(lost(attempt, now))
            else:
                missing[attempt.id] = absence
    return Verdict(tuple(changed), missing)


def lost(attempt: Attempt, now: float) -> Attempt:
    """The attempt once nobody has seen it for long."""
    return replace(attempt, state=JobState.LOST, ended=now, reason="gone without evidence")


def updated_attempt(attempt: Attempt, job: Job, now: float, asked: float = inf) -> Attempt:
    """The attempt with what its job shows; what the job does not tell stays. One that nobody saw end, ended now.

    One that nothing on the host moves on is to be handed over again; a held one only after its release, and none that
    was handed over since the host was asked. One that is lost stays so until somebody knows its state.
    """
    if attempt.state is JobState.LOST and job.state is JobState.UNKNOWN:
        return attempt
    stranded = job.stranded and job.state is JobState.PENDING
    # Between its upload and its launch nothing moves an attempt on, and nothing is wrong.
    under_way = attempt.state is JobState.SUBMITTING and not overdue(attempt, now, RESEND)
    launched_since = attempt.state is JobState.PENDING and (attempt.submitted or 0.0) >= asked
    if stranded and (under_way or launched_since):
        return attempt
    return replace(
        attempt,
        state=JobState.SUBMITTING if stranded else job.state,
        job_id=job.job_id or attempt.job_id,
        submitted=job.submitted or attempt.submitted,
        started=job.started or attempt.started,
        ended=(job.ended or now) if job.state.ended else None,
        exit_code=job.exit_code,
        reason=job.reason,
        withdrawn=attempt.withdrawn or job.withdrawn,
        restarts=max(attempt.restarts, job.restarts),
        peaks=updated(attempt.peaks, job.peaks, ended=job.state.ended),
        checkpoints=(job.checkpoints if job.state.ended else ()) or attempt.checkpoints,
    )
