"""What goes next, and what became of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from backends.base import (
    BackendError,
    HostTimeout,
    HostUnreachable,
    JobState,
    LoginRefused,
    NoRoom,
    Rejected,
    Room,
    Unclear,
)
from specs.load import loads
from tests.trainboard.fakes import PROJECT, FakeBackend, a_job, a_spec, desk_of, intend
from trainboard.query import query, queue_of
from trainboard.records import Attempt, Experiment, Run

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Plan
    from specs.model import Spec
    from tests.trainboard.fakes import CoreDesk


@pytest.fixture
def desk(tmp_path: Path) -> CoreDesk:
    return desk_of(tmp_path, FakeBackend())


@pytest.fixture
def pair(tmp_path: Path) -> CoreDesk:
    """Two servers."""
    return desk_of(tmp_path, FakeBackend("one"), FakeBackend("two"))


async def wanted(desk: CoreDesk, spec: Spec) -> str:
    """Write a submission down without sending it; the experiment's id."""
    made = await intend(spec, list(desk.backends.values()), desk.store, desk.archives, {}, lambda: desk.now)
    assert made.experiment is not None
    return made.experiment.id


def many(count: int, more: str = "") -> Spec:
    return loads(f"name: x\ncommand: train\nsweep: {{lr: [0], seeds: {count}}}\n{more}", PROJECT / "x.yaml")


# exactly once


async def test_two_dispatchers_at_once_send_every_run_once(desk: CoreDesk) -> None:
    await wanted(desk, many(20))
    await asyncio.gather(desk.dispatcher.step(), desk.another().step(), desk.another().step())
    assert len({plan.token for plan in desk.backend.plans}) == len(desk.backend.plans) == 20


async def test_a_dispatcher_that_died_before_the_submission_is_made_good_by_the_next(desk: CoreDesk) -> None:
    await wanted(desk, a_spec())

    async def die(plan: Plan) -> str:
        raise asyncio.CancelledError

    desk.backend.submitting = die
    await desk.dispatcher.step()
    assert {each.state for each in await desk.attempts()} == {JobState.SUBMITTING}
    desk.backend.submitting = None
    other = desk.another()
    desk.later(119)
    await other.step()
    assert len(desk.backend.plans) == 1
    desk.later(1)
    await other.step()
    first, *again = desk.backend.plans
    assert [plan.run for plan in again] == ["000-lr=0.1", "001-lr=0.2"]
    assert (again[0].token, again[0].batch, again[0].task) == (first.token, first.batch, first.task)
    assert {each.state for each in await desk.attempts()} == {JobState.PENDING}


async def test_what_cannot_be_planned_again_says_why_and_is_left_alone_for_longer_and_longer(desk: CoreDesk) -> None:
    desk.environ["KEY"] = "s3cret"
    desk.backend.error = Unclear("no answer yet")
    await desk.submit(a_spec("env: {KEY: null}\n"))
    desk.backend.error = None
    other = desk.another()
    desk.environ.clear()
    desk.later(120)
    await asyncio.wait_for(other.step(), 10)
    await asyncio.wait_for(other.step(), 10)
    assert {each.state for each in await desk.attempts()} == {JobState.SUBMITTING}
    assert {each.reason for each in await desk.attempts()} == {"needs KEY: set it where the board runs"}
    desk.environ["KEY"] = "s3cret"
    desk.later(120)
    await other.step()
    assert {each.state for each in await desk.attempts()} == {JobState.PENDING}


async def test_what_the_user_holds_while_it_is_on_its_way_is_held_when_it_is_there(desk: CoreDesk) -> None:
    async def hold_meanwhile(plan: Plan) -> str:
        await desk.control.hold(await desk.rows("x-1.0"))
        desk.backend.told.clear()  # there was nothing yet that could be held
        return f"job-{plan.task}"

    desk.backend.submitting = hold_meanwhile
    await desk.submit(a_spec())
    first, _ = desk.backend.plans
    assert ("hold", (first.token,)) in desk.backend.told


async def test_an_unclear_outcome_is_cleared_by_sending_the_same_again(desk: CoreDesk) -> None:
    desk.backend.error = Unclear("no answer yet")
    await desk.submit(a_spec())
    desk.backend.error = None
    desk.later(120)
    await desk.dispatcher.step()
    first, second = desk.backend.batches
    assert [(plan.token, plan.batch, plan.task) for plan in first] == [
        (plan.token, plan.batch, plan.task) for plan in second
    ]


