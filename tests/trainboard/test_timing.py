"""Where the time of a run goes: on runs of which that is known to the second."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.base import JobState
from trainboard.durations import is_evaluation, printed
from trainboard.extract import Progress
from trainboard.progress import estimate
from trainboard.rows import Row
from trainboard.series import Series
from trainboard.timing import PARTS, Times, times

if TYPE_CHECKING:
    from collections.abc import Mapping

START = 1_800_000_000.0


@dataclass
class Log:
    """A run that writes down what it does."""

    now: float = START
    step: int = 0
    columns: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)
    index: str = "step"
    saved: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> Log:
        """Time goes by."""
        self.now += seconds
        return self

    def train(self, steps: int, each: float = 1.0, **metrics: float) -> Log:
        """So many steps, with a line after each."""
        for _ in range(steps):
            self.step += 1
            self.wait(each).say(loss=1 / self.step, **metrics)
        return self

    def say(self, **metrics: float) -> Log:
        """A line with these metrics."""
        for name, value in metrics.items():
            self.columns.setdefault(name, []).append((self.step, value, self.now))
        return self

    def evaluate(self, seconds: float) -> Log:
        """An evaluation and its line."""
        return self.wait(seconds).say(val_loss=0.5)

    def save(self, seconds: float) -> Log:
        """A checkpoint; what comes last of it is a line of the next step."""
        self.wait(seconds).saved.append(self.now - 0.01)
        return self

    @property
    def series(self) -> dict[str, Series]:
        """What was read of its log."""
        found = {}
        for name, rows in self.columns.items():
            found[name] = Series(name, self.index)
            columns = np.array(rows)
            found[name].extend(columns[:, 0], columns[:, 1], columns[:, 2], self.index)
        return found

    def times(self, started: float | None = START) -> Times:
        """Where its time went."""
        told = times(self.series, started, self.now, self.saved)
        assert told is not None
        return told


def seconds(told: Times) -> dict[str, float]:
    """Of each part."""
    return {name: part.seconds for name, part in told.parts.items()}


def test_each_second_goes_to_what_it_was_spent_on() -> None:
    log = Log().wait(30)
    for round_ in range(10):
        log.train(50).evaluate(20)
        if round_ % 2:
            log.save(8)
        if round_ == 6:
            log.train(10).wait(400)
    log.train(5)
    told = log.times()
    assert seconds(told) == pytest.approx(
        {"start-up": 30, "step": 515, "evaluation": 200, "checkpoint": 40, "idle": 400}, abs=2
    )
    assert told.total == pytest.approx(log.now - START)
    assert list(told.parts) == [part for part in PARTS if part in told.parts]
    assert not any(part.measured for part in told.parts.values())


def test_an_evaluation_and_a_save_before_one_line_are_told_apart_by_what_evaluations_take_else() -> None:
    log = Log()
    for round_ in range(10):
        log.train(20)
        if round_ % 3 == 2:
            log.save(30)
        log.evaluate(10)
    found = seconds(log.times())
    assert found["evaluation"] == pytest.approx(100, abs=2)
    assert found["checkpoint"] == pytest.approx(90, abs=2)


def test_where_every_line_has_validation_in_it_no_evaluation_can_be_told() -> None:
    log = Log(index="epoch")
    for _ in range(10):
        log.train(1, 60, val_loss=0.5)
    assert seconds(log.times()) == pytest.approx({"step": 600})


def test_an_epoch_line_and_then_one_of_validation_tell_it() -> None:
    log = Log(index="epoch")
    for _ in range(10):
        log.train(1, 60).evaluate(15)
    assert seconds(log.times()) == pytest.approx({"step": 600, "evaluation": 150}, abs=1)


def test_a_log_that_was_read_late_has_no_start_of_hours() -> None:
    log = Log().wait(20).train(1000)
    late = log.now
    columns = [(step, value, late) for step, value, _ in log.columns["loss"]]
    log.columns["loss"] = columns
    log.train(100)
    assert seconds(log.times()) == pytest.approx({"start-up": 20, "step": 1100}, abs=2)


def test_a_resumed_attempt_starts_where_it_starts() -> None:
    log = Log(step=5000).wait(40).train(100)
    assert seconds(log.times()) == pytest.approx({"start-up": 40, "step": 100}, abs=1)


@pytest.mark.parametrize("shift", [-7200, 7200])
def test_lines_with_a_clock_in_another_time_zone_tell_the_time_between_them_alone(shift: float) -> None:
    log = Log(now=START + shift).wait(30).train(100).evaluate(20).train(100)
    told = times(log.series, START, log.now - shift)
    assert told is not None
    assert seconds(told) == pytest.approx({"step": 199, "evaluation": 20}, abs=2)


def test_the_time_of_earlier_attempts_does_not_count() -> None:
    log = Log(now=START - 5000).train(300)
    log.now = START
    assert seconds(log.wait(20).train(100).times()) == pytest.approx({"start-up": 20, "step": 100}, abs=2)


def test_a_restart_in_the_same_log_is_a_start() -> None:
    log = Log().wait(10).train(100).wait(90)
    log.step = 60
    log.train(100)
    found = seconds(log.times())
    assert found["start-up"] == pytest.approx(101, abs=2)
    assert found["step"] == pytest.approx(199, abs=2)


def test_regular_pauses_that_nobody_explains_are_not_idle() -> None:
    log = Log()
    for _ in range(10):
        log.train(50).wait(40)
    log.train(1)
    assert seconds(log.times()) == pytest.approx({"step": 501, "other": 400}, abs=2)


def test_after_its_last_line_a_run_is_idle_once_that_is_long() -> None:
    log = Log().train(100).wait(5)
    assert "idle" not in log.times().parts
    assert seconds(log.wait(500).times())["idle"] == pytest.approx(504, abs=2)


def test_the_data_share_is_measured_where_the_program_prints_it() -> None:
    log = Log().train(200, 1.0, data_time=0.3, batch_time=1.0)
    told = log.times()
    assert seconds(told) == pytest.approx({"data": 60, "step": 140}, abs=1)
    assert told.parts["data"].measured
    assert told.parts["step"].measured
    assert told.steps is not None
    assert (told.steps.p50, told.steps.measured, told.steps.per) == (1.0, True, 1.0)


@pytest.mark.parametrize(
    ("names", "share"),
    [
        ({"data_time": 0.3}, 0.3),
        ({"data_time": 300.0}, 0.3),  # in milliseconds
        ({"data_time_ms": 300.0}, 0.3),
        ({"time": 1.0, "data_time": 0.2}, 0.2),
        ({"Time": 0.5, "Data": 0.1}, 0.2),
        ({"time/data": 0.1, "time/step": 0.4}, 0.25),
        ({"train/iter_time": 0.4, "train/data_loading_time": 0.1}, 0.25),
        ({"loader_time": 0.1, "s/it": 0.5}, 0.2),
        ({"data_time": 0.3, "it/s": 2.0}, 0.3),
    ],
)
def test_many_names_of_the_time_for_data_are_known(names: Mapping[str, float], share: float) -> None:
    told = Log().train(100, 1.0, **names).times()
    assert told.parts["data"].seconds / told.total == pytest.approx(share, rel=0.03)


@pytest.mark.parametrize("name", ["lr", "time_limit", "eval_loss", "val_acc", "test_score", "datasets", "it/s"])
def test_what_is_no_time_is_taken_for_none(name: str) -> None:
    assert printed(Log().train(3, 1.0, **{name: 0.1}).series, 0.0) == {}


def test_a_clock_that_only_goes_on_is_no_step_time() -> None:
    log = Log()
    for n in range(20):
        log.train(1, 1.0, data_time=0.1, time=float(n))
    assert set(printed(log.series, 0.0)) == {"data"}


def test_an_evaluation_that_says_how_long_it_took_is_believed() -> None:
    log = Log()
    for _ in range(5):
        log.train(20).wait(12).say(eval_loss=0.5, eval_runtime=10.0)
    told = log.times()
    assert told.parts["evaluation"].seconds == 50
    assert told.parts["evaluation"].measured
    assert told.total == pytest.approx(log.now - START)


def test_step_times_are_those_without_pauses() -> None:
    log = Log()
    for _ in range(10):
        log.train(47, 1.0).train(3, 1.9).evaluate(30)
    steps = log.times().steps
    assert steps is not None
    assert (steps.p50, steps.p90, steps.p99) == pytest.approx((1.0, 1.0, 1.9), rel=0.05)
    assert (steps.per, steps.unit, steps.measured) == (1, "step", False)
    assert len(steps.edges) == len(steps.counts) + 1
    assert sum(steps.counts) == 499  # before the first line nobody saw when it began


def test_a_slow_stretch_is_told_with_its_time_and_how_slow_it_was() -> None:
    log = Log().train(300)
    begin = log.now
    log.train(60, 2.0)
    end = log.now
    [slow] = log.train(300).times().slow
    assert slow.start == pytest.approx(begin, abs=15)
    assert slow.end == pytest.approx(end, abs=15)
    assert slow.factor == pytest.approx(2, abs=0.15)
    assert Log().train(600).times().slow == ()


def test_a_few_late_lines_are_no_slow_stretch() -> None:
    log = Log()
    for _ in range(5):
        log.train(100).train(3, 1.5)
    assert log.times().slow == ()


def test_throughput_is_work_by_time_or_what_the_program_says() -> None:
    told = Log().train(100, 0.5).times()
    assert told.unit == "step"
    assert [rate for _, rate in told.throughput] == pytest.approx([2.0] * len(told.throughput))
    assert len(told.throughput) <= 100
    told = Log().train(1000, 0.5, samples_per_sec=64.0).times()
    assert told.unit == "samples_per_sec"
    assert {rate for _, rate in told.throughput} == {64.0}


def test_without_moments_there_are_no_times() -> None:
    series = Series("loss", "step")
    series.extend(np.arange(5.0), np.ones(5), np.full(5, math.nan), "step")
    assert times({"loss": series}, START, START + 10) is None
    assert times({}, START, START + 10) is None
    assert times(Log().train(1).series, START, START + 10) is None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("val_loss", "valid/acc", "eval_loss", "Test Acc", "dev_ppl", "val1_f1"), True),
        (("loss", "train_loss", "value", "latest", "interval", "contest"), False),
    ],
)
def test_metrics_of_validation_are_known_by_their_names(names: tuple[str, ...], expected: bool) -> None:
    assert {is_evaluation(name) for name in names} == {expected}


FLOATS = st.floats(0, 1e6)


@given(st.lists(st.tuples(FLOATS, FLOATS, st.booleans()), min_size=2, max_size=40), st.lists(FLOATS, max_size=4))
@settings(max_examples=100)
def test_whatever_came_when_the_parts_are_the_whole_time(
    lines: list[tuple[float, float, bool]], saved: list[float]
) -> None:
    log = Log()
    for moment, step, judged in lines:
        log.now, log.step = START + moment, int(step)
        log.say(**{"val_loss" if judged else "loss": 1.0})
    until = START + max(moment for moment, _, _ in lines) + 10
    told = times(log.series, START, until, [START + each for each in saved])
    if told is not None:
        assert all(part.seconds >= 0 for part in told.parts.values())
        assert sum(part.seconds for part in told.parts.values()) == pytest.approx(told.total)
        assert told.total == pytest.approx(until - START, abs=1e-3)


ANY = st.floats() | st.sampled_from([0.0, 1.0, START, START + 1, START + 60, 1e300])
NAMES = ("loss", "val_loss", "data_time", "batch_time", "eval_time", "tok/s", "time")


@given(
    st.dictionaries(st.sampled_from(NAMES), st.lists(st.tuples(ANY, ANY, ANY), max_size=12), max_size=4),
    st.sampled_from([None, START]),
    st.sampled_from(["step", "epoch", ""]),
)
@settings(max_examples=150)
def test_no_number_that_a_log_can_hold_is_too_odd(
    columns: dict[str, list[tuple[float, float, float]]], started: float | None, index: str
) -> None:
    log = Log(columns={name: rows for name, rows in columns.items() if rows}, index=index)
    told = times(log.series, started, START + 100, [START + 1])
    assert told is None or all(part.seconds >= 0 for part in told.parts.values())
    row = Row("r", "here", "1", "r", JobState.RUNNING, started=started)
    found = estimate(Progress(5, 10, "step"), log.series, row, START + 100)
    assert found is not None
    assert found.eta is None or 0 <= found.eta < math.inf


def test_a_hundred_thousand_samples_take_little_time() -> None:
    rng = np.random.default_rng(0)
    count = 100_000
    series = Series("loss", "step")
    series.extend(np.arange(count, dtype=float), np.ones(count), START + np.cumsum(rng.random(count)), "step")
    took = []
    for _ in range(5):
        begun = time.process_time()
        assert times({"loss": series}, START, START + count) is not None
        took.append(time.process_time() - begun)
    assert min(took) < 0.1  # 20 ms where nothing else runs
