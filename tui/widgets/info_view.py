"""All that is known of the selected row."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui import show
from tui.keys import bindings
from tui.widgets.job_cells import elapsed, name_of
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from textual.strip import Strip

    from trainboard.events import HostSeen
    from trainboard.rows import Row


class InfoView(Lines):
    """Fields and values, one a line."""

    DEFAULT_CSS = """
    InfoView { height: 1fr; }
    """
    BINDINGS = bindings("info")
    STAYING = 0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[tuple[str, str], ...] = ()

    def put(self, lines: tuple[tuple[str, str], ...]) -> None:
        """Show these fields."""
        if lines != self._lines:
            self._lines = lines
            self.count = len(lines)
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
        ("reason", row.reason),
        ("exit code", "" if row.exit_code is None else str(row.exit_code)),
        ("run", row.run or "not started by us"),
        ("backend", row.backend if host is None else f"{row.backend} ({host.kind}, {host.link})"),
        ("host says", "" if host is None else " — ".join(filter(None, (host.reason, host.advice)))),
        ("job id", row.job_id),
        ("partition", row.partition),
        ("nodes", row.nodes),
        ("submitted", _moment(row.submitted)),
        ("started", _moment(row.started)),
        ("ended", _moment(row.ended)),
        ("elapsed", show.blank(elapsed(row, now))),
        ("time limit", show.blank(row.time_limit)),
        ("attempt", "" if row.attempt is None else str(row.attempt)),
        ("objective", f"{row.objective} ({row.goal})" if row.objective else ""),
        ("total", ", ".join(f"{total:g} {unit}" for unit, total in row.total.items())),
        ("directory", row.directory),
        ("log", row.log or ""),
        ("token", row.token),
        *((f"· {show.clean(name, 24)}", str(value)) for name, value in row.params.items()),
    ]
    return tuple((name, show.clean(value)) for name, value in fields if value)


def _moment(when: float | None) -> str:
    return "" if when is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
