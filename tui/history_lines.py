"""Jobs that are over as the lines of a list. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trainboard import pasts
from tui import show
from tui.columns import Column
from tui.widgets.table_list import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.history import HistorySeen
    from trainboard.pasts import Line, Past

COLUMNS = (
    Column("ended", "ENDED", 6, 6, 0, right=True),
    Column("state", "STATE", 12, 26, 1),
    Column("backend", "BACKEND", 7, 12, 4),
    Column("job", "JOB", 8, 18, 3),
    Column("run", "RUN", 8, 14, 7),
    Column("took", "TOOK", 6, 6, 5, right=True),
    Column("gpus", "GPUS", 4, 4, 8, right=True),
    Column("hours", "GPU-H", 6, 9, 6, right=True),
    Column("exit", "EXIT", 4, 9, 9, right=True),
    Column("name", "NAME", 24, 60, 2),
    Column("why", "WHY", 16, 200, 10),
)

SPANS = (7, 30, 90, 366, 1098)
"""Days that can be looked back, one step after the other."""


def key_of(line: Line) -> str:
    """Stable over refreshes."""
    return f"{line.first.backend}:{line.first.job_id}:{line.first.run}:{line.first.number}"


def entries(jobs: Sequence[Past], now: float, *, fold: bool) -> tuple[list[Entry], list[Line]]:
    """A line for each job, or for each array; and the same as what they stand for."""
    lines = pasts.folded(jobs) if fold else [pasts.Line((job,)) for job in jobs]
    return [_entry(line, now) for line in lines], lines


def _entry(line: Line, now: float) -> Entry:
    _, tone = show.STATES[line.first.state]
    return Entry(key_of(line), partial(_cells, line, now), tone)


def _cells(line: Line, now: float) -> tuple[str, ...]:
    ended = show.age(now - line.ended) if line.ended is not None else "–"
    sign, _ = show.STATES[line.first.state]
    alone = len(line.jobs) == 1
    cells = list(pasts.cells(line, now))
    cells[0] = ended
    cells[1] = show.state_text(line.first.state, 26) if alone else f"{sign} {line.states}"
    return tuple(cells)


def head(seen: HistorySeen | None, jobs: Sequence[Past], days: int, words: Sequence[str], busy: str) -> str:
    """The line on top: what it comes to, how far back, what is not known."""
    parts = [f"over in the last {days} days"]
    if seen is not None:
        parts.append(pasts.in_sum(jobs))
        parts += [f"▲ {show.clean(each.what)}: {show.clean(each.reason)}" for each in seen.troubles]
    parts += [f"filter “{show.clean(' '.join(words), 40)}”"] if words else []
    parts += [busy] if busy else []
    return "  ".join(parts)
