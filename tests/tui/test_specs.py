"""New runs from a spec, and editing one."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.events import Key as Pressed

from tests.tui.fakes import GOOD_SPEC, Actions, Theatre, board, row
from trainboard.actions import Refused
from trainboard.doubts import Doubt
from trainboard.options import CAREFUL, Options
from trainboard.preflight.report import Check, Level
from tui.screens.board import BoardScreen
from tui.screens.specs import SpecsScreen
from tui.widgets.spec_text import SpecText

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
    made.folder = spec.parent
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


ASKS = """\
name: tiny
command: echo {lr}
sweep: {method: tpe, samples: 20, at_most: 2, lr: {min: 0.1, max: 1.0}}
metrics: {objective: loss}
"""


async def specs(stage: Theatre, *keys: str) -> SpecsScreen:
    """The spec screen with the runs of the first file, after these keys."""
    await stage.press("n")
    await stage.until("3 runs of")
    screen = stage.app.screen
    assert isinstance(screen, SpecsScreen)
    await stage.press(*keys)
    return screen


async def editing(stage: Theatre) -> SpecText:
    """The text of the spec that the first row is from."""
    await stage.press("e")
    await stage.until("3 runs of")
    assert isinstance(stage.app.screen, SpecsScreen)
    return stage.app.screen.editor


# A new one.


async def test_n_begins_a_spec_of_another_name_with_this_text_and_writes_it_once_it_is_saved(
    actions: Actions, spec: Path
) -> None:
    put(spec.parent / "tiny-2.yaml", "name: other\ncommand: true\n")
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "n")
        await stage.until("Name of the new spec")
        assert "tiny-3.yaml" in stage.screen
        await stage.press("enter")
        await stage.until("tiny-3.yaml ● not saved")
        assert screen.editor.text == GOOD_SPEC
        assert screen.focused is screen.editor
        assert "tiny-3.yaml" not in names(spec.parent)
        await stage.press("ctrl+s")
        await stage.until("saved")
        assert content(spec.parent / "tiny-3.yaml") == content(spec) == GOOD_SPEC


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tiny.yaml", "there is such a file already"),
        ("../up", "no name of a file in that folder"),
        ("", "no name of a file in that folder"),
    ],
)
async def test_a_new_spec_needs_a_free_name_in_the_folder(actions: Actions, name: str, told: str) -> None:
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "n")
        await stage.until("Name of the new spec")
        await stage.press("ctrl+u", *name, "enter")
        await stage.until(told)
        assert not screen.unsaved


async def test_a_new_spec_that_somebody_else_wrote_meanwhile_is_not_overwritten(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "n")
        await stage.until("Name of the new spec")
        await stage.press("ctrl+u", *"mine", "enter")
        await stage.until("mine.yaml ● not saved")
        put(spec.parent / "mine.yaml", "theirs")
        await stage.press("ctrl+s")
        await stage.until("The file has changed on disk")
        await stage.press("n")
        assert content(spec.parent / "mine.yaml") == "theirs"


# Choosing and submitting.


async def test_n_shows_the_runs_of_a_spec_and_submits_them_after_a_question(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        await specs(stage)
        assert "3 runs of: echo {lr}" in stage.screen
        for value in ("0.1", "0.2", "0.3"):
            assert value in stage.screen
        await stage.press("b", "enter")
        await stage.until("Submit 3 runs of tiny? On here")
        await stage.until("y submit")
        await stage.press("y")
        await actions.told("consider", "tiny", "here", CAREFUL)
        await actions.told("carry_out", "tiny", ("here",), 3)
        await stage.until("2 runs submitted")
        assert isinstance(stage.app.screen, BoardScreen)


async def test_the_specs_own_choice_of_backend_is_the_first(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC + "where: [triton]\n")
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("triton, as the spec says")
        await stage.press("enter")
        await actions.told("consider", "tiny", None, CAREFUL)


async def test_nothing_is_submitted_without_a_yes(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "enter", "n", "escape")
        assert isinstance(stage.app.screen, BoardScreen)
        assert not [call for call in actions.calls if call[0] == "carry_out"]


async def test_a_yes_before_the_hosts_have_answered_submits_nothing(actions: Actions) -> None:
    actions.considering.clear()
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "enter")
        await stage.until("looking whether")
        await stage.press("y")
        actions.considering.set()
        await stage.until("y submit")
        assert not [call for call in actions.calls if call[0] == "carry_out"]


async def test_a_refusal_is_shown_in_place(actions: Actions) -> None:
    actions.carry_refusal = Refused("triton: invalid partition [gpu]")
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "enter")
        await stage.until("y submit")
        await stage.press("y")
        await stage.until("not submitted: triton: invalid partition [gpu]")


async def test_what_cannot_be_submitted_says_why_instead_of_asking(actions: Actions) -> None:
    actions.refusal = Refused("tiny.yaml: env: TOKEN not set here")
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "enter")
        await stage.until("✗ tiny.yaml: env: TOKEN not set here")
        assert "y submit" not in stage.screen
        await stage.press("y", "n")
        assert isinstance(stage.app.screen, SpecsScreen)


async def test_why_nothing_could_be_checked_can_be_read_to_its_end(actions: Actions) -> None:
    actions.refusal = Refused(f"tiny.yaml: env: {'A_LONG_NAME ' * 12}not set here, at the end")
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "c")
        await stage.until("here, at the end")


async def test_runs_that_exist_are_left_out_unless_they_are_wanted_again(actions: Actions) -> None:
    actions.known = ("lr=0.2",)
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "enter")
        await stage.until("exist already: 1 run (tiny-1.0 COMPLETED)")
        assert "· lr=0.2" not in stage.screen
        await stage.press("a")
        await stage.until("· lr=0.2")
        await stage.press("y")
        await actions.told("consider", "tiny", None, Options(again=True))
        await actions.told("carry_out", "tiny", ("here",), 3)


async def test_of_a_sweep_that_asks_it_is_said_how_many_trials_come_in_all(actions: Actions, spec: Path) -> None:
    put(spec, ASKS)
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("10 runs now, 20 trials asked for, of: echo {lr}")
        await stage.press("enter")
        await stage.until("20 trials in all, asked for as there is room")
        await stage.press("y")
        await actions.told("carry_out", "tiny", ("here",), 10)


async def test_where_all_runs_exist_there_is_nothing_to_say_yes_to(actions: Actions) -> None:
    actions.known = ("lr=0.1", "lr=0.2", "lr=0.3")
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "enter")
        await stage.until("nothing is left to submit")
        assert "y submit" not in stage.screen


async def test_doubtful_files_are_asked_about_before_they_are_sent(actions: Actions) -> None:
    actions.doubtful = (Doubt("id_rsa", "looks like a private key", 400),)
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "enter")
        await stage.until("s send these files")
        assert "id_rsa" in stage.screen
        assert "y submit" not in stage.screen
        await stage.press("y", "s")
        await stage.until("y submit")
        await stage.press("y")
        await actions.told("consider", "tiny", None, Options(send=True))
        await actions.told("carry_out", "tiny", ("here",), 3)


FULL = Check("here", (), "disk", Level.FAIL, "2G of 5G are free", "free 3G below ~/runs")


async def test_a_check_that_fails_stops_the_submission_unless_it_is_overridden(actions: Actions) -> None:
    actions.checks = (FULL,)
    async with board(row(1), actions=actions) as stage:
        await specs(stage, "enter")
        await stage.until("✗ here: disk: 2G of 5G are free; free 3G below ~/runs")
        assert "y submit" not in stage.screen
        await stage.press("y", "f")
        await stage.until("y submit")
        await stage.press("y")
        await actions.told("carry_out", "tiny", ("here",), 3)


async def test_c_shows_what_the_hosts_say_and_which_runs_exist(actions: Actions) -> None:
    actions.checks = (Check("here", (), "reachable", Level.PASS, "answers in 12 ms"), replace(FULL, runs=(0, 2)))
    actions.known = ("lr=0.2",)
    async with board(row(1), actions=actions, size=(150, 40)) as stage:
        await specs(stage, "c")
        await stage.until("✗ FAIL disk       runs 0, 2: 2G of 5G are free")
        assert "→ free 3G below ~/runs" in stage.screen
        assert "✓ PASS reachable  answers in 12 ms" in stage.screen
        assert "here  1 fail, 1 fine" in stage.screen
        assert any("1✓" in line for line in stage.lines)
        await stage.press("b")
        await stage.until("c asks the hosts")


async def test_doubtful_files_hide_no_checks(actions: Actions) -> None:
    actions.doubtful, actions.checks = (Doubt("id_rsa", "looks like a private key", 400),), (FULL,)
    async with board(row(1), actions=actions, size=(150, 40)) as stage:
        await specs(stage, "c")
        await stage.until("2G of 5G are free")
        assert "id_rsa" in stage.screen


async def test_what_the_editor_was_given_is_checked_once(actions: Actions) -> None:
    """Else what hosts were asked about the first sheet would be thrown away with it."""
    async with board(row(1), actions=actions, size=(150, 40)) as stage:
        screen = await specs(stage)
        await stage.until("[script]")
        screen.ask_anew(quick=True)
        await stage.pilot.pause()
        screen.editor.replace("0.1, 0.2", (3, 13), (3, 26))
        await stage.until("2 runs of")
        await stage.until("#SBATCH --array=0-1")
        assert actions.calls.count(("scripts", "tiny", None)) == 2


async def test_checks_are_made_also_where_all_runs_exist(actions: Actions) -> None:
    actions.known, actions.checks = ("lr=0.1", "lr=0.2", "lr=0.3"), (FULL,)
    async with board(row(1), actions=actions, size=(150, 40)) as stage:
        await specs(stage, "c")
        await stage.until("2G of 5G are free")
        assert "exist already: 3 runs" in stage.screen


async def test_a_bad_spec_shows_its_errors_and_cannot_be_submitted(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC + "comand: x\n")
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("✗ 5:1 ")
        assert "command" in stage.screen
        await stage.press("enter")
        await stage.until("nothing to submit")
        assert not [call for call in actions.calls if call[0] == "consider"]


async def test_what_a_run_needs_is_said_before_it_is_submitted(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC + "resources: {gpus: 2, cpus: 1, memory: 16G, time: 8h}\n")
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("each needs 2 GPUs, 1 CPU, 16G memory, 8h00 at most")


async def test_a_variant_is_chosen_and_submitted_as_such(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC + "variants: {big: {params: {hidden: 512}}}\n")
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage)
        assert "variant ‹ none ›" in stage.screen
        await stage.press("v")
        await stage.until("variant ‹ big ›")
        await stage.until("512")
        assert screen.sheet.spec is not None
        assert screen.sheet.spec.variant == "big"


# The runs.


async def test_the_script_is_that_of_the_run_under_the_cursor(actions: Actions) -> None:
    async with board(row(1), actions=actions, size=(150, 70)) as stage:
        await specs(stage, "tab")
        await stage.until("#SBATCH --array=0-2")
        await stage.until("echo 0.1")
        await stage.press("j")
        await stage.until("echo 0.2")
        assert "tiny/001-lr=0.2" in stage.screen


async def test_many_runs_and_columns_scroll_with_the_cursor(actions: Actions, spec: Path) -> None:
    wide = ", ".join(f"p{i}: {i}" for i in range(40))
    put(spec, f"name: tiny\ncommand: echo {{lr}}\nparams: {{{wide}}}\nsweep: {{lr: [0.1, 0.2, 0.3], seeds: 400}}\n")
    async with board(row(1), actions=actions, size=(80, 24)) as stage:
        await stage.press("n")
        await stage.until("1200 runs of")
        await stage.press("tab", "G")
        await stage.until("1199")
        assert "p39" not in stage.screen
        await stage.press(*["right"] * 41)
        await stage.until("p39")
        await stage.press("g")
        await stage.until("›   0")


async def test_e_on_a_value_changes_it_where_it_stands(actions: Actions, spec: Path) -> None:
    text = "# mine\n" + GOOD_SPEC.replace("0.2,", "2e-1,  ")
    put(spec, text)
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "tab", "j", "e")
        await stage.until("sweep.lr[2] · 1 of 3 runs with it")
        assert "2e-1" in stage.screen
        await stage.press(*["backspace"] * 4, *"0.25", "enter")
        await stage.until("● not saved")
        assert screen.editor.text == text.replace("2e-1", "0.25")
        await stage.until("lr=0.25")
        await stage.press("ctrl+s")
        await stage.gone("not saved")
    assert content(spec) == text.replace("2e-1", "0.25")


async def test_a_fixed_value_is_that_of_all_runs(actions: Actions, spec: Path) -> None:
    put(spec, "name: tiny\ncommand: echo {lr}\nparams: {hidden: 64}\nsweep: {lr: [0.1, 0.2, 0.3]}\n")
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "tab", "right", "e")
        await stage.until("params.hidden · 3 of 3 runs with it")
        await stage.press("backspace", "backspace", *"128", "enter")
        await stage.until("● not saved")
        assert "params: {hidden: 128}" in screen.editor.text


async def test_a_value_that_is_no_yaml_changes_nothing(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "tab", "e")
        await stage.until("sweep.lr[1]")
        await stage.press(*"]", "enter")
        await stage.until("the new value of")
        assert screen.editor.text == GOOD_SPEC


async def test_a_value_that_is_drawn_leads_to_its_rule(actions: Actions, spec: Path) -> None:
    put(spec, "name: tiny\ncommand: echo {lr}\nsweep:\n  samples: 3\n  method: random\n  lr: {min: 0, max: 1}\n")
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "tab", "e")
        await stage.until("comes from more than one value")
        assert screen.focused is screen.editor
        assert screen.editor.cursor_location[0] == 5


# The text.


async def test_a_spec_that_is_edited_from_there_is_previewed_anew(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "e")
        screen.editor.replace("0.1, 0.2", (3, 13), (3, 26))
        await stage.until("2 runs of")
        await stage.press("ctrl+s", "escape")
        await stage.gone("not saved")


async def test_what_is_typed_is_saved_before_it_is_submitted(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "e")
        screen.editor.replace("0.1, 0.2", (3, 13), (3, 26))
        await stage.press("escape", "enter")
        await stage.until("Submit 2 runs of tiny")
        await stage.until("they are saved first")
        await stage.until("y submit")
        await stage.press("y")
        await actions.told("carry_out", "tiny", ("here",), 2)
    assert "[0.1, 0.2]" in content(spec)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_a_line_is_drawn_as_it_is_wrapped_once_the_text_has_its_width(
    actions: Actions, spec: Path, size: tuple[int, int]
) -> None:
    words = [f"word{number:02}" for number in range(30)]
    put(spec, f"# {' '.join(words)}\n{GOOD_SPEC}")
    async with board(row(1), actions=actions, size=size) as stage:
        await stage.press("e")
        await stage.until("command: echo")
        await stage.when(lambda: all(word in stage.screen for word in words))


async def test_an_error_is_shown_at_its_line_while_it_is_typed(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((0, 0))
        await stage.press(*"bad")
        await stage.until("✗ 1:1 ")
        assert set(text.problems) == {0}
        assert "badname: tiny  ✗ unknown key" in stage.screen
        await stage.press("backspace", "backspace", "backspace")
        await stage.until("3 runs of")
        assert not text.problems


async def test_keys_that_come_in_one_piece_act_in_their_order(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((0, 0))
        for key in ("down", "end", "enter", "a", "x", "backspace", "b", "left", "c"):
            stage.app.post_message(Pressed(key, key if len(key) == 1 else None))
        await stage.until("acb")
        assert text.text.splitlines()[2] == "acb"


async def test_a_new_line_begins_where_the_level_does(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((4, 0))
        await stage.press(*"setup: |", "enter", *"module load cuda", "enter", *"x")
        assert text.text.endswith("setup: |\n  module load cuda\n  x")


async def test_words_are_offered_while_a_key_is_typed(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((4, 0))
        await stage.press(*"reso")
        await stage.until("›resources:")
        await stage.press("tab")
        assert text.text.endswith("resources: ")
        assert "›resources:" not in stage.screen


async def test_esc_closes_what_is_offered_and_leaves_nothing(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((4, 0))
        await stage.press(*"reso")
        await stage.until("›resources:")
        await stage.press("escape")
        await stage.gone("›resources:")
        assert stage.app.screen.focused is text


async def test_enter_is_a_new_line_while_nothing_is_chosen_of_what_is_offered(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((4, 0))
        await stage.press(*"re")
        await stage.until("›resources:")
        await stage.press("enter")
        assert text.text.endswith("re\n")
        await stage.press(*"re")
        await stage.until("›resources:")
        await stage.press("down", "enter")
        assert not text.text.endswith("re\nre")


async def test_a_backend_is_offered_where_backends_are_meant(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((4, 0))
        await stage.press(*"where: [tri")
        await stage.until("›triton")
        await stage.press("tab")
        assert text.text.endswith("where: [triton")


async def test_tab_indents_where_a_line_begins(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((4, 0))
        await stage.press("tab", "x")
        assert text.text.endswith("  x")


async def test_undo_takes_a_value_back_too(actions: Actions) -> None:
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "tab", "e")
        await stage.until("sweep.lr[1]")
        await stage.press("9", "enter")
        await stage.until("● not saved")
        await stage.press("escape", "e", "ctrl+z")
        assert screen.editor.text == GOOD_SPEC
        await stage.gone("● not saved")


# Files.


async def test_what_was_typed_stays_with_its_file(actions: Actions, spec: Path) -> None:
    other = spec.with_name("other.yaml")
    put(other, GOOD_SPEC.replace("tiny", "other"))
    actions.files = [spec, other]
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "e", "#", "escape", "j")
        await stage.until("name: other")
        await stage.press("k")
        await stage.until("#name: tiny")
        assert screen.unsaved == [spec]
        await stage.press("q")
        await stage.until("Leave without saving")
        assert "tiny.yaml" in stage.screen
    assert content(spec) == GOOD_SPEC


async def test_a_file_that_changes_on_disk_is_read_again(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage)
        put(spec, GOOD_SPEC.replace("0.1, 0.2, ", "0.1, "))
        screen.look_at_disk()
        await stage.until("2 runs of")
        assert "was read again" in stage.screen
        assert not screen.unsaved


async def test_a_change_on_disk_is_said_where_there_are_changes_here(actions: Actions, spec: Path) -> None:
    async with board(row(1), actions=actions) as stage:
        screen = await specs(stage, "e", "#")
        put(spec, "name: other\n")
        screen.look_at_disk()
        await stage.until("▲ changed on disk")
        assert screen.editor.text == "#" + GOOD_SPEC


async def test_an_error_in_a_file_that_is_extended_names_that_file(actions: Actions, spec: Path) -> None:
    put(spec.with_name("base.yaml"), "comand: x\n")
    put(spec, "extends: base.yaml\n" + GOOD_SPEC)
    async with board(row(1), actions=actions) as stage:
        await stage.press("n")
        await stage.until("✗ base.yaml:1:1 unknown key")
        assert isinstance(stage.app.screen, SpecsScreen)
        assert not stage.app.screen.editor.problems


async def test_line_ends_of_several_kinds_are_not_made_alike(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC.replace("\n", "\r\n", 1))
    async with board(row(1), actions=actions) as stage:
        await stage.press("e")
        await stage.until("its lines end in several ways")
        await stage.press(*"bad", "ctrl+s")
        assert isinstance(stage.app.screen, SpecsScreen)
        assert stage.app.screen.editor.read_only
    assert content(spec).startswith("name")


async def test_windows_line_ends_stay(actions: Actions, spec: Path) -> None:
    put(spec, GOOD_SPEC.replace("\n", "\r\n"))
    async with board(row(1), actions=actions) as stage:
        text = await editing(stage)
        text.move_cursor((0, 0))
        await stage.press("#", "ctrl+s")
        await stage.gone("not saved")
    assert spec.read_bytes() == b"#" + GOOD_SPEC.replace("\n", "\r\n").encode()  # noqa: ASYNC240 - after all


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 50)])
async def test_every_pane_can_be_reached_at_every_size(actions: Actions, size: tuple[int, int]) -> None:
    async with board(row(1), actions=actions, size=size) as stage:
        screen = await specs(stage)
        for keys, pane, seen in (
            ((), "files", "tiny.yaml"),
            (("tab",), "runs", "›   0"),
            (("tab",), "reading", "[script]"),
            (("tab", "e"), "text", "command: echo {lr}"),
        ):
            await stage.press(*keys)
            await stage.until(seen)
            assert screen.pane == pane
            assert screen.focused is not None
            assert screen.focused.region.height >= 2
            assert all(len(line) <= size[0] for line in stage.lines)


async def test_the_cursor_goes_to_the_run_that_was_submitted(actions: Actions) -> None:
    async with board(row(5), actions=actions) as stage:
        await stage.press("n")
        await stage.until("3 runs of")
        await stage.press("enter")
        await stage.until("y submit")
        await stage.press("y")
        await stage.until("2 runs submitted")
        await stage.gone("3 runs of")
        await stage.pilot.pause()
        assert stage.app.board.table.cursor == "r5"
        await stage.rows(row(5), row(2), row(1))
        assert stage.app.board.table.cursor == "r1"
        await stage.press("j")
        await stage.rows(row(5), row(2), row(1), row(3))
        assert stage.app.board.table.cursor == "r2"


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
        await stage.press("#", "escape", "escape")
        await stage.until("Leave without saving")
        await stage.press("n")
        assert isinstance(stage.app.screen, SpecsScreen)
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
        await stage.press(*"bad", "ctrl+s", "escape", "escape")
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
