"""The list of findings: a line each, with a cursor that stays on its finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import finding_lines
from tui.keys import bindings
from tui.widgets.picks import Picks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.strip import Strip

    from tui.inbox import Entry


class FindingList(Picks):
    """The newest first."""

    DEFAULT_CSS = """
    FindingList { height: 1fr; }
    """
    BINDINGS = bindings("findings")

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: Sequence[Entry] = ()
        self._clock = clock
        self._head = ""

    def put(self, entries: Sequence[Entry], head: str) -> None:
        """Show these; the cursor stays on its finding while that is listed."""
        at = self.entry.finding.id if self.entry is not None else None
        self.entries, self._head = entries, head
        self.count = len(entries)
        place = next((place for place, each in enumerate(entries) if each.finding.id == at), self.cursor)
        self.cursor = self.validate_cursor(place)
        self.refresh()

    @property
    def entry(self) -> Entry | None:
        """The finding under the cursor."""
        return self.entries[self.cursor] if self.cursor < len(self.entries) else None

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying([(self._head, "plain")])
        at = self.top + y - 1
        if at >= self.count:
            said = "  nothing was found" if y == 1 and not self.count else ""
            return self.line(y - 1, [(said, "dim")])
        here = at == self.cursor
        pieces = finding_lines.listed(self.entries[at], self.inner_width, self._clock(), here=here)
        return self.line(y - 1, pieces, "cursor" if here else "plain")
