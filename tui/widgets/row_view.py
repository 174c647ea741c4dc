"""Lines of segments that somebody else has made, to scroll through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip

from tui.keys import bindings
from tui.widgets.lines import Lines, tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.widgets.lines import Piece


class RowView(Lines):
    """The rows of `put`, below a line that stays."""

    DEFAULT_CSS = """
    RowView { height: 1fr; }
    """
    BINDINGS = bindings("rows")

    class Resized(Message):
        """It is as wide as it says now: its rows are to be made anew."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: Sequence[Sequence[Segment]] = ()
        self._head: Sequence[Piece] = ()

    def put(self, head: Sequence[Piece], rows: Sequence[Sequence[Segment]]) -> None:
        """Show these."""
        self._head, self._rows = head, rows
        self.count = len(rows)
        self.go_to(self.top)
        self.refresh()

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying(self._head)
        at = self.top + y - 1
        plain = tone(self, "plain")
        row = self._rows[at] if at < self.count else ()
        segments = [
            Segment(" ", plain),
            *(Segment(each.text, plain + each.style if each.style else plain) for each in row),
        ]
        return self.barred(Strip(segments).adjust_cell_length(self.inner_width, plain), y - 1)
