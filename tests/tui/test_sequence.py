"""The screen of a text as a model saw it."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

import specs
from backends.base import HostUnreachable
from specs.expand import expand
from specs.load import load
from tests.trainboard.outputfakes import Place, wrote
from tests.trainboard.test_sequences import TEXT, states
from tests.tui.fakes import board, row
from trainboard.sequences import sums
from tui.screens.outputs import OutputsScreen
from tui.screens.sequence import SequenceScreen
from tui.widgets.token_text import TokenText

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.tui.fakes import Theatre

EXAMPLES = Path(specs.__file__).with_name("examples")
WORDS = "the cat sat\non the [b]mat[/b]\n\x1b[31mred 漢字\n"


def a_text(text: str = WORDS, better: float = 0.0, units: Mapping[str, list[float]] | None = None) -> str:
    """A line for each character: those of `cat` are a surprise."""
    place = text.find("cat")
    found = []
    for at, char in enumerate(text):
        p = (
            0.01 if place <= at < place + 3 else 0.5 - at % 97 / 1000
        )  # wherever the cursor goes, what is said differs
        line: dict[str, object] = {"t": char, "p": min(1.0, p + better), "top": [["x", 0.6], [char, p]]}
        if units:
            line["units"] = {name: values[at] for name, values in units.items()}
        found.append(json.dumps(line))
    return "\n".join(found)


def files() -> dict[str, bytes | str]:
    """Three steps, each better than the one before, the last with what units did."""
    planted = states()
    last = a_text(TEXT[:400], 0.1, {name: planted[name][:400] for name in ("noise", "quotes", "digit")})
    return {"s/step_1.jsonl": a_text(), "s/step_2.jsonl": a_text(better=0.25), "s/step_3.jsonl": last}


async def look_at(stage: Theatre, folder: Path, found: Mapping[str, bytes | str] | None = None) -> SequenceScreen:
    """Through the door, which is open where there is one output only."""
    stage.actions.wrote["r1"] = wrote(folder, found or files())
    await stage.press("O")
    await stage.until("perplexity")
    assert isinstance(stage.app.screen, SequenceScreen)
    return stage.app.screen


def text_of(screen: SequenceScreen) -> TokenText:
    return screen.query_one(TokenText)


async def test_the_text_is_shown_with_what_was_expected_under_the_cursor(tmp_path: Path) -> None:
    async with board(row(1), size=(80, 24)) as stage:
        screen = await look_at(stage, tmp_path, {"s.jsonl": a_text()})
        await stage.until("the cat sat⏎")
        assert "on the [b]mat[/b]⏎" in stage.screen
        assert "␛[31mred 漢字⏎" in stage.screen
        await stage.press("w")
        await stage.until("‹c›  came with p 1%: 6.644 bits, number 2 of what was expected")
        assert any("‹x›" in line and "60% █" in line for line in stage.lines)
        assert any("‹c›" in line and "← came" in line for line in stage.lines)
        await stage.press("j")
        assert text_of(screen).cursor == WORDS.index("he [b]")  # the column of the line above
        await stage.press("b", "b")
        assert text_of(screen).cursor == WORDS.index("on")
        await stage.press("escape")
        assert isinstance(stage.app.screen, OutputsScreen)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_all_of_it_has_room(tmp_path: Path, size: tuple[int, int]) -> None:
    async with board(row(1), size=size) as stage:
        screen = await look_at(stage, tmp_path, {"s.jsonl": a_text(TEXT[:700])})
        lines = stage.lines
        assert len(lines) == size[1]
        assert "perplexity" in lines[0]
        assert lines[1].startswith("─[text] units  worst  steps")
        assert "probability of what came" in lines[2]
        assert "on the screen: perplexity" in lines[-9]
        assert len(lines[-3].strip()) == size[0] - 2  # surprise over the whole text
        assert "? help" in lines[-1]
        await stage.pilot.resize_terminal(size[0] - 10, size[1])
        await stage.when(lambda: len(stage.lines[-3].strip()) == size[0] - 12)
        assert text_of(screen).cursor == 0


async def test_words_lines_and_places_that_surprised_are_gone_to(tmp_path: Path) -> None:
    async with board(row(1)) as stage:
        text = text_of(await look_at(stage, tmp_path, {"s.jsonl": a_text()}))
        await stage.press("G")
        assert text.cursor == len(WORDS) - 1
        await stage.press("g", "n")
        assert text.cursor == 1  # whatever is not certain surprises
        await stage.press("3")
        await stage.until("most surprising of")
        assert any("6.6" in line and "‹c›at" in line for line in stage.lines)
        await stage.press("enter")
        assert text.cursor == WORDS.index("cat")


async def test_steps_are_gone_through_and_compared(tmp_path: Path) -> None:
    async with board(row(1), size=(110, 24)) as stage:
        screen = await look_at(stage, tmp_path)
        await stage.until("step 3 (3 of 3 files)")
        await stage.press("left_square_bracket")
        await stage.until("step 2 (2 of 3 files)")
        await stage.press("c")
        await stage.until("since the step before: -0.8")
        await stage.press("left_square_bracket")
        await stage.until("step 1 (1 of 3 files)")
        await stage.press("left_square_bracket")
        await stage.until("this is the first")
        await stage.press("4")
        await stage.until("3 steps of 3 files")
        assert any(re.search(r"\b2 +\d+ +\d\.\d+ .* -0\.\d+ +s/step_2", line) for line in stage.lines)
        await stage.press("G", "enter")
        await stage.until("step 3 (3 of 3 files)")
        assert screen.tab == "text"


async def test_units_are_ranked_by_what_the_text_explains_and_colour_it(tmp_path: Path) -> None:
    async with board(row(1), size=(120, 30)) as stage:
        screen = await look_at(stage, tmp_path)
        await stage.press("2")
        await stage.until("inside quotes")
        names = [line.split()[0].lstrip("›") for line in stage.lines if re.search(r"^.\w+ +\d+% ", line)]
        assert names == ["quotes", "digit", "noise"]
        await stage.press("enter")
        await stage.until("unit quotes  99% by inside quotes")
        looks = text_of(screen).looks()
        assert looks[6] != looks[0]
        await stage.press("u")
        await stage.until("unit digit")
        await stage.press("p")
        await stage.until("probability of what came")


async def test_without_colour_surprise_is_told_by_lines_and_weight(tmp_path: Path) -> None:
    async with board(row(1)) as stage:
        stage.app.no_color = True
        looks = text_of(await look_at(stage, tmp_path)).looks()
        told = [(each.underline, each.bold, each.reverse) for each in (looks[level] for level in (0, 3, 4, 6))]
        assert len(set(told)) == 4
        assert looks[-6].strike


def trained(folder: Path) -> Mapping[str, bytes]:
    """What the example writes in a few steps, as its spec starts it."""
    spec = load(EXAMPLES / "char-rnn.yaml", ["steps=60", "hidden=24", "sweep.seeds=1", "sweep.lr=[0.003]"])
    (run,) = expand(spec)
    for each in ("char_rnn.py", "probe.py", "corpus.txt"):
        shutil.copy(EXAMPLES / each, folder)
    command = run.command.replace("--steps 60", "--steps 60 --eval-every 30")
    environ = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    subprocess.run(["/bin/sh", "-c", command], cwd=folder, env=environ, check=True, capture_output=True, timeout=100)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("sequences/**/*.jsonl")}


async def test_the_character_rnn_of_the_examples_writes_what_the_screen_shows(tmp_path: Path) -> None:
    written = await asyncio.to_thread(trained, tmp_path)
    assert [name.rpartition("/")[2] for name in sorted(written)] == ["step_30.jsonl", "step_60.jsonl"]
    (tmp_path / "there").mkdir()
    async with board(row(1), size=(120, 30)) as stage:
        screen = await look_at(stage, tmp_path / "there", written)
        await stage.until("step 60 (2 of 2 files)")
        assert screen.passage is not None
        assert "".join(screen.passage.tokens) in (tmp_path / "corpus.txt").read_text(encoding="utf-8")
        printed = sums(screen.passage).bits * math.log(2)
        assert 1.5 < printed < 4
        await stage.press("2")
        await stage.until("24 units, by how much")


async def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    async with board(row(1)) as stage:
        await look_at(stage, tmp_path, {"s.jsonl": a_text() + '\n{"t": "x", "p": 7}\n{"t": "y'})
        await stage.until("1 probabilities are not between 0 and 1")
        assert "the last line is torn" in stage.screen


async def test_a_file_with_nothing_to_show_says_what_is_wanted(tmp_path: Path) -> None:
    async with board(row(1)) as stage:
        stage.actions.wrote["r1"] = wrote(tmp_path, {"s.txt": "hello"}, '{sequences: "s.txt"}')
        await stage.press("O")
        await stage.until('each line is to be an object with "t"')


async def test_a_host_that_went_away_is_told_and_asked_again(tmp_path: Path) -> None:
    async with board(row(1), size=(110, 24)) as stage:
        await look_at(stage, tmp_path)
        place = cast("Place", stage.actions.wrote["r1"].backend)
        place.failure = HostUnreachable("here: no route")
        await stage.press("left_square_bracket")
        await stage.until("no route")
        assert "step 3" in stage.lines[0]
        place.failure = None
        await stage.press("left_square_bracket")
        await stage.until("step 2 (2 of 3 files)")


async def test_a_file_that_one_left_before_it_was_read_is_not_told_of_any_more(tmp_path: Path) -> None:
    async with board(row(1), size=(110, 24)) as stage:
        await look_at(stage, tmp_path)
        await stage.press("left_square_bracket")
        await stage.until("step 2 (2 of 3 files)")
        cast("Place", stage.actions.wrote["r1"].backend).answering.clear()
        await stage.press("left_square_bracket")
        await stage.until("reading s/step_1.jsonl")
        await stage.press("right_square_bracket")
        await stage.until("step 3 (3 of 3 files)")
        await stage.gone("reading s/step_1.jsonl")


async def test_a_large_file_is_read_in_parts(tmp_path: Path) -> None:
    long = json.dumps({"t": "a", "p": 0.5, "note": "z" * 9_000_000})
    async with board(row(1)) as stage:
        await look_at(stage, tmp_path, {"s.jsonl": f"{long}\n{long}\n{long}\n".encode()})
        await stage.until("part 1 of 2: 16M each of 26M")
        await stage.press("full_stop")
        await stage.until("part 2 of 2")
        await stage.press("comma")
        await stage.until("part 1 of 2")


BEFORE = {
    **dict.fromkeys(("down", "right", "next_word", "worst(1)", "bottom", "half_down", "part(1)", "step(-1)"), ()),
    "open": ("3",),
    "step(1)": ("left_square_bracket",),
    "part(-1)": ("full_stop",),
    "surprise": ("u",),
    "unit(-1)": ("u",),
    "tab('text')": ("2",),
}
"""What is done first, so that a key has something to do; the cursor goes to the end otherwise."""


async def sequence_of(stage: Theatre, folder: Path, action: str) -> None:
    """To a text in which there is something for every key."""
    planted = states()
    units = {name: planted[name] for name in ("noise", "quotes", "digit")}
    long = json.dumps({"t": "a", "p": 0.5, "note": "z" * 9_000_000})
    large = {"s.jsonl": f"{long}\n{long}\n"}
    small = {"s1.jsonl": a_text(), "s2.jsonl": a_text(TEXT, units=units), "s3.jsonl": a_text(TEXT, 0.1, units)}
    screen = await look_at(stage, folder, large if action.startswith("part") else small)
    await stage.when(lambda: text_of(screen).count)
    await stage.press(*BEFORE.get(action, ("G",)))