async def test_what_is_seen_stranded_in_two_answers_is_sent_again_at_once(desk: CoreDesk) -> None:
    await desk.submit(a_spec())
    token = desk.backend.plans[0].token
    desk.backend.queue = [a_job(token, JobState.PENDING, stranded=True)]
    for answers in (1, 2):
        assert len(desk.backend.plans) == 2, answers
        desk.later(2)
        answer = await query(desk.backend, desk.store, {}, lambda: desk.now)
        desk.dispatcher.see("fake", answer.queue)
        await desk.dispatcher.step()
    assert [plan.token for plan in desk.backend.plans[2:]] == [token]


async def test_what_is_seen_stranded_now_and_then_is_on_its_way(desk: CoreDesk) -> None:
    await desk.submit(a_spec())
    token = desk.backend.plans[0].token
    for stranded in (True, False, True):
        desk.backend.queue = [a_job(token, JobState.PENDING, stranded=stranded)]
        answer = await query(desk.backend, desk.store, {}, lambda: desk.now)
        desk.dispatcher.see("fake", answer.queue)
        await desk.dispatcher.step()
    assert len(desk.backend.plans) == 2


async def test_a_plan_says_for_rebuild_where_its_attempt_went(pair: CoreDesk) -> None:
    one, two = pair.backends.values()
    one.has_room = Room(0, reason="busy")
    await pair.submit(a_spec())
    assert [plan.origin["attempt"]["backend"] for plan in two.plans] == ["two", "two"]


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
async def test_a_clock_that_jumps_neither_loses_an_attempt_nor_stops_the_sending(desk: CoreDesk, jump: float) -> None:
    desk.backend.error = Unclear("no answer yet")
    await desk.submit(a_spec())
    desk.backend.error = None
    desk.now += jump
    await desk.dispatcher.step()
    assert {each.state for each in await desk.attempts()} == {JobState.PENDING}
    assert len({plan.token for plan in desk.backend.plans}) == 2


@pytest.mark.parametrize("no", [HostUnreachable("gone"), NoRoom("8 jobs of 8")])
async def test_a_no_says_nothing_of_an_earlier_submission_whose_outcome_is_not_known(
    pair: CoreDesk, no: BackendError
) -> None:
    one, two = pair.backends.values()
    one.has_room, two.has_room = Room(9), Room(0)
    one.error = None

    async def unclear(plan: Plan) -> str:
        raise Unclear("no answer yet")

    one.submitting = unclear
    await pair.submit(a_spec())
    one.submitting, one.error, two.has_room = None, no, Room(9)
    pair.later(120)
    await pair.dispatcher.step()
    assert {(each.state, each.backend) for each in await pair.attempts()} == {(JobState.SUBMITTING, "one")}
    assert two.plans == []


async def test_a_rejection_of_what_was_sent_before_ends_it_once_it_can_never_start(desk: CoreDesk) -> None:
    desk.backend.error = Unclear("no answer yet")
    await desk.submit(a_spec())
    desk.backend.error = None

    async def reject(plan: Plan) -> str:
        raise Rejected("invalid partition")

    desk.backend.submitting = reject
    desk.backend.taken_back = {desk.backend.plans[0].token}
    desk.later(120)
    await desk.dispatcher.step()
    first, second = await desk.attempts()
    assert (first.state, first.rejected, first.reason) == (JobState.FAILED, True, "invalid partition")
    assert second.state is JobState.SUBMITTING


async def test_an_answer_that_comes_after_somebody_else_took_over_changes_nothing_but_a_job_id(
    desk: CoreDesk,
) -> None:
    async def overtaken(plan: Plan) -> str:
        await desk.store.update(Attempt, plan.token, lambda each: replace(each, sent=desk.now + 1))
        raise Rejected("too late")

    desk.backend.submitting = overtaken
    await desk.submit(a_spec())
    assert {(each.state, each.ended) for each in await desk.attempts()} == {(JobState.SUBMITTING, None)}


async def test_what_was_concluded_ended_and_turns_out_to_be_taken_is_watched_again(desk: CoreDesk) -> None:
    async def concluded(plan: Plan) -> str:
        ended = {"state": JobState.CANCELLED, "ended": 1.0}
        await desk.store.update(Attempt, plan.token, lambda each: replace(each, **ended))  # type: ignore[arg-type]  # by name
        return "4711"

    desk.backend.submitting = concluded
    await desk.submit(a_spec())
    assert {(each.state, each.job_id) for each in await desk.attempts()} == {(JobState.PENDING, "4711")}


async def test_a_stranded_attempt_is_sent_again_with_the_same_token(desk: CoreDesk) -> None:
    await desk.submit(a_spec())
    first, second = desk.backend.plans
    desk.later(200)
    waits = a_job(first.token, JobState.PENDING, started=None)
    desk.backend.queue = [replace(waits, stranded=True), a_job(second.token, JobState.PENDING, started=None)]
    await query(desk.backend, desk.store, {}, lambda: desk.now)
    await desk.dispatcher.step()
    assert [plan.token for plan in desk.backend.batches[1]] == [first.token]


