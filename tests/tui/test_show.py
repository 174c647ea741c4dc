"""What values look like, which columns fit, and how curves are thinned and drawn."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from backends.base import Gpu, JobState
from tests.tui.fakes import NOW, row
from trainboard.events import Link, Sampled
from trainboard.extract import Progress
from trainboard.machines import is_free
from trainboard.series import Sample
from trainboard.ticks import log_ticks, value_ticks
from tui import curves, show
from tui.columns import fit
from tui.curves import Curve, Curves
from tui.plot import draw
from tui.widgets.job_cells import COLUMNS, WIDE, Seen, name_of


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (65, "1m05"),
        (700, "11m"),
        (3700, "1h01"),
        (90000, "1d01h"),
        (1e8, "1157d"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float | None, text: str) -> None:
    assert show.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.9, "<5s"), (17, "15s"), (61, "1m"), (7300, "2h"), (200000, "2d"), (-5, "<5s")]
)
def test_ages_have_one_unit(seconds: float, text: str) -> None:
    assert show.age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0B"), (1023, "1.0K"), (1536, "1.5K"), (200 << 30, "200G"), (None, "–")]
)
def test_sizes_have_three_figures(count: int | None, text: str) -> None:
    assert show.size(count) == text


def test_every_state_and_link_has_a_sign_of_one_cell_and_a_word() -> None:
    for state in JobState:
        assert cell_len(show.STATES[state][0]) == 1
        assert cell_len(show.state_text(state, 12)) <= 12
        assert str(state).startswith(show.state_text(state, 12).split()[1])
    assert all(cell_len(sign) == 1 for sign, _ in (show.LINKS[link] for link in Link))


def test_short_state_words_stay_different() -> None:
    assert len({show.state_text(state, 12) for state in JobState}) == len(JobState)


@given(st.text(max_size=60), st.integers(0, 40))
def test_cleaned_and_cut_text_is_printable_and_has_its_width(text: str, width: int) -> None:
    cleaned = show.clean(text)
    assert cleaned.isprintable()
    cleaned.encode()
    for cut in (show.cut(cleaned, width), show.cut_middle(cleaned, width), show.pad_left(cleaned, width)):
        assert cell_len(cut) == width


def test_a_long_text_is_bounded() -> None:
    assert len(show.clean("x" * 10_000_000, 100)) == 100


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=200), st.integers(1, 30))
def test_a_sparkline_fits_and_marks_what_is_not_finite(values: list[float], width: int) -> None:
    text = show.spark(values, width)
    assert len(text) == min(width, len(values))
    if values and not math.isfinite(values[-1]):
        assert text[-1] == "×"
    assert set(text) <= {*show.BLOCKS, "×"}


def test_a_spike_stays_in_a_narrow_sparkline() -> None:
    values = [1.0] * 1000
    values[500] = 9.0
    assert "█" in show.spark(values, 10)


def test_a_gpu_is_free_as_the_queue_of_a_server_sees_it() -> None:
    assert is_free(Gpu(0, "", "", 99, 10 << 20, 10 << 30, processes=0))
    assert not is_free(Gpu(0, "", "", 0, 5 << 30, 10 << 30, processes=0)), "somebody in a container has its memory"
    assert not is_free(Gpu(0, "", "", 0, 5 << 30, 10 << 30))
    assert not is_free(Gpu(0, "", "", 50, None, None))
    assert is_free(Gpu(0, "", "", None, None, None))
    assert not is_free(Gpu(0, "", "", None, None, None, lost="GPU is lost"))


@pytest.mark.parametrize("columns", [COLUMNS, WIDE])
@pytest.mark.parametrize("width", [1, 20, 60, 79, 99, 119, 199, 400])
def test_columns_never_take_more_than_there_is(columns: tuple[curves.Curve, ...], width: int) -> None:
    fitted = fit(columns, width)  # type: ignore[arg-type] # parametrize knows no common type
    assert fitted
    assert sum(w + 1 for _, w in fitted) - 1 <= max(width, 2)


def test_at_80_columns_the_important_ones_are_there() -> None:
    names = {column.name for column, _ in fit(COLUMNS, 79)}
    assert names >= {"mark", "state", "name", "backend", "progress", "eta", "spark", "last"}


def test_at_200_columns_all_are_there() -> None:
    assert {column.name for column, _ in fit(WIDE, 199)} == {column.name for column in WIDE}


def test_in_a_narrow_place_the_setting_is_named_and_of_the_experiment_what_there_is_room_for() -> None:
    long = row(1, experiment="char-rnn-12", name="char-rnn-12/lr=0.1-seed=1")
    assert name_of(long, 30) == "char-rnn-12/lr=0.1-seed=1"
    assert name_of(long, 22) == "ch…nn-12/lr=0.1-seed=1"
    assert name_of(long, 14) == "lr=0.1-seed=1"


def samples(metric: str, *values: float, index: str = "epoch") -> tuple[Sample, ...]:
    return tuple(Sample(metric, value, step, index) for step, value in enumerate(values))


def test_a_long_curve_stays_small_and_keeps_its_extremes() -> None:
    curve = Curve("loss", "step")
    for i in range(50_000):
        curve.add(Sample("loss", {777: 99.0, 778: -99.0, 779: math.nan}.get(i, 1.0), i, "step"))
    assert len(curve.values) <= curves.LIMIT
    assert max(v for v in curve.values if v == v) == 99.0
    assert min(v for v in curve.values if v == v) == -99.0
    assert any(v != v for v in curve.values)
    assert curve.last == 1.0
    assert curve.steps[-1] == 49_999


def test_the_objective_comes_first_and_a_foreign_job_shows_its_loss() -> None:
    known = Curves()
    known.add(Sampled("r1", samples("acc", 1) + samples("loss", 2) + samples("val_loss", 3)))
    assert [c.metric for c in known.of(row(1))] == ["val_loss", "acc", "loss"]
    assert next(c.metric for c in known.of(row(1, objective=None))) == "loss"
    assert next(c.metric for c in known.of(row(1, objective="Val Loss"))) == "val_loss"
    assert known.objective(row(1, objective="f1")) is None


def test_of_a_foreign_job_the_same_metric_is_shown_whether_one_is_known_or_all_are() -> None:
    from trainboard.extract.names import objective

    names = ["lr", "val_loss", "train/loss", "accuracy"]
    known, foreign = Curves(), row(1, objective=None)
    known.add(Sampled("r1", tuple(sample for name in names for sample in samples(name, 1))))
    curve = known.objective(foreign)
    assert curve is not None
    assert curve.metric == objective(names)
    known.add(Sampled("r1", samples("loss", 2)))
    assert next(c.metric for c in known.of(foreign)) == "loss"
    only = Curves()
    only.add(Sampled("r1", samples("accuracy", 1)))
    assert next(c.metric for c in only.of(foreign)) == "accuracy"


def test_the_best_value_of_the_board_is_none_that_a_resume_replaced() -> None:
    known = Curves()
    told = [(0, 3.0), (1, 0.5), (2, 0.1), (1, 2.0), (2, 1.5)]
    known.add(Sampled("r1", tuple(Sample("val_loss", value, step, "step") for step, value in told)))
    curve = known.objective(row(1, objective="val_loss"))
    assert curve is not None
    assert (curve.best("minimize"), curve.best("maximize")) == (1.5, 3.0)


def test_progress_counts_the_index_that_the_total_is_given_in() -> None:
    known = Curves()
    known.add(Sampled("r1", samples("loss", *range(6), index="epoch")))
    assert known.progress(row(1, total={"epochs": 10})) == (5, 10)
    assert known.progress(row(1, total={"steps": 10})) is None
    assert known.progress(row(1)) is None


def test_a_completed_run_that_counts_from_zero_is_whole() -> None:
    known = Curves()
    known.add(Sampled("r1", samples("loss", *range(10), index="epoch")))
    assert known.progress(row(1, total={"epochs": 10})) == (9, 10)
    assert known.progress(row(1, JobState.COMPLETED, total={"epochs": 10})) == (10, 10)
    assert known.progress(row(1, JobState.COMPLETED, total={"epochs": 20})) == (9, 20)


def lines(known: Curves, *moments: float, total: float = 10) -> None:
    """A run prints a line after each epoch, at these moments."""
    for epoch, moment in enumerate(moments, 1):
        told = Progress(epoch, total, "epoch")
        known.add(Sampled("r1", (Sample("loss", 1.0, epoch, "epoch", moment),), progress=told))


def test_the_time_that_is_left_follows_from_the_speed_so_far() -> None:
    known = Curves(lambda: NOW)
    lines(known, *(NOW - 100 + 20 * epoch for epoch in range(1, 6)))
    likely = known.left(row(1, started=NOW - 130)).likely
    assert likely == pytest.approx(100)
    assert known.measure(row(1, started=NOW - 130)).end == pytest.approx(NOW + 100)
    assert known.left(row(1, JobState.COMPLETED)).likely is None
    assert known.left(row(2)).likely is None
    known.add(Sampled("r1", (), restarted=True))
    assert known.left(row(1)).likely is None


def test_a_run_that_stalls_or_that_its_time_limit_ends_says_so_where_its_time_left_stands() -> None:
    moment = NOW
    known = Curves(lambda: moment)
    lines(known, *(NOW - 100 + 20 * epoch for epoch in range(1, 6)))
    one = row(1, started=NOW - 130)

    def cell(limit: float | None) -> str:
        it = dataclasses.replace(one, time_limit=limit)
        return Seen(it, None, None, moment, known.left(it)).cell("eta", 6)

    assert [cell(None), cell(10_000.0), cell(140.0)] == ["1m40", "1m40", "1m40!"]
    moment = NOW + 1000
    assert cell(None) == "stalls"


def test_samples_that_begin_anew_replace_the_earlier_ones() -> None:
    known = Curves()
    known.add(Sampled("r1", samples("loss", 1, 2, 3)))
    known.add(Sampled("r1", samples("loss", 9), restarted=True))
    curve = known.objective(row(1, objective="loss"))
    assert curve is not None
    assert list(curve.values) == [9]


FLOATS = st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=60),
    st.integers(24, 120),
    st.integers(6, 30),
    st.booleans(),
)
@example([(0.0, 8.1e290)], 24, 12, True)  # its upper tick is beyond what a float holds
def test_any_curve_is_drawn_within_its_place(
    points: list[tuple[float, float]], width: int, height: int, log: bool
) -> None:
    """Values that are not finite, huge or all the same: plotext's kernel must never see them as they are."""
    curve = Curve("loss", "step")
    for step, value in points:
        curve.add(Sample("loss", value, step, "step"))
    lines = draw(curve, width, height, log, None)
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines if "\x1b" not in line)


@pytest.mark.parametrize(
    ("low", "high", "log", "labels"),
    [
        (0.9, 2.2, False, ["1", "1.5", "2"]),
        (-4.3, 0, True, ["1e-4", "0.01", "1"]),
        (math.log10(1.81), math.log10(2), True, ["1.85", "1.9", "1.95", "2"]),
    ],
)
def test_ticks_stand_at_round_values(low: float, high: float, log: bool, labels: list[str]) -> None:
    ticks = (log_ticks if log else value_ticks)(low, high, 3 if not log or high == 0 else 4)
    assert [label for _, label in ticks] == labels


def test_the_plots_axis_is_named_by_the_index() -> None:
    curve = Curve("loss", "epoch")
    for sample in samples("loss", 3, 2, 1, math.nan, 0.5):
        curve.add(sample)
    text = "\n".join(draw(curve, 60, 12, False, None))
    assert "epoch" in text
    assert "\x1b[3" not in text
    assert "\x1b[38;2;1;2;3m" in "\n".join(draw(curve, 60, 12, False, (1, 2, 3)))
