"""The results of experiments, as the user sees them."""

from __future__ import annotations

import asyncio
import csv
import io
import os
from typing import TYPE_CHECKING

from backends.base import JobState
from specs.load import loads
from tests.trainboard.ranking.a_sweep import EXPERIMENT, a_sweep, an_entry, compared
from tests.tui.fakes import Actions, board, row
from trainboard.actions import Refused
from trainboard.events import Sampled
from trainboard.ranking.standing import Standing
from trainboard.records import Experiment
from trainboard.series import Sample
from tui.screens.board import BoardScreen
from tui.screens.compare import CompareScreen
from tui.screens.results import ResultsScreen
from tui.screens.run import RunScreen
from tui.screens.specs import SpecsScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pytest

    from tests.tui.fakes import Theatre
    from trainboard.compare import Comparison
    from trainboard.rows import Row

SPEC = "name: x\ncommand: train --lr {lr}\nsweep: {lr: [0.001, 0.003, 0.03], seeds: 4}   # as usual\n"


def rows(found: Comparison) -> list[Row]:
    return [
        row(n, entry.state, run=entry.key, key=entry.key, experiment="x-1", params=entry.params)
        for n, entry in enumerate(found.entries)
    ]


def stage_of(found: Comparison | None = None) -> tuple[Actions, list[Row]]:
    """What is on the board, and what came of it."""
    found = found or a_sweep()
    actions = Actions()
    actions.questions.standing = Standing((EXPERIMENT,), found)
    return actions, rows(found)


async def opened(stage: Theatre) -> ResultsScreen:
    await stage.press("T")
    await stage.until("val_loss")
    screen = stage.app.screen
    assert isinstance(screen, ResultsScreen)
    await stage.until(" ✓ ")
    return screen


def order(screen: ResultsScreen) -> list[str]:
    return [line.key for line in screen.table_now.lines]


async def test_the_table_opens_with_the_best_run_on_top_and_marked() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        screen = await opened(stage)
        assert actions.questions.asked == [("results", "x-1")]
        assert order(screen)[:2] == ["x-1.4", "x-1.7"]
        best = next(line for line in stage.lines if "x-1.4 " in line)
        assert "0.4★" in best
        assert sum("★" in line for line in stage.lines) == 1
        assert "results  x-1  val_loss: less is better" in stage.screen
        await stage.press("escape")
        assert isinstance(stage.app.screen, BoardScreen)


async def test_a_filter_a_column_s_order_and_what_is_wrong_with_a_filter() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        screen = await opened(stage)
        await stage.press("slash", *"lr>0.002 sgd", "enter")
        assert sorted(order(screen)) == ["x-1.10", "x-1.4", "x-1.6", "x-1.8"]
        assert "4/12 runs" in stage.screen
        await stage.press("slash", *" lrr<1")
        await stage.until('no column "lrr"')
        await stage.press("escape")
        assert len(order(screen)) == 12
        await stage.press("right", "o")
        assert order(screen)[0] == "x-1.0"
        await stage.press("o")
        assert order(screen)[0] == "x-1.8"
        assert "lr▲" in stage.screen


async def test_seeds_are_folded_unfolded_and_looked_into() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        screen = await opened(stage)
        await stage.press("z")
        await stage.until("▸ 2 runs")
        assert "6/12 runs" in stage.screen
        assert " ★ lr=0.003 optim.name=" in stage.screen
        assert "only 2 runs in a group: their spread is a guess, and so is p" in stage.screen
        await stage.press("enter")
        await stage.until("x-1.6 ")
        assert order(screen) == ["x-1.4", "x-1.6"]
        await stage.press("escape")
        await stage.until("▸ 2 runs")
        await stage.press("z")
        await stage.until("x-1.11 ")


async def test_all_that_is_to_be_kept_in_mind_of_a_test_is_read_on_a_small_screen() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions, size=(80, 24)) as stage:
        await opened(stage)
        await stage.press("z")
        await stage.until("so p is too small")
        assert "Welch t" in stage.screen
        assert stage.lines[-1].startswith(" →")


