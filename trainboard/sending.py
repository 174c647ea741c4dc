"""What handing attempts over changes in the store: before it, and after the answer. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backends.base import (
    HelperUnavailable,
    HostFull,
    HostKeyRefused,
    HostTimeout,
    HostUnreachable,
    JobState,
    LoginRefused,
    NoRoom,
    Rejected,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from backends.base import Backend, BackendError, Plan, Unclear
    from trainboard.documents import Record, Records
    from trainboard.records import Attempt, Run

    Answer = str | Rejected | Unclear

RESEND = 120.0
"""Seconds after which an attempt that nobody has seen is handed over again."""

PASSING = (HostUnreachable, HostTimeout, HostFull, LoginRefused, HostKeyRefused, HelperUnavailable)
"""What keeps a host from taking anything, and is no fault of the run: it waits, or goes elsewhere."""


def mark(
    records: Records,
    plans: Mapping[str, Plan],
    backend: Backend,
    batch: str,
    now: float,
    room: Callable[[Records], int | None],
) -> list[Attempt]:
    """Those that are still unsent and wanted, as they are about to be handed over together.

    `plans`: by token, in order; `room`: how many at most; None: all.
    """
    won: list[Attempt] = []
    most = room(records)
    for token, plan in plans.items():
        attempt = records.attempts.get(token)
        run = records.runs.get(attempt.run) if attempt else None
        if attempt is None or run is None or not attempt.unsent or not wanted(run):
            continue
        if most is not None and len(won) >= most:
            break
        won.append(
            replace(
                attempt,
                state=JobState.SUBMITTING,
                backend=backend.name,
                directory=backend.directory(plan.folder),
                reason="",
                batch=batch,
                task=len(won),
                sent=now,
                priority=plan.priority,
                place=plan.place,
            )
        )
    return won


def mark_again(records: Records, sent: Mapping[str, float | None], now: float) -> list[Attempt]:
    """Those that are still without an outcome, and were not handed over again since. `sent`: when they were."""
    found = [records.attempts[token] for token in sent if token in records.attempts]
    return [
        replace(attempt, sent=now)
        for attempt in found
        if attempt.state is JobState.SUBMITTING
        and attempt.sent == sent[attempt.id]
        and attempt.run in records.runs
        and wanted(records.runs[attempt.run])
    ]


def wanted(run: Run) -> bool:
    """Whether the user lets it go."""
    return not run.held and run.cancelled is None and run.requeued is None


def overdue(attempt: Attempt, now: float, after: float) -> bool:
    """Whether it was handed over `after` seconds ago or more; a moment in the future comes from a clock put back."""
    return abs(now - (attempt.sent or attempt.created)) >= after


def drop(records: Records, tokens: Iterable[str], now: float) -> list[Record]:
    """Unsent attempts that the user cancelled are CANCELLED; those that were to be requeued are new already."""
    changed: list[Record] = []
    for token in tokens:
        attempt = records.attempts[token]
        run = records.runs[attempt.run]
        if attempt.unsent and run.cancelled is not None:
            changed.append(
                replace(attempt, state=JobState.CANCELLED, ended=now, reason="cancelled before it was sent")
            )
        elif attempt.unsent and run.requeued is not None:
            changed.append(replace(run, requeued=None))
    return changed


def explain(records: Records, reasons: Mapping[str, str]) -> list[Attempt]:
    """The reasons of attempts that are still unsent, or were sent without an outcome that is known."""
    found = [records.attempts[token] for token in reasons if token in records.attempts]
    return [
        replace(each, reason=reasons[each.id]) for each in found if each.unsent or each.state is JobState.SUBMITTING
    ]


def outcomes(
    records: Records, answers: Mapping[str, Answer], sent: float, now: float, *, again: bool
) -> Iterator[Attempt]:
    """The attempts that these answers change."""
    for token, answer in answers.items():
        attempt = records.attempts.get(token)
        if attempt is not None and (after := outcome(attempt, answer, sent, now, again=again)) != attempt:
            yield after


def outcome(attempt: Attempt, answer: Answer, sent: float, now: float, *, again: bool) -> Attempt:
    """The attempt after its backend's answer.

    `sent`: the time that it was marked with; `again`: it had been handed over before, with an outcome that is not
    known, so that a "no" of now says nothing of then.
    """
    if isinstance(answer, str):
        return taken(attempt, answer, now)
    if attempt.state is not JobState.SUBMITTING or attempt.sent != sent:
        return attempt  # it was seen, or somebody else has taken it on
    if again or not isinstance(answer, Rejected):
        return replace(attempt, reason=said(answer))
    if passes(answer):
        waits = replace(attempt, state=JobState.PENDING, backend="", directory="", batch="", task=0, sent=None)
        return replace(waits, reason=said(answer))
    return replace(attempt, state=JobState.FAILED, ended=now, reason=said(answer), rejected=True)


def taken(attempt: Attempt, job_id: str, now: float) -> Attempt:
    """The attempt after a clear yes. What a poll saw meanwhile is newer than "pending"; what was concluded is not."""
    concluded = attempt.state in (JobState.CANCELLED, JobState.LOST) and not attempt.withdrawn
    if attempt.state is JobState.SUBMITTING or concluded:
        attempt = replace(attempt, state=JobState.PENDING, ended=None, reason="")
    return replace(attempt, job_id=job_id, submitted=attempt.submitted or now)


def passes(answer: Rejected) -> bool:
    """Whether the reason is one of the host's that may go away, and not the run's."""
    return isinstance(answer, NoRoom) or isinstance(answer.__cause__, PASSING)


def said(answer: BackendError) -> str:
    """What a backend said, in one line."""
    return f"{answer}; {answer.advice}" if answer.advice else str(answer)
