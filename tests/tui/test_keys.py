"""Every key of the table does something, and nothing else is promised."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.events import Key as Pressed

from backends.base import JobState
from backends.command import Command
from tests.trainboard.outputfakes import wrote
from tests.trainboard.ranking.a_sweep import EXPERIMENT, an_entry, compared
from tests.trainboard.test_outputs import SEQUENCE
from tests.tui.fakes import GOOD_SPEC, NOW, Actions, Theatre, board, row
from tests.tui.test_cluster import cluster_of, history_of, why_of
from tests.tui.test_embedding import look_at_points
from tests.tui.test_errors import errors_of
from tests.tui.test_findings import found as finding
from tests.tui.test_hosts import hosts_of
from tests.tui.test_outputs import look_at
from tests.tui.test_profile import look_into
from tests.tui.test_samples import samples_of
from tests.tui.test_sequence import sequence_of
from trainboard.commandlog import Logged
from trainboard.events import FindingsSeen, LogGrew, Sampled
from trainboard.layernames import PERCENTS
from trainboard.profiling import Profiling
from trainboard.ranking.standing import Standing
from trainboard.records import Mute
from trainboard.series import Sample, by_metric
from trainboard.use.advice import Advice
from trainboard.use.measured import Use
from trainboard.use.uses import Used
from tui.keys import BOARD, KEYS, LISTS, TITLES, Key, first_place, groups, key_table
from tui.screens.board import BoardScreen
from tui.screens.cluster import ClusterScreen
from tui.screens.commands import CommandsScreen
from tui.screens.compare import CompareScreen
from tui.screens.embedding import EmbeddingScreen
from tui.screens.errors import ErrorsScreen
from tui.screens.findings import FindingsScreen
from tui.screens.help import HelpScreen
from tui.screens.history import HistoryScreen
from tui.screens.hosts import HostsScreen
from tui.screens.outputs import OutputsScreen
from tui.screens.profile import ProfileScreen
from tui.screens.results import ResultsScreen
from tui.screens.run import RunScreen
from tui.screens.samples import SamplesScreen
from tui.screens.sequence import SequenceScreen
from tui.screens.specs import SpecsScreen
from tui.screens.why import WhyScreen
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.curve_plot import CurvePlot
from tui.widgets.drawing import Drawing
from tui.widgets.file_list import FileList
from tui.widgets.heat_map import HeatMap
from tui.widgets.job_table import JobTable
from tui.widgets.log_view import LogView
from tui.widgets.metric_grid import MetricGrid
from tui.widgets.metrics_view import MetricsView
from tui.widgets.reading import Reading
from tui.widgets.resources_view import ResourcesView
from tui.widgets.run_table import RunTable
from tui.widgets.spec_text import SpecText

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.series import Series

CASES = [(key, where) for key in KEYS for where in key.where]


SPEC = f"""\
{GOOD_SPEC.replace("echo", "echo " + "long " * 40)}\
variants: {{big: {{params: {{lr: 0.2}}}}}}
env: {{HIDDEN: 3}}
""".replace("params: {lr: 0.1}", "params: {lr: 0.1, hidden: 3}")
"""A spec in which there is something for every key."""
ZOOMED = dict.fromkeys(("zoom(0.5)", "pan(-0.25)", "pan(0.25)", "whole"), "plus")
BEFORE = {"up": "j", "top": "G", "half_up": "G", "left": "right", **ZOOMED}
"""What is done first, so that an action has something to undo."""
PANES_OF_SPECS = {"files": FileList, "runs": RunTable, "script": Reading, "edit": SpecText}


PANES_OF_RUN = {"curves": CurvePlot, "grid": MetricGrid, "layers": HeatMap}
RUN_TABS = {"grid": ("2",), "layers": ("3",)}
BEFORE_IN_RUN: dict[str, tuple[str, ...]] = {
    **{action: (before,) for action, before in BEFORE.items()},
    "up": ("j", "j", "j"),
    "step(1)": ("left", "left"),
    "step(10)": ("shift+left", "shift+left"),
    "right": ("left",),
    "far_right": ("shift+left",),
    **dict.fromkeys(("zoom(0.5)", "pan(-0.25)", "whole"), ("plus",)),
    "pan(0.25)": ("plus", "comma"),
}
"""The same on the run screen."""
BEFORE_IN_LAYERS = {"pin": ("h", "h"), "shades": ("h",), "whole": ("h",)}


def recorded() -> dict[str, Series]:
    """Metrics in which there is something for every key of the run screen."""
    kinds = ("grad_norm/layer", "norm/layer", "m")
    names = ("val_loss", "loss", *(f"{kind}{i // 3}.fc{i % 3}" for kind in kinds for i in range(24)))
    told = [Sample(name, 9.0 + i % 4, i, "step", NOW + i) for i in range(40) for name in names]
    spread = [(f"layer0.fc0/q.{percent:02}", percent) for percent in PERCENTS]
    dead = [(f"dead/layer0.fc{layer}", float(layer == 1)) for layer in range(3)]
    told += [Sample(name, value, i, "step", NOW + i) for i in (0, 10, 20) for name, value in dead]
    told += [Sample(name, value * (1 + i) / 9, i, "step", NOW + i) for i in (0, 10, 39) for name, value in spread]
    return by_metric(told)


def test_every_key_has_a_place_in_the_help() -> None:
    assert all(set(key.where) <= {*TITLES, "help"} for key in KEYS)
    assert all(first_place(key) for key in KEYS)


def test_the_table_of_the_readme_has_every_key_of_the_board_and_that_of_the_docs_has_all() -> None:
    table = key_table(BOARD)
    assert all(f"`{key.name}` | {key.help}" in table for key in KEYS if first_place(key) in BOARD)
    assert len(key_table().splitlines()) == 2 + sum(first_place(key) != "help" for key in KEYS)


def test_no_place_binds_a_key_twice() -> None:
    for where in (*TITLES, "help"):
        bound = [key for entry in KEYS if where in entry.where for key in entry.key.split(",")]
        assert len(bound) == len(set(bound)), where


def picture(stage: Theatre) -> tuple[object, ...]:
    """Everything that a key could change, and nothing that comes by itself, as looks at rows do, and scripts."""
    app = stage.app
    return (
        stage.screen,
        tuple(call for call in stage.actions.calls if call[0] not in ("look", "scripts")),
        tuple(stage.actions.questions.asked),
        type(app.screen),
        app.focused,
        app.clipboard,
        len(app._notifications),
        app.return_code,
        app._exit,
    )


async def go(stage: Theatre, where: str, key: Key) -> None:
    """To a place where the key has something to do."""
    await stage.log_of("r1")
    lines = b"".join(b"line %d %s\n" % (i, b",".join(b"%d" % (i * j) for j in range(60))) for i in range(200))
    samples = tuple(Sample(m, 1.0 + i, i, "step") for i in range(9) for m in ("val_loss", "loss"))
    await stage.send(LogGrew("r1", 0, lines, True), Sampled("r1", samples))
    match where:
        case "log":
            await stage.press("l", "slash", *"line 1", "enter", "k", "k")
            if key.action == "left":
                await stage.press("right")
            if key.action in ("top", "half_up", "up"):
                await stage.press("G")
        case "table":
            await stage.press("j", "j")
            await stage.log_of("r3")
        case "metrics":
            await stage.press("m", "m")
        case "info":
            await stage.press("i", "i", "j", "j")
        case "resources":
            advice = tuple(Advice(word, "1", 1.0, 1.0, 1, 9.0) for word in ("cpus", "memory", "time") * 9)
            stage.actions.gathered.used["r1"] = Used(Use(JobState.RUNNING), advice=advice, at=NOW)
            await stage.press("u", "u")
            await stage.until("next time")
            await stage.press(*filter(None, (BEFORE.get(key.action),)))
        case "specs" | "files" | "runs" | "script":
            await stage.press("n")
            await stage.until("3 runs of")
            await stage.actions.told("scripts", "tiny", None)
            await stage.press(*["tab"] * {"runs": 1, "script": 2}.get(where, 0))
            if where != "specs" and (before := BEFORE.get(key.action)):
                await stage.press(before)
        case "edit":
            await stage.press("e")
            await stage.until("3 runs of")
            await stage.actions.told("scripts", "tiny", None)
            if key.action in ("undo", "redo", "save"):
                await stage.press("#")
                await stage.until('"name" is missing')
            if key.action == "redo":
                await stage.press("ctrl+z")
                await stage.gone('"name" is missing')
        case "help":
            await stage.press("question_mark", "j", "j", "j")
        case "compare" | "compared":
            timed = [Sample(m, 9.0 + i % 4, i, "step", NOW + i) for i in range(9) for m in ("val_loss", "loss")]
            stage.actions.stored = {f"r{i}": by_metric(timed) for i in range(9)}
            await stage.press("C")
            await stage.until("★")
            await stage.press(*filter(None, (BEFORE.get(key.action),)))
        case "run" | "curves" | "grid" | "layers":
            stage.actions.stored = {"r1": recorded()}
            await stage.press("enter")
            await stage.until("b loss")
            await stage.press(*RUN_TABS.get(where, ("6",) if key.action == "tab('curves')" else ()))
            of_layers = BEFORE_IN_LAYERS.get(key.action, ()) if where == "layers" else ()
            await stage.press(*(of_layers or BEFORE_IN_RUN.get(key.action, ())))
        case "findings" | "findings_screen":
            found = [finding(number, message=f"finding {number}") for number in range(1, 40)]
            muted = Mute("m", "divergence", "run", "r3", NOW)
            await stage.send(FindingsSeen(tuple(found), (muted,)))
            await stage.press("F")
            await stage.until("finding 39")
            await stage.press(*filter(None, (BEFORE.get(key.action),)))
        case "commands" | "commands_screen":
            command = Command("here", NOW, "squeue", 0.1, "ok")
            stage.actions.log = tuple(Logged(replace(command, text=f"squeue {i}"), "board 1") for i in range(60))
            await stage.press("L")
            await stage.until("squeue 59")
            if key.action in ("down", "half_down", "bottom"):
                await stage.press("g")
        case "profile" | "flame" | "profile_list":
            await look_into(stage, where, key.action, stage.actions.files[0].parent)
        case "embedding" | "cloud":
            await look_at_points(stage, stage.actions.files[0].parent)
            await stage.press(*{"step(1)": ("left_square_bracket",)}.get(key.action, ()))
            await stage.press(*filter(None, (BEFORE.get(key.action),)))
        case "outputs":
            await look_at(stage, stage.actions.files[0].parent)
            if key.action == "look":
                wrote(stage.actions.files[0].parent, {"a0.jsonl": SEQUENCE})
            await stage.press(*{"back": ("slash", "a", "enter"), "open": ()}.get(key.action, ()))
        case "samples" | "rows":
            await samples_of(stage, stage.actions.files[0].parent, key.action)
        case "results" | "results_table" | "results_drawing" | "results_plot":
            await results_of(stage, where, key.action)
        case "sequence" | "passage":
            await sequence_of(stage, stage.actions.files[0].parent, key.action)
        case "hosts" | "host_list":
            await hosts_of(stage, key.action)
        case "cluster" | "table_list":
            await cluster_of(stage, where, key.action)
        case "history":
            await history_of(stage, key.action)
        case "why" | "told":
            await why_of(stage, where, key.action)
        case "errors" | "confusion" | "drawing":
            await errors_of(stage, where, key.action)
        case "board":
            if key.action == "profile":
                stage.actions.profiled["r1"] = Profiling(row(1), {}, stage.actions.files[0].parent)
            if key.action == "back":
                await stage.press("m", "m")
        case _:
            raise AssertionError(f"no way to {where}")
    places = {**dict.fromkeys(("specs", *LISTS, "edit"), SpecsScreen), "help": HelpScreen}
    places |= dict.fromkeys(("compare", "compared"), CompareScreen)
    places |= dict.fromkeys(("findings", "findings_screen"), FindingsScreen)
    places |= dict.fromkeys(("commands", "commands_screen"), CommandsScreen)
    places |= dict.fromkeys(("profile", "flame", "profile_list"), ProfileScreen)
    places |= dict.fromkeys(("samples", "rows"), SamplesScreen)
    places |= dict.fromkeys(("results", "results_table", "results_drawing", "results_plot"), ResultsScreen)
    places |= dict.fromkeys(("hosts", "host_list"), HostsScreen)
    places |= dict.fromkeys(("cluster", "table_list"), ClusterScreen)
    places |= dict.fromkeys(("why", "told"), WhyScreen)
    places |= dict.fromkeys(("errors", "confusion", "drawing"), ErrorsScreen)
    places |= {
        "history": HistoryScreen,
        "outputs": OutputsScreen,
        "sequence": SequenceScreen,
        "passage": SequenceScreen,
    }
    places |= dict.fromkeys(("embedding", "cloud"), EmbeddingScreen)
    places |= dict.fromkeys(("run", "curves", "grid", "layers"), RunScreen)
    assert isinstance(stage.app.screen, places.get(where, BoardScreen))
    focus = {
        "table": JobTable,
        "log": LogView,
        "metrics": MetricsView,
        "resources": ResourcesView,
        "confusion": ConfusionMap,
        "drawing": Drawing,
        **PANES_OF_SPECS,
        **PANES_OF_RUN,
    }
    if where in focus:
        assert isinstance(stage.app.focused, focus[where])


async def results_of(stage: Theatre, where: str, action: str) -> None:
    """The results of a few runs with many parameters, at the tab where a key does something."""
    runs = [
        an_entry(n, {f"p{j}": 1 + n * (j + 1) % 3 for j in range(30)}, 0.5 + n, accuracy=0.1 * (n + 1))
        for n in range(8)
    ]
    stage.actions.questions.standing = Standing((EXPERIMENT,), compared(*runs))
    await stage.press("T")
    await stage.until("★")
    before = {"results_drawing": "4", "results_plot": "3" if action == "next_other" else "2"}.get(where, "")
    await stage.press(*filter(None, (before or ("2" if action == "tab('table')" else ""),)))
    if where == "results_drawing":
        await stage.until("by chance")
    await stage.press(*filter(None, (BEFORE.get(action),)))


@pytest.mark.parametrize(("key", "where"), CASES, ids=[f"{where}-{key.name}-{key.action}" for key, where in CASES])
async def test_every_key_does_something(key: Key, where: str, tmp_path: Path) -> None:
    spec = tmp_path / "tiny.yaml"
    spec.write_text(SPEC)
    actions = Actions()
    other = tmp_path / "other.yaml"
    other.write_text(SPEC)
    actions.files, actions.sources = [spec, other], {f"r{i}": spec for i in range(60)}
    rows = [row(i, params={f"p{j}": j for j in range(30)}, started=NOW - i) for i in range(1, 60)]
    for pressed in key.key.split(","):
        async with board(*rows, actions=actions, size=(100, 24)) as stage:
            await go(stage, where, key)
            stage.app.clear_notifications()  # they go after a while, and that is not what the key does
            await stage.pilot.pause()
            before = picture(stage)
            await stage.press(pressed)
            await stage.changes(lambda: picture(stage), before)
            actions.calls.clear()


async def test_the_footer_shows_only_keys_that_work_here() -> None:
    async with board(row(1), size=(200, 24)) as stage:
        assert "f follow" in stage.lines[-1]
        assert "L log scale" not in stage.lines[-1]
        await stage.press("m", "m")
        assert "f follow" not in stage.lines[-1]
        assert "L log scale" in stage.lines[-1]


async def test_n_in_the_log_is_new_until_something_is_searched() -> None:
    async with board(row(1)) as stage:
        await stage.press("l", "n")
        assert isinstance(stage.app.screen, SpecsScreen)


async def test_the_help_lists_every_group() -> None:
    async with board(row(1), size=(120, 600)) as stage:
        await stage.press("question_mark")
        screen = stage.screen
        for title, keys in groups():
            assert title in screen
            assert all(key.help in screen for key in keys)


async def test_keys_typed_ahead_go_where_they_were_meant_to() -> None:
    """Over a slow line several keys come in one piece; none may act on what one before it is about to leave."""
    async with board(*(row(i) for i in range(1, 6))) as stage:
        for key in ("slash", *"seed=4", "enter", "c", "y"):
            stage.app.post_message(Pressed(key, {"slash": "/", "enter": None}.get(key, key)))
        await stage.actions.told("cancel", ("r4",))
        assert not [call for call in stage.actions.calls if call[0] == "refresh"]
        assert len(stage.app.board.table.listing) == 1


async def test_q_quits_with_zero() -> None:
    async with board(row(1)) as stage:
        await stage.press("q")
    assert stage.app.return_value == 0
