"""The keys, from their table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.keys import TITLES, bindings, groups

if TYPE_CHECKING:
    from textual.app import ComposeResult


class HelpScreen(ModalScreen[None]):
    """All keys, by place; it opens at those of one place."""

    CSS_PATH = "modal.tcss"
    BINDINGS = bindings("help")

    def __init__(self, place: str = next(iter(TITLES))) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box", id="help") as box:
            box.border_subtitle = "j k scroll · esc closes"
            for title, keys in groups():
                yield Static(Content(title), classes="title first" if title == TITLES[self._place] else "title")
                yield Static(Content("\n".join(f"  {key.name:<8} {key.help}" for key in keys)))

    def on_mount(self) -> None:
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        self.query_one("#help").scroll_to_widget(self.query_one(".first"), animate=False, top=True)

    def _scroll(self, lines: int) -> None:
        box = self.query_one("#help")
        box.scroll_to(y=box.scroll_y + lines, animate=False)

    def action_down(self) -> None:
        self._scroll(1)

    def action_up(self) -> None:
        self._scroll(-1)

    def action_half_down(self) -> None:
        self._scroll(self.size.height // 2)

    def action_half_up(self) -> None:
        self._scroll(-(self.size.height // 2))

    def action_top(self) -> None:
        self.query_one("#help").scroll_home(animate=False)

    def action_bottom(self) -> None:
        self.query_one("#help").scroll_end(animate=False)

    def action_back(self) -> None:
        self.dismiss(None)
