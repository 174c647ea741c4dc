"""Drawings of errors: as large as they are to be, whatever the numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from rich.cells import cell_len

from tui import error_plots
from tui.error_plots import Bar, Bin
from tui.scale import Scale

NUMBERS = some.floats(allow_nan=True, allow_infinity=True)
FINITE = some.floats(allow_nan=False, allow_infinity=False)
SHARES = some.floats(0, 1)
ROOM = some.tuples(some.integers(20, 120), some.integers(1, 40))


def text(lines: error_plots.Lines) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines]


@given(
    some.lists(some.builds(Bin, SHARES, SHARES, some.integers(0, 10**9), SHARES, SHARES, SHARES), max_size=20), ROOM
)
@settings(max_examples=25, deadline=None)
def test_a_reliability_diagram_fills_its_room(bins: list[Bin], room: tuple[int, int]) -> None:
    drawn = text(error_plots.reliability(bins, *room))
    assert len(drawn) == room[1]
    assert all(len(line) <= room[0] for line in drawn)


@given(some.lists(some.builds(Bin, NUMBERS, NUMBERS, some.integers(0, 10**9)), max_size=20), ROOM)
@settings(max_examples=25, deadline=None)
def test_a_histogram_fills_its_room(bins: list[Bin], room: tuple[int, int]) -> None:
    drawn = text(error_plots.histogram(bins, [(0.0, "m")], *room, "residual"))
    assert len(drawn) == room[1]
    assert all(len(line) <= max(room[0], 20) for line in drawn)


@given(
    some.lists(some.builds(Bin, NUMBERS, NUMBERS, some.integers(0, 9), NUMBERS, NUMBERS, NUMBERS), max_size=9), ROOM
)
@settings(max_examples=25, deadline=None)
def test_a_band_fills_its_room(bins: list[Bin], room: tuple[int, int]) -> None:
    drawn = text(error_plots.band(bins, *room, "age"))
    assert len(drawn) == room[1]


@given(
    some.lists(some.builds(Bar, some.text(max_size=20), some.integers(0, 9), NUMBERS, NUMBERS, NUMBERS), max_size=9)
)
@settings(max_examples=25, deadline=None)
def test_intervals_are_a_line_each_and_as_wide_as_the_screen_at_most(bars: list[Bar]) -> None:
    for width in (40, 80, 160):
        drawn = text(error_plots.intervals(bars, 0.5, width, "error"))
        assert len(drawn) == (len(bars) + 1 if any(math.isfinite(each.value) for each in bars) else 1)
        assert all(cell_len(line) <= width for line in drawn)


@given(some.lists(some.lists(some.integers(0, 10**6), min_size=3, max_size=3), max_size=6), FINITE, ROOM)
@settings(max_examples=25, deadline=None)
def test_a_cloud_fills_its_room(counts: list[list[int]], low: float, room: tuple[int, int]) -> None:
    scale = Scale.over(low, low)
    assert len(text(error_plots.cloud(counts, scale, scale, *room, "prediction"))) == room[1]


def test_points_on_the_diagonal_are_where_confidence_is_accuracy() -> None:
    bins = [Bin(at / 10, (at + 1) / 10, 10, (at + 0.5) / 10) for at in range(10)]
    drawn = text(error_plots.reliability(bins, 54, 23))
    rows = [at for at, line in enumerate(drawn) if "●" in line]
    columns = [drawn[at].index("●") for at in reversed(rows)]
    assert len(rows) == 10
    assert columns == sorted(columns)
    assert rows[-1] > 16
    assert rows[0] < 3


def test_the_tallest_column_of_a_histogram_reaches_the_top() -> None:
    drawn = text(error_plots.histogram([Bin(0, 1, 1), Bin(1, 2, 100), Bin(2, 3, 50)], [], 43, 12, "residual"))
    # The first line has the tallest column, in the middle third, alone.
    assert {at // 13 for at, sign in enumerate(drawn[0].split("┤")[1]) if sign == "⣿"} == {1}
    assert drawn[0].strip().startswith("100")


@pytest.mark.parametrize(("under", "sign"), [(0.2, "▲"), (0.05, " ")])
def test_a_group_above_the_mean_with_its_whole_interval_has_a_sign(under: float, sign: str) -> None:
    drawn = text(error_plots.intervals([Bar("B", 10, 0.3, under, 0.4)], 0.1, 80, "error"))
    assert drawn[1].startswith(f"{sign} B")


def test_groups_that_differ_no_more_than_by_chance_have_no_sign() -> None:
    drawn = text(error_plots.intervals([Bar("B", 10, 0.3, 0.2, 0.4)], 0.1, 80, "error", signs=False))
    assert drawn[1].startswith("  B")


def test_more_of_a_cloud_is_darker_and_the_lowest_row_is_at_the_bottom() -> None:
    drawn = text(error_plots.cloud([[100, 0], [0, 1]], Scale(0, 1), Scale(0, 1), 42, 8, "prediction"))
    assert "█" in drawn[5]
    assert "█" not in drawn[0]
    assert "·" in drawn[0]


def test_the_ends_of_a_scale_are_left_out_where_they_have_no_room() -> None:
    drawn = text(error_plots.intervals([Bar("", 0, 10006.0, 0.0, -10006.0)], 0.5, 40, "error"))
    assert all(len(line) <= 40 for line in drawn)


def test_the_mean_of_all_is_seen_within_an_interval_and_outside_of_it() -> None:
    drawn = text(error_plots.intervals([Bar("A", 9, 0.3, 0.1, 0.5), Bar("B", 9, 0.4, 0.3, 0.5)], 0.2, 80, "error"))
    assert drawn[1].count("┼") == 1
    assert drawn[2].count("┊") == 1
    assert drawn[1].index("┼") == drawn[2].index("┊")
