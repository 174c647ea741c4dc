"""A few lines that somebody else has put together, below or beside a pane; nothing to scroll or to choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from tui.widgets.lines import strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from tui.widgets.lines import Piece


class Block(Widget):
    """The lines of `put`, as many as there is room for."""

    DEFAULT_CSS = """
    Block { height: auto; background: $background; color: $foreground; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Sequence[Piece]] = ()

    def put(self, lines: Sequence[Sequence[Piece]]) -> None:
        """Show these."""
        self._lines = lines
        self.refresh()

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def render_line(self, y: int) -> Strip:
        return strip(self, self._lines[y] if y < len(self._lines) else (), self.size.width)
