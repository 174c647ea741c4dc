"""A question that names what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

NAMED = 10
"""Names that are listed; of more, their number."""


class Confirm(ModalScreen[bool]):
    """True for yes."""

    CSS_PATH = "modal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "yes", priority=True),
        Binding("n,escape,q", "no", priority=True),
    ]

    def __init__(self, question: str, names: Sequence[str], yes: str, warning: str = "") -> None:
        super().__init__()
        self._warning = show.clean(warning)
        self._question = show.clean(question)
        self._names = names
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(Content(self._question), classes="title")
            yield Static(Content("\n".join(listed(self._names))), classes="names")
            if self._warning:
                yield Static(Content(self._warning), classes="warning")
            yield Static(Content(f"y {self._yes}   n no"), classes="keys")

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


def listed(names: Sequence[str]) -> list[str]:
    """The names, cleaned; of many the first ones and how many more there are."""
    lines = [f"· {show.clean(name, 200)}" for name in names[:NAMED]]
    more = len(names) - NAMED
    return [*lines, f"  and {more} more"] if more > 0 else lines
