"""Several runs side by side, as the user sees them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from backends.base import JobState
from tests.tui.fakes import NOW, Actions, Theatre, board, row
from trainboard.actions import Refused
from trainboard.compare import Against, Entry, Point
from trainboard.events import Sampled
from trainboard.series import Sample, Series, by_metric
from tui.chart import View
from tui.overlay import Overlay, Race, Runner
from tui.scale import Along
from tui.scatter import Look, scatter
from tui.screens.board import BoardScreen
from tui.screens.compare import CompareScreen
from tui.screens.run import RunScreen
from tui.widgets.job_table import JobTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.rows import Row
    from tui.widgets.compare_table import CompareTable
    from tui.widgets.lines import Piece

RATES = (0.1, 0.3, 0.01)


def losses(*values: float, start: float = NOW) -> Mapping[str, Series]:
    """A validation loss every ten steps, and an accuracy that grows as it falls."""
    samples = [Sample("val_loss", value, 10 * at, "step", start + at) for at, value in enumerate(values)]
    samples += [Sample("accuracy", 1 - value / 4, 10 * at, "step", start + at) for at, value in enumerate(values)]
    return by_metric(samples)


@pytest.fixture
def actions() -> Actions:
    actions = Actions()
    actions.stored = {"r0": losses(3, 2, 1.5), "r1": losses(3, 1, 1.2), "r2": losses(3, 2.5, 2)}
    return actions


def three() -> list[Row]:
    return [row(n, JobState.COMPLETED, params={"lr": rate, "seed": 1}) for n, rate in enumerate(RATES)]


async def compared(stage: Theatre) -> CompareTable:
    """The comparison, with everything read."""
    await stage.press("C")
    await stage.until("★")
    assert isinstance(stage.app.screen, CompareScreen)
    return stage.app.screen.table


def order(table: CompareTable) -> list[str]:
    return [entry.key for entry in table.entries]


async def test_the_runs_of_an_experiment_are_compared_the_best_first(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        table = await compared(stage)
        assert order(table) == ["r1", "r0", "r2"]
        assert "3 runs of exp-1" in stage.screen
        assert "val_loss: less is better" in stage.screen
        best = next(line for line in stage.lines if " r1 " in line)
        assert best.split()[:5] == ["›a", "✓", "r1", "1★", "0.3"]
        assert "seed" not in "".join(stage.lines)


async def test_only_marked_runs_are_compared_where_there_are_marks(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await stage.press("space", "j", "space")
        table = await compared(stage)
        assert len(order(table)) == 2


async def test_one_run_alone_is_not_compared(actions: Actions) -> None:
    async with board(row(0, experiment=None, run=None), actions=actions) as stage:
        await stage.press("C")
        assert isinstance(stage.app.screen, BoardScreen)
        assert "mark two runs" in stage.screen


async def test_a_folded_experiment_is_compared_whole_also_what_a_filter_hides(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await stage.press("slash", *"seed=1", "enter", "z")
        assert len(order(await compared(stage))) == 3


async def test_more_runs_than_can_be_read_at_once_are_refused() -> None:
    async with board(*(row(n, experiment="many") for n in range(257))) as stage:
        await stage.press("C")
        await stage.until("257 runs are too many to compare")
        assert isinstance(stage.app.screen, BoardScreen)


async def test_the_curves_of_the_metric_under_the_cursor_are_drawn_with_letters(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await compared(stage)
        assert "val_loss by step" in stage.screen
        plot = "\n".join(stage.lines[2 : stage.app.screen.query_one("#compared").region.y])
        assert all(letter in plot for letter in "abc")
        await stage.press("right", "right")
        await stage.until("accuracy by step")
        assert "accuracy: more is better" in stage.screen


async def test_a_parameter_s_column_draws_the_metric_against_it(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await compared(stage)
        await stage.press("right")
        await stage.until("best val_loss against lr")
        assert "line: mean" in stage.screen
        before = stage.screen
        await stage.press("X")
        await stage.changes(lambda: stage.screen, before)
        await stage.press("left")
        await stage.until("val_loss by step")


async def test_a_column_sorts_the_table_and_once_more_the_other_way_round(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        table = await compared(stage)
        await stage.press("right", "o")
        assert order(table) == ["r2", "r0", "r1"]
        assert "lr▼" in stage.screen
        await stage.press("o")
        assert order(table) == ["r1", "r0", "r2"]
        assert "lr▲" in stage.screen


async def test_the_newest_and_the_final_values_are_a_key_away(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await compared(stage)
        await stage.press("v")
        assert "3 runs: last" in stage.screen
        assert next(line for line in stage.lines if " r1 " in line).split()[3] == "1.2★"
        await stage.press("v")
        assert "3 runs: final" in stage.screen


async def test_the_plot_s_cursor_puts_the_values_there_into_the_table(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await compared(stage)
        await stage.press("shift+left", "shift+left")
        await stage.until("at 10")
        assert next(line for line in stage.lines if " r2 " in line).split()[3] == "2.5"
        await stage.press("0")
        await stage.gone("at 10")


async def test_curves_are_drawn_or_not_as_the_user_wants(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        table = await compared(stage)
        await stage.press("space")
        assert "r1" not in table.numbers
        await stage.press("a")
        assert set(table.numbers) == {"r0", "r1", "r2"}
        await stage.press("a")
        assert set(table.numbers) == {"r1"}


async def test_new_samples_are_seen_and_the_cursor_stays_on_its_run(actions: Actions) -> None:
    running = [row(n, params={"lr": rate}) for n, rate in enumerate(RATES)]
    async with board(*running, actions=actions) as stage:
        table = await compared(stage)
        await stage.press("j")
        assert table.entry is not None
        assert table.entry.key == "r0"
        await stage.send(Sampled("r2", (Sample("val_loss", 0.5, 30, "step", NOW),), number=6))
        await stage.until("0.5★")
        assert order(table) == ["r2", "r1", "r0"]
        assert table.entry.key == "r0"


async def test_what_is_told_before_a_series_is_read_is_not_lost_or_doubled(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await stage.app.board.action_compare()
        event = Sampled("r0", (Sample("val_loss", 0.25, 30, "step", NOW),), number=6)
        await stage.send(event, event)
        await stage.until("0.25★")
        screen = stage.app.screen
        assert isinstance(screen, CompareScreen)
        assert len(screen._recordings.known["r0"]["val_loss"]) == 4


async def test_a_series_that_begins_anew_is_read_anew(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await compared(stage)
        actions.stored = {**actions.stored, "r2": losses(9, 0.125)}
        await stage.send(Sampled("r2", (), restarted=True))
        await stage.until("0.125★")


async def test_runs_that_cannot_be_read_are_told_and_the_others_compared() -> None:
    class Broken(Actions):
        async def series(self, key: str) -> object:  # type: ignore[override]  # refuses one, and gives the others
            if key == "r1":
                raise Refused("the disk is full")
            return await super().series(key)

    broken = Broken()
    broken.stored = {"r0": losses(3, 2), "r2": losses(3, 1)}
    async with board(*three(), actions=broken) as stage:
        await compared(stage)
        await stage.until("1 cannot be read")


async def test_without_any_metric_it_says_so() -> None:
    async with board(*three()) as stage:
        await stage.press("C")
        await stage.until("No run here has metrics yet.")
        await stage.press("right", "o", "space", "s", "x", "L", "v", "y", "shift+left", "plus")
        assert isinstance(stage.app.screen, CompareScreen)


async def test_a_run_opens_from_here_and_back_leads_to_the_comparison_and_to_the_board(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await compared(stage)
        await stage.press("enter")
        assert isinstance(stage.app.screen, RunScreen)
        assert stage.app.screen.row.key == "r1"
        await stage.press("escape")
        assert isinstance(stage.app.screen, CompareScreen)
        assert stage.actions.calls[-1] == ("show", None)
        await stage.press("escape")
        assert isinstance(stage.app.screen, BoardScreen)


async def test_the_curves_that_are_wanted_are_those_of_the_screen_that_is_seen(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        table = stage.app.board.table
        await stage.actions.told("look", ("r0", "r1", "r2"))  # the board's own first look, within a second
        table.post_message(JobTable.Looked(["r9"]))
        await stage.actions.told("look", ("r9",))
        await compared(stage)
        assert stage.actions.calls.count(("look", ("r0", "r1", "r2"))) == 2
        table.post_message(JobTable.Looked(["r8"]))
        await stage.pilot.pause()
        assert ("look", ("r8",)) not in stage.actions.calls
        await stage.press("escape")
        assert ("look", ("r8",)) in stage.actions.calls


async def test_the_table_is_copied_as_a_sheet_takes_it(actions: Actions) -> None:
    async with board(*three(), actions=actions) as stage:
        await compared(stage)
        await stage.press("y")
        lines = stage.app.clipboard.split("\n")
        assert lines[0] == "run\tlr\tval_loss\taccuracy"
        assert lines[1] == "r1\t0.3\t1.0\t0.75"


async def test_it_fits_a_small_terminal_and_hostile_texts_do_no_harm(actions: Actions) -> None:
    rows = [
        row(n, JobState.COMPLETED, params={f"p{i}\x1b[31m": f"\x07{n}{i}" * 9 for i in range(8)}) for n in range(3)
    ]
    async with board(*rows, actions=actions, size=(80, 24)) as stage:
        table = await compared(stage)
        for _ in range(11):
            await stage.press("right")
        assert table.at == "accuracy"
        assert "accuracy by step" in stage.screen
        assert all(len(line) == 80 for line in stage.lines)
        assert "\x1b" not in stage.screen
        assert "\x07" not in stage.screen


def text(lines: list[tuple[Piece, ...]]) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines]


def against(*points: tuple[float, float], words: tuple[str, ...] = ()) -> Against:
    entries = [Entry(str(n), str(n), JobState.COMPLETED, {}, None, {}) for n in range(len(points))]
    return Against(tuple(Point(e, x, y) for e, (x, y) in zip(entries, points, strict=True)), words)


def test_points_stand_at_their_values_and_words_at_their_places() -> None:
    look = Look({"0": 0, "1": 1, "2": 2})
    lines = text(scatter(against((0, 1.0), (0, 2.0), (1, 3.0), words=("adam", "sgd")), look, 60, 12, "optim"))
    assert [next((y for y, line in enumerate(lines) if letter in line[6:]), None) for letter in "cba"] == [0, 5, 9]
    assert lines[-1].index("adam") < lines[-1].index("sgd") < lines[-1].index("optim")
    assert {len(line) for line in lines} == {60}


def test_the_greatest_of_few_values_is_written_though_the_name_stands_there() -> None:
    lines = text(scatter(against((0.001, 1.0), (0.003, 2.0)), Look({"0": 0, "1": 1}), 80, 12, "lr"))
    assert lines[-1].split() == ["0.001", "0.003", "lr"]
    far = text(scatter(against((0.001, 1.0), (0.003, 2.0)), Look({"0": 0, "1": 1}), 80, 12, "a_very_long_parameter"))
    assert "0.003" not in far[-1]


def test_the_values_of_a_low_plot_are_told_by_more_than_one_tick() -> None:
    lines = text(scatter(against((1, 0.025), (2, 0.8)), Look({"0": 0, "1": 1}), 80, 10, "lr"))
    assert sum("┤" in line for line in lines) > 1


def test_widely_spread_numbers_get_a_logarithmic_axis_unless_told_otherwise() -> None:
    points = against((1e-4, 1.0), (1e-3, 2.0), (1e-2, 3.0))

    def gap(log: bool | None) -> int:
        """Cells from the first point to the second."""
        lines = text(scatter(points, Look({"0": 0, "1": 1, "2": 2}, log_x=log), 80, 11, "lr"))
        return lines[4].index("b") - lines[8].index("a")

    assert gap(None) > 20
    assert gap(False) < 10


def test_runs_in_one_place_stand_beside_one_another_and_that_under_the_cursor_where_it_belongs() -> None:
    look = Look({"0": 0, "1": 1, "2": 2}, here="1")
    lines = text(scatter(against((1, 2.0), (1, 2.0), (1, 2.0), (2, 3.0)), look, 60, 12, "lr"))
    (line,) = (line for line in lines if "b" in line)
    assert "cba" in line
    assert line.index("b") == lines[-2].index("┬")


@pytest.mark.parametrize("points", [(), ((1.0, math.nan),), ((1.0, math.inf), (2.0, -math.inf)), ((5.0, 1.0),)])
def test_odd_points_are_drawn_in_exactly_the_room_there_is(points: tuple[tuple[float, float], ...]) -> None:
    for log in (False, True):
        for width, height in ((80, 12), (20, 3), (5, 2)):
            lines = scatter(against(*points), Look({}, log_y=log), width, height, "lr")
            assert len(lines) == height


def test_runs_that_began_at_different_times_begin_together_by_time_since_the_start() -> None:
    series = {"a": losses(3, 2, 1, start=1000.0), "b": losses(3, 2, 1, start=9000.0)}
    runners = [Runner(key, n, each, each["val_loss"].walls[0]) for n, (key, each) in enumerate(series.items())]
    overlay = Overlay()
    lanes = overlay.lanes(runners, "val_loss", Along.RELATIVE)
    picture = overlay.draw(Race((), lanes[0].ruler, 0.0, _view(Along.RELATIVE), 80, 20, lanes))
    assert [trace.metric for trace in picture.traces] == ["a", "b"]
    assert np.array_equal(picture.traces[0].raw[0], picture.traces[1].raw[0])


def test_curves_that_stand_beside_one_another_bear_their_letters_too() -> None:
    runners = [Runner(key, n, losses(3, 2, 1, start=1000.0 + 100 * n)) for n, key in enumerate("abc")]
    overlay = Overlay()
    lanes = overlay.lanes(runners, "val_loss", Along.WALL)
    picture = overlay.draw(Race((), lanes[0].ruler, 0.0, _view(Along.WALL), 120, 20, lanes))
    drawn = "".join(text(list(picture.chart.lines[:-2])))
    assert all(letter in drawn for letter in "abc")


def test_what_has_not_changed_is_not_computed_again() -> None:
    overlay, runners = Overlay(), [Runner("a", 0, losses(3, 2, 1))]
    lanes = overlay.lanes(runners, "val_loss", Along.STEP)
    race = Race((), lanes[0].ruler, 0.5, _view(Along.STEP), 80, 20, lanes)
    first = overlay.draw(race).traces[0]
    assert overlay.lanes(runners, "val_loss", Along.STEP)[0] is lanes[0]
    assert overlay.draw(race).traces[0] is first
    by_metric([Sample("val_loss", 0.5, 40, "step")], runners[0].series)  # type: ignore[arg-type]  # a dict
    assert overlay.lanes(runners, "val_loss", Along.STEP)[0] is not lanes[0]


def _view(along: Along) -> View:
    return View(along=along)
