"""The log of commands: nothing is lost, nothing holds anything up, and what is torn is left out."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from backends.command import Command
from trainboard import commandlog
from trainboard.commandlog import CommandLog, append, newest, older, parsed

if TYPE_CHECKING:
    from pathlib import Path


def ran(number: int, text: str = "squeue") -> Command:
    return Command("triton", 100.0 + number, text, 0.1, "ok")


async def test_what_is_noted_is_in_the_file_with_who_ran_it(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / "state" / "commands.log")
    log.called("board")
    for number in range(3):
        log.note(ran(number))
    await log.close()
    found = newest(log.path)
    assert [each.command.at for each in found] == [100.0, 101.0, 102.0]
    assert {each.by for each in found} == {f"board {os.getpid()}"}
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_nothing_was_run_yet(tmp_path: Path) -> None:
    assert newest(tmp_path / "commands.log") == ()


def test_two_processes_write_one_file_and_the_newest_are_in_order(tmp_path: Path) -> None:
    path = tmp_path / "commands.log"
    append(path, "board 1", [ran(2)])
    append(path, "watch 2", [ran(1), ran(3)])
    assert [each.by for each in newest(path)] == ["watch 2", "board 1", "watch 2"]
    assert [each.command.at for each in newest(path, most=2)] == [102.0, 103.0]


def test_a_file_that_has_grown_becomes_the_older_one_and_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "commands.log"
    long = "x" * 1900
    for number in range(commandlog.LIMIT // 190_000 + 2):
        append(path, "board 1", [ran(1000 * number + each, long) for each in range(100)])
    assert older(path).stat().st_size > commandlog.LIMIT
    assert path.stat().st_size < commandlog.LIMIT
    at = [each.command.at for each in newest(path)]
    assert at == sorted(at)
    assert len(at) > 300


def test_a_torn_line_and_one_of_another_version_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "commands.log"
    append(path, "board 1", [ran(1)])
    with path.open("a") as file:
        file.write('{"by": "board 1", "host": "tri\n[1, 2]\n{"by": 3}\n')
        file.write('{"by": "b", "host": 1, "at": 2, "text": 3, "seconds": 4, "outcome": 5}\n')
    append(path, "board 1", [ran(2)])
    assert [each.command.at for each in newest(path)] == [101.0, 102.0]


def test_a_key_of_a_later_version_does_no_harm() -> None:
    line = json.dumps({"by": "b 1", "host": "h", "at": 1, "text": "t", "seconds": 1, "outcome": "ok", "later": 1})
    assert parsed(line) is not None


@given(st.text())
def test_no_line_is_too_odd(line: str) -> None:
    assert parsed(line) is None or line.strip().startswith("{")


async def test_a_disk_that_takes_nothing_is_told_and_holds_nothing_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = CommandLog(tmp_path / "file" / "commands.log")
    log.note(ran(1))
    await log.close()
    assert "File exists" in log.trouble


async def test_a_burst_is_written_at_once(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / "commands.log")
    for number in range(500):
        log.note(ran(number))
    await log.close()
    assert len(newest(log.path)) == 500
