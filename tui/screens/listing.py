"""A screen of a list that is filtered by words."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from tui.screens.upper import UpperScreen
from tui.widgets.bars import Line
from tui.widgets.picks import Picks
from tui.widgets.query import Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.widget import Widget


class ListingScreen(UpperScreen):
    """The list, what is below it, a line to type a filter into, and the keys. The list has the keyboard."""

    HINT: ClassVar[str] = "filter"
    """What one may filter by."""

    def __init__(self) -> None:
        super().__init__()
        self.words: tuple[str, ...] = ()
        """Each must be somewhere in a line that is listed; in small letters."""

    def parts(self) -> Iterable[Widget]:
        """The list, and what is below it."""
        raise NotImplementedError

    def begin(self) -> None:
        """All is in place: show something, ask for something."""
        self.show_list()

    def show_list(self) -> None:
        """List what has the words."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield from self.parts()
        yield Query()
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Picks))
        self.show_keys()
        self.begin()

    def action_find(self) -> None:
        self.query_one(Query).ask(self.query_one(Picks), " ".join(self.words), self.HINT)

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        self.words = tuple(message.text.lower().split())
        self.show_list()

    def action_back(self) -> None:
        """Away with the filter; without one, back."""
        if self.words:
            self.words = ()
            self.show_list()
        else:
            self.dismiss(None)
