"""What the checks of a spec found, and what each run is started with, as lines to read. Pure."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from trainboard.preflight.report import Level
from tui import show

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from trainboard.doubts import Doubt
    from trainboard.preflight.report import Check
    from tui.widgets.lines import Piece

SIGNS = {Level.PASS: ("✓", "good"), Level.WARN: ("!", "waiting"), Level.FAIL: ("✗", "bad")}
"""Sign and tone of each level; the word stands beside it."""
NAMED = 3
"""Runs of a check that are named; of more, their number."""
INDENT = "   "

NOT_CHECKED: list[tuple[Piece, ...]] = [(("c asks the hosts whether the runs can run there", "dim"),)]


def check_lines(checks: Iterable[Check], width: int) -> list[tuple[Piece, ...]]:
    """A table for each backend, what fails first; long texts go on below themselves."""
    lines: list[tuple[Piece, ...]] = []
    for backend, group in groupby(checks, key=attrgetter("backend")):
        found = sorted(group, key=lambda check: -list(Level).index(check.level))
        lines.append(((show.clean(backend), "strong"), (f"  {tally(found)}", "dim")))
        widest = max(len(show.clean(check.name, 24)) for check in found)
        for check in found:
            lines += one_check(check, widest, width)
    return lines


def one_check(check: Check, widest: int, width: int) -> list[tuple[Piece, ...]]:
    """Sign, level, name, text; below it the advice."""
    sign, tone = SIGNS[check.level]
    head = f"{sign} {check.level:<4} "
    name = f"{show.clean(check.name, 24):<{widest}}  "
    room = max(20, width - len(head) - len(name) - len(INDENT))
    about = f"{runs_text(check.runs)}: " if check.runs else ""
    first, *rest = show.wrapped(show.clean(f"{about}{check.text}"), room)
    below = " " * (len(head) + len(name))
    lines: list[tuple[Piece, ...]] = [((head, tone), (name, "plain"), (first, "plain"))]
    lines += [((below, "plain"), (part, "plain")) for part in rest]
    if check.advice and check.level is not Level.PASS:
        lines += [((below, "plain"), (part, "done")) for part in show.wrapped(f"→ {show.clean(check.advice)}", room)]
    return lines


def refusal_lines(refusal: Exception, width: int) -> list[tuple[Piece, ...]]:
    """Why something was not done."""
    return [((part, "bad"),) for part in show.wrapped(f"✗ {show.clean(str(refusal))}", max(20, width))]


def tally(checks: Collection[Check]) -> str:
    """`1 fails, 2 warnings, 9 fine`."""
    count = {level: sum(check.level is level for check in checks) for level in Level}
    parts = [
        f"{count[Level.FAIL]} fail" if count[Level.FAIL] else "",
        show.count(count[Level.WARN], "warning") if count[Level.WARN] else "",
        f"{count[Level.PASS]} fine" if count[Level.PASS] else "",
    ]
    return ", ".join(filter(None, parts))


def runs_text(runs: Sequence[int]) -> str:
    """`run 3`, `runs 0, 1 and 4 more`."""
    named = ", ".join(map(str, runs[:NAMED]))
    more = f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    return f"run{'s' if len(runs) > 1 else ''} {named}{more}"


def doubt_lines(doubts: Sequence[Doubt]) -> list[str]:
    """Files that should not go unasked."""
    from trainboard.code import question

    return question(doubts, NAMED * 2)


def script_lines(files: Iterable[tuple[str, str]]) -> list[tuple[Piece, ...]]:
    """Files of an attempt directory, one below the other."""
    lines: list[tuple[Piece, ...]] = []
    for name, text in files:
        lines += [((f"── {name} ──", "strong"),)] if not lines else [(), ((f"── {name} ──", "strong"),)]
        lines += [((show.clean(line.expandtabs(4), 2000), look(line)),) for line in text.splitlines()]
    return lines


def look(line: str) -> str:
    """What is said to the scheduler stands out, what is said to nobody stands back."""
    if line.startswith("#SBATCH"):
        return "good"
    return "dim" if line.lstrip().startswith("#") else "plain"
