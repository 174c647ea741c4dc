"""All that is known of some findings, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import finding_lines
from tui.keys import bindings
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from trainboard.records import Diagnosed
    from tui.widgets.lines import Piece


class FindingText(Lines):
    """The root cause first."""

    DEFAULT_CSS = """
    FindingText { height: 1fr; }
    """
    BINDINGS = bindings("info")
    STAYING = 0

    def __init__(self, *, id: str | None = None, none: str = "no findings") -> None:
        """`none`: what is said where there is nothing to tell."""
        super().__init__(id=id)
        self._none = none
        self._findings: Sequence[Diagnosed] = ()
        self._lines: list[list[Piece]] = []

    def put(self, findings: Sequence[Diagnosed]) -> None:
        """Tell these."""
        if findings != self._findings:
            self._findings = findings
            self._wrap()

    def on_resize(self) -> None:
        self._wrap()

    def _wrap(self) -> None:
        self._lines = finding_lines.all_told(self._findings, self.inner_width)
        self.count = len(self._lines)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        place = self.top + y
        if not self._lines and y == 0:
            return self.line(y, [(f"  {self._none}", "dim")])
        return self.line(y, self._lines[place] if place < len(self._lines) else ())