async def test_an_attempt_that_was_given_up_and_is_alive_beside_a_newer_one_is_cancelled(desk: CoreDesk) -> None:
    await desk.submit(a_spec())
    await desk.becomes("x-1.0", JobState.LOST)
    await desk.control.requeue(await desk.rows("x-1.0"))
    await desk.dispatcher.step()
    old = desk.backend.plans[0].token
    desk.backend.queue = [a_job(old, JobState.RUNNING)]
    await query(desk.backend, desk.store, {}, lambda: desk.now)
    await desk.dispatcher.step()
    desk.later(20)
    await desk.dispatcher.step()
    assert [each.token for each in desk.backend.cancelled] == [old]


# order, batches, room


async def test_runs_are_sent_by_priority_then_place_then_as_they_were_submitted(desk: CoreDesk) -> None:
    await wanted(desk, many(4))
    await desk.store.update(Run, "x-1.3", lambda each: replace(each, priority=1))
    await desk.store.update(Run, "x-1.2", lambda each: replace(each, place=-1.0))
    await desk.dispatcher.step()
    assert [plan.run[:3] for plan in desk.backend.plans] == ["003", "002", "000", "001"]
    assert [plan.priority for plan in desk.backend.plans] == [1, 0, 0, 0]


async def test_a_thousand_runs_go_together_and_the_rest_in_the_next_call(desk: CoreDesk) -> None:
    await desk.submit(many(1200))
    assert [len(batch) for batch in desk.backend.batches] == [1000, 200]
    assert [plan.task for plan in desk.backend.batches[1]] == list(range(200))


async def test_a_sweep_is_fed_in_as_room_appears(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend(kind="slurm"))
    desk.backend.has_room = Room(None, 3)

    async def fill(plan: Plan) -> str:
        desk.backend.has_room = Room(None, 0, "8 jobs of 8")
        return plan.run

    desk.backend.submitting = fill
    await desk.submit(many(5))
    await desk.dispatcher.step()
    waiting = [each for each in await desk.attempts() if each.unsent]
    assert {each.reason for each in waiting} == {"8 jobs of 8"}
    assert len(waiting) == 2
    desk.backend.has_room = Room(None, 2)
    desk.later(20)
    await desk.dispatcher.step()
    assert [len(batch) for batch in desk.backend.batches] == [3, 2]


@pytest.mark.parametrize("left", [True, False])
async def test_room_is_asked_for_anew_as_soon_as_a_job_left_the_queue(tmp_path: Path, *, left: bool) -> None:
    desk = desk_of(tmp_path, FakeBackend(kind="slurm"))
    desk.backend.has_room = Room(None, 0, "8 jobs of 8")
    await desk.submit(a_spec())
    desk.dispatcher.see("fake", queue_of([a_job(job_id="1"), a_job(job_id="2")]))
    desk.backend.has_room = Room(None, 2)
    state = JobState.COMPLETED if left else JobState.COMPLETING
    desk.dispatcher.see("fake", queue_of([a_job(job_id="1", state=state), a_job(job_id="2")]))
    await desk.dispatcher.step()
    assert len(desk.backend.plans) == (2 if left else 0)


async def test_an_answer_that_was_asked_for_before_a_job_left_is_not_the_last_word(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend(kind="slurm"))
    desk.backend.has_room = Room(None, 0, "8 jobs of 8")
    desk.dispatcher.see("fake", queue_of([a_job()]))

    async def one_leaves() -> None:
        desk.backend.asked_for_room = None
        desk.dispatcher.see("fake", queue_of([]))

    desk.backend.asked_for_room = one_leaves
    await wanted(desk, a_spec())
    await desk.dispatcher.step()
    assert desk.backend.rooms_asked == 2


async def test_where_there_is_no_room_after_all_it_is_tried_again_later_and_later(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend(kind="slurm"))
    desk.backend.error = None

    async def none(plan: Plan) -> str:
        raise NoRoom("QOSMaxSubmitJobPerUserLimit")

    desk.backend.submitting = none
    await desk.submit(a_spec())
    tries = []
    for second in range(60):
        desk.later(1)
        before = len(desk.backend.batches)
        await desk.dispatcher.step()
        tries += [second] * (len(desk.backend.batches) - before)
    assert len(tries) in (3, 4)
    assert tries[1] - tries[0] < tries[2] - tries[1]
    assert {each.reason for each in await desk.attempts()} == {"QOSMaxSubmitJobPerUserLimit"}


