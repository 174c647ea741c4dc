"""One question to one backend, and what its answer changes in the store."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainboard.reconcile import open_attempts, reconcile, watched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


async def query(backend: Backend, store: Store, absences: Mapping[str, Absence]) -> Answer:
    """Ask for the jobs, and store what changed of ours. Raises `BackendError`, `StoreError`; then nothing changed."""
    asked = open_attempts((await store.load()).attempts.values(), backend.name)
    jobs = await backend.jobs([watched(attempt) for attempt in asked])
    now = time.time()
    # Against the store as it is now, and only for what was asked: meanwhile others were submitted, or ended.
    ids = {attempt.id for attempt in asked}
    current = open_attempts((await store.load()).attempts.values(), backend.name)
    verdict = reconcile([attempt for attempt in current if attempt.id in ids], jobs, absences, now)
    await keep(store, verdict.changed)
    return Answer(jobs, verdict.absences, now)


async def keep(store: Store, changed: Sequence[Attempt]) -> None:
    """Store the new states of attempts, but for those that somebody else saw ended meanwhile."""
    if not changed:
        return

    def newest(stored: Records) -> list[Attempt]:
        return [attempt for attempt in changed if not stored.attempts[attempt.id].state.ended]

    await store.change(newest)
