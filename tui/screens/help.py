"""The keys, from their table."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from tui import show
from tui.keys import TITLES, bindings, groups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult

    from tui.keys import Key


NAMES = 12
"""Cells before what a key does: the longest names and the space around them."""


class Keys(Static):
    """Some keys and what they do; what goes on in a second line stands below the first."""

    def __init__(self, keys: Iterable[Key]) -> None:
        super().__init__()
        self._keys = tuple(keys)
        self._fill(max(len(key.help) for key in self._keys))

    def _fill(self, room: int) -> None:
        lines = ((key.name, show.wrapped(key.help, room)) for key in self._keys)
        self.update(
            Content(
                "\n".join(
                    f"  {name if first else '':<{NAMES - 2}}{part}"
                    for name, parts in lines
                    for first, part in zip(chain((True,), repeat(False)), parts, strict=False)
                )
            )
        )

    def on_resize(self) -> None:
        box = self.parent
        if isinstance(box, Widget):
            self._fill(max(1, box.scrollable_content_region.width - NAMES))


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
                yield Keys(keys)

    def on_mount(self) -> None:
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        """The keys of the place are the first that are seen."""
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
