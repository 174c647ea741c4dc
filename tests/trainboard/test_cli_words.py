"""What is said of bad words, and where what is said goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from trainboard.cli.terminal import print_table
from trainboard.cli.words import parse
from trainboard.show import padded, width


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("resluts", 'trainboard: argument COMMAND: no "resluts" (did you mean "results"?); `trainboard --help`'),
        ("submit", "trainboard submit: the following arguments are required: SPEC; `trainboard submit --help`"),
        ("ls --bogus", "trainboard ls: unrecognized arguments: --bogus; `trainboard ls --help`"),
        (
            "spec show a.yaml --all",
            "trainboard spec show: unrecognized arguments: --all; `trainboard spec show --help`",
        ),
        ("notify tset", 'trainboard notify: argument action: no "tset" (did you mean "test"?); there are test'),
        ("submit a.yaml --only \x1b[2J", "trainboard submit: argument --only: no "),
    ],
)
def test_bad_words_are_told_in_one_line_with_the_command_whose_help_has_the_right_ones(
    typed: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(typed.split(" "))
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(said)
    assert "\x1b" not in err


def test_the_columns_of_a_table_stand_under_their_titles_where_characters_are_wide(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("MODEL", "LR"), [("変換器🚀", "0.1"), ("re\u0301sume\u0301", "0.1"), ("plain", "0.1")])
    lines = capsys.readouterr().out.splitlines()
    assert [cell_len(line[: line.rindex(" ") + 1]) for line in lines] == [10] * 4


def test_a_table_without_titles_begins_with_its_first_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table((), [("run", "a-1.0"), ("experiment", "a-1")])
    assert capsys.readouterr().out == "run         a-1.0\nexperiment  a-1\n"


@settings(max_examples=50)
@given(st.text("aé漢字가ｱＡ🚀 "), st.integers(0, 30), st.booleans())
def test_a_padded_text_takes_the_cells_that_the_screen_gives_it(text: str, cells: int, right: bool) -> None:
    assert width(text) == cell_len(text)
    assert cell_len(padded(text, cells, right=right)) == max(cells, width(text))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_output_that_finds_no_room_is_one_line_and_a_failure(tmp_path: Path) -> None:
    done = told("spec schema >/dev/full", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("trainboard: the output cannot be written: No space left on device; ")


def test_a_closed_output_is_none_and_the_command_is_done_all_the_same(tmp_path: Path) -> None:
    done = told("config --json >&-", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def told(words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """A command typed into a shell."""
    return subprocess.run(
        ["bash", "-c", f'"$0" -m trainboard {words}', sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "TRAINBOARD_HOME": str(home)},
    )
