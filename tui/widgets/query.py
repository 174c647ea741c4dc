"""One line to type a filter or a search into."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from tui.widgets.typing import in_order, typed

if TYPE_CHECKING:
    from textual import events
    from textual.widget import Widget


class Query(Input):
    """Tells every change to who asked; enter keeps what is typed, esc clears it. Hidden while nothing is asked."""

    DEFAULT_CSS = """
    Query { height: 1; border: none; padding: 0 1; display: none; }
    Query:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "keep", show=False, priority=True),
        Binding("escape", "drop", show=False, priority=True),
    ]

    class Typed(Message):
        """The text has changed, or is kept."""

        def __init__(self, text: str, asker: Widget, *, kept: bool = False) -> None:
            super().__init__()
            self.text = text
            self.asker = asker
            self.kept = kept
            """Whether the user is done with it."""

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False)
        self.cursor_blink = False
        self._asker: Widget | None = None

    def ask(self, asker: Widget, text: str, placeholder: str) -> None:
        """Take the keyboard until the user is done, then give it back to who asked."""
        self._asker = asker
        self.value, self.placeholder = text, placeholder
        self.cursor_position = len(text)
        self.display = True
        self.screen.set_focus(self)

    async def _on_key(self, event: events.Key) -> None:
        await in_order(self, event)

    def on_input_changed(self, message: Input.Changed) -> None:
        message.stop()
        self._tell(message.value)

    async def action_keep(self) -> None:
        await typed(self)
        self._tell(self.value, kept=True)
        self._leave()

    async def action_drop(self) -> None:
        await typed(self)
        self._tell("", kept=True)
        self._leave()

    def _tell(self, text: str, *, kept: bool = False) -> None:
        if self._asker is not None:
            self._asker.post_message(self.Typed(text, self._asker, kept=kept))

    def _leave(self) -> None:
        asker, self._asker = self._asker, None
        self.screen.set_focus(asker)
        self.display = False
