"""What ends an attempt, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.base import ENDED, JobState
from tests.trainboard.fakes import a_job, an_attempt
from trainboard.reconcile import (
    LOOKED_FOR,
    MISSES,
    MISSING_FOR,
    Absence,
    lost_attempts,
    open_attempts,
    reconcile,
    updated_attempt,
    watched,
)
from trainboard.records import Run
from trainboard.sending import RESEND

if TYPE_CHECKING:
    from collections.abc import Mapping


def missed(times: list[float]) -> list[JobState]:
    """The state of an attempt after each of the answers that do not show it."""
    kept: Mapping[str, Absence] = {}
    attempt, states = an_attempt(), []
    for now in times:
        verdict = reconcile([attempt], [], kept, now)
        attempt, kept = (verdict.changed or (attempt,))[0], verdict.absences
        states.append(attempt.state)
    return states


def test_missing_once_is_not_gone() -> None:
    assert missed([100.0]) == [JobState.PENDING]


def test_missing_often_in_a_short_time_is_not_gone() -> None:
    assert set(missed([100.0 + n for n in range(59)])) == {JobState.PENDING}


def test_missing_for_long_but_twice_is_not_gone() -> None:
    assert missed([100.0, 10_000.0]) == [JobState.PENDING] * 2


def test_missing_often_and_for_long_is_lost() -> None:
    assert missed([100.0, 130.0, 160.0]) == [JobState.PENDING, JobState.PENDING, JobState.LOST]


def test_a_lost_attempt_says_when_and_why() -> None:
    verdict = reconcile([an_attempt()], [], reconcile([an_attempt()], [], {}, 1.0).absences, 30.0)
    [lost] = reconcile([an_attempt()], [], verdict.absences, 90.0).changed
    assert (lost.state, lost.ended, lost.reason) == (JobState.LOST, 90.0, "gone without evidence")


def test_being_seen_again_starts_the_count_anew() -> None:
    first = reconcile([an_attempt()], [], {}, 100.0)
    second = reconcile([an_attempt()], [a_job("t1")], first.absences, 130.0)
    assert second.absences == {}


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=30),
)
def test_an_attempt_is_lost_only_after_enough_misses_over_enough_time(answers: list[tuple[bool, float]]) -> None:
    kept: Mapping[str, Absence] = {}
    now, misses, since = 1000.0, 0, 0.0
    for seen, later in answers:
        now += later
        verdict = reconcile([an_attempt()], [a_job("t1")] if seen else [], kept, now)
        kept = verdict.absences
        misses, since = (0, 0.0) if seen else (misses + 1, since or now)
        lost = [attempt for attempt in verdict.changed if attempt.state is JobState.LOST]
        assert bool(lost) == (misses >= MISSES and now - since >= MISSING_FOR)
        if lost:
            return


def test_an_unclear_submission_is_never_lost() -> None:
    attempt = an_attempt(state=JobState.SUBMITTING, job_id="", submitted=None)
    verdict = reconcile([attempt], [], {}, 1e9)
    assert (verdict.changed, dict(verdict.absences)) == ((), {})


def test_a_token_gives_an_unclear_submission_its_job_id() -> None:
    attempt = an_attempt(state=JobState.SUBMITTING, job_id="", submitted=None)
    [found] = reconcile([attempt], [a_job("t1", JobState.PENDING, job_id="4711", started=None)], {}, 9.0).changed
    assert (found.state, found.job_id, found.submitted, found.started) == (JobState.PENDING, "4711", 5.0, None)


def test_a_job_of_somebody_else_with_the_same_id_is_not_ours() -> None:
    assert reconcile([an_attempt()], [a_job(job_id="id-t1", state=JobState.FAILED)], {}, 9.0).changed == ()


@pytest.mark.parametrize("state", JobState)
def test_a_state_is_taken_over_and_ends_only_where_it_is_an_end(state: JobState) -> None:
    [attempt] = reconcile([an_attempt(state=JobState.COMPLETING)], [a_job("t1", state)], {}, 9.0).changed or [
        an_attempt(state=JobState.COMPLETING)
    ]
    assert attempt.state is state
    assert (attempt.ended is not None) == (state in ENDED)


def test_an_unknown_state_is_alive() -> None:
    [attempt] = reconcile([an_attempt()], [a_job("t1", JobState.UNKNOWN)], {}, 9.0).changed
    assert open_attempts([attempt], "fake") == (attempt,)


def test_the_end_is_when_the_job_says_else_now() -> None:
    told = reconcile([an_attempt()], [a_job("t1", JobState.FAILED, ended=8.0, exit_code=3)], {}, 9.0).changed[0]
    not_told = reconcile([an_attempt()], [a_job("t1", JobState.NODE_FAIL)], {}, 9.0).changed[0]
    assert (told.ended, told.exit_code, not_told.ended) == (8.0, 3, 9.0)


def test_what_the_job_does_not_tell_stays() -> None:
    before = an_attempt(state=JobState.RUNNING, started=6.5)
    [after] = reconcile(
        [before], [a_job("t1", JobState.COMPLETING, job_id="", submitted=None, started=None)], {}, 9.0
    ).changed
    assert (after.job_id, after.submitted, after.started) == ("id-t1", 5.0, 6.5)


def test_an_attempt_that_did_not_change_is_not_in_the_verdict() -> None:
    attempt = an_attempt(state=JobState.RUNNING, started=6.0)
    assert reconcile([attempt], [a_job("t1")], {}, 9.0).changed == ()


def test_only_open_attempts_of_this_backend_are_asked_for() -> None:
    mine, ended, elsewhere = an_attempt(), an_attempt("t2", JobState.FAILED), an_attempt("t3", backend="other")
    assert open_attempts([mine, ended, elsewhere], "fake") == (mine,)


def test_an_attempt_that_waits_on_our_side_is_not_asked_for() -> None:
    unsent = an_attempt(directory="", job_id="", sent=None)
    assert open_attempts([unsent], "fake") == ()


def test_what_a_backend_is_told_of_an_attempt_that_has_no_id_yet() -> None:
    found = watched(an_attempt(job_id="", submitted=None))
    assert (found.token, found.job_id, found.directory, found.submitted) == ("t1", "", "/there", 4.0)


def test_a_backend_is_told_the_batch_and_the_name_of_the_job_too() -> None:
    found = watched(an_attempt(batch="b1", task=7), Run("x-1.3", "x-1", 3, "lr=0.1", {}))
    assert (found.batch, found.task, found.name) == ("b1", 7, "x-1/003-lr=0.1")


def test_an_unclear_submission_is_never_lost_even_where_its_job_id_is_known() -> None:
    attempt = an_attempt(state=JobState.SUBMITTING)
    assert reconcile([attempt], [], {"t1": Absence(0.0, 99)}, 1e9).changed == ()


def test_a_stranded_attempt_is_to_be_sent_again() -> None:
    [after] = reconcile([an_attempt()], [a_job("t1", JobState.PENDING, stranded=True)], {}, 9.0).changed
    assert (after.state, after.ended) == (JobState.SUBMITTING, None)


def test_a_held_attempt_that_is_stranded_stays_held() -> None:
    held = an_attempt(state=JobState.HELD)
    assert updated_attempt(held, a_job("t1", JobState.HELD, stranded=True), 9.0).state is JobState.HELD


def test_a_withdrawn_job_marks_its_attempt() -> None:
    [after] = reconcile([an_attempt()], [a_job("t1", JobState.CANCELLED, withdrawn=True)], {}, 9.0).changed
    assert (after.state, after.withdrawn) == (JobState.CANCELLED, True)


@pytest.mark.parametrize("state", sorted(set(JobState) - {JobState.LOST, JobState.UNKNOWN}))
def test_a_lost_attempt_that_is_seen_is_what_is_seen(state: JobState) -> None:
    lost = an_attempt(state=JobState.LOST, ended=7.0, reason="gone without evidence")
    [after] = reconcile([lost], [a_job("t1", state)], {}, 9.0).changed
    assert (after.state, after.ended is None) == (state, not state.ended)


def test_a_lost_attempt_of_which_nobody_knows_the_state_stays_lost() -> None:
    lost = an_attempt(state=JobState.LOST, ended=7.0, reason="gone without evidence")
    assert reconcile([lost], [a_job("t1", JobState.UNKNOWN)], {}, 9.0).changed == ()


def test_a_lost_attempt_that_is_not_seen_stays_lost() -> None:
    lost = an_attempt(state=JobState.LOST, ended=7.0)
    verdict = reconcile([lost], [], {}, 1e9)
    assert (verdict.changed, dict(verdict.absences)) == ((), {})


def test_a_lost_attempt_is_asked_for_for_a_week() -> None:
    lost = an_attempt(state=JobState.LOST, ended=1000.0)
    assert lost_attempts([lost], "fake", 1000.0 + LOOKED_FOR - 1) == (lost,)
    assert lost_attempts([lost], "fake", 1000.0 + LOOKED_FOR) == ()
    assert lost_attempts([lost], "other", 1001.0) == ()


def test_restarts_are_never_fewer_than_they_were() -> None:
    assert updated_attempt(an_attempt(restarts=2), a_job("t1"), 9.0).restarts == 2
    assert updated_attempt(an_attempt(), a_job("t1", restarts=3), 9.0).restarts == 3


def test_that_nothing_moves_it_on_is_said_when_its_launch_must_have_come() -> None:
    attempt = an_attempt(state=JobState.SUBMITTING, sent=100.0, job_id="")
    job = a_job("t1", JobState.PENDING, reason="nothing moves it on", stranded=True)
    told = [updated_attempt(attempt, job, now) for now in (101.0, 100.0 + RESEND - 1, 100.0 + RESEND)]
    assert [(each.state, each.reason) for each in told] == [
        (JobState.SUBMITTING, ""), (JobState.SUBMITTING, ""), (JobState.SUBMITTING, "nothing moves it on"),
    ]  # fmt: skip
    waited = updated_attempt(an_attempt(sent=100.0), job, 101.0)
    assert (waited.state, waited.reason) == (JobState.SUBMITTING, "nothing moves it on"), "it was in the queue"
