"""Lines with a cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import reactive

from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from textual import events


class Picks(Lines):
    """The cursor is on one of the lines, and the lines scroll with it."""

    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """The cursor is on another line."""

        def __init__(self, picks: Picks) -> None:
            super().__init__()
            self.picks = picks

        @property
        def control(self) -> Picks:
            return self.picks

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, self.count - 1))

    def watch_cursor(self) -> None:
        self.show_cursor()
        self.refresh()
        self.post_message(self.Moved(self))

    def show_cursor(self) -> None:
        """Scroll as little as brings the cursor on the screen."""
        self.go_to(min(self.cursor, max(self.top, self.cursor - self.inner_height + 1)))

    def on_resize(self) -> None:
        self.show_cursor()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        line = self.top + event.y - self.STAYING
        if event.y >= self.STAYING and line < self.count:
            self.cursor = line

    def action_down(self) -> None:
        self.cursor += 1

    def action_up(self) -> None:
        self.cursor -= 1

    def action_top(self) -> None:
        self.cursor = 0

    def action_bottom(self) -> None:
        self.cursor = self.count - 1

    def action_half_down(self) -> None:
        self.cursor += max(1, self.inner_height // 2)

    def action_half_up(self) -> None:
        self.cursor -= max(1, self.inner_height // 2)
