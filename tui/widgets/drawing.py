"""A drawing or a text that is made for the room that there is, below a line that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.keys import bindings
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.strip import Strip

    from tui.widgets.lines import Piece

    Draw = Callable[[int, int], Sequence[Sequence[Piece]]]


class Drawing(Lines):
    """Made anew where the room is another one; what has more lines scrolls."""

    DEFAULT_CSS = """
    Drawing { height: 1fr; }
    """
    BINDINGS = bindings("drawing")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._head = ""
        self._draw: Draw = lambda width, height: ()
        self._lines: Sequence[Sequence[Piece]] = ()

    def put(self, head: str, draw: Draw) -> None:
        """Show what this makes of a width and a height."""
        self._head, self._draw = head, draw
        self.go_to(0)
        self.on_resize()

    def on_resize(self) -> None:
        self._lines = self._draw(self.inner_width, self.inner_height) if self.size.height > 1 else ()
        self.count = len(self._lines)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying([(self._head, "plain")])
        at = self.top + y - 1
        return self.line(y - 1, self._lines[at] if at < len(self._lines) else ())
