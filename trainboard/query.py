"""One question to one backend, and what its answer changes in the store."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.reconcile import lost, lost_attempts, open_attempts, reconcile, updated_attempt, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from backends.base import Backend, Job
    from trainboard.documents import Records
    from trainboard.reconcile import Absence
    from trainboard.records import Attempt
    from trainboard.store import Store


@dataclass(frozen=True, slots=True)
class Answer:
    """What a backend said."""

    jobs: tuple[Job, ...]
    absences: Mapping[str, Absence]
    at: float


async def query(
    backend: Backend,
    store: Store,
    absences: Mapping[str, Absence],
    clock: Callable[[], float] = time.time,
) -> Answer:
    """Ask for the jobs, and store what changed of ours. Raises `BackendError`, `StoreError`; then nothing changed."""
    records = await store.load()
    asked = asked_for(records, backend.name, clock())
    jobs = await backend.jobs([watched(attempt, records.runs.get(attempt.run)) for attempt in asked])
    now = clock()
    # Against the store as it is now, and only for what was asked: meanwhile others were submitted, or ended.
    ids = {attempt.id for attempt in asked}
    current = asked_for(await store.load(), backend.name, now)
    verdict = reconcile([attempt for attempt in current if attempt.id in ids], jobs, absences, now)
    await keep(store, verdict.changed, jobs, now)
    return Answer(jobs, verdict.absences, now)


def asked_for(records: Records, backend: str, now: float) -> tuple[Attempt, ...]:
    """The attempts that a backend is asked for."""
    attempts = records.attempts.values()
    return (*open_attempts(attempts, backend), *lost_attempts(attempts, backend, now))


async def keep(store: Store, changed: Sequence[Attempt], jobs: Iterable[Job], now: float) -> None:
    """Store the new states of attempts, on top of what others stored meanwhile; what they saw end has ended."""
    if not changed:
        return
    ids = [attempt.id for attempt in changed]
    wanted = set(ids)
    seen = {job.token: job for job in jobs if job.token in wanted}

    def newest(stored: Records) -> list[Attempt]:
        found = [stored.attempts[id] for id in ids]
        return [
            updated_attempt(each, seen[each.id], now) if each.id in seen else lost(each, now)
            for each in found
            if not each.unsent and (not each.state.ended or (each.state is JobState.LOST and each.id in seen))
        ]

    await store.change(newest)
