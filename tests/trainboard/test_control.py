"""What the user wants of runs, wherever they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import CommandFailed, HostUnreachable, JobState, Unclear
from tests.trainboard.fakes import FakeBackend, a_job, a_spec, desk_of, intend
from trainboard.query import query
from trainboard.rows import job_row

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trainboard.fakes import CoreDesk
    from trainboard.rows import Row


@pytest.fixture
def desk(tmp_path: Path) -> CoreDesk:
    return desk_of(tmp_path, FakeBackend())


@pytest.fixture
async def sent(desk: CoreDesk) -> CoreDesk:
    """Two runs that wait on the backend."""
    await desk.submit(a_spec("retry: {on: [FAILED], wait: 1s}\n"))
    return desk


@pytest.fixture
async def unsent(desk: CoreDesk) -> CoreDesk:
    """Two runs that wait here."""
    await intend(a_spec(), [desk.backend], desk.store, desk.archives, {}, lambda: desk.now)
    return desk


def theirs() -> Row:
    return job_row(a_job(state=JobState.PENDING))


# cancel


async def test_cancelling_ends_it_on_its_backend_and_nothing_comes_after_it(sent: CoreDesk) -> None:
    assert await sent.control.cancel(await sent.rows("x-1.0")) == ()
    [told] = sent.backend.cancelled
    first = sent.backend.plans[0]
    assert (told.token, told.batch, told.task) == (first.token, first.batch, first.task)
    assert (told.name, told.directory) == (first.job_name, f"/there/{first.folder}")
    await sent.becomes("x-1.0", JobState.FAILED)
    await sent.dispatcher.step()
    assert len(await sent.attempts()) == 2


async def test_cancelling_a_failed_run_prevents_its_retry(sent: CoreDesk) -> None:
    await sent.becomes("x-1.0", JobState.FAILED)
    await sent.control.cancel(await sent.rows("x-1.0"))
    await sent.dispatcher.step()
    assert len(await sent.attempts()) == 2


async def test_what_was_never_sent_is_cancelled_here(unsent: CoreDesk) -> None:
    await unsent.control.cancel(await unsent.rows("x-1.0"))
    await unsent.dispatcher.step()
    assert (await unsent.newest("x-1.0")).state is JobState.CANCELLED
    assert [plan.run for plan in unsent.backend.plans] == ["001-lr=0.2"]
    assert unsent.backend.cancelled == []


async def test_a_completed_run_stays_completed(sent: CoreDesk) -> None:
    await sent.becomes("x-1.0", JobState.COMPLETED)
    before = await sent.store.load()
    assert await sent.control.cancel(await sent.rows("x-1.0")) == ()
    assert await sent.store.load() is before
    assert sent.backend.cancelled == []


async def test_a_host_that_is_down_gets_the_cancelling_later(sent: CoreDesk) -> None:
    sent.backend.error = HostUnreachable("fake: no connection", "look at the network")
    rows = await sent.rows("x-1.0")
    assert await sent.control.cancel(rows) == ("cancel: fake: no connection; look at the network",)
    other = sent.another()
    await other.step()
    sent.backend.error = None
    sent.later(20)
    await other.step()
    assert [each.token for each in sent.backend.cancelled] == [rows[0].token]


async def test_what_is_told_once_is_not_told_at_every_look(sent: CoreDesk) -> None:
    await sent.control.cancel(await sent.rows())
    for _ in range(10):
        sent.later(5)
        await sent.dispatcher.step()
    assert len(sent.backend.cancelled) == 4  # by the user, and once more because nobody saw it happen


async def test_an_unclear_submission_that_was_cancelled_is_never_sent_again(desk: CoreDesk) -> None:
    desk.backend.error = Unclear("no answer yet")
    await desk.submit(a_spec())
    desk.backend.error = None
    await desk.control.cancel(await desk.rows())
    assert {each.state for each in await desk.attempts()} == {JobState.SUBMITTING}
    desk.later(120)
    await desk.dispatcher.step()
    assert {each.state for each in await desk.attempts()} == {JobState.CANCELLED}
    assert len(desk.backend.cancelled) == 4  # with the directory, before it was told ended
    assert len(desk.backend.batches) == 1


# hold and release


async def test_holding_what_waits_here_keeps_it_here_until_its_release(unsent: CoreDesk) -> None:
    await unsent.control.hold(await unsent.rows("x-1.0"))
    await unsent.dispatcher.step()
    [row] = await unsent.rows("x-1.0")
    assert (row.state, row.held, row.reason) == (JobState.HELD, True, "held")
    assert [plan.run for plan in unsent.backend.plans] == ["001-lr=0.2"]
    await unsent.control.release([row])
    await unsent.dispatcher.step()
    assert [plan.run for plan in unsent.backend.plans] == ["001-lr=0.2", "000-lr=0.1"]


async def test_holding_what_waits_on_a_backend_is_told_there_and_so_is_its_release(sent: CoreDesk) -> None:
    token = sent.backend.plans[0].token
    await sent.control.hold(await sent.rows("x-1.0"))
    await sent.becomes("x-1.0", JobState.HELD)
    await sent.control.release(await sent.rows("x-1.0"))
    assert sent.backend.told == [("hold", (token,)), ("release", (token,))]
    sent.later(60)
    await sent.dispatcher.step()
    assert len(sent.backend.told) == 2


async def test_a_running_run_is_not_held(sent: CoreDesk) -> None:
    await sent.becomes("x-1.0", JobState.RUNNING)
    await sent.control.hold(await sent.rows("x-1.0"))
    assert sent.backend.told == []
    assert (await sent.store.load()).runs["x-1.0"].held is False


async def test_a_host_that_is_down_gets_hold_and_release_later(sent: CoreDesk) -> None:
    token = sent.backend.plans[0].token
    sent.backend.error = HostUnreachable("fake: no connection")
    await sent.control.hold(await sent.rows("x-1.0"))
    sent.backend.error = None
    for _ in range(2):
        await sent.dispatcher.step()
        sent.later(20)
    assert sent.backend.told == [("hold", (token,))]
    await sent.becomes("x-1.0", JobState.HELD)
    sent.backend.error = HostUnreachable("fake: no connection")
    await sent.control.release(await sent.rows("x-1.0"))
    sent.backend.error = None
    for _ in range(2):
        await sent.dispatcher.step()
        sent.later(20)
    assert sent.backend.told == [("hold", (token,)), ("release", (token,))]


async def test_what_somebody_else_holds_is_not_released_by_itself(sent: CoreDesk) -> None:
    await sent.becomes("x-1.0", JobState.HELD)
    for _ in range(3):
        sent.later(60)
        await sent.dispatcher.step()
    assert sent.backend.told == []
    await sent.control.release(await sent.rows("x-1.0"))
    assert [verb for verb, _ in sent.backend.told] == ["release"]


async def test_a_run_that_is_released_between_two_attempts_goes_on(sent: CoreDesk) -> None:
    await sent.control.hold(await sent.rows("x-1.0"))
    await sent.becomes("x-1.0", JobState.FAILED)
    await sent.control.release(await sent.rows("x-1.0"))
    await sent.dispatcher.step()
    sent.later(5)
    await sent.dispatcher.step()
    assert [plan.attempt for plan in sent.backend.plans] == [1, 1, 2]


# requeue


async def test_requeuing_an_ended_run_sends_a_new_attempt_at_once(sent: CoreDesk) -> None:
    await sent.becomes("x-1.0", JobState.COMPLETED)
    await sent.control.requeue(await sent.rows("x-1.0"))
    await sent.dispatcher.step()
    assert [(plan.run, plan.attempt) for plan in sent.backend.plans[2:]] == [("000-lr=0.1", 2)]
    assert (await sent.newest("x-1.0")).cause == "requeued"
    assert (await sent.store.load()).runs["x-1.0"].requeued is None


async def test_requeuing_a_running_run_ends_it_first(sent: CoreDesk) -> None:
    await sent.becomes("x-1.0", JobState.RUNNING)
    await sent.control.requeue(await sent.rows("x-1.0"))
    await sent.dispatcher.step()
    assert len(sent.backend.cancelled) == 1
    assert len(sent.backend.plans) == 2
    await sent.becomes("x-1.0", JobState.CANCELLED)
    await sent.another().step()
    assert [(plan.run, plan.attempt) for plan in sent.backend.plans[2:]] == [("000-lr=0.1", 2)]


async def test_requeuing_a_cancelled_run_makes_it_wanted_again(sent: CoreDesk) -> None:
    await sent.control.cancel(await sent.rows("x-1.0"))
    await sent.becomes("x-1.0", JobState.CANCELLED)
    await sent.control.requeue(await sent.rows("x-1.0"))
    await sent.dispatcher.step()
    assert sent.backend.plans[-1].attempt == 2
    assert (await sent.store.load()).runs["x-1.0"].cancelled is None


async def test_requeuing_what_waits_for_its_retry_ends_the_wait(sent: CoreDesk) -> None:
    await sent.becomes("x-1.0", JobState.FAILED)
    await sent.dispatcher.step()
    await sent.control.requeue(await sent.rows("x-1.0"))
    await sent.dispatcher.step()
    assert [plan.attempt for plan in sent.backend.plans] == [1, 1, 2]
    assert len([each for each in await sent.attempts() if each.run == "x-1.0"]) == 2


async def test_cancelling_after_requeuing_wins(sent: CoreDesk) -> None:
    await sent.control.requeue(await sent.rows("x-1.0"))
    await sent.control.cancel(await sent.rows("x-1.0"))
    await sent.becomes("x-1.0", JobState.CANCELLED)
    await sent.dispatcher.step()
    assert len(sent.backend.plans) == 2


# order


async def test_a_higher_priority_is_kept_and_told(sent: CoreDesk) -> None:
    tokens = tuple(plan.token for plan in sent.backend.plans)
    assert await sent.control.prioritise(await sent.rows(), 5) == ()
    await sent.control.prioritise(await sent.rows("x-1.1"), 1)
    assert sent.backend.told == [("prioritise 5", tokens), ("prioritise 6", tokens[1:])]
    assert [row.priority for row in await sent.rows()] == [5, 6]


@pytest.mark.parametrize("at_top", [False, True])
async def test_a_host_that_is_down_hears_of_priority_and_order_when_it_is_back(
    sent: CoreDesk, *, at_top: bool
) -> None:
    first, second = (plan.token for plan in sent.backend.plans)
    sent.backend.error = HostUnreachable("fake: no route")
    rows = await sent.rows()
    call = sent.control.to_top(rows[::-1]) if at_top else sent.control.prioritise(rows, 2)
    assert len(await call) == 1
    sent.backend.error = None
    for _ in range(3):
        sent.later(20)
        await sent.dispatcher.step()
    assert sent.backend.told == [("to_top", (second, first)) if at_top else ("prioritise 2", (first, second))]


async def test_what_a_backend_was_told_of_priority_and_order_is_not_told_again(sent: CoreDesk) -> None:
    await sent.control.prioritise(await sent.rows(), 2)
    await sent.control.to_top(await sent.rows())
    for _ in range(3):
        sent.later(100)
        await sent.dispatcher.step()
    assert [verb for verb, _ in sent.backend.told] == ["prioritise 2", "to_top"]


async def test_a_priority_that_the_site_forbids_is_tried_once_more_and_not_for_ever(sent: CoreDesk) -> None:
    sent.backend.error = CommandFailed("fake: scontrol: access denied")
    await sent.control.prioritise(await sent.rows(), 5)
    for _ in range(2):
        await sent.dispatcher.step()
        sent.later(20)
    assert sent.dispatcher.troubles == {"fake": "fake: scontrol: access denied"}
    sent.backend.error = None
    for _ in range(3):
        sent.later(100)
        await sent.dispatcher.step()
    assert sent.backend.told == []


async def test_a_priority_that_the_site_forbids_is_said(sent: CoreDesk) -> None:
    sent.backend.error = CommandFailed("fake: scontrol: access denied")
    assert await sent.control.prioritise(await sent.rows(), 5) == ("priority: fake: scontrol: access denied",)


async def test_what_is_put_to_the_top_goes_first_in_the_order_given(unsent: CoreDesk) -> None:
    await intend(a_spec(), [unsent.backend], unsent.store, unsent.archives, {}, lambda: unsent.now + 1)
    await unsent.control.to_top(await unsent.rows("x-2.1", "x-1.1"))
    await unsent.dispatcher.step()
    sent = [(plan.experiment, plan.run[:3]) for plan in unsent.backend.plans]
    assert sent == [("x-2", "001"), ("x-1", "001"), ("x-1", "000"), ("x-2", "000")]


async def test_what_is_put_to_the_top_goes_before_runs_of_a_greater_priority(unsent: CoreDesk) -> None:
    await unsent.control.prioritise(await unsent.rows("x-1.0"), 10)
    await unsent.control.to_top(await unsent.rows("x-1.1"))
    await unsent.dispatcher.step()
    assert [plan.run[:3] for plan in unsent.backend.plans] == ["001", "000"]


async def test_no_priority_goes_beyond_what_a_spec_may_say(unsent: CoreDesk) -> None:
    for by in (900, 900, -5000):
        await unsent.control.prioritise(await unsent.rows("x-1.0"), by)
    assert (await unsent.store.load()).runs["x-1.0"].priority == -1000


async def test_to_the_top_is_told_in_the_order_given(sent: CoreDesk) -> None:
    tokens = tuple(plan.token for plan in sent.backend.plans)
    await sent.control.to_top((await sent.rows())[::-1])
    assert sent.backend.told == [("to_top", tokens[::-1])]


# many and others'


async def test_one_backend_that_fails_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend("one"), FakeBackend("two"))
    one, two = desk.backends.values()
    for backend in (one, two):
        await intend(a_spec(), [backend], desk.store, desk.archives, {}, lambda: desk.now)
    await desk.dispatcher.step()
    one.error = HostUnreachable("one: no connection")
    failures = await desk.control.cancel(await desk.rows())
    assert failures == ("cancel: one: no connection",)
    assert len(two.cancelled) == 2


async def test_jobs_of_others_making_are_told_and_nothing_is_stored(desk: CoreDesk) -> None:
    control, row = desk.control, theirs()
    for call in (control.cancel, control.hold, control.release, control.to_top):
        assert await call([row]) == ()
    assert await control.prioritise([row], 3) == ()
    assert await control.requeue([row]) == (
        "fake:77 was not started by trainboard: only who submitted it can requeue it",
    )
    assert [each.job_id for each in desk.backend.cancelled] == ["77"]
    assert [verb for verb, _ in desk.backend.told] == ["hold", "release", "to_top", "prioritise 3"]
    assert not desk.store.path.exists()


async def test_a_backend_that_left_the_config_is_said(sent: CoreDesk) -> None:
    rows = await sent.rows()
    sent.backends.clear()
    assert await sent.control.cancel(rows) == ("cancel: fake is not in the config any more",)


async def test_a_cancelled_run_that_is_seen_cancelled_is_told_nothing_more(sent: CoreDesk) -> None:
    rows = await sent.rows("x-1.0")
    await sent.control.cancel(rows)
    gone = a_job(rows[0].token, JobState.CANCELLED)
    sent.backend.queue = [gone, replace(gone, token=sent.backend.plans[1].token, state=JobState.RUNNING)]
    await query(sent.backend, sent.store, {}, lambda: sent.now)
    for _ in range(2):
        sent.later(100)
        await sent.dispatcher.step()
    assert len(sent.backend.cancelled) == 1
