"""Values by lot, and ranges of numbers."""

from __future__ import annotations

import math
from statistics import fmean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.draws import draw, pick
from specs.model import Between, Choice, Distribution, Normal, Shape
from specs.ranges import linspace, logspace, stepped, steps

MANY = 2000
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def drawn(distribution: Distribution, count: int = MANY, name: str = "lr", seed: int = 0) -> list[object]:
    return [draw(distribution, seed, name, str(number)) for number in range(count)]


def numbers(distribution: Distribution) -> list[float]:
    found = [value for value in drawn(distribution) if isinstance(value, int | float)]
    assert len(found) == MANY
    return found


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (Between(0.0, 0.5), [0.25253, 0.42427, 0.385383]),
        (Between(1e-5, 1.0, Shape.LOG_UNIFORM), [0.00335198, 0.174863, 0.0714213]),
        (Between(1, 100, Shape.INT), [51, 85, 78]),
        (Between(1, 1024, Shape.LOG_INT), [33, 358, 209]),
        (Normal(0.0, 1.0), [0.0126843, 1.03019, 0.74137]),
        (Choice(("a", "b", "c")), ["b", "c", "c"]),
        (Choice(("a", "b", "c"), (0, 1, 9)), ["c", "c", "c"]),
    ],
)
def test_a_draw_is_the_same_for_ever(distribution: Distribution, values: list[object]) -> None:
    assert drawn(distribution, 3) == values


def test_another_seed_name_or_sample_is_another_draw() -> None:
    values = [
        *drawn(Between(0.0, 1.0), 3),
        *drawn(Between(0.0, 1.0), 3, name="a"),
        *drawn(Between(0.0, 1.0), 3, seed=1),
    ]
    assert len(set(values)) == 9


def test_a_number_is_between_its_bounds_and_evenly_spread() -> None:
    found = numbers(Between(2.0, 6.0))
    assert 2 <= min(found) < max(found) <= 6
    assert fmean(found) == pytest.approx(4, abs=0.1)


def test_whole_numbers_reach_both_ends_alike() -> None:
    found = numbers(Between(1, 4, Shape.INT))
    assert {1, 2, 3, 4} == set(found)
    assert all(found.count(value) == pytest.approx(MANY / 4, abs=100) for value in (1, 2, 3, 4))


def test_on_a_logarithmic_scale_every_power_is_as_likely() -> None:
    found = numbers(Between(1e-4, 1.0, Shape.LOG_UNIFORM))
    assert fmean(math.log10(value) for value in found) == pytest.approx(-2, abs=0.1)
    whole = numbers(Between(1, 1000, Shape.LOG_INT))
    assert sum(value < 32 for value in whole) == pytest.approx(MANY / 2, abs=100)
    assert all(isinstance(value, int) and 1 <= value <= 1000 for value in whole)


def test_a_normal_number_has_the_mean_and_the_deviation() -> None:
    found = numbers(Normal(5.0, 2.0))
    assert fmean(found) == pytest.approx(5, abs=0.2)
    assert pstdev(found) == pytest.approx(2, abs=0.1)


def test_weights_are_how_often_in_relation_to_each_other() -> None:
    found = drawn(Choice(("a", "b", "c"), (3, 0, 1)))
    assert found.count("b") == 0
    assert found.count("a") == pytest.approx(MANY * 3 / 4, abs=100)


def test_a_drawn_number_has_six_digits() -> None:
    assert all(value == float(f"{value:.6g}") for value in numbers(Between(0.0, 1.0)))


@settings(deadline=None)
@given(FINITE, FINITE, st.text())
def test_any_bounds_hold(one: float, other: float, sample: str) -> None:
    low, high = sorted((one, other))
    value = draw(Between(low, high), 0, "x", sample)
    assert isinstance(value, float)
    assert low <= value <= high


@settings(deadline=None)
@given(st.integers(1, 10**60), st.integers(0, 10**60), st.sampled_from([Shape.INT, Shape.LOG_INT]))
def test_any_whole_bounds_hold(low: int, more: int, shape: Shape) -> None:
    value = draw(Between(low, low + more, shape), 0, "x", "0")
    assert isinstance(value, int)
    assert low <= value <= low + more


@settings(deadline=None)
@given(st.integers(1, 100_000), st.text())
def test_any_choice_is_one_of_them(count: int, sample: str) -> None:
    assert 0 <= pick(count, 0, "x", sample) < count


@pytest.mark.parametrize(
    ("found", "values"),
    [
        (linspace(0, 1, 6), (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (linspace(0.1, 0.3, 3), (0.1, 0.2, 0.3)),
        (linspace(10, 0, 3), (10, 5, 0)),
        (linspace(3, 9, 1), (3,)),
        (linspace(0, 10, 4)[1:2], (10 / 3,)),
        (logspace(1e-4, 0.1, 4), (1e-4, 1e-3, 1e-2, 0.1)),
        (logspace(1, 1000, 4), (1, 10, 100, 1000)),
        (logspace(64, 512, 4), (64, 128, 256, 512)),
        (logspace(1, 2, 3)[1:2], (1.41421356237,)),
        (stepped(0, 10, 3), (0, 3, 6, 9)),
        (stepped(0.1, 0.4, 0.1), (0.1, 0.2, 0.3)),
        (stepped(3, 0, -1), (3, 2, 1)),
        (stepped(0, 1, 0.25), (0.0, 0.25, 0.5, 0.75)),
        (stepped(3, 3, 1), ()),
    ],
)
def test_ranges_are_exact_and_whole_where_they_can_be(found: tuple[float, ...], values: tuple[float, ...]) -> None:
    assert found == values
    assert [*map(type, found)] == [*map(type, values)]


@settings(deadline=None)
@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-9, 9).filter(bool))
def test_steps_are_those_of_python(start: int, stop: int, step: int) -> None:
    assert stepped(start, stop, step) == tuple(range(start, stop, step))
    assert steps(start, stop, step) == len(range(start, stop, step))


@settings(deadline=None)
@given(FINITE, FINITE, st.integers(2, 40))
def test_equal_steps_begin_and_end_where_they_should(first: float, last: float, count: int) -> None:
    found = linspace(first, last, count)
    assert (len(found), found[0], found[-1]) == (count, first, last)
    assert sorted(found, reverse=first > last) == [*found]


@settings(deadline=None)
@given(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300), st.integers(2, 40))
def test_equal_factors_begin_and_end_where_they_should(first: float, last: float, count: int) -> None:
    found = logspace(first, last, count)
    assert (len(found), found[0], found[-1]) == (count, first, last)
