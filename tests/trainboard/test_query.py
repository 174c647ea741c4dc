"""One question to a backend, and what it changes in the store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import CommandFailed, HostTimeout, HostUnreachable, JobState
from specs.model import Retry
from tests.trainboard.fakes import FakeBackend, a_job, an_attempt, records_of
from trainboard.ledger import newest_attempts
from trainboard.query import query
from trainboard.records import Attempt, Run
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from backends.base import BackendError
    from trainboard.documents import Change, Record
    from trainboard.records import Experiment


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state")


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.mark.parametrize("error", [HostUnreachable("gone"), HostTimeout("slow"), CommandFailed("squeue: error")])
async def test_a_query_that_fails_ends_nothing(store: Store, backend: FakeBackend, error: BackendError) -> None:
    await store.put(*records_of(an_attempt(), an_attempt("t2", JobState.SUBMITTING, run="x-1.1", job_id="")))
    before = await store.load()
    backend.error = error
    with pytest.raises(type(error)):
        await query(backend, store, {})
    assert await store.load() is before


async def test_an_answer_is_stored(store: Store, backend: FakeBackend) -> None:
    await store.put(*records_of(an_attempt()))
    backend.queue = [a_job("t1"), a_job()]
    answer = await query(backend, store, {})
    assert len(answer.jobs) == 2
    assert (await store.load()).attempts["t1"].state is JobState.RUNNING


async def test_an_answer_that_is_no_news_writes_nothing(store: Store, backend: FakeBackend) -> None:
    await store.put(*records_of(an_attempt()))
    backend.queue = [a_job("t1")]
    await query(backend, store, {})
    before = await store.load()
    await query(backend, store, {})
    assert await store.load() is before


async def test_what_is_submitted_while_a_query_is_under_way_is_not_missing(
    store: Store, backend: FakeBackend
) -> None:
    await store.put(*records_of(an_attempt()))

    async def submitted_meanwhile() -> None:
        await store.put(*records_of(an_attempt("t2", run="x-1.1")))

    backend.answering = submitted_meanwhile
    assert set((await query(backend, store, {})).absences) == {"t1"}


async def test_an_end_that_somebody_else_saw_is_not_taken_back(store: Store, backend: FakeBackend) -> None:
    await store.put(*records_of(an_attempt()))
    backend.queue = [a_job("t1")]

    async def ended_meanwhile() -> None:
        await store.update(Attempt, "t1", lambda attempt: replace(attempt, state=JobState.COMPLETED, ended=8.0))

    backend.answering = ended_meanwhile
    await query(backend, store, {})
    assert (await store.load()).attempts["t1"].state is JobState.COMPLETED


async def test_what_somebody_else_stored_meanwhile_stays_beside_what_was_seen(
    store: Store, backend: FakeBackend
) -> None:
    await store.put(*records_of(an_attempt()))
    backend.queue = [a_job("t1")]

    async def held_meanwhile() -> None:
        await store.update(Attempt, "t1", lambda attempt: replace(attempt, held=True, sent=8.0))

    backend.answering = held_meanwhile
    await query(backend, store, {})
    stored = (await store.load()).attempts["t1"]
    assert (stored.state, stored.held, stored.sent) == (JobState.RUNNING, True, 8.0)


async def test_what_was_handed_over_while_a_host_was_asked_is_not_stranded(
    store: Store, backend: FakeBackend
) -> None:
    await store.put(*records_of(an_attempt(state=JobState.SUBMITTING, job_id="", submitted=None, sent=98.0)))
    backend.queue = [a_job("t1", JobState.PENDING, stranded=True, reason="it was not put into the queue")]

    async def handed_over_meanwhile() -> None:
        taken = {"state": JobState.PENDING, "job_id": "t1", "submitted": 100.5}
        await store.update(Attempt, "t1", lambda attempt: replace(attempt, **taken))  # type: ignore[arg-type]  # by name

    backend.answering = handed_over_meanwhile
    await query(backend, store, {}, lambda: 100.0)
    stored = (await store.load()).attempts["t1"]
    assert (stored.state, stored.reason) == (JobState.PENDING, "")
    backend.answering = None
    await query(backend, store, {}, lambda: 101.0)
    assert (await store.load()).attempts["t1"].state is JobState.SUBMITTING, "asked after that, it is"


async def test_an_attempt_that_came_back_to_our_side_meanwhile_stays_here(store: Store, backend: FakeBackend) -> None:
    await store.put(*records_of(an_attempt(state=JobState.SUBMITTING, job_id="", submitted=None)))
    backend.queue = [a_job("t1", JobState.PENDING, stranded=True)]
    here = {"state": JobState.PENDING, "sent": None, "directory": "", "backend": ""}

    async def not_taken_after_all() -> None:
        await store.update(Attempt, "t1", lambda attempt: replace(attempt, **here))  # type: ignore[arg-type]  # by name

    backend.answering = not_taken_after_all
    await query(backend, store, {})
    assert (await store.load()).attempts["t1"].unsent


async def test_an_end_and_the_attempt_that_follows_it_are_one_change(store: Store, backend: FakeBackend) -> None:
    runs = {"x-1.0": "t1", "x-1.1": "t2", "x-1.2": "t3"}
    await store.put(*records_of(*(an_attempt(token, run=run) for run, token in runs.items())))
    await store.update(Run, "x-1.2", lambda run: replace(run, cancelled=7.0))
    backend.queue = [a_job("t1", JobState.TIMEOUT), a_job("t2", JobState.FAILED), a_job("t3", JobState.TIMEOUT)]
    seen: list[set[tuple[str, int, str]]] = []

    async def policies(experiments: Iterable[Experiment]) -> dict[str, Retry]:
        return {each.id: Retry(on=("TIMEOUT",), max=1, wait=30) for each in experiments}

    class Looking(Store):
        async def change(self, change: Change) -> tuple[Record, ...]:
            made = await super().change(change)
            newest = newest_attempts(await self.load()).values()
            seen.append({(each.run, each.number, str(each.state)) for each in newest})
            return made

    looking = Looking(store.path.parent)
    await query(backend, looking, {}, lambda: 50.0, policies)
    assert seen == [{("x-1.0", 2, "PENDING"), ("x-1.1", 1, "FAILED"), ("x-1.2", 1, "TIMEOUT")}]
    [retry] = [each for each in (await looking.load()).attempts.values() if each.number == 2]
    assert (retry.unsent, retry.cause, retry.not_before) == (True, "retry after TIMEOUT", 80.0)


async def test_a_lost_attempt_that_is_seen_again_comes_back_to_life(store: Store, backend: FakeBackend) -> None:
    await store.put(*records_of(an_attempt(state=JobState.LOST, ended=1000.0)))
    backend.queue = [a_job("t1")]
    await query(backend, store, {}, lambda: 2000.0)
    stored = (await store.load()).attempts["t1"]
    assert (stored.state, stored.ended) == (JobState.RUNNING, None)
