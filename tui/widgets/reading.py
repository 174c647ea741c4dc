"""Text to read: lines of pieces that scroll both ways."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.reactive import reactive

from tui.keys import bindings
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from tui.widgets.lines import Piece

STEP = 8
"""Cells that one key moves a long line."""


class Reading(Lines):
    """Lines that somebody else has put together."""

    DEFAULT_CSS = """
    Reading { height: 1fr; }
    """
    STAYING = 0

    left: reactive[int] = reactive(0)
    """Cells of each line that are to the left of the screen."""

    BINDINGS = bindings("script")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Sequence[Piece]] = ()

    def put(self, lines: Sequence[Sequence[Piece]]) -> None:
        """Show these lines, from where the ones before were scrolled to."""
        if lines != self._lines:
            self._lines = lines
            self.count = len(lines)
            self.left = self.validate_left(self.left)
            self.refresh()

    @property
    def _widest(self) -> int:
        return max((sum(cell_len(text) for text, _ in line) for line in self._lines), default=0)

    def validate_left(self, left: int) -> int:
        return max(0, min(left, self._widest - self.inner_width + 1))

    def action_left(self) -> None:
        self.left -= STEP

    def action_right(self) -> None:
        self.left += STEP

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        place = self.top + y
        pieces = self._lines[place] if place < len(self._lines) else ()
        ends = accumulate(len(text) for text, _ in pieces)
        cropped = [
            (text[max(0, self.left - (end - len(text))) :], tone)
            for (text, tone), end in zip(pieces, ends, strict=True)
        ]
        return self.line(y, [(" ", "plain"), *cropped])
