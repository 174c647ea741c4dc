"""The columns of the job table, and what stands in them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from backends.states import JobState
from tui import show
from tui.columns import Column
from tui.inbox import sign_of
from tui.listing import WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.progress import Left
    from trainboard.records import Diagnosed
    from trainboard.rows import Row
    from tui.curves import Curve
    from tui.widgets.lines import Piece

COLUMNS = (
    Column("mark", "", 2, 2, 0),
    Column("finding", "", 1, 1, 0),
    Column("state", "state", 12, 12, 0),
    Column("name", "name", 21, 46, 1),
    Column("backend", "backend", 7, 12, 4),
    Column("job", "job", 8, 10, 8, right=True),
    Column("progress", "done", 4, 14, 5, right=True),
    Column("eta", "left", 6, 6, 5, right=True),
    Column("elapsed", "time", 6, 6, 7, right=True),
    Column("spark", "objective", 9, 24, 2),
    Column("last", "last", 7, 9, 3, right=True),
    Column("gpu", "GPU", 4, 4, 10, right=True),
    Column("reason", "reason", 14, 80, 9),
)
WIDE = (*COLUMNS[:2], Column("state", "state", 15, 15, 0), *COLUMNS[3:])
WIDE_FROM = 120
"""Columns of the terminal from which every state is written out."""


NUMBERS = ("progress", "eta", "elapsed", "spark", "last", "gpu")
"""Columns whose place a reason may take."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A row and what is known beside it at one moment."""

    row: Row
    curve: Curve | None
    """Of its objective."""
    progress: tuple[float, float] | None
    """(done, total)."""
    now: float
    left: Left | None = None
    finding: Diagnosed | None = None
    """The worst one that goes on."""
    gpu_use: float | None = None
    """Percent."""

    def last_blank(self, columns: Sequence[tuple[Column, int]]) -> str | None:
        """From which column on the numbers are blank, or, of what waits, those of an attempt before."""
        found = None
        for column, width in reversed(columns):
            if column.name in NUMBERS and (self.row.state in WAITING or not self.cell(column.name, width)):
                found = column.name
            elif column.name != "reason":
                break
        return found

    def cell(self, name: str, width: int) -> str:
        """The text in the column of this name, not yet cut to the width."""
        row, curve, progress = self.row, self.curve, self.progress
        match name:
            case "state":
                return show.state_text(row.state, width)
            case "name":
                return show.cut_middle(name_of(row, width), width)
            case "backend":
                return show.clean(place_of(row))
            case "job":
                return show.clean(row.job_id)
            case "progress":
                return show.percent(progress, width)
            case "eta":
                return left_of(self.left, row, self.now)
            case "elapsed":
                return show.blank(elapsed(row, self.now))
            case "spark":
                return curve.spark(width) if curve is not None else ""
            case "last":
                return show.number(curve.last) if curve is not None else ""
            case "gpu":
                return "" if self.gpu_use is None else f"{self.gpu_use:.0f}%"
        return reason_of(row, self.now)


def row_pieces(seen: Seen, columns: Sequence[tuple[Column, int]], width: int, sign: str) -> tuple[Piece, ...]:
    """A row's line; a reason that has no column of its own, or too short a one, begins where the numbers end."""
    tone, dim = show.STATES[seen.row.state][1], "dim" if seen.row.state.ended else "plain"
    found, found_tone = sign_of(seen.finding)
    tones = {"state": tone, "last": "strong", "finding": found_tone}
    reason = reason_of(seen.row, seen.now)
    start = seen.last_blank(columns) if cell_len(reason) > width_of("reason", columns) else None
    pieces: list[Piece] = []
    used = 0
    for column, cells in columns:
        if column.name == start:
            return (*pieces, (show.cut(reason, max(0, width - used)), tone))
        text = {"mark": sign, "finding": found}.get(column.name) or seen.cell(column.name, cells)
        text = show.pad_left(text, cells) if column.right else show.cut(text, cells)
        pieces += [(text, tones.get(column.name, dim)), (" ", dim)]
        used += cells + 1
    return tuple(pieces)


def width_of(name: str, columns: Sequence[tuple[Column, int]]) -> int:
    """How wide the column of this name is; 0 where it is not shown."""
    return next((width for column, width in columns if column.name == name), 0)


def name_of(row: Row, width: int = 400) -> str:
    """What a row is called on screen: its experiment and its setting, or the job's name.

    In a narrow place the setting is whole, as it is what differs between neighbours, and the experiment is cut.
    """
    name = show.clean(row.name)
    experiment, slash, setting = name.partition("/")
    if row.experiment is None or not slash or len(name) <= width:
        return name
    room = width - cell_len(setting) - 1
    return f"{show.cut_middle(experiment, room)}/{setting}" if room >= 6 else setting


def place_of(row: Row) -> str:
    """Its backend; with an arrow while it is on its way there, a dash while none is chosen."""
    on_its_way = row.unsent or (row.state is JobState.SUBMITTING and not row.job_id)
    return f"→{row.backend}" if row.backend and on_its_way else row.backend or "–"


def named(row: Row) -> str:
    """A row as a question names it."""
    return f"{name_of(row)}  ({' '.join(filter(None, (place_of(row), row.job_id))) if row.backend else 'not sent'})"


def reason_of(row: Row, now: float) -> str:
    """Why a row is as it is, in one line; of one that waits the priority too, where it has one."""
    if row.why:
        return show.clean(row.why)
    reason = "" if row.reason == "None" else show.clean(row.reason_at(now))
    if row.priority and row.state in WAITING:
        return f"{row.priority:+d} · {reason}" if reason else f"priority {row.priority:+d}"
    if reason:
        return reason
    return f"exit {row.exit_code}" if row.state.ended and row.exit_code else ""


def left_of(left: Left | None, row: Row, now: float) -> str:
    """How long a row still takes; `!` where its time limit is over before."""
    from trainboard.progress import deadline, in_time

    if left is None:
        return ""
    if left.stalled is not None:
        return "stalls"
    late = in_time(left, deadline(row), now) is False
    return "" if left.likely is None else show.duration(left.likely) + "!" * late


def elapsed(row: Row, now: float) -> float | None:
    """Seconds it ran, or runs."""
    if row.started is None or (row.state.ended and row.ended is None):
        return None
    return (row.ended if row.ended is not None else now) - row.started
