"""The runs of a comparison: a line for each, with the parameters that differ and the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.braces import as_text
from trainboard.compare import Comparison
from tui import show
from tui.chart import mark_of, tone_of
from tui.keys import bindings
from tui.widgets.crossed import GAP, CrossedPicks
from tui.widgets.metric_lines import figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.strip import Strip

    from trainboard.compare import Entry
    from tui.widgets.lines import Piece

WIDEST = 14
"""Cells of a column at most."""
FIGURE = 10
"""Cells of a metric's column at least: its greatest figures."""
NAMES = 14, 32
"""Cells of the runs' names, at least and at most."""
MARKS = 5
"""Cells of the cursor, the curve's letter and the state."""
MEASURED = 200
"""Runs by whose values the columns get their widths."""
BEST = "★"


class CompareTable(CrossedPicks):
    """The cursor stays on its run and column as far as they are still there."""

    DEFAULT_CSS = """
    CompareTable { height: 1fr; }
    """
    BINDINGS = bindings("compared")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.found = Comparison()
        self.entries: Sequence[Entry] = ()
        self.kind = "best"
        self.sorted_by: tuple[str, bool] | None = None
        """The column, and whether the other way round."""
        self.numbers: Mapping[str, int] = {}
        """By run that is drawn: what tells its letter and its colour."""
        self.here: tuple[str, Mapping[str, str]] | None = None
        """Where the plot's cursor is, and by run the value there."""
        self._columns: tuple[str, ...] = ()
        self._known: dict[str, frozenset[str]] = {}
        """By metric that is on the screen: the best runs."""

    def put(self, found: Comparison, entries: Sequence[Entry], kind: str) -> None:
        """Show these runs in this order, and of their metrics the best, the newest or the final values."""
        # As long as there is no metric, the cursor stands nowhere of its own will.
        at, run = self.at if self.found.metrics else "", self.entry
        self.found, self.entries, self.kind = found, entries, kind
        self.count = len(entries)
        self._columns = (*found.metrics[:1], *found.params, *found.metrics[1:])
        self._known = {}
        self._widths = tuple(self._width(column) for column in self._columns)
        self.set_reactive(CompareTable.column, self._columns.index(at) if at in self._columns else 0)
        if run is not None:
            self.seek(run.key)
        self.cursor = self.validate_cursor(self.cursor)
        self._show_column()
        self.refresh()

    def seek(self, key: str) -> None:
        """Go to this run, if it is there."""
        self.cursor = next((at for at, entry in enumerate(self.entries) if entry.key == key), self.cursor)

    @property
    def entry(self) -> Entry | None:
        """The run under the cursor."""
        return self.entries[self.cursor] if self.cursor < len(self.entries) else None

    @property
    def at(self) -> str:
        """The column under the cursor: a parameter or a metric; empty where there is none."""
        return self._columns[self.column] if self._columns else ""

    # The arrangement.

    def _width(self, column: str) -> int:
        title = len(show.clean(column)) + len("›▲")
        if column in self.found.goals:
            return min(WIDEST, max(FIGURE, title))
        cells = (len(self._cell(entry, column)) for entry in self.entries[:MEASURED])
        return min(WIDEST, max(title, *cells, 0))

    def _cell(self, entry: Entry, column: str) -> str:
        if column not in self.found.goals:
            return show.clean(as_text(entry.params.get(column)), WIDEST)
        best = BEST if entry.key in self._best(column) else " "
        return f"{figure(self.found.value(entry, column, self.kind))}{best}"

    def _best(self, metric: str) -> frozenset[str]:
        if metric not in self._known:
            self._known[metric] = self.found.best(metric, self.kind)
        return self._known[metric]

    @property
    def _stem(self) -> int:
        """Cells of the runs' names: what the columns leave, within bounds."""
        used = MARKS + GAP + sum(self._widths) + GAP * len(self._widths) + (WIDEST + GAP) * (self.here is not None)
        longest = max((len(self._called(entry)) for entry in self.entries[:MEASURED]), default=0)
        return max(NAMES[0], min(NAMES[1], longest, max(self.inner_width // 4, self.inner_width - used)))

    def _called(self, entry: Entry) -> str:
        """A run by its id where parameters tell what it is, else by its name."""
        return show.clean(entry.key if self.found.params else entry.name)

    @property
    def _room(self) -> int:
        """Cells for the columns."""
        return self.inner_width - self._stem - MARKS - GAP - (WIDEST + GAP) * (self.here is not None)

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying(self._titles())
        at = self.top + y - 1
        if at >= self.count:
            return self.line(y - 1, ())
        return self.line(y - 1, self._line(self.entries[at]), "cursor" if at == self.cursor else "plain")

    def _titles(self) -> list[Piece]:
        count = f"{show.count(len(self.entries), 'run')}: {self.kind}"
        pieces: list[Piece] = [
            (show.cut(f"    {count}", self._stem + MARKS - 1), "plain"),
            (" ‹" if self._first else "  ", "plain"),
        ]
        if self.here is not None:
            pieces.append((f"{show.pad_left(self.here[0], WIDEST)}  ", "plain"))
        shown = self._on_screen
        for place in shown:
            name, width = show.clean(self._columns[place]), self._widths[place]
            arrow = ""
            if self.sorted_by is not None and self.sorted_by[0] == self._columns[place]:
                arrow = "▲" if self.sorted_by[1] else "▼"
            sign = "›" if place == self.column else ""
            text = sign + show.cut_middle(name, width - len(sign) - len(arrow)).rstrip() + arrow
            # Numbers end before the star of the best.
            tail = " " if self._columns[place] in self.found.goals else ""
            look = "here" if place == self.column else "plain"
            pieces += [(" " * (width - len(text) - len(tail)), "plain"), (text, look), (tail + " " * GAP, "plain")]
        if shown.stop < len(self._columns):
            pieces.append(("›", "plain"))
        return pieces

    def _line(self, entry: Entry) -> list[Piece]:
        here = self.entry is not None and entry.key == self.entry.key
        number = self.numbers.get(entry.key)
        sign, tone = show.STATES[entry.state]
        pieces: list[Piece] = [
            ("›" if here else " ", "strong"),
            (" " if number is None else mark_of(number), "plain" if number is None else tone_of(number)),
            (" ", "plain"),
            (sign, tone),
            (f" {show.cut_middle(self._called(entry), self._stem)}  ", "plain"),
        ]
        if self.here is not None:
            pieces.append((f"{show.pad_left(self.here[1].get(entry.key, ''), WIDEST)}  ", "strong"))
        for place in self._on_screen:
            column, width = self._columns[place], self._widths[place]
            best = column in self.found.goals and entry.key in self._best(column)
            pieces += [
                (show.pad_left(self._cell(entry, column), width), "strong" if best else "plain"),
                (" " * GAP, "plain"),
            ]
        return pieces
