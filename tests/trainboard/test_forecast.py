"""How long the rest takes: on runs of which the end is known, and rule by rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainboard.rhythms import RHYTHMS, Run, drifting, evaluating, run, saving, steady
from trainboard.forecast import Forecast, forecast
from trainboard.pace import KEPT, Pace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Column = NDArray[np.float64]

SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)


def seen(found: Run, count: int) -> Forecast | None:
    """What is told after so many lines."""
    return Pace.of(found.moments[:count], found.work[:count]).forecast(found.total - found.work[count - 1])


def test_the_end_lies_in_the_interval_nine_times_in_ten() -> None:
    rng = np.random.default_rng(1)
    hits: dict[str, list[bool]] = {}
    for rhythm in RHYTHMS:
        for _ in range(40):
            found = run(rng, rhythm)
            for count, left in found.at(SHARES):
                if (told := seen(found, count)) is not None:
                    hits.setdefault(rhythm.__name__, []).append(told.low <= left <= told.high)
    shares = {name: sum(each) / len(each) for name, each in hits.items()}
    assert 0.87 <= sum(shares.values()) / len(shares) <= 0.97, shares
    assert min(shares.values()) >= 0.78, shares


def test_the_likely_end_is_nearer_than_that_of_the_mean_speed_since_the_start() -> None:
    rng = np.random.default_rng(2)
    ours, theirs, widths = [], [], []
    for rhythm in RHYTHMS:
        for _ in range(20):
            found = run(rng, rhythm)
            if found.work[0] > 20:
                continue  # the mean speed of a resumed run says nothing at all
            for count, left in found.at((0.1, 0.25, 0.5, 0.75)):
                if (told := seen(found, count)) is None:
                    continue
                mean = found.moments[count - 1] * (found.total / found.work[count - 1] - 1)
                ours.append(abs(told.likely - left) / left)
                theirs.append(abs(mean - left) / left)
                widths.append((told.high - told.low) / left)
    assert np.median(ours) < 0.5 * np.median(theirs)
    assert np.median(widths) < 0.6


@pytest.mark.parametrize("rhythm", [evaluating, saving])
def test_a_pause_moves_the_end_by_little(rhythm: type) -> None:
    rng = np.random.default_rng(3)
    moves = []
    for found in (run(rng, rhythm) for _ in range(12)):
        if len(found.work) < 100:
            continue  # each line is much of all
        before = None
        for count in range(len(found.work) // 2, len(found.work) * 9 // 10):
            told = seen(found, count)
            assert told is not None
            end = found.moments[count - 1] + told.likely
            if before is not None:
                moves.append(abs(end - before) / (found.end - found.moments[count - 1]))
            before = end
    assert np.quantile(moves, 0.99) < 0.1
    assert np.median(moves) < 0.01


def test_steps_that_take_the_same_time_end_when_they_end() -> None:
    told = forecast(np.arange(0.0, 101), np.arange(0.0, 101), 100)
    assert told is not None
    assert told.likely == pytest.approx(100)
    assert told.low < 100 < told.high < 130
    assert told.pause == pytest.approx(1)


def test_regular_pauses_are_counted_and_the_last_one_is_not_forgotten() -> None:
    took = np.ones(60)
    took[9::10] += 20  # an evaluation in every tenth step: also in the last of all
    told = forecast(np.cumsum(took), np.arange(1.0, 61), 40)
    assert told is not None
    assert told.likely == pytest.approx(40 + 4 * 20, rel=0.02)


def test_what_is_long_only_at_the_start_does_not_come_again() -> None:
    moments = np.array([0.0, 50.0, 51.0, 52.0, 53.0, 54.0])
    told = forecast(moments, np.arange(0.0, 6), 10)
    assert told is not None
    assert told.likely == pytest.approx(10)


def test_one_long_stop_is_not_expected_again_and_again() -> None:
    took = np.ones(400)
    took[100] += 300
    told = forecast(np.cumsum(took), np.arange(1.0, 401), 400)
    assert told is not None
    assert told.likely == pytest.approx(400, rel=0.02)
    assert told.high > 700  # but it may


def test_a_run_that_goes_back_is_not_faster_for_that() -> None:
    moments = np.arange(0.0, 40)
    work = np.concatenate((np.arange(0.0, 20), np.arange(10.0, 30)))
    told = forecast(moments, work, 10)
    assert told is not None
    assert told.likely == pytest.approx(10, rel=0.05)


def test_one_point_tells_no_pace_and_neither_does_time_that_stands_still() -> None:
    assert forecast(np.array([5.0]), np.array([1.0]), 10) is None
    assert forecast(np.array([5.0, 5.0]), np.array([1.0, 2.0]), 10) is None
    assert Pace().forecast(10) is None


def test_while_the_next_line_is_awaited_the_end_comes_nearer_and_then_waits() -> None:
    told = forecast(np.arange(0.0, 1010, 10), np.arange(0.0, 101), 100)
    assert told is not None
    assert told.likely == pytest.approx(1000)
    assert told.after(8) == pytest.approx((told.low - 8, 992, told.high - 8))
    assert told.after(100) == pytest.approx((told.low - 10, 990, told.high - 10 + 90))
    assert told.after(10_000) is None


def test_a_run_with_long_evaluations_does_not_stall_in_one() -> None:
    took = np.ones(100)
    took[19::20] += 600
    told = forecast(np.cumsum(took), np.arange(1.0, 101), 100)
    assert told is not None
    assert told.after(900) is not None
    assert told.after(4000) is None


def points(pace: Pace, pairs: Iterable[tuple[float, float]]) -> Pace:
    """The pace with these added."""
    for moment, done in pairs:
        pace.add(moment, done)
    return pace


def test_point_by_point_or_all_at_once_the_forecast_is_about_the_same() -> None:
    rng = np.random.default_rng(4)
    for rhythm in (steady, evaluating):
        found = run(rng, rhythm, 5000)
        half = len(found.work) // 2
        one = points(Pace(), zip(found.moments[:half].tolist(), found.work[:half].tolist(), strict=True))
        told = one.forecast(found.total - found.work[half - 1])
        assert told is not None
        at_once = seen(found, half)
        assert at_once is not None
        assert told.likely == pytest.approx(at_once.likely, rel=0.1)


def test_a_long_run_stays_small_and_keeps_its_pauses() -> None:
    took = np.ones(50_000)
    took[999::1000] += 300
    moments = np.cumsum(took)
    pace = points(Pace(), zip(moments.tolist(), range(1, 50_001), strict=True))
    told = pace.forecast(50_000)
    assert len(pace) <= KEPT
    assert told is not None
    assert told.likely == pytest.approx(moments[-1], rel=0.02)


def test_what_comes_together_is_one_point_and_what_came_before_is_none() -> None:
    pace = Pace()
    assert pace.add(100, 1)
    assert not pace.add(101, 1)
    assert pace.add(110, 2)
    assert pace.add(110.01, 3)  # the same moment: more was done
    assert not pace.add(109, 4)  # another process's clock
    assert not pace.add(math.nan, 5)
    assert len(pace) == 2
    assert pace.add(120, 7)
    assert pace.add(121, 0.5)  # something else was counted for one line
    assert pace.add(130, 9)
    assert len(pace) == 4


FLOATS = st.floats(0, 1e9)


@given(st.lists(st.tuples(FLOATS, FLOATS), max_size=30), FLOATS)
@settings(max_examples=100)
def test_whatever_comes_the_likely_end_lies_in_its_interval(pairs: list[tuple[float, float]], left: float) -> None:
    for pace in (points(Pace(), pairs), Pace.of(*np.array(pairs, np.float64).reshape(-1, 2).T)):
        told = pace.forecast(left)
        if told is not None:
            assert 0 <= told.low <= told.likely <= told.high < math.inf
            assert (after := told.after(1.0)) is None or 0 <= after[0] <= after[1] <= after[2]


def test_work_too_small_for_a_pace_is_none() -> None:
    assert forecast(np.array([0.0, 1.0]), np.array([0.0, 3e-230]), 5) is None


def test_a_pace_that_wanders_has_a_wider_interval_than_one_that_does_not() -> None:
    rng = np.random.default_rng(5)
    steps = rng.lognormal(0, 0.1, 1000)
    work = np.arange(1.0, 1001)
    calm = forecast(np.cumsum(steps), work, 1000)
    wild = forecast(np.cumsum(steps * drifting(rng, 1000, 100, 0.3)), work, 1000)
    assert calm is not None
    assert wild is not None
    assert wild.high / wild.low > calm.high / calm.low
