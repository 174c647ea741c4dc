"""All that is known of the selected row."""

from __future__ import annotations

import time
from itertools import chain, repeat
from typing import TYPE_CHECKING

from tui import show
from tui.keys import bindings
from tui.listing import WAITING
from tui.widgets.job_cells import elapsed, name_of, place_of
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from textual.strip import Strip

    from trainboard.events import HostSeen
    from trainboard.rows import Row


INDENT = 15
"""Cells before a value."""

LONGEST = 4000
"""Characters of a value; why a run waits names every GPU of its host."""


class InfoView(Lines):
    """Fields and values, one a line."""

    DEFAULT_CSS = """
    InfoView { height: 1fr; }
    """
    BINDINGS = bindings("info")
    STAYING = 0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fields: tuple[tuple[str, str], ...] = ()
        self._lines: list[tuple[str, str]] = []

    def put(self, fields: tuple[tuple[str, str], ...]) -> None:
        """Show these fields."""
        if fields != self._fields:
            self._fields = fields
            self._wrap()

    def on_resize(self) -> None:
        self._wrap()

    def _wrap(self) -> None:
        """Long values go on below themselves."""
        room = max(1, self.inner_width - INDENT)
        self._lines = [
            (name if first else "", part)
            for name, value in self._fields
            for first, part in zip(chain((True,), repeat(False)), show.wrapped(value, room), strict=False)
        ]
        self.count = len(self._lines)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        place = self.top + y
        if place >= len(self._lines):
            return self.line(y, ())
        name, value = self._lines[place]
        return self.line(y, [(f" {name:>12}  ", "dim"), (value, "plain")])


def lines(row: Row, host: HostSeen | None, now: float) -> tuple[tuple[str, str], ...]:
    """The fields of a row that have a value; times in the reader's time zone."""
    fields = [
        ("name", name_of(row)),
        ("state", show.state_text(row.state, 15)),
        *reasons(row, now),
        ("why", row.why),
        ("exit code", "" if row.exit_code is None else str(row.exit_code)),
        ("run", row.run or "not started by us"),
        ("waits here", "it is not sent to a backend yet" if row.unsent and not row.state.ended else ""),
        ("backend", place_of(row) if host is None else f"{place_of(row)} ({host.kind}, {host.link})"),
        ("host says", "" if host is None else " — ".join(filter(None, (host.reason, host.advice, host.trouble)))),
        ("job id", row.job_id),
        ("partition", row.partition),
        ("nodes", row.nodes),
        ("submitted", _moment(row.submitted)),
        ("started", _moment(row.started)),
        ("ended", _moment(row.ended)),
        ("elapsed", show.blank(elapsed(row, now))),
        ("time limit", show.blank(row.time_limit)),
        ("checkpoint", _moment(max(row.checkpoints, default=None))),
        ("attempt", "" if row.attempt is None else ", ".join(filter(None, (str(row.attempt), row.cause)))),
        ("priority", f"{row.priority:+d}" if row.priority else ""),
        ("held", "by you (h releases)" if row.held and not row.state.ended else ""),
        ("array", row.array),
        ("batch", f"{row.batch}, task {row.task}" if row.batch else ""),
        ("objective", f"{row.objective} ({row.goal})" if row.objective else ""),
        ("total", ", ".join(f"{total:g} {unit}" for unit, total in row.total.items())),
        ("directory", row.directory),
        ("log", row.log or ""),
        ("token", row.token),
        *((f"· {show.clean(name, 24)}", str(value)) for name, value in row.params.items()),
    ]
    return tuple((name, show.clean(value, LONGEST)) for name, value in fields if value)


def reasons(row: Row, now: float) -> list[tuple[str, str]]:
    """Why a row is as it is; of one that waits for GPUs, a line for each of them."""
    if row.state not in WAITING:
        return [("reason", row.reason)]
    parts = row.reason_at(now).split("; ")
    return [
        ("reason" if first else "·", part) for first, part in zip(chain((True,), repeat(False)), parts, strict=False)
    ]


def _moment(when: float | None) -> str:
    return "" if when is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
