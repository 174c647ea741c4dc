"""The lines that stay: what the board is doing, the tabs, the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui import show
from tui.widgets.lines import Piece, strip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual import events
    from textual.strip import Strip

    from tui.keys import Key


Group = tuple[Piece, ...]
"""Pieces that are shown together or not at all."""


class Line(Widget):
    """One line, drawn from groups; the first that do not fit are left out, the last ones stay."""

    DEFAULT_CSS = """
    Line { height: 1; }
    """

    groups: reactive[tuple[Group, ...]] = reactive(())

    def __init__(self, *, keep: int = 0, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keep = keep
        """How many of the last groups stay."""

    def render_line(self, y: int) -> Strip:
        first = len(self.groups) - self._keep
        kept = self.groups[first:]
        room = self.size.width - sum(map(_cells, kept))
        shown: list[Piece] = []
        for group in self.groups[:first]:
            if shown and _cells(group) > room:
                break
            shown += group
            room -= _cells(group)
        pieces = [*shown, *(piece for group in kept for piece in group)]
        return strip(self, pieces, self.size.width, "head")


def _cells(group: Group) -> int:
    return sum(cell_len(text) for text, _ in group)


def key_groups(keys: Iterable[Key]) -> tuple[Group, ...]:
    """Keys for a footer."""
    return tuple(((f" {key.name}", "strong"), (f" {key.label} ", "plain")) for key in keys if key.label)


class Tabs(Widget):
    """The names of the panes below; the one that is shown stands in brackets."""

    DEFAULT_CSS = """
    Tabs { height: 1; }
    """

    current: reactive[str] = reactive("")
    title: reactive[str] = reactive("")

    class Chosen(Message):
        """Somebody clicked on a tab."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: tuple[str, ...], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.names = names
        self.set_reactive(Tabs.current, names[0])

    def beside(self, by: int) -> str:
        """The name of the tab that is so many places further, round and round."""
        return self.names[(self.names.index(self.current) + by) % len(self.names)]

    @property
    def _shown(self) -> tuple[str, ...]:
        """The names on the screen: in a narrow one the first are left out, as far as the current one needs it."""
        at, first = self.names.index(self.current), 0
        while first < at and 1 + sum(len(name) + 2 for name in self.names[first : at + 1]) > self.size.width:
            first += 1
        return self.names[first:]

    def render_line(self, y: int) -> Strip:
        width, shown = self.size.width, self._shown
        tabs = [(f"[{n}]", "strong") if n == self.current else (f" {n} ", "plain") for n in shown]
        pieces: list[Piece] = [("─" if shown == self.names else "‹", "dim"), *tabs]
        used = sum(len(text) for text, _ in pieces)
        pieces.append((f" {show.cut(self.title, width - used - 2).rstrip()} ", "dim"))
        pieces.append(("─" * width, "dim"))
        return strip(self, pieces, width)

    def on_click(self, event: events.Click) -> None:
        start = 1
        for name in self._shown:
            if start <= event.x < start + len(name) + 2:
                self.post_message(self.Chosen(name))
            start += len(name) + 2
