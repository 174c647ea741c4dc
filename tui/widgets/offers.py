"""Words that fit where the cursor is, to choose from while typing goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.message import Message
from textual.widget import Widget

from tui import show
from tui.widgets.lines import strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.strip import Strip

MOST = 8
"""Words on the screen at the same time."""
WIDEST = 60


class Offers(Widget, can_focus=False):
    """A list over the text. The text keeps the keyboard and hands on the keys that mean the list."""

    DEFAULT_CSS = """
    Offers { position: absolute; overlay: screen; constrain: inflect inside; display: none; width: 20; height: 1;
             background: $panel; }
    """

    class Chosen(Message):
        """This one is to be put in; by its place in the list."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words: tuple[tuple[str, str], ...] = ()
        self._chosen = 0
        self._moved = False

    def put(self, words: Sequence[tuple[str, str]], at: tuple[int, int]) -> None:
        """Offer these, each with what it means, below a place of the screen; none: hide."""
        self._words, self._chosen, self._moved = tuple(words), 0, False
        self.display = bool(words)
        if words:
            self._left = max(cell_len(word) for word, _ in words) + 2
            means = max(cell_len(meaning) for _, meaning in words)
            self.styles.width = min(WIDEST, self._left + (means + 1 if means else 0))
            self.styles.height = min(MOST, len(words))
            self.styles.offset = (max(0, at[0]), at[1] + 1)
            self.refresh()

    def hide(self) -> None:
        """Offer nothing."""
        self.put((), (0, 0))

    def takes(self, key: str) -> bool:
        """Do what this key means for the list, if it means anything. Enter does once somebody has chosen."""
        if key in ("down", "up"):
            self._chosen = (self._chosen + (1 if key == "down" else -1)) % len(self._words)
            self._moved = True
            self.refresh()
        elif key == "tab" or (key == "enter" and self._moved):
            self.post_message(self.Chosen(self._chosen))
        else:
            return False
        return True

    @property
    def _top(self) -> int:
        return max(0, min(self._chosen - MOST // 2, len(self._words) - MOST))

    def render_line(self, y: int) -> Strip:
        place = self._top + y
        if place >= len(self._words):
            return strip(self, (), self.size.width, "head")
        word, meaning = self._words[place]
        here = place == self._chosen
        room = self.size.width - self._left
        pieces = [
            (show.cut(f"{'›' if here else ' '}{word}", self._left), "strong" if here else "plain"),
            (show.cut(meaning, room), "dim"),
        ]
        return strip(self, pieces, self.size.width, "cursor" if here else "head")

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen(self._top + event.y))