async def test_results_while_a_sweep_goes_on_are_those_there_are_and_grow() -> None:
    ended = [an_entry(n, {"lr": lr}, loss) for n, (lr, loss) in enumerate([(0.1, 0.5), (0.2, 0.4)])]
    running = an_entry(2, {"lr": 0.3}, 0.3, JobState.RUNNING)
    waiting = an_entry(3, {"lr": 0.4}, None, JobState.PENDING)
    actions, listed = stage_of(compared(*ended, running, waiting))
    async with board(*listed, actions=actions) as stage:
        screen = await opened(stage)
        assert order(screen) == ["x-1.2", "x-1.1", "x-1.0", "x-1.3"]
        await stage.press("v", "v")
        await stage.until("ss final")
        assert order(screen) == ["x-1.1", "x-1.0", "x-1.2", "x-1.3"], "what runs has no final value"
        more = compared(*ended, an_entry(2, {"lr": 0.3}, 0.3), waiting, an_entry(4, {"lr": 0.5}, 0.2))
        actions.questions.standing = Standing((EXPERIMENT,), more)
        await stage.press("r")
        await stage.until("x-1.4 ")
        assert order(screen) == ["x-1.4", "x-1.2", "x-1.1", "x-1.0", "x-1.3"]


async def test_runs_are_grouped_by_the_parameters_whose_columns_are_chosen() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        screen = await opened(stage)
        await stage.press("b")
        await stage.until("go to the column of a parameter")
        await stage.press("right", "b")
        await stage.until("▸ 4 runs")
        assert screen.kept.view.by == ("lr",)
        assert "Welch t = -6.08" in stage.screen
        await stage.press("b")
        assert screen.kept.view.by is None


async def test_columns_are_chosen_and_kept_until_the_board_is_left() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        await opened(stage)
        await stage.press("c")
        await stage.until("Columns, with commas between")
        await stage.press("ctrl+u", *"lr, val_loss:final, nonsense", "enter")
        await stage.until('no column "nonsense"')
        await stage.press("c")
        await stage.until("Columns, with commas between")
        await stage.press("ctrl+u", *"lr, val_loss:final", "enter")
        await stage.until("ss final")
        assert "optim.name" not in stage.screen
        await stage.press("escape")
        await stage.press("T")
        await stage.until("ss final")
        await stage.press("minus")
        assert isinstance(stage.app.screen, ResultsScreen)
        assert [column.key for column in stage.app.screen.table_now.columns] == ["val_loss:final"]


async def test_a_metric_is_drawn_against_one_parameter_and_over_two() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        await opened(stage)
        await stage.press("2")
        await stage.until("val_loss best against lr (1/2)")
        assert "log x" in stage.screen
        await stage.press("X")
        assert "log x" not in stage.screen
        await stage.press("right")
        await stage.until("val_loss best against optim.name (2/2)")
        await stage.press("3")
        await stage.until("lr ↓ over optim.name →")
        line = next(line for line in stage.lines if " 0.003 " in line)
        assert "0.411(2)★" in line
        await stage.press("v")
        await stage.until("val_loss last")


async def test_importance_is_told_with_its_caveats() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        await opened(stage)
        await stage.press("4")
        await stage.until("share of the variance")
        assert "by chance 18.2%, 3 values, 12 runs" in stage.screen
        await stage.until("of settings it has not seen")


async def test_runs_are_lines_across_the_axes_of_their_parameters_where_they_can_be_told_apart() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        await opened(stage)
        await stage.press("5")
        await stage.until("a line for each run")
        assert "0.03" in stage.screen
        assert "sgd" in stage.screen
    many = compared(*(an_entry(n, {"lr": n}, 0.5 + n) for n in range(40)))
    actions, listed = stage_of(many)
    async with board(*listed, actions=actions) as stage:
        await opened(stage)
        await stage.press("5")
        await stage.until("cannot be told apart as lines")


async def test_what_is_seen_is_written_and_never_over_a_file(tmp_path: Path) -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        await opened(stage)
        await stage.press("slash", *"lr=0.003", "enter", "ctrl+s")
        await stage.until("Write the table to")
        await stage.press("ctrl+u", *str(tmp_path / "r.csv"), "enter")
        await stage.until("4 lines written to")
        read = list(csv.reader(io.StringIO((tmp_path / "r.csv").read_text())))
        assert [line[0] for line in read] == ["[run]", "x-1.4", "x-1.7", "x-1.5", "x-1.6"]
        await stage.press("ctrl+s")
        await stage.until("Write the table to")
        await stage.press("ctrl+u", *str(tmp_path / "r.csv"), "enter")
        await stage.until("there is such a file already")
        await stage.press("y")
        assert stage.app.clipboard.count("x-1.") == 4


