"""One run at full size: what arrives reaches it, its curves are chosen, read, smoothed, zoomed; tabs, filter, log."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from textual.events import Key as Pressed

from backends.base import JobState
from tests.tui.fakes import NOW, Actions, Theatre, board, row
from trainboard.actions import Refused
from trainboard.events import HostSeen, Link, LogGrew, Sampled, TableSeen
from trainboard.series import Sample, Series
from tui.screens.board import BoardScreen
from tui.screens.run import RunScreen
from tui.widgets.curve_plot import CurvePlot
from tui.widgets.metric_grid import MetricGrid

if TYPE_CHECKING:
    from collections.abc import Sequence


def series(metric: str, values: Sequence[float], index: str = "step", every: int = 1) -> Series:
    """A value in so many minutes, until now; a step is a minute, an epoch as long as it takes."""
    found = Series(metric, index)
    for i, value in enumerate(values, 1):
        step = i if index == "epoch" else i * every
        found.append(Sample(metric, value, step, index, NOW - 60 * every * (len(values) - i)))
    return found


def trained(steps: int = 200) -> dict[str, Series]:
    """What a run of two hundred steps tells."""
    known = (
        series("train_loss", [2.0 / i + 0.3 for i in range(1, steps + 1)]),
        series("lr", [1e-3] * steps),
        series("val_loss", [2.5 / i + 0.4 for i in range(1, 11)], "epoch", every=20),
        series("grad_norm/embed", [0.1 * i for i in range(1, 11)], every=20),
        series("grad_norm/head", [0.2 * i for i in range(1, 11)], every=20),
    )
    return {each.metric: each for each in known}


async def opened(stage: Theatre, tab: str = "") -> RunScreen:
    """The run under the cursor of the board."""
    await stage.press("enter", *tab)
    screen = stage.app.screen
    assert isinstance(screen, RunScreen)
    await stage.when(lambda: not screen._fetching)
    await stage.pilot.pause()
    return screen


def told(known: dict[str, Series] | None = None) -> Actions:
    actions = Actions()
    actions.stored["r1"] = trained() if known is None else known
    return actions


async def test_enter_opens_the_run_with_its_objective_and_esc_goes_back() -> None:
    actions = told()
    async with board(row(1), actions=actions) as stage:
        await opened(stage)
        assert ("series", "r1") in actions.calls
        assert "exp-1/lr=0.1-seed=1" in stage.lines[0]
        assert "● RUNNING" in stage.lines[0]
        assert "[curves]" in stage.lines[1]
        assert any("›a val_loss" in line and "0.65" in line for line in stage.lines)
        assert any(" b train_loss" in line for line in stage.lines)
        assert "by epoch" in stage.screen
        await stage.press("escape")
        assert isinstance(stage.app.screen, BoardScreen)
        assert stage.app.board.table.cursor == "r1"


async def test_enter_in_a_pane_opens_the_run_at_that_pane() -> None:
    async with board(row(1), actions=told()) as stage:
        for keys, tab in ((["l", "l"], "[log]"), (["i", "i"], "[info]"), (["m", "m"], "[curves]")):
            await stage.press(*keys, "enter")
            assert tab in stage.lines[1]
            await stage.press("escape")


async def test_enter_on_a_folded_line_unfolds_it() -> None:
    rows = [row(i, experiment="one", state=JobState.PENDING) for i in range(20)]
    async with board(*rows) as stage:
        assert stage.app.board.table.fold is not None
        await stage.press("enter")
        assert isinstance(stage.app.screen, BoardScreen)
        assert stage.app.board.table.fold is None


async def test_enter_on_an_empty_board_does_nothing() -> None:
    async with board() as stage:
        await stage.rows()
        await stage.press("enter")
        assert isinstance(stage.app.screen, BoardScreen)


async def test_new_samples_go_on_where_the_recording_ends() -> None:
    actions = told()
    async with board(row(1), actions=actions) as stage:
        screen = await opened(stage)
        new = (Sample("val_loss", 0.9, 10, "epoch", NOW), Sample("val_loss", 0.125, 11, "epoch", NOW))
        await stage.send(Sampled("r1", new, number=429))
        await stage.until("0.125")
        assert len(screen.plot.names.known["val_loss"]) == 11
        await stage.send(Sampled("r2", new, number=431))
        assert len(screen.plot.names.known["val_loss"]) == 11


async def test_samples_that_come_while_the_recording_is_read_are_not_lost() -> None:
    actions = told()
    actions.reading_series.clear()
    async with board(row(1), actions=actions) as stage:
        await stage.press("enter")
        assert "reading the metrics" in stage.screen
        await stage.send(Sampled("r1", (Sample("val_loss", 0.125, 11, "epoch", NOW),), number=430))
        actions.reading_series.set()
        await stage.until("0.125")


@pytest.mark.parametrize("event", [Sampled("r1", (), restarted=True), Sampled("r1", (), number=7)])
async def test_what_does_not_follow_on_is_read_anew(event: Sampled) -> None:
    actions = told({})
    async with board(row(1), actions=actions) as stage:
        await opened(stage)
        assert "No metrics yet" in stage.screen
        actions.stored["r1"] = trained()
        await stage.send(event)
        await stage.until("›a val_loss")


async def test_what_is_refused_is_said_in_place_of_the_curves() -> None:
    actions = told()
    actions.refusal = Refused("triton: [red] no samples of it")
    async with board(row(1), actions=actions) as stage:
        await opened(stage)
        assert "triton: [red] no samples of it" in stage.screen
        await stage.press("2")
        assert "triton: [red] no samples of it" in stage.screen


async def test_the_head_follows_the_row() -> None:
    async with board(row(1), actions=told()) as stage:
        await opened(stage)
        await stage.send(TableSeen((row(1, JobState.FAILED, ended=NOW),), NOW))
        await stage.until("✗ FAILED")
        await stage.send(TableSeen((), NOW), HostSeen("here", "local", Link.DOWN, "out of reach"))
        await stage.press("6")
        await stage.until("out of reach")
        assert "✗ FAILED" in stage.lines[0]


async def test_what_is_shown_of_a_run_says_when_it_is_from_before() -> None:
    async with board(row(1), actions=told()) as stage:
        await opened(stage)
        await stage.send(HostSeen("here", "local", Link.STALE, "out of reach", seen=NOW - 300))
        await stage.until("▲ here stale 5m")
        await stage.send(HostSeen("here", "local", Link.UP))
        await stage.gone("stale")
        await stage.send(TableSeen((), NOW))
        await stage.until("not listed any more")
        await stage.send(TableSeen((row(1, JobState.COMPLETED, ended=NOW),), NOW))
        await stage.until("✓ COMPLETED")
        await stage.gone("not listed any more")


async def test_metrics_are_drawn_over_one_another_by_choice() -> None:
    async with board(row(1), actions=told(), size=(80, 24)) as stage:
        screen = await opened(stage)
        await stage.press("j", "space")
        assert screen.plot.chosen == {"val_loss": 0, "train_loss": 1, "grad_norm/embed": 2}
        assert "›c grad_norm/embed" in stage.screen
        await stage.press("g", "space")
        assert screen.plot.chosen == {"val_loss": 0, "grad_norm/embed": 2}
        await stage.press("j", "space")
        assert screen.plot.chosen == {"val_loss": 0, "grad_norm/embed": 2, "lr": 1}
        await stage.press("enter")
        assert screen.plot.chosen == {"lr": 0}


async def test_the_first_curve_moves_to_the_objective_when_that_comes_later() -> None:
    known = {"lr": series("lr", [1e-3] * 20)}
    async with board(row(1), actions=told(known)) as stage:
        screen = await opened(stage)
        assert screen.plot.chosen == {"lr": 0}
        await stage.send(Sampled("r1", (Sample("val_loss", 0.5, 20, "step", NOW),), number=20))
        await stage.until("›a val_loss")
        assert screen.plot.chosen == {"val_loss": 0}
        await stage.send(Sampled("r1", (Sample("train_loss", 0.4, 20, "step", NOW),), number=21))
        await stage.until("b train_loss")
        assert screen.plot.chosen == {"val_loss": 0, "train_loss": 1}


@pytest.mark.parametrize("key", ["space", "j", "left", "s", "x"])
async def test_what_the_user_looks_at_stays_when_the_objective_comes_later(key: str) -> None:
    known = {name: series(name, [1e-3] * 20) for name in ("lr", "speed")}
    async with board(row(1), actions=told(known)) as stage:
        screen = await opened(stage)
        await stage.press(key)
        chosen, at = screen.plot.chosen, screen.plot.at
        await stage.send(Sampled("r1", (Sample("val_loss", 0.5, 20, "step", NOW),), number=40))
        await stage.until(" val_loss")
        assert (screen.plot.chosen, screen.plot.at) == (chosen, at)


async def test_a_source_that_is_not_read_is_told_beside_the_curves_until_it_is() -> None:
    async with board(row(1), actions=told(), size=(100, 30)) as stage:
        await opened(stage)
        await stage.send(Sampled("r1", (), number=430, trouble="out.csv is left out: 80M"))
        await stage.until("▲ out.csv is left out: 80M")
        await stage.send(Sampled("r1", (Sample("lr", 0.1, 201, "step", NOW),), number=430))
        await stage.gone("out.csv")


async def test_a_source_that_is_not_read_is_told_where_there_are_no_curves() -> None:
    async with board(row(1), actions=told({})) as stage:
        await opened(stage)
        await stage.send(Sampled("r1", (), trouble="out.csv is left out:\x1b 80M"))
        await stage.until("▲ out.csv is left out:␛ 80M")
        assert "No metrics yet" in stage.screen


async def test_nothing_chosen_is_said() -> None:
    async with board(row(1), actions=told()) as stage:
        await opened(stage)
        await stage.press("space", "g", "space")
        assert "nothing chosen" in stage.screen


async def test_the_cursor_reads_all_curves_and_tells_step_and_time() -> None:
    async with board(row(1), actions=told()) as stage:
        screen = await opened(stage)
        await stage.press("left", "left")
        assert "│ epoch 9" in stage.screen
        assert any("›a val_loss" in line and "0.6778" in line for line in stage.lines)
        assert any("b train_loss" in line and "0.31" in line for line in stage.lines)
        assert sum("│" in line for line in stage.lines) > 5
        await stage.press("right")
        assert "│ epoch 10" in stage.screen
        await stage.press("y")
        assert stage.app.clipboard.splitlines()[0] == "val_loss\t0.65"
        await stage.press("0")
        assert screen.plot.view.cursor is None


async def test_zoom_pan_and_back_to_the_whole() -> None:
    async with board(row(1), actions=told()) as stage:
        screen = await opened(stage)
        await stage.press("plus", "plus")
        assert "zoomed" in stage.screen
        span = screen.plot.view.span
        assert span is not None
        assert span[1] - span[0] == pytest.approx(9 / 4, rel=0.2)
        await stage.press("comma")
        moved = screen.plot.view.span
        assert moved is not None
        assert moved[0] < span[0]
        await stage.press("minus", "minus", "minus")
        assert "zoomed" not in stage.screen


async def test_the_cursor_takes_a_zoomed_view_with_it() -> None:
    async with board(row(1), actions=told()) as stage:
        screen = await opened(stage)
        await stage.press("left", "plus", "plus", "plus", *["left"] * 8)
        assert "│ epoch 2" in stage.screen
        span = screen.plot.view.span
        assert span is not None
        assert span[0] <= 2 <= span[1]


async def test_x_goes_through_the_axes_that_there_are() -> None:
    async with board(row(1), actions=told()) as stage:
        await opened(stage)
        for said in ("by time", "by clock", "by step", "by epoch"):
            await stage.press("x")
            assert said in stage.screen


async def test_scales_and_smoothing_are_switched_and_said() -> None:
    async with board(row(1), actions=told(), size=(140, 40)) as stage:
        await opened(stage)
        assert "smoothed 0.6" in stage.screen
        for key, said in (("s", "smoothed 0.8"), ("L", "log y"), ("X", "log x"), ("o", "no outliers"), ("u", "own")):
            await stage.press(key)
            assert said in stage.lines[2]
        await stage.press(*["S"] * 9)
        assert "not smoothed" in stage.lines[2]


async def test_the_list_is_filtered_and_esc_clears_it_before_it_leaves() -> None:
    async with board(row(1), actions=told()) as stage:
        await opened(stage)
        await stage.press("slash", *"norm", "enter")
        assert "2 of 5 metrics" in stage.screen
        assert "val_loss" not in stage.screen
        await stage.press("escape")
        assert "5 metrics" in stage.screen
        await stage.press("slash", *"zzz", "enter", "space", "enter")
        assert "0 of 5 metrics" in stage.screen


async def test_the_grid_shows_all_metrics_and_opens_one() -> None:
    async with board(row(1), actions=told(), size=(80, 24)) as stage:
        screen = await opened(stage, "2")
        assert isinstance(stage.app.focused, MetricGrid)
        assert "5 metrics" in stage.screen
        assert any("›train_loss" in line and "val_loss" in line for line in stage.lines)
        assert any("⠉" in line or "⣀" in line or "⠒" in line for line in stage.lines)
        await stage.press("right", "down", "enter")
        assert isinstance(stage.app.focused, CurvePlot)
        assert screen.plot.chosen == {"grad_norm/head": 0}


async def test_the_grid_scrolls_and_is_filtered() -> None:
    known = {f"m{i:03}": series(f"m{i:03}", [1, 2, 3]) for i in range(60)}
    async with board(row(1), actions=told(known), size=(80, 24)) as stage:
        await opened(stage, "2")
        assert "1 to 9" in stage.screen
        await stage.press("G")
        assert "›m059" in stage.screen
        await stage.press("slash", *"m00", "enter")
        assert "10 of 60 metrics" in stage.screen
        await stage.press("g", "ctrl+d")
        assert "›m009" in stage.screen


async def test_the_layers_are_shown_where_there_are_some() -> None:
    async with board(row(1), actions=told()) as stage:
        await opened(stage, "3")
        await stage.until("embed")
        assert "head" in stage.screen


async def test_the_log_is_the_runs_as_long_as_it_is_open() -> None:
    async with board(row(1), row(2), actions=told()) as stage:
        await stage.log_of("r1")
        await stage.press("enter")
        await stage.actions.told("show", None)
        stage.actions.calls.clear()
        await stage.press("l")
        await stage.log_of("r1")
        await stage.send(LogGrew("r1", 0, b"hello from the run\n", True, 19))
        await stage.until("hello from the run")
        assert stage.app.board.log_view.text.count == 0
        stage.actions.calls.clear()
        await stage.press("escape")
        await stage.log_of("r1")


async def test_a_change_of_the_table_does_not_take_the_log_away() -> None:
    async with board(row(1), actions=told()) as stage:
        await opened(stage, "l")
        stage.actions.calls.clear()
        await stage.rows(row(2))
        await stage.pilot.pause(0.3)
        assert not [call for call in stage.actions.calls if call[0] == "show"]


async def test_help_lists_the_keys_of_the_run_and_comes_back() -> None:
    async with board(row(1), actions=told(), size=(100, 200)) as stage:
        screen = await opened(stage)
        await stage.press("question_mark")
        assert "Run: curves" in stage.screen
        await stage.send(Sampled("r1", (Sample("val_loss", 0.125, 11, "epoch", NOW),), number=430))
        await stage.press("escape")
        assert stage.app.screen is screen
        await stage.until("0.125")


async def test_help_opens_at_the_keys_of_the_screen_that_it_is_asked_on() -> None:
    async with board(row(1), row(2), actions=told(), size=(100, 30)) as stage:
        await stage.press("question_mark")
        assert "Jobs" in stage.screen
        await stage.press("escape")
        await opened(stage)
        await stage.press("question_mark")
        assert " Run " in stage.lines[3]
        assert "Jobs" not in stage.screen
        await stage.press("escape", "escape", "C", "question_mark")
        assert " Compare " in stage.lines[3]


async def test_help_that_takes_two_lines_goes_on_below_itself() -> None:
    async with board(row(1), size=(60, 60)) as stage:
        await stage.press("question_mark")
        at = next(y for y, line in enumerate(stage.lines) if "mark the job, or all" in line)
        assert stage.lines[at + 1].index("folded into") == stage.lines[at].index("mark the job")


async def test_a_stream_that_goes_on_while_the_run_is_closed_is_not_held_up() -> None:
    async with board(row(1), actions=told()) as stage:
        await opened(stage)
        pieces = [LogGrew("r1", i * 9, b"line\n" * 9000, i == 0, 9) for i in range(40)]
        await stage.press("escape")
        await stage.send(*pieces)
        await stage.rows(row(1), row(7))
        assert "seed=7" in stage.screen


@pytest.mark.parametrize("size", [(40, 10), (60, 16), (80, 24), (140, 40), (200, 50)])
async def test_every_tab_keeps_within_any_terminal(size: tuple[int, int]) -> None:
    known = trained()
    known["val_loss"].append(Sample("val_loss", math.nan, 11, "epoch", NOW))
    async with board(row(1), actions=told(known), size=size) as stage:
        await opened(stage)
        for number, tab in enumerate(RunScreen.TABS, 1):
            await stage.press(str(number))
            await stage.pilot.pause()
            assert f"[{tab}]" in stage.lines[1]
            assert "q quit" in stage.lines[-1]
            assert len(stage.lines) == size[1]
            assert all(len(line) <= size[0] for line in stage.lines)


async def test_without_colour_curves_have_letters_and_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")  # the outer world's switch, read by Textual when the app is made
    async with board(row(1), actions=told(), size=(100, 30)) as stage:
        await opened(stage)
        plot = stage.lines[3:22]
        assert any("a" in line for line in plot)
        assert any("b" in line for line in plot)
        parts = [part for line in stage.app.screen._compositor.render_strips() for part in line]
        assert all(p.style is None or p.style.color is None or p.style.color.is_default for p in parts)


async def test_a_long_curve_is_drawn_beside_the_event_loop() -> None:
    long = series("val_loss", [1.0])
    import numpy as np

    steps = np.arange(2, 150_002, dtype=np.float64)
    long.extend(steps, np.sin(steps / 9000), NOW + steps, "step")
    async with board(row(1), actions=told({"val_loss": long})) as stage:
        await stage.press("enter")
        await stage.until("100k")
        assert any("›a val_loss" in line for line in stage.lines)


async def test_names_of_metrics_cannot_harm_the_screen() -> None:
    names = ["a\x1b[31mred", "b\nline", "[bold]c", "d" * 300, "🚀 loss"]
    known = {name: series(name, [1, 2]) for name in names}
    async with board(row(1, objective=None), actions=told(known)) as stage:
        await opened(stage)
        for tab in ("1", "2"):
            await stage.press(tab)
            assert all(line.isprintable() for line in stage.lines)
            stage.screen.encode()


async def test_keys_typed_ahead_of_the_run_go_to_it() -> None:
    async with board(row(1), actions=told()) as stage:
        for key in ("enter", "2", "G"):
            stage.app.post_message(Pressed(key, None if key == "enter" else key))
        await stage.until("›grad_norm/head")
        assert isinstance(stage.app.focused, MetricGrid)
