"""Curves as dots: what is thinned, smoothed, placed on axes, zoomed, and what is written beside it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from trainboard.series import Sample, Series
from tui import looking
from tui.braille import EMPTY, Canvas, row_of
from tui.chart import View, chart, mark_of, sketch
from tui.chosen import family, matching, objective
from tui.scale import Along, Scale, exact, moment, told, x_ticks
from tui.thinning import outline, smooth
from tui.traces import Snapshot, Trace, axes, ruler, trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Column = NDArray[np.float64]

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
STEPS = st.floats(allow_nan=False)
FINITE = st.floats(-1e6, 1e6)


def same(values: Column) -> Column:
    return values


def series(
    metric: str, values: Sequence[float], index: str = "step", start: float = 0, wall: float | None = None
) -> Series:
    """A series that counts its index from `start` and, from `wall` on, is printed every ten seconds."""
    found = Series(metric, index)
    for i, value in enumerate(values):
        found.append(Sample(metric, value, start + i, index, None if wall is None else wall + 10.0 * i))
    return found


def traces_of(
    *all_series: Series, along: Along = Along.STEP, weight: float = 0.0, started: float | None = None
) -> list[Trace]:
    """These series on one axis."""
    by = ruler({each.metric: each for each in all_series}, along, started)
    found = [trace(Snapshot.of(each), by, weight, number) for number, each in enumerate(all_series)]
    return [each for each in found if each is not None]


def text(lines: Sequence[Sequence[tuple[str, str]]]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


# Thinning.


@given(st.lists(st.tuples(st.floats(0, 100), FINITE), min_size=1, max_size=80), st.integers(1, 30))
def test_no_peak_is_lost_when_a_curve_is_thinned(points: list[tuple[float, float]], parts: int) -> None:
    points.sort(key=lambda point: point[0])
    xs, ys = np.array(points).T
    edges = np.linspace(xs[0], max(xs[-1], xs[0] + 1), parts + 1)
    low, high = outline(xs, ys, edges, same, same)
    for x, y in points:
        part = min(parts - 1, int(np.searchsorted(edges, x, "right")) - 1)
        assert low[part] <= y <= high[part]
    assert np.nanmin(low) == pytest.approx(ys.min())
    assert np.nanmax(high) == pytest.approx(ys.max())


def test_a_curve_goes_straight_between_samples_and_has_a_gap_at_nan() -> None:
    xs, ys = np.array([0.0, 4.0, 5.0, 6.0, 10.0]), np.array([0.0, 4.0, math.nan, 6.0, 10.0])
    low, high = outline(xs, ys, np.linspace(0, 10, 11), same, same)
    assert low.tolist()[:4] == [0, 1, 2, 3]
    assert high.tolist()[:4] == [1, 2, 3, 4]
    assert (low[4], high[4]) == (4, 4)
    assert np.isnan(low[5])
    assert low.tolist()[6:] == [6, 7, 8, 9]


def test_a_million_samples_keep_one_spike() -> None:
    ys = np.zeros(1_000_000)
    ys[654_321] = 9.0
    _, high = outline(np.arange(1e6), ys, np.linspace(0, 999_999, 161), same, same)
    assert high[654_321 * 160 // 1_000_000] == 9


# Smoothing.


@given(
    st.lists(st.tuples(st.floats(0.01, 10), FINITE | st.just(math.nan)), min_size=3, max_size=60),
    st.sampled_from([0.3, 0.6, 0.9, 0.99]),
)
def test_smoothing_is_the_average_that_forgets_with_distance(
    points: list[tuple[float, float]], weight: float
) -> None:
    gaps, ys = np.array(points).T
    xs = np.cumsum(gaps)
    above, below, expected = 0.0, 0.0, []
    for i, y in enumerate(ys.tolist()):
        fade = math.sqrt(weight) ** ((xs[i] - xs[i - 1]) / (xs[-1] - xs[0]) * 1000) if i else 1.0
        above, below = above * fade, below * fade
        if not math.isnan(y):
            above, below = above + y, below + 1
        expected.append(math.nan if math.isnan(y) else above / below)
    found = smooth(xs, ys, weight)[1]
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-6, equal_nan=True)


def test_a_metric_that_is_printed_more_often_is_not_smoothed_less() -> None:
    rng = np.random.default_rng(0)
    spreads = []
    for count in (1_000, 100_000):
        xs = np.linspace(0, 1, count)
        spreads.append(smooth(xs, np.sin(6 * xs) + rng.normal(0, 0.01, count), 0.9)[1][-1])
    assert spreads[0] == pytest.approx(spreads[1], abs=0.02)


def test_a_long_smoothed_curve_is_short_and_the_same() -> None:
    xs = np.arange(200_000.0)
    ys = np.sin(xs / 20_000)
    short = smooth(xs, ys, 0.6)
    assert len(short[0]) <= 16_384
    assert np.allclose(np.interp(xs[1000:], *short), ys[1000:], atol=0.05)


# Axes.


def test_axes_are_offered_where_there_is_something_on_them() -> None:
    assert axes({"a": series("a", [1, 2])}) == [Along.STEP]
    assert axes({"a": series("a", [1], "epoch", wall=5.0)}) == [Along.EPOCH, Along.RELATIVE, Along.WALL]
    assert axes({}) == [Along.STEP]


def test_epochs_stand_between_steps_by_the_time_that_both_were_printed() -> None:
    steps = series("loss", range(101), wall=1000.0)
    epochs = Series("val", "epoch")
    for number in (1, 2):
        epochs.append(Sample("val", 0.5, number, "epoch", 1000.0 + number * 500))
    by_step = traces_of(steps, epochs)
    assert by_step[1].raw[0].tolist() == [50, 100]
    by_epoch = traces_of(steps, epochs, along=Along.EPOCH)
    assert by_epoch[0].raw[0][[0, 50, 100]].tolist() == [0, 1, 2]


def test_a_metric_without_times_has_no_place_among_others_steps() -> None:
    assert [each.metric for each in traces_of(series("loss", [1, 2, 3]), series("val", [1], "epoch"))] == ["loss"]


def test_time_begins_with_the_run() -> None:
    (found,) = traces_of(series("loss", [1, 2], wall=1000.0), along=Along.RELATIVE, started=940.0)
    assert found.raw[0].tolist() == [60, 70]
    (found,) = traces_of(series("loss", [1, 2], wall=1000.0), along=Along.RELATIVE)
    assert found.raw[0].tolist() == [0, 10]


def test_a_clock_that_was_set_back_does_not_turn_the_curve_round() -> None:
    known = Series("loss", "step")
    for step, wall in enumerate((100.0, 200.0, 150.0, 300.0)):
        known.append(Sample("loss", 1.0, step, "step", wall))
    (found,) = traces_of(known, along=Along.WALL)
    assert found.raw[0].tolist() == [100, 200, 200, 300]


def test_what_a_resume_replaced_stands_apart() -> None:
    known = Series("loss", "step")
    for step, value in ((0, 5.0), (1, 4.0), (2, 9.0), (1, 3.0), (2, 2.0)):
        known.append(Sample("loss", value, step, "step"))
    (found,) = traces_of(known)
    assert found.raw[1].tolist() == [5, 3, 2]
    assert [part[1].tolist() for part in found.replaced] == [[4, 9]]


@pytest.mark.parametrize(
    ("along", "low", "high", "labels"),
    [
        (Along.STEP, 0, 200_000, ["0", "50k", "100k", "150k", "200k"]),
        (Along.STEP, 1_000_000, 1_000_200, ["1000.00k", "1000.05k", "1000.10k", "1000.15k", "1000.20k"]),
        (Along.EPOCH, 0, 2, ["0", "0.5", "1", "1.5", "2"]),
        (Along.RELATIVE, 0, 7200, ["0s", "30m", "1h00", "1h30", "2h00"]),
        (Along.RELATIVE, 0, 3 * 86400, ["0s", "1d00h", "2d00h", "3d00h"]),
    ],
)
def test_ticks_of_x_are_round_in_what_it_counts(along: Along, low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in x_ticks(Scale(low, high), along, 4)] == labels


def test_ticks_of_a_clock_are_round_in_local_time() -> None:
    noon = 1_800_000_000.0
    assert all(
        label.endswith(("00", "15", "30", "45")) for _, label in x_ticks(Scale(noon, noon + 9000), Along.WALL, 5)
    )
    assert told(noon, Along.WALL) == moment(noon)


def test_ticks_of_a_clock_within_a_second_differ() -> None:
    noon = 1_800_000_000.0
    for long in (0.2, 0.9, 3.0):
        labels = [label for _, label in x_ticks(Scale(noon, noon + long), Along.WALL, 5)]
        assert len(labels) > 2
        assert len(set(labels)) == len(labels)


def test_ticks_of_a_logarithmic_time_say_what_they_count() -> None:
    assert [label for _, label in x_ticks(Scale(1.8, 3.2, log=True), Along.RELATIVE, 4)] == ["8m20", "16m", "25m"]


@given(
    st.floats(allow_nan=False, allow_infinity=False), st.floats(0, 1e300), st.sampled_from(Along), st.integers(2, 20)
)
def test_any_range_has_few_ticks(low: float, width: float, along: Along, most: int) -> None:
    scale = Scale.over(low, low + width)
    if math.isfinite(scale.high):
        assert len(x_ticks(scale, along, most)) <= 3 * most + 2


def test_neighbouring_ticks_never_look_alike() -> None:
    assert exact(1.81234, 0.00001) != exact(1.81235, 0.00001)
    assert exact(123_456.0, 1.0) != exact(123_457.0, 1.0)


# The chart.


@given(
    st.lists(st.tuples(STEPS, FLOATS, FLOATS), min_size=1, max_size=40),
    st.integers(20, 90),
    st.integers(4, 24),
    st.builds(
        View,
        along=st.sampled_from(Along),
        log_x=st.booleans(),
        log_y=st.booleans(),
        robust=st.booleans(),
        own=st.booleans(),
        cursor=st.none() | FINITE,
        colour=st.booleans(),
    ),
    st.sampled_from([0.0, 0.6]),
)
@example([(0.0, 8.1e290, 0.0)], 24, 12, View(log_y=True), 0.0)
@example([(0.0, -1.7e308, 0.0), (1.0, 1.7e308, 1.0)], 24, 12, View(), 0.6)
def test_any_curve_is_drawn_within_its_place(
    points: list[tuple[float, float, float]], width: int, height: int, view: View, weight: float
) -> None:
    one, two = Series("one", "step"), Series("two", "epoch")
    for step, value, wall in points:
        one.append(Sample("one", value, step, "step", wall))
        two.append(Sample("two", wall, step / 2, "epoch", wall))
    lines = text(chart(traces_of(one, two, along=view.along, weight=weight), view, width, height, "step").lines)
    assert len(lines) == height
    assert {cell_len(line) for line in lines} == {width}
    for each in traces_of(one, weight=weight):
        small = text(sketch(each, 20, 4))
        assert [cell_len(line) for line in small] == [20] * 4


def test_the_axes_are_written_beside_the_curve() -> None:
    lines = text(chart(traces_of(series("loss", [2, 1.5, 1, 0.5])), View(), 60, 12, "step").lines)
    assert any(line.startswith("  2┤") for line in lines)
    assert lines[-1].endswith("step")
    assert "┬" in lines[-2]


@pytest.mark.parametrize(("along", "shown"), [(Along.WALL, ":"), (Along.RELATIVE, "s")])
def test_what_was_read_at_one_moment_stands_within_a_second(along: Along, shown: str) -> None:
    found = Series("loss", "step")
    for step in range(5):
        found.append(Sample("loss", 1.0 / (step + 1), step, "step", 1_700_000_000.0))
    drawn = chart(traces_of(found, along=along, started=1_700_000_000.0 - 20), View(along=along), 60, 12, "time")
    assert drawn.x is not None
    assert drawn.x.high - drawn.x.low == pytest.approx(1)
    assert shown in text(drawn.lines)[-1]


@example(0.9, 9)  # half a dot, but for the last bit
@given(st.floats(0, 1), st.integers(1, 40))
def test_letters_stand_on_their_curve(place: float, height: int) -> None:
    canvas = Canvas(1, height)
    canvas.curve(np.array([place, place]), np.array([place, place]), 1)
    [row] = [y for y, line in enumerate(canvas.lines()) if line[0][1] != EMPTY]
    assert row_of(place, height) == row


def test_more_runs_than_letters_of_one_case_bear_different_ones() -> None:
    assert len({mark_of(number) for number in range(52)}) == 52


def test_several_curves_bear_their_letters() -> None:
    drawn = traces_of(series("a", [1, 2, 3]), series("b", [3, 2, 1.5]))
    lines = "".join(text(chart(drawn, View(), 60, 12, "step").lines)[:-2])
    assert "a" in lines
    assert "b" in lines
    assert "a" not in "".join(text(chart(drawn[:1], View(), 60, 12, "step").lines)[:-2])


def test_values_that_are_not_finite_are_marked_in_the_curves_colour() -> None:
    values = [1, 2, math.nan, 2, math.inf, 1, -math.inf, 2]
    lines = chart(traces_of(series("loss", values)), View(), 60, 12, "step").lines
    signs = {sign: tone for line in lines for part, tone in line for sign in part if sign in "×↑↓"}
    assert signs == {"×": "line1", "↑": "line1", "↓": "line1"}
    assert "↑" in text(lines)[0]


def test_raw_values_are_behind_the_smoothed_line() -> None:
    rng = np.random.default_rng(3)
    noisy = series("loss", rng.normal(0, 1, 2000).tolist())
    tones = {tone for line in chart(traces_of(noisy, weight=0.9), View(), 80, 16, "step").lines for _, tone in line}
    assert {"faint1", "line1"} <= tones
    tones = {tone for line in chart(traces_of(noisy), View(), 80, 16, "step").lines for _, tone in line}
    assert "faint1" not in tones


def test_what_a_resume_replaced_is_dim_and_dotted() -> None:
    known = Series("loss", "step")
    for step in (*range(200), *range(100, 300)):
        known.append(Sample("loss", 3.5 if len(known) in range(100, 200) else 1.0 + step / 100, step, "step"))
    lines = chart(traces_of(known), View(), 80, 16, "step").lines
    dim = "".join(part for line in lines for part, tone in line if tone == "faint1")
    assert len(dim) > 20
    assert set(dim) <= {chr(code) for code in range(0x2800, 0x2900)}
    assert "⣿" not in dim


def test_without_colour_raw_values_have_half_the_dots() -> None:
    noisy = series("loss", np.random.default_rng(3).normal(0, 1, 2000).tolist())
    drawn = traces_of(noisy, weight=0.9)
    full = "".join(text(chart(drawn, View(), 80, 16, "step").lines))
    half = "".join(text(chart(drawn, View(colour=False), 80, 16, "step").lines))
    assert full.count("⣿") > 50
    assert half.count("⣿") < 10


def test_outliers_may_be_left_out_of_the_scale() -> None:
    spiky = traces_of(series("loss", [1.0, 2.0] * 200 + [900.0] + [1.0, 2.0] * 200))
    with_all = text(chart(spiky, View(), 60, 12, "step").lines)
    without = text(chart(spiky, View(robust=True), 60, 12, "step").lines)
    assert any("800┤" in line for line in with_all)
    assert any("1.5┤" in line or "1.6┤" in line for line in without)


def test_each_curve_may_have_a_scale_of_its_own() -> None:
    drawn = traces_of(series("loss", [10, 20, 30]), series("rate", [1e-4, 2e-4, 3e-4]))
    lines = chart(drawn, View(own=True, focus="rate"), 60, 12, "step").lines
    assert any("0.0002" in line for line in text(lines))
    assert lines[0][0][1] == "line2"


def test_nothing_above_zero_is_said_on_a_logarithmic_scale() -> None:
    lines = text(chart(traces_of(series("loss", [-1, -2])), View(log_y=True), 60, 12, "step").lines)
    assert any("no finite value above zero" in line for line in lines)


def test_a_line_hides_the_noise_below_it_but_no_other_line() -> None:
    canvas = Canvas(2, 1)
    canvas.curve(np.zeros(4), np.ones(4), 1, behind=True)
    canvas.curve(np.array([0.0, 0.0, np.nan, np.nan]), np.array([0.0, 0.0, np.nan, np.nan]), 2)
    canvas.curve(np.array([1.0, np.nan, np.nan, np.nan]), np.array([1.0, np.nan, np.nan, np.nan]), 4)
    canvas.rule(1, "│", 0)
    assert list(canvas.lines()) == [[("⣁", 4), ("⣿", 1)]]
    assert list(Canvas(3, 1).lines()) == [[("   ", EMPTY)]]


# Looking.


def test_zooming_in_keeps_the_cursor_in_place_and_zooming_out_ends_at_the_whole() -> None:
    whole = (0.0, 100.0)
    near = looking.zoomed(Scale(0, 100), whole, 2, 30.0)
    assert near == (15, 65)
    assert looking.zoomed(Scale(15, 65), whole, 0.5, 30.0) is None
    assert looking.zoomed(Scale(0, 10), whole, 0.5, None) == (0, 20)


def test_zooming_ends_before_floats_do() -> None:
    span = (0.0, 1e6)
    for _ in range(200):
        span = looking.zoomed(Scale(*span), (0.0, 1e6), 2, 777_777.0) or pytest.fail("it is not the whole")
    assert 0 < span[1] - span[0] < 1


def test_panning_stops_at_the_ends() -> None:
    whole = (0.0, 100.0)
    assert looking.panned(Scale(80, 90), whole, 0.25) == (82.5, 92.5)
    assert looking.panned(Scale(85, 95), whole, 2) == (90, 100)
    assert looking.panned(Scale(0, 100), whole, 1) is None


def test_the_cursor_goes_from_sample_to_sample() -> None:
    (few,) = traces_of(series("loss", [3, 2, 1]))
    x = Scale(0, 2)
    assert looking.stepped(few, x, None, -1, 80) == 2
    assert looking.stepped(few, x, 2.0, -1, 80) == 1
    assert looking.stepped(few, x, 0.0, -1, 80) == 0
    assert looking.stepped(few, x, 2.0, 1, 80) == 2
    (many,) = traces_of(series("loss", [1.0] * 801))
    assert looking.stepped(many, Scale(0, 800), 400.0, 1, 80) == 410
    assert looking.stepped(many, Scale(0, 800), 400.0, -10, 80) == 300


# What is drawn first.


def test_the_objective_is_drawn_with_its_like_from_other_phases() -> None:
    from tests.tui.fakes import row

    known = {name: series(name, [1]) for name in ("lr", "train/loss", "val_loss", "loss_scale")}
    assert objective(known, row(1, objective="val_loss")) == "val_loss"
    assert objective(known, None) == "train/loss"
    assert objective(known, row(1, objective="Val Loss")) == "val_loss"
    assert objective({}, None) is None
    assert family(known, "val_loss") == ["val_loss", "train/loss"]


def test_a_filter_takes_names_with_all_its_words() -> None:
    assert matching(["train/loss", "val/loss", "val/acc"], "VAL loss") == ["val/loss"]
    assert matching(["a", "b"], "") == ["a", "b"]
