"""What became of an attempt on a scheduler: exit record first, then squeue, then sacct. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.base import Job, JobState
from backends.parse import HOLD_REASONS, slurm_state
from backends.server import exit_state
from backends.sightings import contradicts
from backends.taskids import array_of
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Watched
    from backends.sacct import Account
    from backends.sightings import Sighting
    from backends.squeue import QueueEntry

WAITING = frozenset({JobState.PENDING, JobState.HELD})

UNEXPLAINED = ("ended by ", "killed by SIGKILL")
"""Reasons of exit records behind which the scheduler may be."""

LAG = 60.0
"""Seconds after the end of a job in which its exit record may still be on its way over a shared file system."""

CAUSES = frozenset({JobState.TIMEOUT, JobState.OUT_OF_MEMORY, JobState.NODE_FAIL, JobState.PREEMPTED})
"""What Slurm knows better than the runner that it signalled."""


def plainly_waits(attempt: Watched, sightings: Sequence[Sighting[QueueEntry]]) -> bool:
    """Whether squeue alone tells the truth of it: one job, the one that we know, and it has not begun."""
    return (
        len(sightings) == 1 and sightings[0].record.state in WAITING and attempt.job_id in ("", sightings[0].job_id)
    )


def holds_some(reason: str) -> bool:
    """Whether a line of squeue is of held tasks and of others."""
    parts = set(reason.split(","))
    return not parts.isdisjoint(HOLD_REASONS) and not parts <= HOLD_REASONS


def told(sighting: Sighting[QueueEntry], reasons: Mapping[str, str]) -> Sighting[QueueEntry]:
    """A task of an array with its own reason instead of those of all its line."""
    reason = reasons.get(sighting.job_id)
    record = sighting.record
    if reason is None or not holds_some(record.reason):
        return sighting
    state = slurm_state(record.word, reason)
    return replace(sighting, record=replace(record, reason="" if reason == "None" else reason, state=state))


def queued_job(backend: str, entry: QueueEntry, sighting: Sighting[QueueEntry] | None = None) -> Job:
    """A job as squeue shows it."""
    attempt = sighting.attempt if sighting else None
    job_id = sighting.job_id if sighting else entry.job_id
    return Job(
        backend=backend,
        job_id=job_id,
        name=entry.name,
        state=entry.state,
        token=attempt.token if attempt else "",
        reason=one_line(entry.word if entry.state is JobState.UNKNOWN else plain(entry.reason)),
        partition=entry.partition,
        nodes=entry.nodes,
        submitted=entry.submitted,
        started=None if entry.state in WAITING else entry.started,
        ended=entry.ends if entry.state.ended else None,
        time_limit=entry.time_limit,
        log=f"{attempt.directory}/out.log" if attempt else None,
        array=entry.array if "_" in job_id else "",
    )


def plain(reason: str) -> str:
    """Why they wait, of tasks in one line, without the word for those that are yet to get a reason."""
    return ",".join(part for part in reason.split(",") if part != "None")


def bare_job(backend: str, attempt: Watched, state: JobState, job_id: str = "", reason: str = "") -> Job:
    """An attempt that squeue does not show."""
    known = job_id or attempt.job_id
    return Job(
        backend=backend,
        job_id=known,
        name="",
        state=state,
        token=attempt.token,
        reason=reason,
        submitted=attempt.submitted,
        log=f"{attempt.directory}/out.log",
        array=known.partition("_")[0] if "_" in known else "",
    )


def judged(
    backend: str, attempt: Watched, sightings: Sequence[Sighting[QueueEntry]], found: dict[str, Any]
) -> Job | None:
    """The attempt by squeue and its directory; None where both know nothing of its fate.

    `found` is what the attempt directory says. Of two jobs of one attempt the one that has its claim counts.
    """
    claimant = claimed_by(found)
    best = max(sightings, key=lambda each: (each.job_id == claimant, weight(each.record.state)), default=None)
    job = queued_job(backend, best.record, best) if best else None
    if found["exit"] is None:
        if job is None or (job.state.ended and claimant not in ("", job.job_id)):
            return None  # the end of another job of it, which found the claim taken, says nothing
        return unrecorded(job, found)
    _, reason = exit_state(found["exit"])
    if job is not None and not job.state.ended and reason.startswith(UNEXPLAINED):
        if job.state not in WAITING:
            return replace(job, state=JobState.COMPLETING)  # Slurm is about to tell
        if job.job_id == claimant:
            return job  # Slurm took it off and has put it back into the queue: it lives on
    return recorded_job(backend, attempt, found, job)


def passed_over(attempt: Watched, found: dict[str, Any], lines: Mapping[str, QueueEntry]) -> bool:
    """Whether squeue shows an array without a task of it that has not begun; `lines` has one of each array.

    Slurm keeps nothing of a task that is cancelled alone while it waits: its array goes on without it, and the
    accounting calls it pending with the others, or cancelled, or does not name it.
    """
    line = lines.get(array_of(attempt.job_id)) if "_" in attempt.job_id else None
    return line is not None and not claimed_by(found) and not contradicts(line, attempt)


def unrecorded(job: Job, found: dict[str, Any]) -> Job:
    """An attempt without an exit record, by what Slurm says of it.

    Where it has begun, and Slurm calls it ended, its record is waited for: only that says how its program ended.
    """
    job = replace(job, restarts=found["restarts"])
    ended = job.ended if job.state.ended and job.state is not JobState.NODE_FAIL else None
    began = job.state in (JobState.COMPLETED, JobState.FAILED) or (job.started or 0.0) < (ended or 0.0)
    if ended is None or not began or abs(found["now"] - ended) > LAG:
        return job
    reason = "its exit record is not there yet"
    return replace(job, state=JobState.COMPLETING, reason=reason, ended=None, exit_code=None)


def recorded_job(backend: str, attempt: Watched, found: dict[str, Any], job: Job | None) -> Job:
    """The exit record decides; squeue adds where it ran, and why where a signal came from Slurm itself."""
    record = found["exit"]
    state, reason = exit_state(record)
    if job is not None and reason.startswith(UNEXPLAINED) and job.state in CAUSES:
        state = job.state
    started = (found["started"] or {}).get("time") or record.get("began")
    return replace(
        job or bare_job(backend, attempt, state, claimed_by(found)),
        state=state,
        reason=reason,
        started=started,
        ended=record.get("time"),
        exit_code=record.get("code"),
        withdrawn=bool(record.get("withdrawn")),
        restarts=found["restarts"],
    )


def accounted_job(backend: str, attempt: Watched, account: Account, job_id: str) -> Job:
    """An attempt by what sacct says."""
    ended = account.state.ended
    return replace(
        bare_job(backend, attempt, account.state, job_id, f"signal {account.signal}" if account.signal else ""),
        started=account.started,
        ended=account.ended if ended else None,
        exit_code=account.exit_code if ended else None,
    )


def claimed_by(found: dict[str, Any]) -> str:
    """The id of the job that has begun the attempt, by its directory; empty where none has."""
    return str((found["started"] or {}).get("job_id") or "")


def weight(state: JobState) -> int:
    """Which of two jobs of one attempt (it was submitted twice) is the attempt: the greater.

    The other finds the claim taken and completes at once.
    """
    if state is JobState.COMPLETED:
        return 0
    if state.ended:
        return 1
    return 2 if state in WAITING else 3
