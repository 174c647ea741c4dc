"""One question to one backend, and what its answer changes in the store."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard import polls
from trainboard.reconcile import lost, lost_attempts, open_attempts, reconcile, updated_attempt, watched
from trainboard.records import new_token
from trainboard.retry import next_attempts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from backends.base import Backend, Job, Watched
    from specs.model import Retry
    from trainboard.documents import Record, Records
    from trainboard.reconcile import Absence, Verdict
    from trainboard.records import Attempt, Experiment
    from trainboard.store import Store

    Policies = Callable[[Iterable[Experiment]], Awaitable[Mapping[str, Retry]]]
    """By experiment, when its runs are tried again."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Who is in a backend's queue, running or waiting."""

    alive: frozenset[str] = frozenset()
    """Job ids, also of jobs that are not ours."""
    stranded: frozenset[str] = frozenset()
    """Tokens of those that nothing moves on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a backend said."""

    jobs: tuple[Job, ...]
    absences: Mapping[str, Absence]
    at: float
    queue: Queue


async def query(
    backend: Backend,
    store: Store,
    absences: Mapping[str, Absence],
    clock: Callable[[], float] = time.time,
    policies: Policies | None = None,
) -> Answer:
    """Ask for the jobs, and store what changed of ours; with `policies`, an end together with what follows it.

    Raises `BackendError`, `StoreError`; then nothing changed.
    """
    # Of ten thousand attempts each part of this takes longer than a frame of the screen: hence the threads.
    begun = clock()
    watched = await asyncio.to_thread(to_watch, await store.load(), backend.name, begun)
    jobs = await backend.jobs(watched)
    now = clock()
    # Against the store as it is now, and only for what was asked: meanwhile others were submitted, or ended.
    current = await store.load()

    def compared() -> Verdict:
        ids = {each.token for each in watched}
        asked = [each for each in asked_for(current, backend.name, now) if each.id in ids]
        return reconcile(asked, jobs, absences, now, begun)

    verdict = await asyncio.to_thread(compared)
    await keep(store, verdict.changed, jobs, now, await policies_of(verdict.changed, current, policies), begun)
    await asyncio.to_thread(polls.note, store.path.parent, backend.name, now)
    return Answer(jobs, verdict.absences, now, await asyncio.to_thread(queue_of, jobs))


def to_watch(records: Records, backend: str, now: float) -> list[Watched]:
    """What a backend is told of the attempts that it is asked for."""
    return [watched(each, records.runs.get(each.run)) for each in asked_for(records, backend, now)]


def queue_of(jobs: Iterable[Job]) -> Queue:
    """Who of these has not ended."""
    alive = [job for job in jobs if not job.state.ended]
    stranded = (job.token for job in alive if job.stranded and job.state is JobState.PENDING)
    return Queue(frozenset(job.job_id for job in alive), frozenset(stranded))


def asked_for(records: Records, backend: str, now: float) -> tuple[Attempt, ...]:
    """The attempts that a backend is asked for."""
    attempts = records.attempts.values()
    return (*open_attempts(attempts, backend), *lost_attempts(attempts, backend, now))


async def policies_of(
    changed: Iterable[Attempt], records: Records, policies: Policies | None
) -> Mapping[str, Retry] | None:
    """When the runs of those that have ended are tried again; None where nobody is to look at that."""
    if policies is None:
        return None
    ended = [records.runs[each.run].experiment for each in changed if each.state.ended and each.run in records.runs]
    return await policies(records.experiments[name] for name in dict.fromkeys(ended) if name in records.experiments)


async def keep(
    store: Store,
    changed: Sequence[Attempt],
    jobs: Iterable[Job],
    now: float,
    policies: Mapping[str, Retry] | None = None,
    asked: float = inf,
) -> None:
    """Store the new states of attempts, on top of what others stored meanwhile; what they saw end has ended.

    With `policies`, also what follows: nobody sees a run between its end and its next attempt.
    """
    if not changed:
        return

    def newest(stored: Records) -> list[Record]:
        kept = states_of(stored)
        ended = [each.run for each in kept if each.state.ended]
        if policies is None or not ended:
            return [*kept]
        after = replace(stored, attempts={**stored.attempts, **{each.id: each for each in kept}})
        return [*kept, *next_attempts(after, ended, policies, now, new_token)]

    def states_of(stored: Records) -> list[Attempt]:
        found = [stored.attempts[each.id] for each in changed]
        wanted = {each.id for each in changed}
        seen = {job.token: job for job in jobs if job.token in wanted}
        return [
            updated_attempt(each, seen[each.id], now, asked) if each.id in seen else lost(each, now)
            for each in found
            if not each.unsent and (not each.state.ended or (each.state is JobState.LOST and each.id in seen))
        ]

    await store.change(newest)
