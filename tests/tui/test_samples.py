"""The screen of what a model made as it was trained."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

import numpy as np
from rich.style import Style

from backends.base import HostUnreachable
from tests.trainboard.outputfakes import Place, wrote
from tests.trainboard.test_specimens import COLOURS, npy, png, wav
from tests.tui.fakes import board, row
from tui.screens.samples import SamplesScreen
from tui.specimen_lines import differences, half_blocks, text_rows
from tui.widgets.row_view import RowView

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.tui.fakes import Theatre

TEXTS: Mapping[str, bytes | str] = {
    "samples/step_100.txt": "once upon a time\n\x1b[2Jthere was [b]a sea[/b]",
    "samples/step_200.txt": "once upon a tide\nthere was a sea 漢字",
    "samples/step_1000.txt": "all quite other\n" * 50,
}


async def look_at(stage: Theatre, folder: Path, found: Mapping[str, bytes | str] = TEXTS) -> SamplesScreen:
    """Through the door, which is open where there is one output only."""
    stage.actions.wrote["r1"] = wrote(folder, found)
    await stage.press("O")
    await stage.when(
        lambda: isinstance(stage.app.screen, SamplesScreen) and stage.app.screen.query_one(RowView).count
    )
    assert isinstance(stage.app.screen, SamplesScreen)
    return stage.app.screen


async def samples_of(stage: Theatre, folder: Path, action: str) -> None:
    """For tests of the keys."""
    texts = {f"samples/step_{step}.txt": f"text {step}\n" * 60 for step in (1, 2, 3)}
    many = npy(np.random.default_rng(0).random((30, 12, 12)))
    pictures = {f"samples/step_{step}.npy": many for step in (1, 2)}
    await look_at(stage, folder, pictures if action.startswith("wider") else texts)
    await stage.press(*{"up": ("j", "j"), "top": ("G",), "half_up": ("G",), "step(1)": ("left",)}.get(action, ()))


async def test_texts_are_gone_through_by_step(tmp_path: Path) -> None:
    async with board(row(1), size=(80, 24)) as stage:
        await look_at(stage, tmp_path)
        await stage.until("step 1000 (3 of 3)")
        await stage.press("left")
        await stage.until("once upon a tide")
        assert "there was a sea 漢字" in stage.screen
        await stage.press("left_square_bracket")
        await stage.until("step 100 (1 of 3)")
        await stage.until("␛[2Jthere was [b]a sea[/b]")
        await stage.press("left")
        await stage.until("this is the first")


async def test_two_steps_are_side_by_side_and_their_differences_are_marked(tmp_path: Path) -> None:
    async with board(row(1), size=(100, 24)) as stage:
        await look_at(stage, tmp_path)
        await stage.press("left", "left")
        await stage.until("step 100 (1 of 3)")
        await stage.press("c", "right")
        await stage.until("step 100 on the left, step 200 on the right")
        assert any(re.search(r"once upon a time +once upon a tide", line) for line in stage.lines)
        await stage.press("d")
        await stage.until("once upon a [-time-]{+tide+}")
        await stage.press("c")
        await stage.until("once upon a tide")
        assert "{+" not in stage.screen


async def test_pictures_of_a_step_are_a_grid_in_half_blocks(tmp_path: Path) -> None:
    names = [f"samples/step_{step}/{number}.png" for step in (1, 2) for number in range(4)]
    async with board(row(1), size=(80, 24)) as stage:
        screen = await look_at(stage, tmp_path, dict.fromkeys(names, png(COLOURS)))
        await stage.until("step 2 (2 of 2)")
        assert sum("▀" in line for line in stage.lines) >= 16
        assert any(line.count("2×2 PNG RGB") == 2 for line in stage.lines)  # two of 32 cells beside each other
        await stage.press("minus", "minus", "minus")
        await stage.until("0.png         1.png         2.png         3.png")
        assert screen.query_one(RowView).has_focus


async def test_without_colour_pictures_are_shades(tmp_path: Path) -> None:
    grey = np.repeat(np.linspace(0, 255, 10).astype(np.uint8)[None], 10, axis=0)
    async with board(row(1), size=(80, 24)) as stage:
        stage.app.no_color = True
        await look_at(stage, tmp_path, {"samples/1.png": png(grey)})
        await stage.until("░")
        assert "▓" in stage.screen
        assert "▀" not in stage.screen


async def test_a_sound_is_its_length_and_its_envelope(tmp_path: Path) -> None:
    levels = (np.sin(np.arange(16000) / 5) * np.linspace(0, 30000, 16000)).astype("<i2")
    async with board(row(1), size=(80, 24)) as stage:
        await look_at(stage, tmp_path, {"samples/a.wav": wav(levels.tobytes())})
        await stage.until("a.wav  2.00 s  8000 Hz  16 bit mono")
        await stage.until("loudest 91% of full scale")
        assert any(line.rstrip(" ▐").endswith("████████") for line in stage.lines)


async def test_one_file_of_many_steps_is_taken_apart(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"step": step, "text": f"text of {step}"}) for step in (10, 20, 20))
    async with board(row(1)) as stage:
        await look_at(stage, tmp_path, {"samples.jsonl": lines})
        await stage.until("step 20 (2 of 2)")
        assert stage.screen.count("text of 20") == 2
        await stage.press("left")
        await stage.until("text of 10")


async def test_a_damaged_file_says_so_beside_the_others(tmp_path: Path) -> None:
    whole = png(np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8))
    async with board(row(1), size=(80, 40)) as stage:
        await look_at(stage, tmp_path, {"samples/1.png": whole[:700], "samples/2.png": b"no", "samples/3.png": whole})
        await stage.press("g", "left")
        await stage.until("it is no PNG, JPEG or GIF")
        await stage.press("left")
        await stage.until("damaged, or still being written")


async def test_a_host_that_went_away_is_told_and_asked_again(tmp_path: Path) -> None:
    async with board(row(1)) as stage:
        await look_at(stage, tmp_path)
        place = cast("Place", stage.actions.wrote["r1"].backend)
        place.failure = HostUnreachable("here: no route")
        await stage.press("left")
        await stage.until("no route")
        place.failure = None
        await stage.press("r")
        await stage.until("all quite other")


async def test_what_was_read_can_be_looked_at_while_it_is_read_again(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"step": step, "text": f"text of {step}"}) for step in (10, 20, 30))
    async with board(row(1)) as stage:
        await look_at(stage, tmp_path, {"samples.jsonl": lines})
        await stage.until("step 30 (3 of 3)")
        await stage.press("left", "c")  # the second is kept on the left
        await stage.until("step 20 on the left, step 20 on the right")
        place = cast("Place", stage.actions.wrote["r1"].backend)
        place.answering.clear()
        (tmp_path / "code" / "samples.jsonl").write_text(json.dumps({"step": 40, "text": "text of 40"}))
        await stage.press("r")
        await stage.until("reading samples.jsonl")
        await stage.press("left")
        await stage.until("step 20 on the left, step 10 on the right")
        place.answering.set()
        await stage.until("text of 40")  # alone: there is no second one any more
        assert "on the left" not in stage.screen


def test_a_half_block_has_the_colours_of_two_pixels() -> None:
    ((one, other),) = half_blocks(COLOURS, 2)
    assert (one.style, other.style) == (Style.parse("#ff0000 on #0000ff"), Style.parse("#00ff00 on #090909"))
    assert (one.text, other.text) == ("▀", "▀")


def test_differences_are_by_word_and_long_texts_by_line() -> None:
    assert differences("a b c", "a x c d") == [
        ("a ", "plain"),
        ("[-b-]", "bad"),
        ("{+x+}", "good"),
        (" c", "plain"),
        ("{+ d+}", "good"),
    ]
    long = "a word and another\n" * 3000
    assert differences(long, f"{long}end") == [(long, "plain"), ("{+end+}", "good")]


def test_long_lines_are_broken_where_the_width_ends() -> None:
    looks = dict.fromkeys(("plain", "good"), Style())
    rows = text_rows([("abcdefgh", "plain"), ("ij漢字k", "good"), ("\n\nz", "plain")], 5, looks)
    assert ["".join(each.text for each in line) for line in rows] == ["abcde", "fghij", "漢字k", "", "z"]
