"""One line to type a filter or a search into."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class Query(Input):
    """Tells every change while it is typed; enter keeps it, esc clears it."""

    DEFAULT_CSS = """
    Query { height: 1; border: none; padding: 0 1; }
    Query:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "drop", "clear", show=False)]

    class Left(Message):
        """The user is done typing; the text is empty where it was dropped."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, text: str, placeholder: str) -> None:
        super().__init__(text, placeholder=placeholder, compact=True, select_on_focus=False)
        self.cursor_blink = False

    async def action_submit(self) -> None:
        self.post_message(self.Left(self.value))

    def action_drop(self) -> None:
        self.post_message(self.Left(""))
