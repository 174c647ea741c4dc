"""A screen of panes, one seen at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on

from tui.screens.upper import UpperScreen
from tui.widgets.bars import Tabs

if TYPE_CHECKING:
    from textual.widget import Widget


class TabbedScreen(UpperScreen):
    """Each pane has the name of its tab as its id; the one that is seen has the keyboard."""

    TABS: ClassVar[tuple[str, ...]] = ()

    @property
    def tab(self) -> str:
        """The name of the pane that is seen."""
        return self.query_one(Tabs).current

    @property
    def pane(self) -> Widget:
        """The one that is seen."""
        return self.query_one(f"#{self.tab}")

    def opened(self, name: str) -> None:
        """A pane is seen: fill it."""

    def open_tab(self, name: str) -> None:
        """Show this pane, and give it the keys."""
        self.query_one(Tabs).current = name
        for each in self.TABS:
            self.query_one(f"#{each}").display = each == name
        self.set_focus(self.pane)
        self.opened(name)
        self.show_keys()

    @on(Tabs.Chosen)
    def _tab_chosen(self, message: Tabs.Chosen) -> None:
        self.open_tab(message.name)

    def action_tab(self, name: str) -> None:
        self.open_tab(name)

    def action_previous_tab(self) -> None:
        self.open_tab(self.query_one(Tabs).beside(-1))

    def action_next_tab(self) -> None:
        self.open_tab(self.query_one(Tabs).beside(1))
