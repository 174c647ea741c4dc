"""Lines that somebody else has put together: to read, or with a cursor to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.keys import bindings
from tui.widgets.lines import Lines, pointed
from tui.widgets.picks import Picks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from tui.widgets.lines import Piece


class PieceLines(Lines):
    """Lines to read."""

    DEFAULT_CSS = """
    PieceLines { height: 1fr; }
    """
    BINDINGS = bindings("profile_list")

    def __init__(self, *, id: str | None = None, none: str = "") -> None:
        """`none`: what is said where there are no lines."""
        super().__init__(id=id)
        self.none = none
        self._head: Sequence[Piece] = ()
        self._lines: Sequence[Sequence[Piece]] = ()

    def put(self, head: Sequence[Piece], lines: Sequence[Sequence[Piece]]) -> None:
        """Show these below a line that stays."""
        self._head, self._lines = head, lines
        self.count = len(lines)
        self.refresh()

    def drawn(self, at: int) -> tuple[Sequence[Piece], str]:
        """A line, and what it stands on."""
        return self._lines[at], "plain"

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying(self._head)
        at = self.top + y - 1
        if at >= self.count:
            return self.line(y - 1, [(f"  {self.none}", "dim")] if y == 1 and not self.count else ())
        return self.line(y - 1, *self.drawn(at))


class PieceList(PieceLines, Picks):
    """Lines to choose from."""

    def put(self, head: Sequence[Piece], lines: Sequence[Sequence[Piece]]) -> None:
        super().put(head, lines)
        self.cursor = self.validate_cursor(self.cursor)

    def drawn(self, at: int) -> tuple[Sequence[Piece], str]:
        return (pointed(self._lines[at]), "cursor") if at == self.cursor else super().drawn(at)