async def test_a_spec_around_the_best_is_opened_as_a_draft(tmp_path: Path) -> None:
    source = tmp_path / "x.yaml"
    source.write_text(SPEC)
    actions, listed = stage_of()
    of = Experiment("x-1", "x", str(source), SPEC, 0.0, objective="val_loss")
    actions.questions.standing = Standing((of,), a_sweep())
    async with board(*listed, actions=actions) as stage:
        await opened(stage)
        await stage.press("n")
        await stage.until("x-narrow.yaml")
        screen = stage.app.screen
        assert isinstance(screen, SpecsScreen)
        await stage.until("not saved")
        spec = loads(screen.editor.text, tmp_path / "x-narrow.yaml")
        assert "# as usual" in screen.editor.text
        assert max(float(str(lr)) for lr in spec.sweep.axes["lr"]) < 0.03
        assert os.listdir(tmp_path) == ["x.yaml"]  # noqa: PTH208 - no blocking pathlib here


async def test_read_only_writes_nothing() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions, readonly=True) as stage:
        await opened(stage)
        await stage.press("n", "ctrl+s")
        assert isinstance(stage.app.screen, ResultsScreen)


async def test_a_run_and_a_comparison_open_the_results_of_their_experiment() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        await stage.press("C")
        assert isinstance(stage.app.screen, CompareScreen)
        screen = await opened(stage)
        assert screen.names == ("x-1",)
        await stage.press("enter")
        run = stage.app.screen
        assert isinstance(run, RunScreen)
        assert run.row.key == "x-1.4"
        assert (await opened(stage)).names == ("x-1",)


async def test_what_changes_is_read_again() -> None:
    actions, listed = stage_of()
    async with board(*listed, actions=actions) as stage:
        screen = await opened(stage)
        actions.questions.standing = Standing((EXPERIMENT,), compared(an_entry(4, {"lr": 7}, 0.25)))
        await stage.send(Sampled("x-1.4", (Sample("val_loss", 0.25, 1, "step", 0.0),)))
        await stage.until("0.25")
        assert order(screen) == ["x-1.4"]
        actions.questions.standing = Standing((EXPERIMENT,), compared(an_entry(5, {"lr": 7}, 0.125)))
        await stage.rows(row(0, JobState.FAILED, run="x-1.0", key="x-1.0", experiment="x-1"))
        await stage.until("0.125")


async def test_what_cannot_be_read_is_told_in_one_line_and_runs_without_metrics_are_shown() -> None:
    nothing = compared(an_entry(0, {"lr": 1, "name": "\x1b[31m<b>"}), an_entry(1, {"lr": "x"}, state=JobState.FAILED))
    actions, listed = stage_of(nothing)
    async with board(*listed, actions=actions) as stage:
        await stage.press("T")
        await stage.until("x-1.1 ")
        assert "\x1b" not in stage.screen
        for tab in "2345":
            await stage.press(tab)
            await stage.until("no run has")
        await stage.press("1")
        actions.questions.refusal = Refused("state.json: damaged")
        await stage.press("r")
        await stage.until("state.json: damaged")
        assert "x-1.1 " in stage.screen


async def test_a_job_of_no_experiment_has_no_results() -> None:
    async with board(row(0, experiment=None, run=None)) as stage:
        await stage.press("T")
        assert isinstance(stage.app.screen, BoardScreen)
        await stage.until("go to a run of an experiment")


async def test_how_much_is_still_to_be_read_is_said_and_the_screen_answers_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actions, listed = stage_of()
    whole, may_end = actions.questions.results, asyncio.Event()

    async def slow(names: Sequence[str], tell: Callable[[int], None]) -> Standing:
        await asyncio.to_thread(tell, 9000)
        await may_end.wait()
        return await whole(names, tell)

    monkeypatch.setattr(actions.questions, "results", slow)
    async with board(*listed, actions=actions) as stage:
        await stage.press("T")
        await stage.until("reading 9000 …")
        await stage.press("2")
        await stage.until("[param]")
        await stage.press("1")
        may_end.set()
        await stage.until("x-1.11 ")
        assert "reading" not in stage.screen


async def test_many_runs_are_a_table_without_drawing_them_all() -> None:
    many = compared(*(an_entry(n, {"lr": n % 7, "seed": n}, float(n)) for n in range(3000)))
    actions, listed = stage_of(many)
    async with board(*listed[:3], actions=actions) as stage:
        screen = await opened(stage)
        assert len(order(screen)) == 3000
        await stage.press("2")
        await stage.until("300 of 3000 runs drawn")
