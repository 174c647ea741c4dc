"""How far a run is and when it will be done, by what it printed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from backends.base import JobState
from trainboard.extract import Progress
from trainboard.progress import Course, Left, estimate, in_time, pace_of, reached
from trainboard.rows import Row
from trainboard.series import Series, join

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_800_000_000.0


def a_row(state: JobState = JobState.RUNNING, **fields: Any) -> Row:  # noqa: ANN401  # fields of any type by name
    """A row of ours that began a thousand seconds ago."""
    known: dict[str, Any] = {"run": "r", "started": NOW - 1000, "objective": "val_loss", "attempt": 1}
    return Row("r", "here", "1", "x/r", state, **(known | fields))


def a_series(
    metric: str, steps: Sequence[float], values: Sequence[float], walls: Sequence[float], index: str = "step"
) -> Series:
    """One metric."""
    series = Series(metric, index)
    series.extend(np.array(steps, float), np.array(values, float), np.array(walls, float), index)
    return series


def losses(count: int = 100, each: float = 10.0, index: str = "step") -> dict[str, Series]:
    """A loss at each step, the newest one now."""
    steps = range(1, count + 1)
    walls = [NOW - each * (count - step) for step in steps]
    return {"loss": a_series("loss", steps, [1 / step for step in steps], walls, index)}


def test_everything_is_told_at_once() -> None:
    series = losses() | {"val_loss": a_series("val_loss", (50, 100), (0.4, 0.5), (NOW - 500, NOW))}
    row = a_row(time_limit=3000.0, checkpoints=(NOW - 700, NOW - 200))
    found = estimate(Progress(100, 200, "step"), series, row, NOW)
    assert found is not None
    assert (found.done, found.total, found.unit, found.share) == (100, 200, "step", 0.5)
    assert found.eta == pytest.approx(1000)
    assert found.eta_low is not None
    assert found.eta_high is not None
    assert found.eta_low < 1000 < found.eta_high
    assert (found.limit, found.in_time) == (NOW + 2000, True)
    assert (found.checkpoint, found.improved, found.stalled) == (NOW - 200, (50, NOW - 500), None)


@pytest.mark.parametrize(("limit", "expected"), [(1500.0, False), (2000.0, None), (3000.0, True), (None, None)])
def test_whether_it_ends_before_its_time_limit(limit: float | None, expected: bool | None) -> None:
    found = estimate(Progress(100, 200, "step"), losses(), a_row(time_limit=limit), NOW)
    assert found is not None
    assert found.in_time is expected


def test_a_run_of_which_nobody_knows_the_length_has_its_limit_and_its_best_all_the_same() -> None:
    found = estimate(None, losses(), a_row(objective="loss", time_limit=3000.0), NOW)
    assert found is not None
    assert (found.done, found.share, found.eta, found.unit) == (None, None, None, "")
    assert (found.limit, found.in_time, found.improved) == (NOW + 2000, None, (100, NOW))
    assert estimate(None, {}, a_row(), NOW) is None


def test_a_run_that_does_not_say_how_far_it_is_is_counted_by_the_total_of_its_spec() -> None:
    found = estimate(None, losses(), a_row(total={"epochs": 5, "steps": 200}), NOW)
    assert found is not None
    assert (found.done, found.total, found.unit) == (100, 200, "step")
    assert found.eta == pytest.approx(1000)


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.COMPLETED, JobState.FAILED, JobState.UNKNOWN])
def test_only_what_runs_has_time_left(state: JobState) -> None:
    found = estimate(Progress(100, 200, "step"), losses(), a_row(state, time_limit=3000.0), NOW)
    assert found is not None
    assert (found.eta, found.eta_high, found.limit, found.stalled) == (None, None, None, None)
    assert found.share == 0.5


def test_a_run_that_is_silent_for_long_stalls_and_has_no_end() -> None:
    found = estimate(Progress(100, 200, "step"), losses(), a_row(), NOW + 600)
    assert found is not None
    assert (found.eta, found.eta_low, found.eta_high, found.stalled) == (None, None, None, 600)


def test_a_resumed_attempt_is_not_as_fast_as_its_steps_since_zero_say() -> None:
    steps = range(5000, 5050, 10)
    walls = [NOW - 10 * (5040 - step) for step in steps]
    series = {"loss": a_series("loss", steps, [1.0] * 5, walls)}
    found = estimate(Progress(5040, 6000, "step"), series, a_row(started=NOW - 420, attempt=2), NOW)
    assert found is not None
    assert found.eta == pytest.approx(9600)
    first = {"loss": a_series("loss", (5000,), (1.0,), (NOW,))}
    found = estimate(Progress(5000, 6000, "step"), first, a_row(started=NOW - 20, attempt=2), NOW)
    assert found is not None
    assert found.eta is None  # nobody knows yet where it began


def test_the_hours_between_two_attempts_are_no_pause_that_comes_again() -> None:
    before = {"loss": a_series("loss", range(1, 101), [1.0] * 100, [NOW - 9000 + step for step in range(100)])}
    after = {"loss": a_series("loss", range(101, 151), [1.0] * 50, [NOW - 49 + step for step in range(50)])}
    course = Course()
    course.begin(Progress(150, 1000, "step"), join([before, after]), NOW)
    assert course.left(a_row(started=NOW - 60, attempt=2), NOW).likely == pytest.approx(850, rel=0.02)


def test_after_its_first_line_a_run_has_a_wide_interval() -> None:
    series = {"loss": a_series("loss", (1,), (1.0,), (NOW,), "epoch")}
    found = estimate(Progress(1, 11, "epoch"), series, a_row(started=NOW - 600), NOW)
    assert found is not None
    assert (found.eta_low, found.eta, found.eta_high) == pytest.approx((1800, 6000, 9000))


def test_progress_in_epochs_goes_by_the_steps_that_are_printed_more_often() -> None:
    found = estimate(Progress(4.0, 8, "epoch"), losses(400, 1.0), a_row(), NOW)
    assert found is not None
    assert found.eta == pytest.approx(400)
    assert len(pace_of(Progress(4.0, 8, "epoch"), losses(400, 1.0))) == 400


def test_epochs_alone_are_enough() -> None:
    found = estimate(Progress(5, 10, "epoch"), losses(5, 100.0, "epoch"), a_row(), NOW + 50)
    assert found is not None
    assert found.eta == pytest.approx(450)


def test_lines_with_a_clock_in_another_time_zone_tell_the_pace_but_no_silence() -> None:
    for shift in (-7200.0, 7200.0):
        steps = range(1, 101)
        walls = [NOW + shift - 10 * (100 - step) for step in steps]
        series = {"loss": a_series("loss", steps, [1.0] * 100, walls)}
        row = a_row(started=NOW - 1010)
        found = estimate(Progress(100, 200, "step"), series, row, NOW)
        assert found is not None
        assert found.stalled is None
        assert found.eta == pytest.approx(1000)


def test_samples_of_which_nobody_saw_the_moment_leave_the_time_since_the_start() -> None:
    steps = range(1, 101)
    series = {"loss": a_series("loss", steps, [1.0] * 100, [math.nan] * 100)}
    found = estimate(Progress(100, 200, "step"), series, a_row(), NOW)
    assert found is not None
    assert found.eta == pytest.approx(1000)
    assert found.improved is None or math.isnan(found.improved[1])


def test_the_best_is_by_the_goal_and_no_value_that_is_none_is_best() -> None:
    series = {"acc": a_series("acc", (1, 2, 3, 4), (0.5, math.nan, 0.9, math.inf), (1.0, 2.0, 3.0, 4.0))}
    found = estimate(None, series, a_row(objective="acc", goal="maximize"), NOW)
    assert found is not None
    assert found.improved == (3, 3.0)
    assert estimate(None, {"acc": a_series("acc", (1,), (math.nan,), (1.0,))}, a_row(objective="acc"), NOW) is None


def test_one_that_counts_from_zero_and_has_completed_is_whole() -> None:
    assert reached(9, 10, JobState.COMPLETED) == 10
    assert reached(9, 10, JobState.RUNNING) == 9
    assert reached(9, 20, JobState.COMPLETED) == 9


def test_a_limit_between_low_and_high_decides_nothing() -> None:
    told = Left(100, 150, 200)
    assert [in_time(told, NOW + left, NOW) for left in (99, 150, 200)] == [False, None, True]
    assert in_time(Left(stalled=700), NOW + 50, NOW) is None
    assert in_time(told, None, NOW) is None


def courses(each: float, count: int, total: float = 1000) -> Course:
    """The course of a run that has printed so many lines, the last one now."""
    course = Course()
    course.begin(None, {}, NOW)
    for done in range(1, count + 1):
        moment = NOW - each * (count - done)
        course.see(Progress(done, total, "step"), moment, moment)
    return course


def test_a_board_sees_the_same_as_who_reads_the_whole_series() -> None:
    left = courses(10.0, 100, 200).left(a_row(), NOW)
    found = estimate(Progress(100, 200, "step"), losses(), a_row(), NOW)
    assert found is not None
    assert (left.low, left.likely, left.high) == pytest.approx((found.eta_low, found.eta, found.eta_high), rel=0.02)


def test_between_two_lines_the_time_left_runs_down_without_a_new_forecast() -> None:
    course, row = courses(10.0, 100), a_row()
    first = course.left(row, NOW).likely
    assert first is not None
    assert course.left(row, NOW + 7).likely == pytest.approx(first - 7)
    assert course.left(row, NOW + 60).likely == pytest.approx(first - 10)
    assert course.left(row, NOW + 600) == Left(stalled=600)


def test_a_board_does_not_forecast_anew_at_every_line() -> None:
    course, row = courses(1.0, 100, 10_000), a_row()
    first = course.left(row, NOW).likely
    assert first is not None
    for second in range(1, 25):
        course.see(Progress(100 + 2 * second, 10_000, "step"), NOW + second, NOW + second)  # twice as fast
        assert course.left(row, NOW + second).likely == pytest.approx(first - second)
    course.see(Progress(200, 10_000, "step"), NOW + 31, NOW + 31)
    anew = course.left(row, NOW + 31).likely
    assert anew is not None
    assert anew < first - 200


def test_what_is_stored_is_taken_up_and_goes_on() -> None:
    course = Course()
    course.begin(Progress(100, 200, "step"), losses(), NOW)
    assert course.left(a_row(), NOW).likely == pytest.approx(1000)
    course.see(Progress(101, 200, "step"), NOW + 10, NOW + 10)
    assert course.left(a_row(), NOW + 10).likely == pytest.approx(990)


def test_a_line_that_says_nothing_of_progress_is_a_sign_of_life() -> None:
    course = courses(10.0, 100)
    course.see(None, NOW + 500, NOW + 500)
    assert course.left(a_row(), NOW + 505).stalled is None


def test_another_total_begins_another_course() -> None:
    course = courses(10.0, 100)
    course.see(Progress(1, 5, "epoch"), NOW, NOW)
    assert course.left(a_row(), NOW).likely == pytest.approx(4000)  # by the time since the start


def test_what_was_printed_nobody_knows_when_tells_how_far_it_is_but_no_pace() -> None:
    course = Course()
    for done in range(0, 1000, 100):
        course.see(Progress(done, 2000, "step"), None, NOW)  # a log that is read from its beginning
    for second in range(10):
        course.see(Progress(1000 + second, 2000, "step"), NOW + second, NOW + second)
    assert course.left(a_row(), NOW + 9).likely == pytest.approx(991, rel=0.02)
