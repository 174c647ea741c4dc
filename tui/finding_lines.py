"""Findings as lines of text with tones: one in the list, or all that is known of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import show
from tui.inbox import sign_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trainboard.records import Diagnosed
    from tui.inbox import Entry
    from tui.widgets.lines import Piece

AGE, NAME, CAUSE = 5, 26, 28
NARROW = 100
"""Cells of a line from which on the cause has a place of its own."""


def listed(entry: Entry, width: int, now: float, *, here: bool) -> list[Piece]:
    """A line of the list: unread, severity, age, run, cause, message."""
    finding = entry.finding
    sign, tone = sign_of(finding)
    faint = "dim" if not entry.fresh else "plain"
    name = show.cut_middle(show.clean(finding.name or finding.key), NAME)
    told = "muted: " if entry.mute is not None else "over: " if finding.over else ""
    pieces: list[Piece] = [
        ("›" if here else " ", "strong"),
        ("● " if entry.fresh else "  ", "good"),
        (f"{sign} ", tone if entry.mute is None and not finding.over else "dim"),
        (show.pad_left(show.age(now - finding.first), AGE), "dim"),
        (f"  {name}  ", faint),
    ]
    room = width - 2 - 2 - AGE - NAME - 5
    if width >= NARROW:
        pieces.append((show.cut(show.clean(finding.cause), CAUSE) + "  ", "strong" if entry.fresh else faint))
        room -= CAUSE + 2
    pieces.append((show.cut(told + show.clean(finding.message, 400), max(0, room)), faint))
    return pieces


def head(count: int, unread: int, hidden: int) -> str:
    """What stands over the list."""
    more = f", {hidden} muted or over (a)" if hidden else ""
    return f"{show.count(count, 'finding')}, {unread} unread{more}"


def told(finding: Diagnosed, width: int) -> Iterator[list[Piece]]:
    """All that is known of a finding, in lines of at most so many cells."""
    sign, tone = sign_of(finding)
    where = "" if finding.step is None else f" at {show.clean(finding.index) or 'sample'} {finding.step:.10g}"
    follows = f", follows from {show.clean(finding.root.rpartition(':')[2])}" if finding.root else ""
    over = ", over" if finding.over else ""
    title = f"{show.clean(finding.severity)}: {show.clean(finding.cause)}"
    yield [(f" {sign} {title}", tone), (f"  {show.clean(finding.rule)}{where}{follows}{over}", "dim")]
    for text, look in ((finding.message, "plain"), (finding.advice, "good")):
        lead = "→ " if look == "good" else ""
        for line in show.wrapped(lead + show.clean(text, 2000), max(1, width - 3)) if text else ():
            yield [(f"   {line}", look)]
    evidence = "  ".join(
        show.quantity(show.clean(str(name), 40), show.clean(value, 80) if isinstance(value, str) else value)
        for name, value in finding.evidence.items()
    )
    for line in show.wrapped(evidence, max(1, width - 3)) if evidence else ():
        yield [(f"   {line}", "dim")]
    for line in finding.lines:
        yield [("   │ ", "dim"), (show.cut(show.clean(line, 400), max(1, width - 5)).rstrip(), "plain")]


def all_told(findings: Sequence[Diagnosed], width: int) -> list[list[Piece]]:
    """Several findings, one after the other."""
    lines: list[list[Piece]] = []
    for finding in findings:
        lines += [*told(finding, width), []]
    return lines[:-1]
