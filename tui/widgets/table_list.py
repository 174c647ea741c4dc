"""Lines in columns with a cursor that stays on its line, drawn only where they are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui import show
from tui.columns import GAP, fit
from tui.keys import bindings
from tui.widgets.picks import Picks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.strip import Strip

    from tui.columns import Column
    from tui.widgets.lines import Piece


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: cells in columns, or one text over the whole width."""

    key: str
    """Stable over refreshes; empty for a line that is only to be read."""
    made: tuple[str, ...] | Callable[[], tuple[str, ...]]
    """The cells by column, or what makes them when the line is seen; a single one is the whole line."""
    tone: str = "plain"

    @property
    def cells(self) -> tuple[str, ...]:
        """What it shows."""
        return self.made() if callable(self.made) else self.made


class TableList(Picks):
    """A head, titles, and the lines of `put`."""

    DEFAULT_CSS = """
    TableList { height: 1fr; }
    """
    BINDINGS = bindings("table_list")

    def __init__(self, *, id: str | None = None, none: str = "nothing here", titled: bool = False) -> None:
        """`none`: what is said where there are no lines; `titled`: the columns' titles stay below the head."""
        super().__init__(id=id)
        if titled:
            self.STAYING = 2
        self.entries: Sequence[Entry] = ()
        self.none = none
        self._columns: Sequence[Column] = ()
        self._head = ""

    def put(self, head: str, columns: Sequence[Column], entries: Sequence[Entry]) -> None:
        """Show these; the cursor stays on its line while that is there."""
        at = self.entry.key if self.entry is not None else ""
        self._head, self._columns, self.entries = head, columns, entries
        self.count = len(entries)
        found = next((place for place, each in enumerate(entries) if at and each.key == at), self.cursor)
        self.cursor = self.validate_cursor(found)
        self.refresh()

    def say(self, head: str) -> None:
        """Another head over the same lines."""
        if head != self._head:
            self._head = head
            self.refresh_line(0)

    @property
    def entry(self) -> Entry | None:
        """The line under the cursor."""
        return self.entries[self.cursor] if self.cursor < len(self.entries) else None

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying([(self._head, "plain")])
        y -= self.STAYING
        if y < 0:
            titles = Entry("", tuple(column.title for column in self._columns), "dim")
            return self.line(y, [(" ", "dim"), *self._pieces(titles)] if self.count else ())
        at = self.top + y
        if at >= self.count:
            return self.line(y, [(f"  {self.none}" if not y and not self.count else "", "dim")])
        here = at == self.cursor
        sign: Piece = ("›" if here else " ", "strong")
        return self.line(y, [sign, *self._pieces(self.entries[at])], "cursor" if here else "plain")

    def _pieces(self, entry: Entry) -> list[Piece]:
        room = self.inner_width - 1
        found = entry.cells
        if len(found) == 1:
            return [(show.cut(found[0], room), entry.tone)]
        places = {column.name: place for place, column in enumerate(self._columns)}
        cells = [
            (show.pad_left if column.right else show.cut)(found[places[column.name]], width)
            for column, width in fit(self._columns, room)
        ]
        return [((" " * GAP).join(cells), entry.tone)]
