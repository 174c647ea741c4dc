"""What of a job is to be copied."""

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

    from trainboard.rows import Row

KEYS = "123456789"


def offered(row: Row, shell: str) -> tuple[tuple[str, str], ...]:
    """What there is to copy of a job, each with what it is; the most wanted first. Pure.

    `shell`: the command that opens a shell in its folder; empty: there is none.
    """
    name = row.run or row.key
    found = (
        ("log", row.log or ""),
        ("job id", row.job_id),
        ("run", name),
        ("folder", row.directory),
        ("parameters", " ".join(f"{key}={value}" for key, value in row.params.items())),
        ("shell", shell),
        ("follow its log", f"trainboard logs -f {name}" if row.ours else ""),
        ("why it failed", row.why),
        ("node", row.nodes),
    )
    return tuple((what, text) for what, text in found if text)


class CopyScreen(ModalScreen[str | None]):
    """The text that is to be copied; None for esc."""

    CSS_PATH = "modal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"take({place})", priority=True) for place, key in enumerate(KEYS)),
        Binding("y,enter", "take(0)", priority=True),
        Binding("escape,n,q", "leave", priority=True),
    ]

    def __init__(self, title: str, texts: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._texts = texts

    def compose(self) -> ComposeResult:
        wide = max(len(what) for what, _ in self._texts)
        lines = [
            f"{key}  {what:<{wide}}  {show.clean(text, 90)}"
            for key, (what, text) in zip(KEYS, self._texts, strict=False)
        ]
        with Vertical(classes="box"):
            yield Static(Content(f"Copy of {show.clean(self._title, 80)}"), classes="title")
            yield Static(Content("\n".join(lines)), classes="names")
            yield Static(Content("1-9 copy   y the first   esc no"), classes="keys")

    def action_take(self, place: int) -> None:
        if place < len(self._texts):
            self.dismiss(self._texts[place][1])

    def action_leave(self) -> None:
        self.dismiss(None)
