"""The table of results: a line for each run, or for runs that are folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.ranking.columns import Source
from trainboard.ranking.spread import Spread
from trainboard.ranking.table import Table
from trainboard.ranking.text import title, told
from tui import show
from tui.keys import bindings
from tui.widgets.crossed import GAP, CrossedPicks
from tui.widgets.metric_lines import figure

if TYPE_CHECKING:
    from textual.strip import Strip

    from trainboard.ranking.columns import Column
    from trainboard.ranking.table import Line
    from tui.widgets.lines import Piece

NAMES = 10, 24
"""Cells of the runs' names, at least and at most."""
WIDEST = 18
"""Cells of a column at most; of means with their deviations half as many more."""
MARKS = 3
"""Cells of the cursor and the state."""
MEASURED = 200
"""Lines by which the columns get their widths."""
BEST = "★"


class ResultsTable(CrossedPicks):
    """The cursor stays on its line and column as far as they are still there."""

    DEFAULT_CSS = """
    ResultsTable { height: 1fr; }
    """
    BINDINGS = bindings("results_table")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.table = Table()
        self.none = ""
        """What is said where there are no lines."""
        self._stem = NAMES[0]

    def put(self, table: Table) -> None:
        """Show this."""
        at, line = self.at, self.line_here
        self.table, self.count = table, len(table.lines)
        self._widths = tuple(self._width(column) for column in table.columns)
        longest = max((len(self._called(line)) for line in table.lines[:MEASURED]), default=0)
        self._stem = max(NAMES[0], min(NAMES[1], max(longest, len(self._head) + 3 - MARKS)))
        keys = [column.key for column in table.columns]
        place = keys.index(at.key) if at is not None and at.key in keys else min(self.column, max(0, len(keys) - 1))
        self.set_reactive(ResultsTable.column, place)
        if line is not None:
            self.seek(line.key)
        self.cursor = self.validate_cursor(self.cursor)
        self._show_column()
        self.refresh()

    def seek(self, key: str) -> None:
        """Go to this line, if it is there."""
        self.cursor = next((at for at, line in enumerate(self.table.lines) if line.key == key), self.cursor)

    @property
    def line_here(self) -> Line | None:
        """What is under the cursor."""
        return self.table.lines[self.cursor] if self.cursor < len(self.table.lines) else None

    @property
    def at(self) -> Column | None:
        """The column under the cursor."""
        return self.table.columns[self.column] if self.column < len(self.table.columns) else None

    def _called(self, line: Line) -> str:
        return show.count(len(line.members), "run") if line.folded else show.clean(line.first.key)

    def _width(self, column: Column) -> int:
        widest = WIDEST * 3 // 2 if self.table.view.by is not None else WIDEST
        cells = (len(self._cell(line, column)) for line in self.table.lines[:MEASURED])
        return min(widest, max(len(show.clean(title(column))) + 3, *cells, 0))

    def _cell(self, line: Line, column: Column) -> str:
        value = line.cell(column)
        if column.source is not Source.METRIC:
            return show.clean(told(value, column), 60)
        best = BEST if line.key in self.table.best_of(column) else " "
        text = (
            told(value, column)
            if isinstance(value, Spread)
            else figure(float(value) if isinstance(value, int | float) else None)
        )
        return f"{text}{best}"

    @property
    def _room(self) -> int:
        return self.inner_width - self._stem - MARKS - GAP

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying(self._titles())
        at = self.top + y - 1
        if at >= self.count:
            return self.line(y - 1, [(f"  {self.none}" if y == 1 and not self.count else "", "dim")])
        return self.line(y - 1, self._line(self.table.lines[at], at), "cursor" if at == self.cursor else "plain")

    @property
    def _head(self) -> str:
        """How many there are."""
        shown, all_of_them = len(self.table.found.entries), self.table.all
        if self.table.view.by is not None:
            return f"{len(self.table.lines)}/{show.count(shown, 'run')}"
        return f"{shown}/{all_of_them} runs" if shown < all_of_them else show.count(shown, "run")

    def _titles(self) -> list[Piece]:
        pieces: list[Piece] = [
            (show.cut(f"  {self._head}", self._stem + MARKS - 1), "plain"),
            (" ‹" if self._first else "  ", "plain"),
        ]
        sort = self.table.view.sort
        for place in self._on_screen:
            column, width = self.table.columns[place], self._widths[place]
            arrow = ""
            if sort is not None and sort.key == column.key:
                arrow = "▲" if self.table.view.reverse else "▼"
            sign = "›" if place == self.column else ""
            room = width - len(arrow) - len(sign) - 1
            text = sign + show.cut_middle(show.clean(title(column)), room).rstrip() + arrow
            tail = " " if column.source is Source.METRIC else ""
            look = "here" if place == self.column else "plain"
            pieces += [
                (" " * max(0, width - len(text) - len(tail)), "plain"),
                (text, look),
                (tail + " " * GAP, "plain"),
            ]
        if self._on_screen.stop < len(self.table.columns):
            pieces.append(("›", "plain"))
        return pieces

    def _line(self, line: Line, at: int) -> list[Piece]:
        sign, tone = ("▸", "plain") if line.folded else show.STATES[line.first.state]
        pieces: list[Piece] = [
            ("›" if at == self.cursor else " ", "strong"),
            (sign, tone),
            (f" {show.cut_middle(self._called(line), self._stem)}  ", "plain"),
        ]
        for place in self._on_screen:
            column, width = self.table.columns[place], self._widths[place]
            best = line.key in self.table.best_of(column)
            pieces += [
                (show.pad_left(self._cell(line, column), width), "strong" if best else "plain"),
                (" " * GAP, "plain"),
            ]
        return pieces
