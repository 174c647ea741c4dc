"""Curves to look at: drawing, smoothing, axes, zoom, a cursor. What is drawn, and beside what, its users say."""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from tui import looking, show
from tui.chart import View
from tui.loading import Aside
from tui.plotter import Plotter, Task
from tui.scale import levels
from tui.traces import axes, extent
from tui.widgets import metric_lines
from tui.widgets.lines import strip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textual import events
    from textual.strip import Strip

    from trainboard.series import Series
    from tui.plotter import Picture
    from tui.scale import Scale
    from tui.traces import Trace
    from tui.widgets.lines import Piece

WEIGHTS = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Of the smoothing, on the scale that people know."""
USUAL = 2

Drawn = tuple[tuple["Piece", ...], str]
"""A line, and the tone below it."""


class CurveView(Widget):
    """Drawn by hand; of what changed only the lines that are others than before go to the terminal."""

    DEFAULT_CSS = """
    CurveView { height: 1fr; }
    """

    class Changed(Message):
        """Other curves, or another part of them, are drawn."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = View()
        self.weight = USUAL
        """The place in `WEIGHTS`."""
        self.waiting = ""
        """What is said while there is nothing to draw."""
        self.picture: Picture | None = None
        self._plotter = Plotter()
        self._aside = Aside(self, "plot")
        self._lines: list[Drawn] = []

    @property
    @abstractmethod
    def series(self) -> Mapping[str, Series]:
        """What there is to draw: it tells which axes there are."""

    @property
    @abstractmethod
    def at(self) -> str | None:
        """Which of them the user is at."""

    @abstractmethod
    def _wanted(self) -> Task:
        """What is to be drawn now."""

    def look(self, **changes: object) -> None:
        """Look at the curves in another way: see `View`."""
        self.view = replace(self.view, **changes)  # type: ignore[arg-type]  # each call names fields of View
        self.update()
        self.post_message(self.Changed())

    @property
    def reading(self) -> Trace | None:
        """The curve whose samples the cursor steps through: that which the user is at, else the first."""
        traces = self.picture.traces if self.picture is not None else ()
        return next((each for each in traces if each.metric == self.at), next(iter(traces), None))

    def update(self) -> None:
        """Draw anew, on the event loop where that is quick."""
        if not self.size.width or not self.series:
            self._put_together()
        elif self._aside.busy or not (task := self._wanted()).light:
            self._aside.ask(self._draw_aside)
        else:
            self.picture = self._plotter.draw(task)
            self._put_together()

    async def _draw_aside(self) -> None:
        """Draw in a thread, what is wanted by then: the keys go on."""
        if self.size.width:
            self.picture = await asyncio.to_thread(self._plotter.draw, self._wanted())
            self._put_together()

    # The arrangement.

    @property
    def _room(self) -> tuple[int, int]:
        """Cells across and down for the plot."""
        return self.size.width, max(1, self.size.height - 1)

    def on_resize(self) -> None:
        self.update()

    def on_focus(self) -> None:
        self._put_together()

    def on_blur(self) -> None:
        self._put_together()

    def _put_together(self) -> None:
        """All lines; those that differ are drawn anew."""
        before, self._lines = self._lines, list(self._together()) if self.size.width else []
        if len(before) != len(self._lines):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    def _together(self) -> Iterator[Drawn]:
        if not self.series or self.picture is None:
            yield ((f"  {show.clean(self.waiting)}" if not self.series else "  drawing …", "dim"),), "plain"
            return
        yield tuple(self._head(self.picture)), "head"
        yield from self._body(self.picture)

    def _head(self, picture: Picture) -> Iterator[Piece]:
        """How it is looked at, and where the cursor is."""
        unit, view, trace = show.clean(picture.task.ruler.unit, 20), self.view, self.reading
        yield ("›" if self.has_focus else " "), "strong"
        yield f"by {unit}", "strong"
        yield f"  {looking.words(view, WEIGHTS[self.weight])}", "plain"
        if view.cursor is not None and trace is not None:
            yield f"  │ {looking.where(trace, view, view.cursor, unit)}", "strong"

    def _body(self, picture: Picture) -> Iterator[Drawn]:
        """The plot, and what stands beside it."""
        yield from ((line, "plain") for line in picture.chart.lines)

    def render_line(self, y: int) -> Strip:
        pieces, below = self._lines[y] if y < len(self._lines) else ((), "plain")
        return strip(self, pieces, self.size.width, below)

    # Keys.

    def action_next_axis(self) -> None:
        known = axes(self.series)
        at = known.index(self.view.along) if self.view.along in known else -1
        self.look(along=known[(at + 1) % len(known)], span=None, cursor=None)

    def action_flip(self, field: str) -> None:
        """Switch one of the fields of `View`; levels of x mean something else after some."""
        span = None if field == "log_x" else self.view.span
        self.look(**{field: not getattr(self.view, field)}, span=span)

    def action_smooth(self, by: int) -> None:
        self.weight = max(0, min(len(WEIGHTS) - 1, self.weight + by))
        self.look()

    def action_step(self, cells: int) -> None:
        """Move the cursor from sample to sample, and what is seen with it."""
        trace, chart, whole = self.reading, self.picture.chart if self.picture is not None else None, self._whole
        if trace is None or chart is None or chart.x is None or whole is None:
            return
        cursor = looking.stepped(trace, chart.x, self.view.cursor, cells, chart.width)
        if cursor is not None:
            self.look(cursor=cursor, span=self.view.span and looking.following(chart.x, whole, self._level(cursor)))

    def action_zoom(self, factor: float) -> None:
        x, whole, cursor = self._x, self._whole, self.view.cursor
        if x is not None and whole is not None:
            self.look(span=looking.zoomed(x, whole, factor, None if cursor is None else self._level(cursor)))

    def action_pan(self, share: float) -> None:
        x, whole = self._x, self._whole
        if x is not None and whole is not None:
            self.look(span=looking.panned(x, whole, share))

    def action_whole(self) -> None:
        self.look(span=None, cursor=None)

    def on_click(self, event: events.Click) -> None:
        """The cursor goes to the sample there."""
        chart, trace = self.picture.chart if self.picture is not None else None, self.reading
        if chart is None or chart.x is None or trace is None or not 0 <= event.x - chart.left < chart.width:
            return
        place = trace.near(chart.x.at((event.x - chart.left + 0.5) / chart.width))
        if place is not None and 0 < event.y <= len(chart.lines):
            self.look(cursor=float(trace.raw[0][place]))

    @property
    def _x(self) -> Scale | None:
        return self.picture.chart.x if self.picture is not None else None

    @property
    def _whole(self) -> tuple[float, float] | None:
        """The levels of x between which there is something."""
        found = extent(self.picture.traces, above=0.0 if self.view.log_x else -math.inf) if self.picture else None
        return None if found is None else (self._level(found[0]), self._level(found[1]))

    def _level(self, x: float) -> float:
        return float(levels(np.array([x]), self.view.log_x)[0])

    def action_copy(self) -> None:
        """The values under the cursor, or the newest, as a table."""
        traces = self.picture.traces if self.picture is not None else ()
        lines = [f"{each.metric}\t{metric_lines.value_at(each, self.view.cursor)}" for each in traces]
        self.app.copy_to_clipboard("\n".join(lines))
        self.notify(f"copied {show.count(len(lines), 'value')}", markup=False)
