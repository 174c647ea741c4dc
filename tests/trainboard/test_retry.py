"""Which attempt follows one that ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import ENDED, JobState
from specs.model import RETRIABLE, Retry
from tests.trainboard.fakes import FakeBackend, a_spec, an_attempt, desk_of
from trainboard.records import Run
from trainboard.retry import LONGEST_WAIT, due, following

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.records import Attempt

RUN = Run("x-1.0", "x-1", 0, "lr=0", {})
POLICY = Retry(on=RETRIABLE, max=3, wait=30)


def after(*history: Attempt, run: Run = RUN, policy: Retry | None = POLICY, now: float = 100.0) -> Attempt | None:
    return following(run, history, policy, now, lambda: "new")


def failed(state: JobState = JobState.TIMEOUT, **changes: object) -> Attempt:
    return replace(an_attempt(state=state, ended=90.0), **changes)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize("state", sorted(ENDED))
def test_only_the_states_of_the_policy_are_tried_again(state: JobState) -> None:
    assert (after(failed(state)) is not None) == (state in RETRIABLE)
    assert after(failed(state), policy=replace(POLICY, on=())) is None
    assert after(failed(state), policy=None) is None


@pytest.mark.parametrize("state", sorted(set(JobState) - ENDED))
def test_nothing_follows_what_has_not_ended(state: JobState) -> None:
    assert after(an_attempt(state=state), run=replace(RUN, requeued=1.0)) is None


def test_a_retry_is_the_same_run_one_attempt_on_and_says_why() -> None:
    made = after(failed(number=2))
    assert made is not None
    assert (made.run, made.number, made.id, made.cause) == (RUN.id, 3, "new", "retry after TIMEOUT")
    assert (made.unsent, made.backend, made.directory, made.job_id) == (True, "", "", "")


def test_each_wait_is_twice_the_one_before_and_an_hour_at_most() -> None:
    history, waits = [failed()], []
    for number in range(2, 12):
        made = after(*history, policy=replace(POLICY, max=20, wait=60))
        assert made is not None
        assert made.not_before is not None
        waits.append(made.not_before - 100.0)
        history.append(replace(made, state=JobState.TIMEOUT, number=number))
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]


def test_there_are_no_more_retries_than_allowed() -> None:
    history = [failed()]
    while (made := after(*history)) is not None:
        history.append(replace(made, state=JobState.FAILED))
    assert len(history) == 1 + POLICY.max


def test_restarts_by_the_scheduler_are_retries_too() -> None:
    assert after(failed(restarts=2)) is not None
    assert after(failed(restarts=3)) is None


def test_a_move_costs_no_retry() -> None:
    history = [failed(JobState.CANCELLED, withdrawn=True), failed(number=2, cause="moved from gpu1")]
    made = after(*history, policy=replace(POLICY, max=1))
    assert made is not None
    last = replace(made, state=JobState.TIMEOUT)
    moved = replace(last, number=4, cause="moved from gpu2")
    assert after(*history, last, moved, policy=replace(POLICY, max=1)) is None


def test_a_requeued_run_has_all_its_retries_again() -> None:
    history = [failed(), failed(number=2, cause="retry after TIMEOUT"), failed(number=3, cause="requeued")]
    assert after(*history, policy=replace(POLICY, max=1)) is not None


def test_nothing_comes_after_the_user_cancelled() -> None:
    cancelled = replace(RUN, cancelled=95.0)
    assert after(failed(), run=cancelled) is None
    assert after(failed(JobState.CANCELLED, withdrawn=True), run=cancelled) is None


def test_what_never_was_taken_is_not_tried_again() -> None:
    assert after(failed(JobState.FAILED, rejected=True)) is None


def test_a_withdrawn_attempt_is_followed_at_once_without_a_policy() -> None:
    made = after(failed(JobState.CANCELLED, withdrawn=True), policy=None)
    assert made is not None
    assert (made.cause, made.not_before) == ("moved from fake", None)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_a_requeued_run_gets_a_new_attempt_whatever_its_end_was(state: JobState) -> None:
    made = after(failed(state, rejected=True), run=replace(RUN, requeued=95.0), policy=None)
    assert made is not None
    assert (made.cause, made.not_before) == ("requeued", None)


@given(st.floats(-1e7, 1e7), st.floats(0, LONGEST_WAIT))
def test_no_clock_makes_a_retry_wait_for_more_than_the_longest_wait(jump: float, wait: float) -> None:
    now = 1e8 + jump
    assert due(1e8 + wait, now) or now < 1e8 + wait <= now + LONGEST_WAIT


async def test_a_run_that_failed_is_sent_again_when_its_wait_is_over(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend())
    await desk.submit(a_spec("retry: {on: [NODE_FAIL], max: 1, wait: 1m}\n"))
    await desk.becomes("x-1.0", JobState.NODE_FAIL)
    await desk.dispatcher.step()
    assert (await desk.newest("x-1.0")).unsent
    desk.later(59)
    await desk.dispatcher.step()
    assert len(desk.backend.plans) == 2
    desk.later(1)
    await desk.dispatcher.step()
    again = desk.backend.plans[2]
    assert (again.run, again.attempt, again.command) == ("000-lr=0.1", 2, "train --lr 0.1")
    await desk.becomes("x-1.0", JobState.NODE_FAIL)
    await desk.dispatcher.step()
    assert (await desk.newest("x-1.0")).state is JobState.NODE_FAIL


async def test_after_too_little_memory_it_asks_for_more_each_time(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend())
    spec = a_spec("resources: {memory: 4G}\nretry: {on: [OUT_OF_MEMORY], max: 2, wait: 1s, memory: x1.5}\n")
    await desk.submit(spec)
    for _ in range(2):
        await desk.becomes("x-1.0", JobState.OUT_OF_MEMORY)
        await desk.dispatcher.step()
        desk.later(2)
        await desk.dispatcher.step()
    asked = [plan.resources.memory for plan in desk.backend.plans if plan.run.startswith("000")]
    assert asked == [4 << 30, 6 << 30, 9 << 30]


async def test_a_scheduler_may_restart_only_as_often_as_there_are_retries_left(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend(kind="slurm"))
    await desk.submit(a_spec("retry: {on: [TIMEOUT, FAILED], max: 3, wait: 1s}\n"))
    first = desk.backend.plans[0]
    assert (first.restart_on, first.restarts) == ((JobState.TIMEOUT,), 3)
    await desk.becomes("x-1.0", JobState.FAILED, restarts=1)
    await desk.dispatcher.step()
    desk.later(30)
    await desk.dispatcher.step()
    assert [plan.restarts for plan in desk.backend.plans if plan.attempt == 2] == [1]


async def test_two_dispatchers_add_one_retry_between_them(tmp_path: Path) -> None:
    desk = desk_of(tmp_path, FakeBackend())
    await desk.submit(a_spec("retry: {on: [FAILED]}\n"))
    await desk.becomes("x-1.0", JobState.FAILED)
    other = desk.another()
    await desk.dispatcher.step()
    await other.step()
    assert [each.number for each in await desk.attempts() if each.run == "x-1.0"] == [1, 2]
