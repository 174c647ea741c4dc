"""The screen of what a run wrote."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, cast

import pytest

from backends.base import HostUnreachable
from tests.trainboard.outputfakes import NOW, Place, wrote
from tests.trainboard.test_outputs import SEQUENCE
from tests.tui.fakes import Actions, board, row
from tui.screens.outputs import OutputsScreen
from tui.screens.run import RunScreen
from tui.viewers import VIEWERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.tui.fakes import Theatre
    from trainboard.outputs import Kind

FILES: Mapping[str, bytes | str] = {
    "a.jsonl": SEQUENCE,
    "samples/step_1.txt": "once",
    "samples/step_20.txt": "upon",
    "[b]x.md": "\x1b[31mred",
}


def with_files(folder: Path, files: Mapping[str, bytes | str] = FILES) -> Actions:
    """What the board asks of a run that wrote these."""
    actions = Actions()
    actions.wrote["r1"] = wrote(folder, files)
    return actions


async def look_at(stage: Theatre, folder: Path) -> None:
    """To the list, with lines enough for every key."""
    many = {f"{chr(97 + n // 26)}{chr(97 + n % 26)}.jsonl": SEQUENCE for n in range(60)}
    stage.actions.wrote["r1"] = wrote(folder, many)
    await stage.press("O")
    await stage.until("aa.jsonl")


async def test_outputs_are_listed_with_what_they_are(tmp_path: Path) -> None:
    async with board(row(1), actions=with_files(tmp_path), size=(80, 24)) as stage:
        await stage.press("O")
        await stage.until("[b]x.md")
        assert isinstance(stage.app.screen, OutputsScreen)
        assert any("sequences" in line and "a.jsonl" in line for line in stage.lines)
        assert any("samples" in line and "1–20" in line and "samples/step_*.txt" in line for line in stage.lines)
        assert "1m" in stage.screen


async def test_they_are_there_from_the_run_screen_too(tmp_path: Path) -> None:
    async with board(row(1), actions=with_files(tmp_path)) as stage:
        await stage.press("enter", "O")
        await stage.until("a.jsonl")
        await stage.press("escape")
        assert isinstance(stage.app.screen, RunScreen)


async def test_what_was_changed_after_the_end_is_listed_so_and_not_opened_by_itself(tmp_path: Path) -> None:
    actions = Actions()
    work = actions.wrote["r1"] = wrote(tmp_path, {"a.jsonl": SEQUENCE})
    work.row = replace(work.row, ended=NOW - 1000)
    async with board(row(1), actions=actions) as stage:
        await stage.press("O")
        await stage.until("changed after the run had ended")
        assert any("a.jsonl" in line and "later" in line for line in stage.lines)


async def test_a_filter_is_kept_and_cleared(tmp_path: Path) -> None:
    async with board(row(1), actions=with_files(tmp_path)) as stage:
        await stage.press("O")
        await stage.until("a.jsonl")
        await stage.press("slash", *"step", "enter")
        assert "a.jsonl" not in stage.screen
        await stage.press("escape")
        assert "a.jsonl" in stage.screen


async def test_an_unknown_file_is_looked_at_as_what_the_user_says(tmp_path: Path) -> None:
    async with board(row(1), actions=with_files(tmp_path)) as stage:
        await stage.press("O")
        await stage.until("[b]x.md")
        await stage.press("G", "enter")
        await stage.until("not known what this is")
        await stage.press("v")
        assert any("[b]x.md" in line and str(next(iter(VIEWERS))) in line for line in stage.lines)


async def test_a_host_that_does_not_answer_is_told_and_asked_again(tmp_path: Path) -> None:
    actions = with_files(tmp_path)
    place = cast("Place", actions.wrote["r1"].backend)
    place.failure = HostUnreachable("here: no route")
    async with board(row(1), actions=actions) as stage:
        await stage.press("O")
        await stage.until("no route")
        place.failure = None
        await stage.press("r")
        await stage.until("a.jsonl")


async def test_a_job_that_is_gone_is_told(tmp_path: Path) -> None:
    async with board(row(1), actions=Actions()) as stage:
        await stage.press("O")
        await stage.until("not in the table any more")


@pytest.mark.parametrize("kind", VIEWERS)
def test_every_viewer_is_there(kind: Kind) -> None:
    module, _, function = VIEWERS[kind].partition(":")
    assert callable(getattr(import_module(module), function))
