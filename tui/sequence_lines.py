"""What the screen of sequences says beside the text: what was expected, lists of units, places and steps. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from trainboard.sequences import alternatives
from trainboard.tokens import shown
from trainboard.unitreasons import context
from tui import show
from tui.columns import Column
from tui.widgets.table_list import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trainboard.sequences import Passage, Sums
    from trainboard.unitreasons import Reason
    from tui.widgets.lines import Piece

CAME = " ← came"
BAR = "▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Step:
    """One passage among those that can be compared."""

    path: str
    number: int
    """Of the passage in its file."""
    label: str
    """The step, or the file's name."""


def name(token: str) -> str:
    """A token as it is called in a sentence."""
    return f"‹{shown(token)}›"


def how_well(found: Sums) -> str:
    """Perplexity and bits, in a few words."""
    if not found.tokens:
        return "no probabilities"
    return f"perplexity {show.number(found.perplexity)}  {show.number(found.per_character)} bits/char"


def bar(share: float, width: int) -> str:
    """A bar of eighths."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + (BAR[eighths % 8 - 1] if eighths % 8 else "")


def expected(passage: Passage, at: int, width: int, height: int) -> list[list[Piece]]:
    """What came at a place and what was expected there: a line, and columns of bars below it."""
    chance = float(passage.chances[at])
    token = passage.tokens[at]
    found = alternatives(passage.tops[at])
    lines: list[list[Piece]] = [_came(token, chance, [each for each, _ in found])]
    column = max(24, min(40, width // max(1, width // 30)))
    columns = max(1, width // column)
    rows = height - 1
    for row in range(rows):
        pieces: list[Piece] = []
        for number in range(row, min(len(found), rows * columns), rows):
            each, p = found[number]
            label = show.cut(name(each), 9)
            here = CAME if each == token else ""
            room = max(4, column - 18 - cell_len(CAME))
            text = f"{label} {percent(p):>6} "
            pieces += [(" ", "plain"), (text, "strong" if here else "plain"), (show.cut(bar(p, room), room), "curve")]
            pieces.append((show.cut(here, column - 1 - cell_len(text) - room), "strong"))
        lines.append(pieces)
    if not found and rows:
        lines[1] = [(' what else was expected is not told: a line may have "top"', "dim")]
    return lines


def _came(token: str, chance: float, others: Sequence[str]) -> list[Piece]:
    if math.isnan(chance):
        return [(f" {name(token)}", "strong"), ("  its probability is not told", "dim")]
    bits = math.inf if chance == 0 else -math.log2(chance)
    rank = f", number {others.index(token) + 1} of what was expected" if token in others else ""
    if others and not rank:
        rank = f", not among the {len(others)} likeliest"
    said = f"  came with p {percent(chance)}: {show.number(max(0.0, bits))} bits{rank}"
    return [(f" {name(token)}", "strong"), (said, "plain")]


def percent(share: float) -> str:
    """A probability in at most six characters."""
    if share >= 0.0995:
        return f"{100 * share:.0f}%"
    return f"{100 * share:.2g}%" if share >= 1e-4 else f"{share:.0e}"


UNIT_COLUMNS = (
    Column("unit", "unit", 6, 14, 0),
    Column("share", "explained", 9, 9, 0, right=True),
    Column("what", "by", 20, 34, 1),
    Column("means", "mean there, elsewhere", 21, 22, 2),
    Column("places", "where it is greatest", 24, 200, 3),
)


def units(found: Iterable[Reason], passage: Passage) -> list[Entry]:
    """A line for each unit."""
    return [Entry(each.unit, _unit(each, passage)) for each in found]


def _unit(each: Reason, passage: Passage) -> tuple[str, ...]:
    share = "constant" if math.isnan(each.share) else f"{100 * each.share:.0f}%"
    if each.low != each.low:
        share = "nothing"
    means = f"{each.here:.3g}, {each.else_:.3g}" if each.what else ""
    what = f"{each.what}: {show.clean(each.level)}" if each.what and each.what not in each.level else each.level
    places = "  ".join(around(passage, at, 8) for at in each.places)
    return show.clean(each.unit, 40), share, show.clean(what), means, places


def around(passage: Passage, at: int, tokens: int = 16) -> str:
    """A token with the text around it, marked."""
    before, token, after = context(passage, at, tokens)
    return f"{shown(before)}‹{shown(token)}›{shown(after)}"


WORST_COLUMNS = (
    Column("at", "at", 7, 8, 2, right=True),
    Column("bits", "bits", 6, 6, 0, right=True),
    Column("chance", "p", 6, 6, 1, right=True),
    Column("came", "came", 8, 12, 0),
    Column("instead", "expected", 12, 24, 1),
    Column("around", "around it", 24, 200, 1),
)


def worst(places: Iterable[int], passage: Passage) -> list[Entry]:
    """A line for each place."""

    def made(at: int) -> tuple[str, ...]:
        chance = float(passage.chances[at])
        bits = "inf" if chance == 0 else f"{-math.log2(chance):.1f}"
        tops = alternatives(passage.tops[at], 2)
        instead = "  ".join(f"{name(each)} {percent(p)}" for each, p in tops)
        return str(at), bits, percent(chance), name(passage.tokens[at]), instead, around(passage, at)

    return [Entry(str(at), lambda at=at: made(at)) for at in places]  # type: ignore[misc]  # bound now


STEP_COLUMNS = (
    Column("step", "step", 8, 20, 0, right=True),
    Column("tokens", "tokens", 7, 9, 2, right=True),
    Column("perplexity", "perplexity", 10, 10, 0, right=True),
    Column("bits", "bits/token", 10, 10, 1, right=True),
    Column("char", "bits/char", 9, 9, 1, right=True),
    Column("change", "change", 8, 8, 2, right=True),
    Column("file", "file", 12, 200, 3),
)


def steps(found: Sequence[tuple[Step, Sums | str]]) -> list[Entry]:
    """A line for each step; in the place of its numbers, why there are none."""
    entries = []
    before = math.nan
    for step, sums in found:
        key = f"{step.number} {step.path}"
        if isinstance(sums, str):
            cells: tuple[str, ...] = (step.label, *["–"] * 5, sums)
        else:
            change = sums.bits - before
            before = sums.bits
            numbers = sums.perplexity, sums.bits, sums.per_character
            told = "" if math.isnan(change) else f"{change:+.2g}"
            cells = (step.label, str(sums.tokens), *map(show.number, numbers), told, step.path)
        entries.append(Entry(key, tuple(show.clean(each) for each in cells)))
    return entries