async def test_an_array_of_a_sweep_with_at_most_is_not_joined_by_another_one(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend(kind="slurm"))
    desk.backend.has_room = Room(None, 3)
    await desk.submit(loads("name: x\ncommand: t\nsweep: {lr: [0], seeds: 5, at_most: 2}\n", tmp_path / "x.yaml"))
    assert [plan.at_most for plan in desk.backend.plans] == [2, 2, 2]
    for index in (0, 1):
        desk.later(20)
        await desk.dispatcher.step()
        assert len(desk.backend.plans) == 3
        await desk.becomes(f"x-1.{index}", JobState.COMPLETED)
    desk.later(20)
    await desk.dispatcher.step()
    assert len(desk.backend.plans) == 4


# hosts that do not answer


async def test_a_host_that_hangs_delays_no_other(pair: CoreDesk) -> None:
    hung, well = pair.backends.values()
    stop, begun, enough = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hang(plan: Plan) -> str:
        begun.set()
        await stop.wait()
        return "late"

    async def take(plan: Plan) -> str:
        if len(well.plans) == 3:
            enough.set()
        return plan.run

    hung.submitting, well.submitting = hang, take
    hung.has_room, well.has_room = Room(1), Room(0)
    await wanted(pair, a_spec())
    first = asyncio.create_task(pair.dispatcher.step())
    await begun.wait()
    well.has_room = Room(9)
    pair.later(11)
    await wanted(pair, a_spec())
    second = asyncio.create_task(pair.dispatcher.step())
    await enough.wait()
    stop.set()
    await asyncio.gather(first, second)


async def test_an_answer_about_room_that_does_not_come_stops_nobody(pair: CoreDesk) -> None:
    hung, well = pair.backends.values()
    stop = asyncio.Event()

    async def hang() -> None:
        await stop.wait()

    hung.asked_for_room = hang
    await wanted(pair, a_spec())
    await pair.dispatcher.begin()
    assert well.plans == []
    pair.later(11)
    for _ in range(3):
        done = [task for task in await pair.dispatcher.begin() if not stop.is_set()]
        await asyncio.wait(done, timeout=0.2) if done else None
    assert len(well.plans) == 2
    stop.set()
    await pair.dispatcher.close()


async def test_a_host_that_is_down_leaves_its_runs_to_the_next_of_where(pair: CoreDesk) -> None:
    one, two = pair.backends.values()
    one.error = HostUnreachable("one: no connection")
    await pair.submit(a_spec())
    assert [plan.run for plan in two.plans] == ["000-lr=0.1", "001-lr=0.2"]
    assert pair.dispatcher.troubles == {"one": "one: no connection"}


async def test_a_run_waits_for_a_host_that_is_down_and_is_sent_when_it_answers(desk: CoreDesk) -> None:
    desk.backend.error = HostTimeout("fake: no answer")
    await desk.submit(a_spec())
    desk.backend.error = None
    await desk.dispatcher.step()
    assert len(desk.backend.batches) == 1
    desk.dispatcher.wake("fake")
    await desk.dispatcher.step()
    assert {each.state for each in await desk.attempts()} == {JobState.PENDING}
    assert len(desk.backend.batches) == 2


async def test_a_refused_login_is_not_tried_again_by_itself(desk: CoreDesk) -> None:
    desk.backend.error = LoginRefused("fake: permission denied")
    await desk.submit(a_spec())
    desk.later(86400)
    await desk.dispatcher.step()
    assert len(desk.backend.batches) == 1


async def test_a_backend_that_left_the_config_is_named(desk: CoreDesk) -> None:
    await wanted(desk, a_spec())
    desk.backends.clear()
    await desk.dispatcher.step()
    assert {each.reason for each in await desk.attempts()} == {"fake is not in the config any more"}


async def test_what_is_sent_for_one_experiment_only_leaves_the_others(desk: CoreDesk) -> None:
    await wanted(desk, a_spec())
    second = await wanted(desk, a_spec())
    await desk.dispatcher.step(second)
    assert {plan.experiment for plan in desk.backend.plans} == {second}


async def test_runs_that_may_go_nowhere_say_so(desk: CoreDesk) -> None:
    name = await wanted(desk, a_spec())
    await desk.store.update(Experiment, name, lambda each: replace(each, where=()))
    await desk.dispatcher.step()
    assert {each.reason for each in await desk.attempts()} == {"its backend is not in the config any more"}


# cost


async def test_ten_thousand_runs_with_nothing_to_do_cost_at_most_ten_milliseconds(desk: CoreDesk) -> None:
    await desk.submit(many(10_000))
    await desk.dispatcher.step()
    best = 1.0
    for _ in range(5):
        began = time.process_time()
        await desk.dispatcher.begin()
        best = min(best, time.process_time() - began)
    assert best < 0.010
