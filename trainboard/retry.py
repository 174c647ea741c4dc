"""Which attempt follows one that ended. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.ledger import histories
from trainboard.records import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from specs.model import Retry
    from trainboard.documents import Records
    from trainboard.records import Run

LONGEST_WAIT = 3600.0
"""Seconds between the end of an attempt and the next one, at most."""

RETRY, REQUEUED, MOVED = "retry after", "requeued", "moved from"
"""How the cause of an attempt begins."""


def next_attempts(
    records: Records,
    runs: Iterable[str],
    policies: Mapping[str, Retry],
    now: float,
    token: Callable[[], str],
) -> list[Run | Attempt]:
    """The attempts that follow the newest of these runs, and the runs whose wish for one is fulfilled by it.

    `policies`: by experiment; one that is not in it tries nothing again. `token` makes a new one.
    """
    made: list[Run | Attempt] = []
    for id, history in histories(records, set(runs)).items():
        run = records.runs.get(id)
        if run is None or not history:
            continue
        attempt = following(run, history, policies.get(run.experiment), now, token)
        if attempt is not None:
            made.append(attempt)
            if run.requeued is not None:
                made.append(replace(run, requeued=None))
    return made


def following(
    run: Run, history: Sequence[Attempt], policy: Retry | None, now: float, token: Callable[[], str]
) -> Attempt | None:
    """The attempt after the newest of a run's, which come oldest first; None where there is to be none."""
    last = history[-1]
    if not last.state.ended:
        return None
    if run.requeued is not None:
        return fresh(run, last.number + 1, now, token(), REQUEUED)
    if run.cancelled is not None:
        return None
    if last.withdrawn:
        return fresh(run, last.number + 1, now, token(), f"{MOVED} {last.backend}")
    if policy is None or last.rejected or str(last.state) not in policy.on:
        return None
    count = retries(history)
    if count >= policy.max:
        return None
    wait = min(LONGEST_WAIT, policy.wait * 2.0 ** min(count, 30))
    attempt = fresh(run, last.number + 1, now, token(), f"{RETRY} {last.state}")
    return replace(attempt, not_before=now + wait)


def fresh(run: Run, number: int, now: float, token: str, cause: str = "", backend: str = "") -> Attempt:
    """An unsent attempt of a run; `backend`: the one that it must go to."""
    return Attempt(token, run.id, number, backend, JobState.PENDING, now, "", cause=cause)


def retries(history: Sequence[Attempt]) -> int:
    """How often a run was tried again since it was submitted or requeued, by us or by its scheduler."""
    count = 0
    for attempt in reversed(history):
        count += attempt.restarts + attempt.cause.startswith(RETRY)
        if not attempt.cause.startswith((RETRY, MOVED)):
            break
    return count


def out_of_memory(history: Iterable[Attempt], before: int) -> int:
    """How many attempts with a number below `before` needed more memory than they had."""
    return sum(1 for each in history if each.number < before and each.state is JobState.OUT_OF_MEMORY)


def due(not_before: float | None, now: float) -> bool:
    """Whether a back-off is over; one that is longer than any can be comes from a clock that was put back."""
    return not_before is None or not 0 < not_before - now <= LONGEST_WAIT
