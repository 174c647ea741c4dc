"""Where a rule is to be muted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui import show

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from trainboard.records import Diagnosed


class MuteScreen(ModalScreen[str | None]):
    """The scope: `run`, `spec` or `all`; None for esc."""

    CSS_PATH = "modal.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "take('run')", priority=True),
        Binding("s", "take('spec')", priority=True),
        Binding("a", "take('all')", priority=True),
        Binding("escape,n,q", "leave", priority=True),
    ]

    def __init__(self, finding: Diagnosed) -> None:
        super().__init__()
        self._finding = finding

    def compose(self) -> ComposeResult:
        finding = self._finding
        lines = [f"r  in this run: {show.clean(finding.name or finding.key, 80)}"]
        if finding.spec:
            lines.append(f"s  in all runs of the spec {show.clean(finding.spec, 60)}")
        lines.append("a  everywhere")
        with Vertical(classes="box"):
            yield Static(Content(f"Mute {show.clean(finding.rule)}?"), classes="title")
            yield Static(Content("\n".join(lines)), classes="names")
            yield Static(Content("r s a mute   esc no"), classes="keys")

    def action_take(self, scope: str) -> None:
        if scope != "spec" or self._finding.spec:
            self.dismiss(scope)

    def action_leave(self) -> None:
        self.dismiss(None)
