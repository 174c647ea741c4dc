"""The one line of an experiment or of an array, and what the info pane says of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tui import show
from tui.inbox import sign_of
from tui.listing import WAITING
from tui.widgets.job_cells import elapsed, name_of, reason_of, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backends.states import JobState
    from trainboard.records import Diagnosed
    from trainboard.rows import Row
    from tui.columns import Column
    from tui.curves import Curve
    from tui.groups import Group
    from tui.widgets.lines import Piece

REST = dict.fromkeys(("eta", "elapsed", "spark", "last"), "rest")
MERGED = {"backend": "name", "job": "name", **REST}
"""Columns that are one place where there is no room for the reason: counts and settings are longer than numbers."""

BLANK = {**REST, "reason": "rest"}
"""Columns that are one place where a reason is longer than its own, and there are no numbers."""

NAMED = 12
"""Cells that a name keeps beside long counts."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A group and the rows that stand for it, at one moment."""

    group: Group
    first: Row
    """The liveliest."""
    best: Row | None
    curve: Curve | None
    """Of the objective of the best."""
    oldest: Row | None
    """Of those that run, the one that began first."""
    now: float
    finding: Diagnosed | None = None
    """The worst one of its rows that goes on."""

    @property
    def name(self) -> str:
        """What the group is called on screen."""
        return show.clean(self.first.experiment) if self.first.experiment is not None else name_of(self.first)

    @property
    def asked(self) -> int:
        """How many settings of a sweep that asks for them have been asked for."""
        return -(-len(self.group.members) // max(1, self.first.seeds))

    @property
    def progress(self) -> tuple[float, float] | None:
        """(done, total), in runs; of foreign jobs it is not known."""
        total = max(len(self.group), self.first.trials * self.first.seeds)
        return (min(self.group.share, total), total) if self.first.ours else None

    @property
    def best_value(self) -> float | None:
        """The best objective so far."""
        return None if self.best is None or self.curve is None else self.curve.best(self.best.goal)

    @property
    def left(self) -> str:
        """How long what runs goes on; `≥` where other runs wait."""
        if not self.group.ends:
            return ""
        more = any(self.group.states[state] for state in WAITING)
        return ("≥" if more else "") + show.duration(max(0.0, -self.group.ends[0][0] - self.now))

    @property
    def where(self) -> str:
        """Its backend, or how many there are."""
        names = [name for name, count in self.group.backends.items() if name and count]
        return show.clean(names[0]) if len(names) == 1 else f"{len(names)} hosts" if names else "–"

    @property
    def reason(self) -> str:
        """Which run is the best, or else why the liveliest is as it is."""
        return f"best {setting_of(self.best)}" if self.best is not None else reason_of(self.first, self.now)

    def cell(self, name: str, width: int) -> str:
        """The text in the column of this name, not yet cut to the width."""
        match name:
            case "state":
                return show.state_text(self.first.state, width)
            case "backend":
                return self.where
            case "job":
                return show.clean(self.first.array) if not self.first.ours else ""
            case "progress":
                return show.percent(self.progress, width)
            case "eta":
                return self.left
            case "elapsed":
                return "" if self.oldest is None else show.blank(elapsed(self.oldest, self.now))
            case "spark":
                return self.curve.spark(width) if self.curve is not None else ""
            case "last":
                return "" if self.best_value is None else show.number(self.best_value)
            case "gpu":
                return ""  # of many runs no one figure tells anything
        return self.reason

    def rest(self, width: int) -> list[tuple[str, str]]:
        """In one place, what there are no columns for."""
        if self.best is None:
            text = self.reason or (f"{self.left} left" if self.left else "")
            return [(show.cut(text, width), "dim" if self.first.state.ended else "plain")]
        head = show.cut(
            f"best {show.number(self.best_value)} ", min(width, 5 + 1 + len(show.number(self.best_value)))
        )
        return [(head, "strong"), (show.cut_middle(setting_of(self.best), width - len(head)), "plain")]


def fold_pieces(fold: Fold, columns: Sequence[tuple[Column, int]], sign: str) -> tuple[Piece, ...]:
    """A group's line."""
    dim = "dim" if fold.first.state.ended else "plain"
    found, found_tone = sign_of(fold.finding)
    tones = {"state": show.STATES[fold.first.state][1], "last": "strong", "finding": found_tone}
    pieces: list[Piece] = []
    for name, width, right in places(columns, merged(fold, columns)):
        if name == "name":
            pieces += name_pieces(fold, width, dim)
        elif name == "rest":
            pieces += fold.rest(width)
        else:
            text = {"mark": sign, "finding": found}.get(name) or fold.cell(name, width)
            pieces.append((show.pad_left(text, width) if right else show.cut(text, width), tones.get(name, dim)))
        pieces.append((" ", dim))
    return tuple(pieces)


def merged(fold: Fold, columns: Sequence[tuple[Column, int]]) -> Mapping[str, str]:
    """The columns of a group's line that are part of another place, with that place's name."""
    room = width_of("reason", columns)
    if not room:
        return MERGED
    return BLANK if fold.best is None and not fold.group.ends and cell_len(fold.reason) > room else {}


def places(columns: Sequence[tuple[Column, int]], merged: Mapping[str, str]) -> Iterable[tuple[str, int, bool]]:
    """Name, width and whether it is flush right, of the places in a group's line."""
    widths: dict[str, int] = {}
    for column, width in columns:
        name = merged.get(column.name, column.name)
        widths[name] = widths[name] + 1 + width if name in widths else width
    right = {column.name for column, _ in columns if column.right}
    return [(name, width, name in right) for name, width in widths.items()]


def name_pieces(fold: Fold, width: int, dim: str) -> list[Piece]:
    """The name, and flush right how many runs are in which state."""
    name = fold.name
    asked = f"{fold.asked}/{fold.first.trials} " if fold.first.trials else ""
    counts = count_pieces(fold.group.states, width - 3 - len(asked) - min(NAMED, cell_len(name)))
    if asked:
        counts = [(asked, "strong"), *counts]
    room = width - 1 - sum(cell_len(text) for text, _ in counts)
    return [(show.cut("▸ " + show.cut_middle(name, min(cell_len(name), room - 2)), room), dim), (" ", dim), *counts]


def count_pieces(states: Mapping[JobState, int], width: int) -> list[Piece]:
    """`3 R · 12 PD · 1 F`; shorter where that does not fit, and of what still does not, the most important."""
    found = [(states[state], code, show.STATES[state][1]) for state, code in show.CODES.items() if states.get(state)]
    for gap, between in ((" ", " · "), ("", " ")):
        texts = [f"{count}{gap}{code}" for count, code, _ in found]
        if len(between.join(texts)) <= width:
            break
    pieces: list[Piece] = []
    room = width
    for place, ((_, _, tone), text) in enumerate(zip(found, texts, strict=True), 1):
        part = between + text if pieces else text
        if len(part) > room - (place < len(texts)):
            return [*pieces, ("…", "dim")] if room > 0 else pieces
        pieces.append((part, tone))
        room -= len(part)
    return pieces


def setting_of(row: Row) -> str:
    """What is its own of a run's name, or of an array's task."""
    return show.clean(row.name).partition("/")[2] or name_of(row) if row.ours else show.clean(row.job_id)


def trials_of(fold: Fold) -> str:
    """How far a sweep is that asks for its trials, and what the next one waits for; empty where it asks for none."""
    first = fold.first
    if not first.trials:
        return ""
    left = first.trials - fold.asked
    here = first.unsent and not first.state.ended  # the liveliest waits on this side: so does all that is on the way
    rest = f", {left} more when {'these have been sent' if here else 'there is room'}" if left > 0 else ""
    return f"{fold.asked} of {first.trials} asked for{rest}"


def fold_fields(fold: Fold) -> tuple[tuple[str, str], ...]:
    """The fields of a group that have a value."""
    group, best = fold.group, fold.best
    counts = ", ".join(f"{group.states[state]} {state}" for state in show.CODES if group.states.get(state))
    hidden = len(group.members) - len(group)
    of = f" of {show.count(len(group.bests), 'run')} with a curve"
    fields = (
        ("experiment" if fold.first.ours else "array", fold.name if fold.first.ours else fold.first.array),
        ("runs" if fold.first.ours else "tasks", f"{len(group)}: {counts}"),
        ("trials", trials_of(fold)),
        ("hidden", f"{hidden} more, by the filter" if hidden else ""),
        ("done", show.percent(fold.progress, 30)),
        ("best", "" if best is None else f"{show.number(fold.best_value)} {best.objective} ({best.goal}){of}"),
        ("its run", "" if best is None else f"{setting_of(best)} ({best.key})"),
        (
            "running",
            "" if fold.oldest is None else f"{fold.cell('elapsed', 9)}, the oldest: {setting_of(fold.oldest)}",
        ),
        ("left", fold.left),
        ("backends", ", ".join(f"{name or 'not sent'} {count}" for name, count in group.backends.items() if count)),
    )
    return tuple((name, show.clean(value)) for name, value in fields if value)
