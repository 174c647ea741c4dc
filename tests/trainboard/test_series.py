"""Series in memory: their columns, their reduction, and what a resume replaced."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainboard.series import Sample, Series, by_metric, join
from trainboard.thinning import decimate

numbers = st.floats(allow_nan=True, allow_infinity=True)


def loss(step: float, value: float) -> Sample:
    return Sample("loss", value, float(step), "step", 10.0)


def series(*values: float) -> Series:
    found = Series("loss")
    for step, value in enumerate(values):
        found.append(loss(step, value))
    return found


def test_a_series_knows_its_first_last_least_and_greatest_value() -> None:
    found = series(3.0, 1.0, 4.0, 2.0)
    assert (len(found), found.first, found.last, found.min, found.max) == (4, 3.0, 2.0, 1.0, 4.0)


def test_nan_is_neither_least_nor_greatest_nor_best() -> None:
    found = series(math.nan, 2.0, math.nan, 1.0, math.nan)
    assert (found.min, found.max) == (1.0, 2.0)
    assert (found.best("minimize"), found.best("maximize")) == (1.0, 2.0)


def test_infinite_values_are_values() -> None:
    found = series(1.0, math.inf, -math.inf)
    assert (found.min, found.max) == (-math.inf, math.inf)


def test_a_series_of_nan_has_no_best_value() -> None:
    found = series(math.nan, math.nan)
    assert math.isnan(found.min)
    assert found.best("minimize") is None


def test_an_empty_series_has_no_values() -> None:
    found = series()
    assert (found.first, found.last, found.best("minimize")) == (None, None, None)


def test_samples_become_one_series_per_metric_in_the_order_of_the_log() -> None:
    found = by_metric([loss(1, 0.5), Sample("acc", 0.1, 1, "step"), loss(2, 0.4)])
    assert list(found) == ["loss", "acc"]
    assert list(found["loss"].steps) == [1, 2]
    assert math.isnan(found["acc"].walls[0])


def test_a_short_curve_is_returned_whole() -> None:
    assert decimate([1, 2, 3], [0.3, 0.2, 0.1], 10) == [(1, 0.3), (2, 0.2), (3, 0.1)]


def test_a_single_peak_survives_a_hundredfold_reduction() -> None:
    values = [0.0] * 10_000
    values[7_777] = 5.0
    assert (7_777, 5.0) in decimate(range(10_000), values, 100)


def test_a_gap_of_nan_survives_reduction() -> None:
    values = [1.0] * 1_000
    values[500] = math.nan
    assert any(math.isnan(value) for _, value in decimate(range(1_000), values, 50))


@settings(deadline=None)
@given(st.lists(numbers, max_size=300), st.integers(min_value=1, max_value=80))
def test_reduction_keeps_ends_and_extremes_in_order_and_invents_nothing(values: list[float], points: int) -> None:
    kept = decimate(range(len(values)), values, points)
    steps = [int(step) for step, _ in kept]
    assert steps == sorted(set(steps))
    assert all(repr(value) == repr(values[int(step)]) for step, value in kept)
    assert len(kept) <= max(points, 5)
    if values:
        assert (steps[0], steps[-1]) == (0, len(values) - 1)
    finite = [value for value in values if not math.isnan(value)]
    if finite:
        assert {min(finite), max(finite)} <= {value for _, value in kept}


def at(*steps: float) -> Series:
    """A series at these steps, whose values tell the order."""
    found = Series("loss", "step")
    for value, step in enumerate(steps):
        found.append(loss(step, value))
    return found


def test_adding_many_at_once_is_adding_them_one_by_one() -> None:
    values = np.array([math.nan, 2.0, -math.inf, 1.0])
    once, each = Series("loss"), Series("loss")
    once.extend(np.arange(4.0), values, np.full(4, 10.0), "step")
    for step, value in enumerate(values.tolist()):
        each.append(loss(step, value))
    assert (once.min, once.max, once.index) == (each.min, each.max, each.index) == (-math.inf, 2.0, "step")
    for ours, theirs in zip(
        (once.steps, once.values, once.walls), (each.steps, each.values, each.walls), strict=True
    ):
        assert np.array_equal(ours, theirs, equal_nan=True)


def test_columns_that_were_taken_stay_as_they_were_and_cannot_be_written() -> None:
    found = series(*map(float, range(100)))
    before = found.values
    for step in range(1_000):
        found.append(loss(step, -1.0))
    assert before.tolist() == list(range(100))
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        found.current()[1][0] = 1.0


def test_a_step_back_replaces_what_stands_there_and_beyond() -> None:
    found = at(1, 2, 3, 4, 3, 4, 5)
    steps, values, walls = found.current()
    assert (steps.tolist(), values.tolist()) == ([1, 2, 3, 4, 5], [0, 1, 4, 5, 6])
    assert len(walls) == 5
    assert found.replaced == (slice(2, 4),)
    assert len(found) == 7


def test_samples_at_one_step_are_no_step_back() -> None:
    assert at(1, 1, 2, 2).current()[0].tolist() == [1, 1, 2, 2]
    assert at(1, 1, 2, 2).replaced == ()


def test_steps_that_go_back_again_and_again_leave_the_last_of_each() -> None:
    found = at(1, 2, 3, 2, 3, 4, 0, 1, 5)
    assert found.current()[1].tolist() == [6, 7, 8]
    assert found.replaced == (slice(0, 6),)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 6), max_size=25))
def test_what_is_current_is_what_a_list_would_hold(steps: list[int]) -> None:
    held: list[tuple[int, int]] = []
    for place, step in enumerate(steps):
        if held and step < held[-1][0]:
            held = [each for each in held if each[0] < step]
        held.append((step, place))
    found = at(*steps)
    assert list(zip(*(column.tolist() for column in found.current()[:2]), strict=True)) == held
    dropped = {place for stretch in found.replaced for place in range(stretch.start, stretch.stop)}
    assert dropped == set(range(len(steps))) - {place for _, place in held}


def test_a_later_attempt_replaces_the_earlier_ones_from_its_first_step_on() -> None:
    joined = join([{"loss": at(0, 1, 2, 3)}, {"loss": at(2, 3, 4), "acc": at(1)}, {"loss": at(4, 5)}])
    assert list(joined) == ["loss", "acc"]
    assert joined["loss"].current()[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert joined["loss"].replaced == (slice(2, 4), slice(6, 7))
    assert len(joined["loss"]) == 9


def test_a_joined_series_goes_on() -> None:
    joined = join([{"loss": at(0, 1, 2)}, {"loss": at(1)}])["loss"]
    joined.append(loss(2, 9.0))
    assert joined.current()[0].tolist() == [0, 1, 2]
    assert joined.last == 9.0


def test_joining_leaves_what_is_joined_as_it_was() -> None:
    first = at(0, 1)
    join([{"loss": first}, {"loss": at(1)}])["loss"].append(loss(7, 7.0))
    join([{"loss": first}])["loss"].append(loss(7, 7.0))
    assert first.steps.tolist() == [0, 1]
