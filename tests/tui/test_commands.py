"""The log of commands on the screen, the shell, and what can be copied of a job."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from backends.command import Command
from tests.tui.fakes import NOW, Actions, board, row
from trainboard.actions import Refused
from trainboard.commandlog import Logged
from trainboard.shell import Shell
from tui.command_lines import filtered, head, listed, per_minute
from tui.screens.commands import CommandsScreen
from tui.screens.copying import offered


def ran(number: int, text: str = "squeue", **fields: Any) -> Logged:  # noqa: ANN401  # any field
    return Logged(replace(Command("triton", NOW + number, text, 0.05, "ok"), **fields), "board 42")


def text_of(logged: Logged, width: int = 120) -> str:
    return "".join(text for text, _ in listed(logged, width, here=False))


async def test_the_newest_commands_are_shown_and_more_come_while_one_looks() -> None:
    actions = Actions()
    actions.log = tuple(ran(number, f"squeue {number}") for number in range(50))
    async with board(row(1), actions=actions, size=(100, 24)) as stage:
        await stage.press("L")
        await stage.until("squeue 49")
        assert isinstance(stage.app.screen, CommandsScreen)
        assert "squeue 9 " not in stage.screen
        actions.log = (*actions.log, ran(50, "sbatch launch.sh", changes=True, outcome="exit 1"))
        await stage.until("sbatch launch.sh")
        assert "exit 1" in stage.screen
        await stage.press("slash", *"exit", "enter")
        await stage.gone("squeue 49")
        assert "1 of 51 commands" in stage.screen
        await stage.press("y")
        assert stage.app.clipboard == "sbatch launch.sh"
        await stage.press("escape")
        await stage.until("squeue 49")
        await stage.press("escape")
        await stage.until("lr=0.1")


async def test_the_cursor_stays_with_its_command_while_others_come() -> None:
    actions = Actions()
    actions.log = tuple(ran(number, f"squeue {number}") for number in range(5))
    async with board(row(1), actions=actions) as stage:
        await stage.press("L")
        await stage.until("squeue 4")
        await stage.press("k", "k")
        actions.log = (*actions.log[1:], ran(5, "squeue 5"))
        await stage.until("squeue 5")
        await stage.press("y")
        assert stage.app.clipboard == "squeue 2"


async def test_a_log_that_cannot_be_read_is_told_and_what_was_there_stays() -> None:
    actions = Actions()
    actions.log = (ran(1),)
    async with board(row(1), actions=actions) as stage:
        await stage.press("L")
        await stage.until("squeue")
        actions.refusal = Refused("/state/commands.log: Permission denied")
        await stage.until("Permission denied")
        assert "squeue" in stage.screen


def test_what_may_have_changed_something_has_a_sign_and_what_failed_says_how() -> None:
    assert "! scancel 7" in text_of(ran(1, "scancel 7", changes=True))
    assert "exit 1" in text_of(ran(1, outcome="exit 1"))
    assert "50ms" in text_of(ran(1))
    assert "\x1b" not in text_of(ran(1, "evil \x1b[2J"))
    assert all(len(text_of(ran(1, "x" * 300), width)) <= width + 1 for width in (40, 80, 200))


def test_a_filter_wants_all_its_words_wherever_they_are() -> None:
    log = (ran(1), ran(2, "scancel 7", changes=True, host="csc"), ran(3, "sacct"))
    assert filtered(log, ("triton", "sq")) == log[:1]
    assert filtered(log, ("!",)) == log[1:2]
    assert filtered(log, ()) == log


def test_the_head_tells_how_often_hosts_are_asked() -> None:
    log = tuple(ran(number) for number in range(0, 120, 10))
    assert per_minute(log, NOW + 119) == 6
    assert "12 commands, 6 in the last minute" in head(log, 12, 6)


async def test_y_offers_what_there_is_to_copy_of_a_job() -> None:
    actions = Actions()
    actions.shells["r1"] = Shell(("ssh", "-t", "--", "gpu1", "exec sh"), "gpu1")
    async with board(row(1), actions=actions) as stage:
        await stage.press("y")
        await stage.until("Copy of")
        await stage.press("2")
        await stage.gone("Copy of")
        assert stage.app.clipboard == "101"
        await stage.press("y", "y")
        assert stage.app.clipboard == "/logs/1.log"
        await stage.press("y", "escape")
        await stage.gone("Copy of")


def test_only_what_is_known_is_offered() -> None:
    names = [what for what, _ in offered(row(1, job_id="", log=None, directory="/d", nodes=""), "")]
    assert names == ["run", "folder", "parameters", "follow its log"]


async def test_a_shell_that_is_nowhere_says_why_and_a_terminal_that_cannot_says_so() -> None:
    actions = Actions()
    async with board(row(1), actions=actions) as stage:
        await stage.press("s")
        await stage.until("on no host yet")
        actions.shells["r1"] = Shell((sys.executable, "-c", "print(1)"), "here")
        await stage.press("s")  # a test has no terminal to give away
        await stage.until("cannot be given to a shell")


async def test_a_readonly_board_opens_no_shell() -> None:
    actions = Actions()
    async with board(row(1), actions=actions, readonly=True) as stage:
        await stage.press("s", "L")
        await stage.until("no command was run yet")
        assert not [call for call in actions.calls if call[0] == "shell"]
