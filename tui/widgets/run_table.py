"""The runs that a spec makes: a line for each, a column for each parameter, and a cursor on one value."""

from __future__ import annotations

from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

from textual.message import Message
from textual.reactive import reactive

from tui import show
from tui.keys import bindings
from tui.sheets import Grid, shown
from tui.widgets.picks import Picks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events
    from textual.strip import Strip

    from specs.model import Setting
    from tui.widgets.lines import Piece

NUMBER = 5
"""Cells of a run's number."""
GAP = 2


class RunTable(Picks):
    """The cursor stays on its run and parameter as far as they are still there."""

    DEFAULT_CSS = """
    RunTable { height: 1fr; }
    """

    column: reactive[int] = reactive(0)
    """The place of the parameter under the cursor."""

    class Crossed(Message):
        """The cursor is on another parameter."""

    BINDINGS = bindings("runs")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._settings: Sequence[Setting] = ()
        self._grid = Grid()
        self._first = 0
        """The place of the first parameter on screen."""
        self.signs: Mapping[int, tuple[str, str]] = {}
        """By run: a sign and its tone, for what is known of it already."""

    def put(self, settings: Sequence[Setting], grid: Grid) -> None:
        """Show these runs."""
        name, run = self.name_here, self.setting
        self._settings, self._grid = settings, grid
        self.count = len(settings)
        self.column = grid.names.index(name) if name in grid.names else 0
        if run is not None and settings:
            at = run.index if run.index < len(settings) and settings[run.index].params == run.params else None
            self.cursor = self.cursor if at is None else at
        self.cursor = self.validate_cursor(self.cursor)
        self._show_column()
        self.refresh()

    def seek(self, params: Mapping[str, object]) -> None:
        """Go to the run with these parameters, if there is one."""
        self.cursor = next((s.index for s in self._settings if s.params == params), self.cursor)

    @property
    def setting(self) -> Setting | None:
        """The run under the cursor."""
        return self._settings[self.cursor] if self._settings else None

    @property
    def name_here(self) -> str:
        """The parameter under the cursor; empty where there is none."""
        return self._grid.names[self.column] if self._grid.names else ""

    def mark(self, signs: Mapping[int, tuple[str, str]]) -> None:
        """Show these signs beside the runs, and no others."""
        self.signs = signs
        self.refresh()

    def validate_column(self, column: int) -> int:
        return max(0, min(column, len(self._grid.names) - 1))

    def watch_column(self) -> None:
        self._show_column()
        self.refresh()
        self.post_message(self.Crossed())

    def _show_column(self) -> None:
        """Leave out as many columns at the left as it takes to have the cursor's on the screen."""
        room = self.inner_width - NUMBER - 1
        self._first = min(self._first, self.column)
        while (
            self._first < self.column
            and sum(w + GAP for w in self._grid.widths[self._first : self.column + 1]) > room
        ):
            self._first += 1

    @property
    def _on_screen(self) -> range:
        """The places of the parameters of which there is something to see."""
        room, widths = self.inner_width - NUMBER - 1, self._grid.widths
        ends = accumulate(width + GAP for width in widths[self._first :])
        whole = sum(1 for _ in takewhile(lambda end: end < room, ends))
        return range(self._first, min(len(widths), self._first + whole + 1))

    def on_resize(self) -> None:
        self._show_column()
        self.show_cursor()

    def action_left(self) -> None:
        self.column -= 1

    def action_right(self) -> None:
        self.column += 1

    def render_line(self, y: int) -> Strip:
        grid = self._grid
        shown_columns = self._on_screen
        if y == 0:
            pieces: list[Piece] = [
                (show.pad_left("run", NUMBER - 1), "plain"),
                ("‹" if self._first else " ", "plain"),
            ]
            for place in shown_columns:
                look = "strong" if place < grid.varied else "dim"
                pieces += [(" ", "plain"), (show.cut(grid.names[place], grid.widths[place]), look), (" ", "plain")]
            return self.staying(pieces)
        at = self.top + y - 1
        if at >= self.count:
            return self.line(y - 1, ())
        setting, here = self._settings[at], at == self.cursor
        pieces = [("›" if here else " ", "strong"), (show.pad_left(str(at), NUMBER - 1), "dim")]
        pieces.append(self.signs.get(at, (" ", "plain")))
        for place in shown_columns:
            text = show.cut(shown(setting.params, grid.names[place]), grid.widths[place])
            cell = here and self.has_focus and place == self.column
            look = "here" if cell else "plain" if place < grid.varied or here else "dim"
            pieces += [("›" if cell else " ", "strong"), (text, look), (" ", "plain")]
        return self.line(y - 1, pieces, "cursor" if here else "plain")

    def on_click(self, event: events.Click) -> None:
        super().on_click(event)
        left = NUMBER + 1
        for place in range(self._first, len(self._grid.names)):
            left += self._grid.widths[place] + GAP
            if event.x < left:
                self.column = place
                return
