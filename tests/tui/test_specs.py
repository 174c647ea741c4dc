"""New runs from a spec, and editing one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from textual.events import Key as Pressed

from tests.tui.fakes import GOOD_SPEC, Actions, Theatre, board, row
from trainboard.actions import Refused
from tui.screens.board import BoardScreen
from tui.screens.edit import EditScreen, SpecText

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(GOOD_SPEC)
    return path


@pytest.fixture
def actions(spec: Path) -> Actions:
    made = Actions()
    made.files = [spec]
    made.sources = {"r1": spec}
    return made


def put(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def content(path: Path) -> str:
    return path.read_text()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_n_shows_the_runs_of_a_spec_and_submits_them_after_a_question(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("3 runs of: echo {lr}")
        for value in ("0.1", "0.2", "0.3"):
            assert value in stage.screen
        await stage.press("right", "enter")
        assert "Submit 3 runs of tiny? On here" in stage.screen
        await stage.press("y")
        await actions.told("submit", "tiny", "here")
        await stage.until("2 runs submitted")
        assert isinstance(stage.app.screen, BoardScreen)


async def test_the_specs_own_choice_of_backend_is_the_first(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC + "where: [triton]\n")
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("triton, as the spec says")
        await stage.press("enter", "enter")
        await actions.told("submit", "tiny", None)


async def test_nothing_is_submitted_without_a_yes(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("3 runs of")
        await stage.press("enter", "n", "escape")
        assert isinstance(stage.app.screen, BoardScreen)
        assert not [call for call in actions.calls if call[0] == "submit"]


async def test_a_refusal_is_shown_in_place(actions: Actions) -> None:
    actions.refusal = Refused("triton: invalid partition [gpu]")
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("3 runs of")
        await stage.press("enter", "y")
        await stage.until("not submitted: triton: invalid partition [gpu]")


async def test_a_bad_spec_shows_its_errors_and_cannot_be_submitted(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC + "comand: x\n")
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("✗ 5:")
        assert "command" in stage.screen
        await stage.press("enter")
        assert "Submit" not in stage.screen


async def test_a_spec_that_is_edited_from_there_is_previewed_anew(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("3 runs of")
        await stage.press("e")
        await stage.until("✓ 3 runs")
        text = stage.app.screen.query_one(SpecText)
        text.replace("0.1, 0.2", (3, 13), (3, 26))
        await stage.until("✓ 2 runs")
        await stage.press("ctrl+s", "escape")
        await stage.until("2 runs of")


async def editing(stage: Theatre) -> SpecText:
    await stage.press("e")
    await stage.until("✓ 3 runs")
    assert isinstance(stage.app.screen, EditScreen)
    return stage.app.screen.query_one(SpecText)


async def test_an_error_is_shown_at_its_line_while_it_is_typed(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((0, 0))
        await stage.press(*"bad")
        await stage.until("✗ 1:1 ")
        assert text.bad_lines == {0}
        line = text.get_line(0)
        assert any("underline" in str(span.style) for span in line.spans)
        await stage.press("backspace", "backspace", "backspace")
        await stage.until("✓ 3 runs")
        assert text.bad_lines == frozenset()


async def test_keys_that_come_in_one_piece_act_in_their_order(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((0, 0))
        for key in ("down", "end", "enter", "a", "x", "backspace", "b", "left", "c"):
            stage.app.post_message(Pressed(key, key if len(key) == 1 else None))
        await stage.until("acb")
        assert text.text.splitlines()[2] == "acb"


async def test_the_cursor_goes_to_the_run_that_was_submitted(actions: Actions) -> None:
    async with board(row(5), actions=actions) as stage:
        await stage.press("n")
        await stage.until("3 runs of")
        await stage.press("enter")
        await stage.until("Submit 3 runs")
        await stage.press("y")
        await stage.until("2 runs submitted")
        await stage.gone("New from a spec")
        await stage.pilot.pause()
        assert stage.app.board.table.cursor == "r5"
        await stage.rows(row(5), row(2), row(1))
        assert stage.app.board.table.cursor == "r1"
        await stage.press("j")
        await stage.rows(row(5), row(2), row(1), row(3))
        assert stage.app.board.table.cursor == "r2"


async def test_what_a_run_needs_is_said_before_it_is_submitted(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC + "resources: {gpus: 2, cpus: 1, memory: 16G, time: 8h}\n")
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("each needs 2 GPUs, 1 CPU, 16G memory, 8h00 at most")


async def test_a_saved_file_is_whole_and_keeps_its_mode(actions: Actions, spec: Path) -> None:
    spec.chmod(0o640)  # noqa: ASYNC240 - before anything runs
    async with board(row(1), actions=actions) as stage:
        await editing(stage)
        await stage.press(*"# é", "enter")
        assert "not saved" in stage.screen
        await stage.press("ctrl+s")
        await stage.gone("not saved")
    assert content(spec) == "# é\n" + GOOD_SPEC
    assert mode(spec) == 0o640
    assert names(spec.parent) == [spec.name]


async def test_a_link_stays_a_link(actions: Actions, spec: Path) -> None:
    link = spec.with_name("link.yaml")
    link.symlink_to(spec)
    actions.sources = {"r1": link}
    async with board(row(1), actions=actions) as stage:
        await editing(stage)
        await stage.press("#", "enter", "ctrl+s")
        await stage.gone("not saved")
    assert link.is_symlink()
    assert content(spec) == "#\n" + GOOD_SPEC


async def test_a_file_that_changed_on_disk_is_overwritten_only_after_a_question(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        await editing(stage)
        await stage.press("#", "enter")
        put(spec, "name: other\n")
        await stage.press("ctrl+s")
        await stage.until("changed on disk")
        await stage.press("n")
        assert content(spec) == "name: other\n"
        await stage.press("ctrl+s")
        await stage.until("changed on disk")
        await stage.press("y")
        await stage.gone("not saved")
    assert content(spec) == "#\n" + GOOD_SPEC


async def test_esc_asks_where_there_are_changes(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        await editing(stage)
        await stage.press("#", "escape")
        await stage.until("Leave without saving")
        await stage.press("n")
        assert isinstance(stage.app.screen, EditScreen)
        await stage.press("escape")
        await stage.until("Leave without saving")
        await stage.press("y")
        await stage.pilot.pause()
        assert isinstance(stage.app.screen, BoardScreen)
    assert content(spec) == GOOD_SPEC


async def test_readonly_edits_and_submits_nothing(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions, readonly=True) as stage:
        await stage.press("e")
        await stage.until("READ-ONLY")
        await stage.press(*"bad", "ctrl+s", "escape")
        await stage.pilot.pause()
        assert isinstance(stage.app.screen, BoardScreen)
        await stage.press("n")
        await stage.until("3 runs of")
        await stage.press("enter")
        assert "Submit" not in stage.screen
    assert content(spec) == GOOD_SPEC
    assert not [call for call in actions.calls if call[0] == "submit"]


async def test_a_run_without_a_spec_file_says_so(actions: Actions) -> None:
    async with board(row(2), actions=actions) as stage:
        await stage.press("e")
        await stage.until("no spec file is known")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_said(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        await editing(stage)
        await stage.press("#")
        spec.parent.chmod(0o500)
        await stage.press("ctrl+s")
        await stage.until("not saved: Permission denied")
    spec.parent.chmod(0o700)


async def test_a_file_that_is_no_text_is_said(actions: Actions, spec: Path) -> None:
    put(spec, b"\xff\xfe")
    async with board(row(1), actions=actions) as stage:
        await stage.press("e")
        await stage.until("✗")
        assert stage.app.screen.query_one(SpecText).read_only
