"""The curve of one metric of the selected row."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from rich.text import Text
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui import show
from tui.keys import bindings
from tui.widgets.lines import Piece, strip, tone

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.curves import Curve

SMALLEST = (24, 6)
"""Columns and lines below which a plot says less than numbers do."""


class MetricsView(Widget, can_focus=True):
    """A line with the metric's figures, and the plot; drawn anew only when it is seen and something has changed."""

    DEFAULT_CSS = """
    MetricsView { height: 1fr; }
    """
    BINDINGS = bindings("metrics")

    log_scale: reactive[bool] = reactive(False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.metric: str | None = None
        """The user's choice; None: the objective."""
        self._curves: tuple[Curve, ...] = ()
        self._trouble = ""
        self._plotted: tuple[object, ...] = ()
        self._plot: list[Strip] = []
        self._draw: Callable[..., list[str]] | None = None
        self._loading = False

    def put(self, curves: tuple[Curve, ...] = (), trouble: str = "") -> None:
        """Show the curves of a row, its objective first; `trouble`: why there may be more."""
        self._curves, self._trouble = curves, show.clean(trouble)
        self.refresh()

    @property
    def curve(self) -> Curve | None:
        """The curve that is drawn: the chosen metric's where the row has it, else the first."""
        chosen = [curve for curve in self._curves if curve.metric == self.metric]
        return next(iter((*chosen, *self._curves)), None)

    def action_next_metric(self) -> None:
        self._choose(1)

    def action_previous_metric(self) -> None:
        self._choose(-1)

    def action_log_scale(self) -> None:
        self.log_scale = not self.log_scale

    def _choose(self, by: int) -> None:
        curve = self.curve
        if curve is not None:
            names = [c.metric for c in self._curves]
            self.metric = names[(names.index(curve.metric) + by) % len(names)]
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        curve = self.curve
        if curve is None:
            if y == 0 and self._trouble:
                return strip(self, [(f"  ▲ {self._trouble}", "waiting")], width)
            text = "  No metrics yet: lines like `step=10 loss=0.5` or JSON in the log make curves." if y == 0 else ""
            return strip(self, [(text, "dim")], width)
        if y == 0:
            return strip(self, self._figures(curve), width, "head")
        if width < SMALLEST[0] or height - 1 < SMALLEST[1]:
            return self._listed(y - 1, height - 1)
        lines = self._drawn(curve, width, height - 1)
        return lines[y - 1] if y - 1 < len(lines) else strip(self, (), width)

    def _listed(self, y: int, height: int) -> Strip:
        """Where there is no room for a plot: every metric on a line of its own, as far as that goes."""
        curves, width = self._curves, self.size.width
        place = curves.index(self.curve) if self.curve in curves else 0
        at = max(0, min(place - height // 2, len(curves) - height)) + y
        if at >= len(curves):
            return strip(self, (), width)
        curve = curves[at]
        name = max(4, min(20, width // 3))
        room = max(1, width - name - 14)
        pieces = [
            (f" {'›' if at == place else ' '} {show.cut(show.clean(curve.metric), name)} ", "plain"),
            (show.pad_left(show.number(curve.last), 9), "strong"),
            (f"  {curve.spark(room)}", "curve"),
        ]
        return strip(self, pieces, width)

    def _figures(self, curve: Curve) -> list[Piece]:
        finite = [v for v in curve.values if v - v == 0]
        figures = f"last {show.number(curve.last)}"
        if curve.count == 1:
            figures = f"one value so far: {show.number(curve.last)}"
        elif finite:
            figures += f"  min {show.number(min(finite))}  max {show.number(max(finite))}"
        if len(finite) < len(curve.values):
            figures += "  × not finite"
        if self.log_scale:
            figures += "  log scale"
        place = [c.metric for c in self._curves].index(curve.metric) + 1
        keys = " j k" if self.has_focus else ""
        of = f" ({place}/{len(self._curves)}{keys})" if len(self._curves) > 1 else ""
        sign = "›" if self.has_focus else " "
        return [(f"{sign}{show.clean(curve.metric, 40)}", "strong"), (f"{of}  {figures}", "plain")]

    def _drawn(self, curve: Curve, width: int, height: int) -> list[Strip]:
        plotted = (curve, curve.count, width, height, self.log_scale, self.app.no_color, self.rich_style)
        if self._draw is None:
            if not self._loading:
                self._loading = True
                self.run_worker(self._load(), group="plotext")
            return [strip(self, [("  one moment …", "dim")], width)]
        if plotted != self._plotted:
            colour = tone(self, "curve").color
            rgb = tuple(colour.triplet) if colour is not None and colour.triplet and not self.app.no_color else None
            text = self._draw(curve, width, height, self.log_scale, rgb)
            self._plot = [self._line(line, width) for line in text]
            self._plotted = plotted
        return self._plot

    async def _load(self) -> None:
        """Import plotext off the event loop, the first time that a plot is wanted: it takes some frames' time."""
        module = await asyncio.to_thread(importlib.import_module, "tui.plot")
        self._draw = module.draw
        self.refresh()

    def _line(self, ansi: str, width: int) -> Strip:
        """A line of the plot on the widget's background."""
        base = self.rich_style
        segments = Text.from_ansi(ansi).render(self.app.console)
        return Strip(segments).apply_style(base).adjust_cell_length(width, base)
