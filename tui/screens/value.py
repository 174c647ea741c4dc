"""One value: of a spec, changed in place, or a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui import show
from tui.screens.question import Answer

if TYPE_CHECKING:
    from textual.app import ComposeResult


class ValueScreen(ModalScreen[str | None]):
    """The new value, as it was typed; None for esc."""

    CSS_PATH = "modal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave")]

    def __init__(self, title: str, told: str, value: str, keys: str = "enter change   esc leave it") -> None:
        """`told`: whose value it is."""
        super().__init__()
        self._title = show.clean(title, 120)
        self._told = show.clean(told, 200)
        self._value = value
        self._keys = keys

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(Content(self._title), classes="title")
            yield Static(Content(self._told), classes="asked")
            entry = Answer(self._value)
            entry.cursor_blink = False
            yield entry
            yield Static(Content(self._keys), classes="keys")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self.dismiss(message.value)

    def action_leave(self) -> None:
        self.dismiss(None)
