"""The log of commands as lines with tones, and what a filter leaves of it. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui import show
from tui.columns import Column, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.commandlog import Logged
    from tui.widgets.lines import Piece

COLUMNS = (
    Column("at", "", 8, 8, 2),
    Column("host", "", 8, 14, 1),
    Column("took", "", 6, 6, 3, right=True),
    Column("outcome", "", 8, 24, 4),
    Column("by", "", 8, 14, 5),
    Column("sign", "", 1, 1, 0),
    Column("text", "", 20, 2000, 0),
)
"""The sign `!` stands before what may have changed something."""


def listed(logged: Logged, width: int, *, here: bool) -> list[Piece]:
    """One command: when, where, how long, how it ended, which process ran it, what it was."""
    command = logged.command
    failed = command.outcome != "ok"
    cells = {
        "at": (time.strftime("%H:%M:%S", time.localtime(command.at)), "dim"),
        "host": (show.clean(command.host), "plain"),
        "took": (took(command.seconds), "waiting" if command.seconds >= 5 else "dim"),
        "outcome": (show.clean(command.outcome), "bad" if failed else "dim"),
        "by": (show.clean(logged.by), "dim"),
        "sign": ("!" if command.changes else " ", "waiting"),
        "text": (show.clean(command.text, 2000), "strong" if command.changes else "plain"),
    }
    pieces: list[Piece] = [("›" if here else " ", "strong")]
    for column, room in fit(COLUMNS, width - 1):
        text, tone = cells[column.name]
        pieces += [(show.pad_left(text, room) if column.right else show.cut(text, room), tone), (" ", "plain")]
    return pieces


def took(seconds: float) -> str:
    """A duration of a command, to the millisecond where that is something."""
    return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"


def filtered(log: Sequence[Logged], words: Sequence[str]) -> tuple[Logged, ...]:
    """Those that have all the words, in whatever place."""

    def text(logged: Logged) -> str:
        command = logged.command
        changed = "!" if command.changes else ""
        return f"{command.host} {command.outcome} {logged.by} {changed} {command.text}".lower()

    return tuple(each for each in log if all(word in text(each) for word in words))


def head(shown: Sequence[Logged], every: int, rate: float, trouble: str = "") -> str:
    """What stands over the list; `rate`: commands in the last minute."""
    of = "" if len(shown) == every else f" of {every}"
    said = f" {len(shown)}{of} commands, {rate:.0f} in the last minute; ! may have changed something"
    return f"{said}   {show.clean(trouble)}" if trouble else said


def per_minute(log: Sequence[Logged], now: float) -> float:
    """Commands in the minute before now."""
    return sum(0 <= now - each.command.at < 60 for each in log)
