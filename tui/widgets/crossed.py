"""Lines with a cursor that is on a column, too; columns that have no room scroll."""

from __future__ import annotations

from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import reactive

from tui.widgets.picks import Picks

if TYPE_CHECKING:
    from textual import events

GAP = 2
"""Cells between columns."""


class CrossedPicks(Picks):
    """Who draws the lines keeps `_widths` and says how much room there is."""

    column: reactive[int] = reactive(0)
    """The place of the column under the cursor."""

    class Crossed(Message):
        """The cursor is on another column."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._widths: tuple[int, ...] = ()
        self._first = 0
        """The place of the first column on screen."""

    @property
    def _room(self) -> int:
        """Cells for the columns."""
        raise NotImplementedError

    def validate_column(self, column: int) -> int:
        return max(0, min(column, len(self._widths) - 1))

    def watch_column(self) -> None:
        self._show_column()
        self.refresh()
        self.post_message(self.Crossed())

    def action_left(self) -> None:
        self.column -= 1

    def action_right(self) -> None:
        self.column += 1

    def _show_column(self) -> None:
        """Leave out as many columns at the left as it takes to have the cursor's on the screen."""
        self._first = min(self._first, self.column)
        while (
            self._first < self.column
            and sum(w + GAP for w in self._widths[self._first : self.column + 1]) > self._room
        ):
            self._first += 1

    @property
    def _on_screen(self) -> range:
        """The places of the columns that are seen whole; one at least."""
        ends = accumulate(width + GAP for width in self._widths[self._first :])
        whole = sum(1 for _ in takewhile(lambda end: end <= self._room, ends))
        return range(self._first, min(len(self._widths), self._first + max(1, whole)))

    def on_resize(self) -> None:
        self._show_column()
        self.show_cursor()

    def on_click(self, event: events.Click) -> None:
        super().on_click(event)
        left = self.inner_width - self._room
        for place in self._on_screen:
            left += self._widths[place] + GAP
            if event.x < left:
                self.column = place
                return
