"""One question of a host: a password, a code, or whether its key is to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui import show
from tui.widgets.typing import in_order

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from backends.base import Question

LINES = 8
"""Lines of a server's text that are shown, beside the last one, which is what it asks."""


class Answer(Input):
    """One line to type an answer into."""

    async def _on_key(self, event: events.Key) -> None:
        await in_order(self, event)


class QuestionScreen(ModalScreen[str | None]):
    """The answer; None for esc."""

    CSS_PATH = "modal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "decline"),
        Binding("y", "accept"),
        Binding("n", "decline"),
    ]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        question = self.question
        *text, asked = [show.clean(line, 200) for line in question.text.splitlines()] or [""]
        with Vertical(classes="box"):
            yield Static(Content(show.clean(question.title or question.host, 120)), classes="title")
            if text:
                yield Static(Content("\n".join(text[:LINES])), classes="names said")
            yield Static(Content(asked), classes="asked")
            if not question.yes_no:
                entry = Answer(password=not question.echo)
                entry.cursor_blink = False
                yield entry
            yield Static(Content("y yes   n no" if question.yes_no else "enter answer   esc decline"), classes="keys")

    def leave(self) -> None:
        """Whoever asked has given up: nothing to answer any more."""
        if self.is_attached and self in self.app.screen_stack:
            if self.is_current:
                self.dismiss(None)
            else:
                self.app.call_later(self.leave)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """Only `y` says yes to a key, and only where that was the question."""
        return self.question.yes_no if action == "accept" else True

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self.dismiss(message.value)

    def action_accept(self) -> None:
        self.dismiss("yes")

    def action_decline(self) -> None:
        self.dismiss(None)
