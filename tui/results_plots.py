"""What is drawn of a table of results: of which parameters and which metric, on which scales."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.ranking.columns import Column, metric
from trainboard.ranking.crossing import crossing
from trainboard.ranking.effects import effects, sample
from trainboard.ranking.table import Table, View, arrange, is_seed
from tui import scatter, show
from tui.loading import Aside
from tui.results_lines import drawn_of, importance_lines, parallel_lines
from tui.scatter import Look
from tui.widgets.results_drawing import ParamMap, ResultsDrawing

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from trainboard.compare import Comparison
    from trainboard.ranking.importance import Importance

DRAWN = 300
"""Runs drawn as letters at most."""


class Plots:
    """The drawings of one screen, each the widget whose id is the name of its tab."""

    def __init__(self, screen: Screen[None], again: Callable[[], None]) -> None:
        """`again`: draws what is seen once more."""
        self.table = Table()
        self._screen = screen
        self._again = again
        self._param = self._other = self._metric = ""
        """What is drawn: two parameters and a metric; empty: the first."""
        self._log_y = False
        self._log_x: bool | None = None
        self._forest: tuple[object, Importance | None, str] = (None, None, "")
        """For which table and metric, what came of it, or why nothing did."""
        self._learning = Aside(screen, "learn")

    @property
    def params(self) -> list[str]:
        """The parameters that can be drawn."""
        return [name for name in self.table.found.params if not is_seed(name)] or list(self.table.found.params)

    @property
    def column(self) -> Column | None:
        """The metric that is drawn."""
        found = self.table.found
        name = self._metric if self._metric in found.metrics else next(iter(found.metrics), "")
        return metric(found, name, self.table.view.kind) if name else None

    @property
    def param(self) -> str:
        """The parameter that is drawn."""
        return self._param if self._param in self.params else next(iter(self.params), "")

    @property
    def other(self) -> str:
        """The second parameter of the map."""
        others = [name for name in self.params if name != self.param]
        return self._other if self._other in others else next(iter(others), "")

    # What is chosen.

    def turn(self, by: int) -> None:
        """The next parameter."""
        if self.params:
            self._param = self.params[(self.params.index(self.param) + by) % len(self.params)]
            self._again()

    def next_other(self) -> None:
        """Another second parameter."""
        others = [name for name in self.params if name != self.param]
        if others:
            self._other = others[(others.index(self.other) + 1) % len(others)]
            self._again()

    def next_metric(self) -> None:
        """Another metric."""
        known = list(self.table.found.metrics)
        if known and self.column is not None:
            self._metric = known[(known.index(self.column.name) + 1) % len(known)]
            self._again()

    def turn_log(self, axis: str) -> None:
        """A logarithmic scale, or a linear one."""
        if axis == "y":
            self._log_y = not self._log_y
        elif self.column is not None and self.param:
            against = self.table.found.against(self.param, self.column.name, self.column.kind)
            self._log_x = not scatter.is_log(against, Look({}, log_x=self._log_x))
        self._again()

    # What is drawn.

    def draw(self, name: str, here: str | None) -> None:
        """Draw this tab; `here`: the run under the cursor."""
        column, table = self.column, self.table
        if column is None:
            if name == "map":
                self._screen.query_one(ParamMap).put("", None)
            else:
                self._screen.query_one(f"#{name}", ResultsDrawing).put((), [(("  no run has metrics yet", "dim"),)])
            return
        match name:
            case "map":
                self._draw_map(column)
            case "param":
                self._draw_param(self._screen.query_one("#param", ResultsDrawing), column, here)
            case "parallel":
                drawing = self._screen.query_one("#parallel", ResultsDrawing)
                head = [(f" {_said(column)}", "strong"), ("  a line for each run, letters from the best on", "dim")]
                drawing.put(head, parallel_lines(table, column, here, drawing.inner_width, drawing.inner_height))
            case "importance":
                self._draw_importance(self._screen.query_one("#importance", ResultsDrawing), column)

    def _draw_map(self, column: Column) -> None:
        """The metric over two parameters."""
        drawing = self._screen.query_one(ParamMap)
        if self.param and self.other:
            drawing.put(_said(column), crossing(self.table.found, column, self.param, self.other))
        else:
            drawing.put(_said(column), None, "a map takes two parameters that differ")

    def _draw_param(self, drawing: ResultsDrawing, column: Column, here: str | None) -> None:
        """The metric against one parameter."""
        if not self.param:
            drawing.put((), [(("  no parameter differs", "dim"),)])
            return
        found = self.table.found
        seen = drawn_of(found, DRAWN)
        ranked = [line.first.key for line in arrange(seen, View(sort=column)).lines]
        look = Look({key: at for at, key in enumerate(ranked)}, here, self._log_y, self._log_x)
        against = seen.against(self.param, column.name, column.kind)
        of = (
            f"  {len(seen.entries)} of {len(found.entries)} runs drawn"
            if len(seen.entries) < len(found.entries)
            else ""
        )
        notes = [text for text, on in (("log y", self._log_y), ("log x", scatter.is_log(against, look))) if on]
        at = f"({self.params.index(self.param) + 1}/{len(self.params)})"
        head = [
            (f" {_said(column)} against {show.clean(self.param, 40)} {at}", "strong"),
            (f"  letters from the best on{of}  {' · '.join(notes)}", "dim"),
        ]
        width, height = drawing.inner_width, drawing.inner_height
        drawing.put(head, scatter.scatter(against, look, width, height, self.param))

    def _draw_importance(self, drawing: ResultsDrawing, column: Column) -> None:
        """Shares at once; the forest when it has learnt."""
        found = self.table.found
        wanted = (found, column)
        known, forest, said = self._forest
        if known != wanted:
            forest, said = None, "a random forest learns…"
            self._forest = wanted, None, said

            async def learnt() -> None:
                self._forest = wanted, *await _learnt(*wanted)
                self._again()

            self._learning.ask(learnt)
        left_out = sample(found.entries, column).left_out
        head = [(f" what {_said(column)} goes with", "strong")]
        drawing.put(head, importance_lines(effects(found, column), forest, said, left_out, drawing.inner_width))


def _said(column: Column) -> str:
    return f"{show.clean(column.name, 40)} {column.kind}"


async def _learnt(found: Comparison, column: Column) -> tuple[Importance | None, str]:
    from trainboard.ranking.importance import importance

    try:
        return await asyncio.to_thread(importance, found, column), ""
    except Refused as refusal:
        return None, str(refusal)
