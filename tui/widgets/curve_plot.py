"""The curves of a run: chosen metrics over one another, and the list that they are chosen from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tui import show
from tui.chosen import Names, family, objective
from tui.inbox import sign_of
from tui.keys import bindings
from tui.plotter import Task
from tui.traces import axes, ruler, where_found
from tui.widgets import metric_lines
from tui.widgets.curve_view import WEIGHTS, CurveView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainboard.records import Diagnosed
    from trainboard.rows import Row
    from trainboard.series import Series
    from tui.plotter import Picture
    from tui.widgets.curve_view import Drawn
    from tui.widgets.lines import Piece

FIRST = 3
"""Metrics that are drawn to begin with, at most."""
SIDES = ((170, 66), (112, 46))
"""Cells from which on the list stands beside the plot, and how many of them it has there; the widest first."""


class CurvePlot(CurveView, can_focus=True):
    """Its keys go through the list, and change how the curves are looked at."""

    BINDINGS = bindings("curves")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.names = Names()
        self.row: Row | None = None
        self.found: Sequence[Diagnosed] = ()
        """What was found wrong with the run; marked where it is."""
        self.chosen: dict[str, int] | None = None
        """The metrics that are drawn, with the number of each; None while there is none to choose from."""
        self.trouble = ""
        """Why there may be more metrics than these."""
        self._settled = False
        """Whether the user has chosen: until then the curves are those that are likeliest to be wanted."""
        self._first, self._among = "", 0
        """The likeliest so far, and of how many."""

    @property
    def series(self) -> Mapping[str, Series]:
        return self.names.known

    @property
    def at(self) -> str | None:
        return self.names.at

    def put(self, series: Mapping[str, Series], row: Row | None, trouble: str = "") -> None:
        """Show these metrics as they are now; they may be the same, grown. `trouble`: why there may be more."""
        self.names.known, self.row, self.trouble = series, row, show.clean(trouble)
        if not self._settled:
            self._choose(objective(series, row))
        self.update()

    def _choose(self, first: str | None) -> None:
        """Draw the likeliest metric and its like, as long as the user has not chosen."""
        if first is None or (first, len(self.series)) == (self._first, self._among):
            return
        self._among = len(self.series)
        self.chosen = {name: number for number, name in enumerate(family(self.series, first)[:FIRST])}
        if first != self._first:
            self._first = self.names.at = first
            self.view = replace(self.view, along=axes({first: self.series[first]})[0], span=None, cursor=None)

    def look(self, **changes: object) -> None:
        """Whoever looks at the curves in a way of his own has chosen them."""
        self._settled = True
        super().look(**changes)

    def alone(self, metric: str) -> None:
        """Draw this metric and no other, the whole of it."""
        self.chosen, self.names.at = {metric: 0}, metric
        self.look(span=None, cursor=None)

    def jump(self, finding: Diagnosed) -> None:
        """Draw the metric that shows a finding, with the cursor where it was found."""
        if finding.metric in self.series:
            self.alone(finding.metric)
            self.look(along=axes({finding.metric: self.series[finding.metric]})[0])
        by = ruler(self.series, self.view.along, self.row.started if self.row is not None else None)
        self.look(cursor=where_found(finding, self.series, by))

    def filter(self, text: str) -> None:
        """List only metrics with all words of a text."""
        self.names.words = text
        self.update()

    def _wanted(self) -> Task:
        by = ruler(self.series, self.view.along, self.row.started if self.row is not None else None)
        places = ((where_found(each, self.series, by), *sign_of(each)) for each in self.found if not each.over)
        found = tuple((x, sign, tone) for x, sign, tone in places if x is not None)
        view = replace(self.view, focus=self.at or "", colour=not self.app.no_color, found=found)
        snapshots = self._plotter.snapshots(self.series, self.chosen or {})
        return Task(snapshots, by, WEIGHTS[self.weight], view, *self._room)

    # The arrangement.

    @property
    def _beside(self) -> bool:
        """Whether the list stands beside the plot, and not below it."""
        return self._side > 0

    @property
    def _side(self) -> int:
        """Cells of the list beside the plot."""
        return next((side for width, side in SIDES if self.size.width >= width), 0)

    @property
    def _listed(self) -> int:
        """Lines of the list, its head included."""
        height = self.size.height - 1
        return height if self._beside else min(len(self.series) + 1, max(2, height // 4), height)

    @property
    def _room(self) -> tuple[int, int]:
        width, height = self.size
        if self._beside:
            return width - self._side - 1, max(1, height - 1)
        return width, max(1, height - 1 - self._listed)

    def _together(self) -> Iterator[Drawn]:
        yield from super()._together()
        if self.trouble and not self.series:
            yield ((f"  ▲ {self.trouble}", "waiting"),), "plain"

    def _head(self, picture: Picture) -> Iterator[Piece]:
        yield from super()._head(picture)
        if self.trouble:
            yield f"  ▲ {self.trouble}", "waiting"

    def _body(self, picture: Picture) -> Iterator[Drawn]:
        plot = super()._body(picture)
        if not self._beside:
            yield from plot
            yield from self._list(picture, self.size.width)
            return
        for (left, _), (right, below) in zip(plot, self._list(picture, self._side), strict=False):
            yield (
                (*left, ("│", "dim"), *((text, tone if below == "plain" else below) for text, tone in right)),
                "plain",
            )

    def _list(self, picture: Picture, width: int) -> Iterator[Drawn]:
        """The list of metrics, scrolled to its cursor."""
        cursor, traces = self.view.cursor, {each.metric: each for each in picture.traces}
        heads = metric_lines.columns(width, smoothed=WEIGHTS[self.weight] > 0, cursor=cursor is not None)
        yield metric_lines.head(self.names, width, heads), "head"
        room, at, chosen = self._listed - 1, self.at, self.chosen or {}
        seen = self.names.window(room)[1]
        for name in seen:
            yield (
                metric_lines.line(
                    self.series[name],
                    traces.get(name),
                    number=chosen.get(name),
                    cursor=cursor,
                    here=name == at,
                    width=width,
                    heads=heads,
                    by=picture.task.ruler.unit,
                ),
                "cursor" if name == at and self.has_focus else "plain",
            )
        yield from [(((" " * width, "plain"),), "plain")] * (room - len(seen))

    # Keys: the list.

    def _go(self, by: int) -> None:
        self._settled = True
        self.names.go(by)
        self.update()

    def action_down(self) -> None:
        self._go(1)

    def action_up(self) -> None:
        self._go(-1)

    def action_top(self) -> None:
        self._go(-len(self.series))

    def action_bottom(self) -> None:
        self._go(len(self.series))

    def action_half_down(self) -> None:
        self._go(max(1, self._listed // 2))

    def action_half_up(self) -> None:
        self._go(-max(1, self._listed // 2))

    def action_choose(self) -> None:
        chosen, at = dict(self.chosen or {}), self.at
        if at in chosen:
            del chosen[at]
        elif at is not None:
            chosen[at] = min(set(range(len(chosen) + 1)) - set(chosen.values()))
        self.chosen = chosen
        self.look()

    def action_alone(self) -> None:
        if self.at is not None:
            self.alone(self.at)
