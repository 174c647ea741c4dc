"""All metrics of a run as small plots; the drawing goes on behind the keys, a cell at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from tui import show
from tui.chart import sketch
from tui.chosen import Names
from tui.keys import bindings
from tui.plotter import LIGHT
from tui.scale import Along
from tui.traces import Ruler, Snapshot, trace
from tui.widgets.lines import strip
from tui.widgets.metric_lines import counted, figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textual import events
    from textual.strip import Strip

    from trainboard.series import Series
    from tui.widgets.lines import Piece

SMALLEST = (26, 6)
"""Cells of a plot with its two lines of text, and the gap beside it."""
TALLEST = 12
"""Lines of a plot at most."""
WEIGHT = 0.6
"""Of the smoothing."""

State = tuple[object, ...]
"""What a cell was drawn from."""


class MetricGrid(Widget, can_focus=True):
    """Cursor and scroll position belong to metrics, which stand as they appeared."""

    DEFAULT_CSS = """
    MetricGrid { height: 1fr; }
    """
    BINDINGS = bindings("grid")

    class Opened(Message):
        """A metric is to be seen at full size."""

        def __init__(self, metric: str) -> None:
            super().__init__()
            self.metric = metric

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.names = Names()
        self.waiting = ""
        """What is said while there is no metric."""
        self.log_scale = False
        self._cells: dict[str, tuple[State, list[list[Piece]]]] = {}
        self._filling = False

    def put(self, series: Mapping[str, Series]) -> None:
        """Show these metrics as they are now."""
        few = not self.names.known
        self.names.known = series
        self._cells = {name: cell for name, cell in self._cells.items() if name in series}
        if few:
            self.refresh()
        self._fill()

    def filter(self, text: str) -> None:
        """Show only metrics with all words of a text."""
        self.names.words = text
        self._show()

    # The arrangement.

    @property
    def _across(self) -> int:
        return max(1, self.size.width // SMALLEST[0])

    @property
    def _down(self) -> int:
        """Rows that are seen; where all metrics fit, no more than they need, so that each gets more room."""
        needed = max(-(-len(self.names.listed) // self._across), (self.size.height - 1) // TALLEST)
        return max(1, min(needed, (self.size.height - 1) // SMALLEST[1]))

    @property
    def _cell(self) -> tuple[int, int]:
        """Cells across and down of one plot, with all that belongs to it."""
        return self.size.width // self._across, max(3, min(TALLEST, (self.size.height - 1) // self._down))

    @property
    def _seen(self) -> list[str]:
        """The metrics that are on the screen."""
        return self.names.window(self._down, self._across)[1]

    def on_resize(self) -> None:
        self._show()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _show(self) -> None:
        """Draw anew what is seen, and what is missing of it."""
        self.refresh()
        self._fill()

    # Drawing.

    def _state(self, name: str) -> State:
        series = self.names.known[name]
        return id(series), len(series), self._cell, self.log_scale, self.app.no_color

    def _fill(self) -> None:
        if not self._filling and any(self._missing()):
            self._filling = True
            self.run_worker(self._draw_missing(), group="grid")

    def _missing(self) -> Iterator[str]:
        seen = self._seen if self.size.width else ()
        return (n for n in seen if n not in self._cells or self._cells[n][0] != self._state(n))

    async def _draw_missing(self) -> None:
        """Draw the cells that are seen, one after another; long series in a thread."""
        try:
            while (name := next(self._missing(), None)) is not None:
                state, cell, snapshot = self._state(name), self._cell, Snapshot.of(self.names.known[name])
                if len(snapshot.current[0]) > LIGHT:
                    lines = await asyncio.to_thread(self._drawn, snapshot, *cell)
                else:
                    lines = self._drawn(snapshot, *cell)
                    await asyncio.sleep(0)
                self._cells[name] = state, lines
                self._refresh_cell(name)
        finally:
            self._filling = False

    def _drawn(self, snapshot: Snapshot, width: int, height: int) -> list[list[Piece]]:
        by = Ruler(Along.STEP, snapshot.index, frozenset({snapshot.index}))
        found = trace(snapshot, by, WEIGHT)
        if found is None:
            return []
        return sketch(found, width - 2, max(1, height - 2), log=self.log_scale, colour=not self.app.no_color)

    def _refresh_cell(self, name: str) -> None:
        seen, (width, height) = self._seen, self._cell
        if name in seen:
            row, column = divmod(seen.index(name), self._across)
            self.refresh(Region(column * width, 1 + row * height, width, height))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return strip(self, self._head(), width, "head")
        if not self.names.listed:
            said = "no metric with these words" if self.names.known else self.waiting
            return strip(self, [(f"  {show.clean(said)}" if y == 1 else "", "dim")], width)
        row, line = divmod(y - 1, self._cell[1])
        if row >= self._down:
            return strip(self, (), width)
        seen = self._seen[row * self._across : (row + 1) * self._across]
        return strip(self, [piece for name in seen for piece in self._piece(name, line)], width)

    def _head(self) -> Iterator[Piece]:
        yield ("›" if self.has_focus else " "), "strong"
        yield counted(self.names), "strong"
        above, seen = self.names.window(self._down, self._across)
        if len(seen) < len(self.names.listed):
            yield f"  {above + 1} to {above + len(seen)}", "plain"
        if self.log_scale:
            yield "  log y", "plain"

    def _piece(self, name: str, line: int) -> Iterator[Piece]:
        """One line of one cell."""
        width, height = self._cell
        series, here = self.names.known[name], name == self.names.at
        if line == 0:
            last = figure(series.last)
            title = show.cut_middle(show.clean(name), max(1, width - 4 - len(last)))
            tone = "cursor" if here and self.has_focus else "head"
            yield f"{'›' if here else ' '}{title} {last} ", tone
            yield " ", "plain"
        elif line == height - 1:
            text = f" {figure(series.min)} to {figure(series.max)}"
            yield show.cut(text, width), "dim"
        else:
            cell = self._cells.get(name)
            yield " ", "plain"
            yield from cell[1][line - 1] if cell and line - 1 < len(cell[1]) else [(" " * (width - 2), "plain")]
            yield " ", "plain"

    # Keys.

    def _go(self, by: int) -> None:
        self.names.go(by)
        self._show()

    def action_left(self) -> None:
        self._go(-1)

    def action_right(self) -> None:
        self._go(1)

    def action_up(self) -> None:
        self._go(-self._across)

    def action_down(self) -> None:
        self._go(self._across)

    def action_half_up(self) -> None:
        self._go(-self._across * self._down)

    def action_half_down(self) -> None:
        self._go(self._across * self._down)

    def action_top(self) -> None:
        self._go(-len(self.names.known))

    def action_bottom(self) -> None:
        self._go(len(self.names.known))

    def action_log_scale(self) -> None:
        self.log_scale = not self.log_scale
        self._show()

    def action_alone(self) -> None:
        if self.names.at is not None:
            self.post_message(self.Opened(self.names.at))

    def on_click(self, event: events.Click) -> None:
        width, height = self._cell
        place = (event.y - 1) // height * self._across + min(self._across - 1, event.x // width)
        if event.y > 0 and place < len(self._seen):
            self.names.at = self._seen[place]
            self._show()
