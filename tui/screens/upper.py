"""A screen over the board, with the keys that all of them have."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from tui import show
from tui.keys import KEYS
from tui.screens.hearing import HearingScreen
from tui.widgets.bars import Line, key_groups
from tui.widgets.lines import TONES
from tui.widgets.query import Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tui.keys import Key

TYPING = (((" enter", "strong"), (" keep ", "plain")), ((" esc", "strong"), (" clear ", "plain")))
"""The footer while a filter or a search is typed."""


class UpperScreen(HearingScreen):
    """It can be left, tells its keys in a line at the bottom, and has help."""

    PLACES: ClassVar[tuple[str, ...]] = ()
    """Of the table of keys: the places whose keys act here; help opens at the first."""
    COMPONENT_CLASSES = TONES

    def say(self, text: str, severity: Literal["information", "warning"] = "warning") -> None:
        """A toast; the text is never read as markup."""
        self.notify(show.clean(text), severity=severity, markup=False)

    def copy(self, text: str, said: str = "") -> None:
        """Put a text on the clipboard and say what it is."""
        self.app.copy_to_clipboard(text)
        self.say(f"copied {said or show.clean(text, 80)}", "information")

    # The line at the bottom.

    @property
    def typing(self) -> bool:
        """Whether a filter or a search is being typed."""
        return isinstance(self.focused, Query)

    def keys(self) -> Iterable[Key]:
        """The keys that do something here and now."""
        here = (key for key in KEYS if set(self.PLACES) & set(key.where))
        return (key for key in here if self.check_action(key.action.partition("(")[0], ()))

    def show_keys(self) -> None:
        """Tell them in the footer, where there is one."""
        for footer in self.query("#footer").results(Line):
            footer.groups = TYPING if self.typing else key_groups(self.keys())

    def on_descendant_focus(self) -> None:
        self.show_keys()

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while something is typed."""
        return not self.typing

    def action_back(self) -> None:
        self.dismiss(None)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.PLACES[0]))

    def action_quit(self) -> None:
        self.app.exit(0)
