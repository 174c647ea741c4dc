"""What runs are compared by, drawn: one metric's curves over one another, or its values over a parameter's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tui import scatter, show
from tui.overlay import Overlay, Race
from tui.scatter import Look
from tui.traces import Ruler, axes
from tui.widgets.curve_view import WEIGHTS, CurveView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trainboard.compare import Against
    from trainboard.series import Series
    from tui.overlay import Runner
    from tui.plotter import Picture, Task
    from tui.widgets.curve_view import Drawn
    from tui.widgets.lines import Piece


class ComparePlot(CurveView):
    """A plot of runs instead of metrics. The table of the runs is its list, and has the keys."""

    DEFAULT_CSS = """
    ComparePlot { height: 1fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._plotter = self._overlay = Overlay()
        self._series: Mapping[str, Series] = {}
        self._here: str | None = None
        self._runners: Sequence[Runner] = ()
        self._metric = ""
        self._said = ""
        self._against: tuple[Against, str] | None = None
        """What is drawn instead of curves, and the parameter."""
        self._look = Look({})
        self.log_param: bool | None = None
        """Whether the axis of the parameter is logarithmic; None: where its values ask for it."""

    @property
    def series(self) -> Mapping[str, Series]:
        return self._series

    @property
    def at(self) -> str | None:
        return self._here

    def race(self, runners: Sequence[Runner], metric: str, here: str | None) -> None:
        """Draw a metric of these runs as curves, that of the run under the cursor over the others."""
        if metric != self._metric:
            self._metric = metric
            self.view = replace(self.view, span=None, cursor=None)
        self._against, self._here = None, here
        self._runners = sorted(runners, key=lambda each: each.key != here)
        self._series = {each.key: each.series[metric] for each in runners if metric in each.series}
        known = axes(self.series)
        if self.view.along not in known:
            self.view = replace(self.view, along=known[0], span=None, cursor=None)
        self.update()

    def scatter(self, against: Against, param: str, metric: str, said: str, look: Look) -> None:
        """Draw a metric against a parameter; `said`: which of its values."""
        self._against, self._metric, self._said, self._look = (against, param), metric, said, look
        self.update()

    @property
    def scattered(self) -> bool:
        """Whether it is points and not curves that are drawn."""
        return self._against is not None

    def update(self) -> None:
        if self.scattered:
            self._put_together()
        else:
            super().update()

    def _wanted(self) -> Task:
        view = replace(self.view, focus=self.at or "", colour=not self.app.no_color)
        lanes = self._overlay.lanes(self._runners, self._metric, view.along)
        by = lanes[0].ruler if lanes else Ruler(view.along, view.along.value)
        return Race((), by, WEIGHTS[self.weight], view, *self._room, lanes)

    def _together(self) -> Iterator[Drawn]:
        if self._against is None:
            yield from super()._together()
            return
        against, param = self._against
        look = replace(self._look, log_y=self.view.log_y, log_x=self.log_param)
        notes = ["log y" if look.log_y else "", "log x" if scatter.is_log(against, look) else ""]
        head = f" {self._said} {show.clean(self._metric, 60)} against {show.clean(param, 40)}"
        notes.append("" if against.words or len(against.means) < 2 else "line: mean")
        yield ((head, "strong"), (f"  {' · '.join(filter(None, notes))}", "plain")), "head"
        width, height = self._room
        yield from ((line, "plain") for line in scatter.scatter(against, look, width, height, param))

    def _head(self, picture: Picture) -> Iterator[Piece]:
        yield f" {show.clean(self._metric, 60)} ", "strong"
        yield from list(super()._head(picture))[1:]

    def flip(self, field: str) -> None:
        """Switch between a linear and a logarithmic axis: one of the fields of `View`."""
        if self._against is not None and field == "log_x":
            self.log_param = not scatter.is_log(self._against[0], replace(self._look, log_x=self.log_param))
            self.update()
        else:
            # Levels of x mean something else then.
            self.look(**{field: not getattr(self.view, field)}, span=None if field == "log_x" else self.view.span)
