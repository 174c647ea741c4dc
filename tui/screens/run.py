"""One run: its curves, all its metrics, the inside of its network, its time, its log, and all that is known of it."""

from __future__ import annotations

import asyncio
import math
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from trainboard.actions import Refused
from tui import inside, show
from tui.inbox import Inbox
from tui.keys import KEYS, bindings
from tui.listing import WAITING
from tui.loading import Aside, loaded
from tui.screens.heading import heading
from tui.screens.tabbed import TabbedScreen
from tui.widgets.bars import Line, Tabs
from tui.widgets.curve_plot import CurvePlot
from tui.widgets.finding_text import FindingText
from tui.widgets.heat_map import HeatMap
from tui.widgets.info_view import InfoView, lines
from tui.widgets.job_cells import name_of
from tui.widgets.log_view import LogView
from tui.widgets.metric_grid import MetricGrid
from tui.widgets.query import Query
from tui.widgets.resources_view import ResourcesView
from tui.widgets.time_view import TimeView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from textual.app import ComposeResult
    from textual.timer import Timer

    from trainboard.actions import Actions
    from trainboard.events import FindingsSeen, HostSeen, Sampled
    from trainboard.extract.progress import Progress
    from trainboard.progress import Estimate
    from trainboard.recording import Recording
    from trainboard.records import Diagnosed
    from trainboard.rows import Row
    from trainboard.series import Series
    from tui.keys import Key
    from tui.messages import FindingsArrived, HostArrived, LogArrived, LogFailed, SamplesArrived, TableArrived

PACE = 0.5
"""Seconds at least between two drawings of what arrives."""
AHEAD = 5.0
"""And between two estimates of how long it still takes."""
NONE_YET = "No metrics yet: lines like `step=10 loss=0.5` or JSON in the log make curves."


class RunScreen(TabbedScreen):
    """Reads the whole series of its row once, and goes on with what the stream of events tells."""

    PLACES = ("run",)
    TABS = ("curves", "grid", "layers", "time", "log", "info", "findings", "resources")
    BINDINGS = bindings("run")

    def __init__(
        self,
        actions: Actions,
        row: Row,
        host: HostSeen | None,
        clock: Callable[[], float],
        *,
        tab: str = "curves",
        progress: Progress | None = None,
        seen: FindingsSeen | None = None,
        at: Diagnosed | None = None,
    ) -> None:
        """`seen`: all findings; `at`: the one that is to be shown where it is, in the curve or in the log."""
        super().__init__()
        self._inbox = Inbox(seen)
        self._at = at
        self.actions = actions
        self.row = row
        self._host = host
        self._listed = True
        """Whether the table still has the row."""
        self._clock = clock
        self._first = tab
        self._recording: Recording | None = None
        self._missed: list[Sampled] = []
        """What was told while the recording was fetched."""
        self._fetching = False
        self._progress = progress
        self._estimate: Estimate | None = None
        self._due: Timer | None = None
        self._aside, self._ahead = Aside(self, "work out"), Aside(self, "look ahead")
        self._log_wanted = False
        self._looked_ahead = -math.inf

    def compose(self) -> ComposeResult:
        yield Line(id="head")
        yield Tabs(self.TABS)
        yield CurvePlot(id="curves")
        yield MetricGrid(id="grid")
        yield HeatMap(id="layers")
        yield TimeView(id="time")
        yield LogView(self.actions, id="log")
        yield InfoView(id="info")
        yield FindingText(id="findings", none="nothing was found wrong with this run")
        yield ResourcesView(self.actions, self._clock, id="resources")
        yield Query()
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.plot, self.grid = self.query_one(CurvePlot), self.query_one(MetricGrid)
        self.heat_map, self.time_view = self.query_one(HeatMap), self.query_one(TimeView)
        self.log_view, self.info_view = self.query_one(LogView), self.query_one(InfoView)
        self.finding_text = self.query_one(FindingText)
        self.resources = self.query_one(ResourcesView)
        self.asked = self.query_one(Query)
        self.plot.waiting = self.grid.waiting = "reading the metrics …"
        self.open_tab(self._first)
        self._fetch()

    # What arrived.

    def _fetch(self) -> None:
        """Read the whole series, unless that is under way."""
        if not self._fetching:
            self._fetching = True
            self.run_worker(self._read(), group="series")

    async def _read(self) -> None:
        """All samples, and on top of them what was told meanwhile."""
        try:
            recording = await self.actions.series(self.row.key)
        except Refused as refusal:
            self.plot.waiting = self.grid.waiting = str(refusal)
        else:
            self._recording = recording
            self.plot.waiting = self.grid.waiting = NONE_YET
        finally:
            self._fetching = False
        missed, self._missed = self._missed, []
        for event in missed:
            self._take(event)
        self._show()

    def on_samples_arrived(self, message: SamplesArrived) -> None:
        event = message.sampled
        if event.key != self.row.key:
            return
        self.resources.take(event)
        self._progress = event.progress or (None if event.restarted else self._progress)
        if self._fetching:
            self._missed.append(event)
        else:
            self._take(event)
            self._soon()

    def _take(self, event: Sampled) -> None:
        """Go on with what was told; where it does not follow on what is here, read anew."""
        if self._recording is None or not self._recording.take(event):
            self._fetch()

    def on_table_arrived(self, message: TableArrived) -> None:
        row = next((row for row in message.table.rows if row.key == self.row.key), None)
        if (row is not None) is not self._listed or (row is not None and row != self.row):
            self.row, self._listed = row or self.row, row is not None
            self._soon()

    def on_host_arrived(self, message: HostArrived) -> None:
        if message.host.backend == self.row.backend:
            self._host = message.host
            self._soon()

    def on_findings_arrived(self, message: FindingsArrived) -> None:
        self._inbox.put(message.seen)
        self._soon()

    def on_log_arrived(self, message: LogArrived) -> None:
        if message.key == self.row.key:
            self.log_view.take(message)
            if message.data and self._at is not None and self._at.offset is not None:
                self.log_view.show(self._at.offset, len(self._at.lines[0].encode()) if self._at.lines else 1)
                self._at = None

    def on_log_failed(self, message: LogFailed) -> None:
        if message.failure.key == self.row.key:
            waits = self.row.state in WAITING and not self.row.unsent
            self.log_view.fail("no output yet: it waits (6: why)" if waits else message.failure.reason)

    # What is shown.

    def _soon(self) -> None:
        """Show what has arrived, but no more often than a slow line and the reader take."""
        if self._due is None:
            self._due = self.set_timer(PACE, self._show)

    def _show(self) -> None:
        """The pane that is seen, as things are now."""
        self._due = None
        self._summarise()
        if self._clock() - self._looked_ahead >= AHEAD and self._recording is not None:
            self._looked_ahead = self._clock()
            self._ahead.ask(self._look_ahead)
        series: Mapping[str, Series] = self._recording if self._recording is not None else {}
        match self.tab:
            case "curves":
                self.plot.found = self._inbox.of(self.row.key)
                self.plot.put(series, self.row, self._recording.trouble if self._recording is not None else "")
                if self._at is not None and self._recording is not None:
                    self.plot.jump(self._at)
                    self._at = None
            case "grid":
                self.grid.put(series)
            case "layers" | "time":
                self._aside.ask(partial(self._work_out, self.tab))
            case "info":
                self.info_view.put(lines(self.row, self._host, self._clock()))
            case "findings":
                self.finding_text.put(self._inbox.of(self.row.key))
            case "resources":
                self.resources.look(self.row, self._inbox.of(self.row.key))

    async def _work_out(self, name: str) -> None:
        """What takes longer, in a thread, from series that do not grow meanwhile."""
        still, now = {metric: copy(series) for metric, series in (self._recording or {}).items()}, self._clock()
        if name == "layers":
            self.heat_map.put(*await asyncio.to_thread(inside.layers, still))
            return
        times, self._estimate = await asyncio.to_thread(inside.time, still, self.row, self._progress, now)
        self.time_view.put(times, self._estimate, now)
        self._summarise()

    async def _look_ahead(self) -> None:
        """How far the run is, and how long it still takes, now and then."""
        still = {metric: copy(series) for metric, series in (self._recording or {}).items()}
        self._estimate = await asyncio.to_thread(inside.ahead, still, self.row, self._progress, self._clock())
        self._summarise()

    def _summarise(self) -> None:
        """The line at the top."""
        self.query_one("#head", Line).groups = heading(
            self.row, self._estimate, self._clock(), self._host, listed=self._listed
        )

    # Tabs.

    def opened(self, name: str) -> None:
        if name == "log" and not self._log_wanted:
            self._log_wanted = True
            self.log_view.begin(self.row.key, show.clean(self.row.log or name_of(self.row)))
            self.actions.show(self.row.key)
        self._show()

    @on(MetricGrid.Opened)
    def _metric_opened(self, message: MetricGrid.Opened) -> None:
        self.open_tab("curves")
        self.plot.alone(message.metric)

    @on(CurvePlot.Changed)
    @on(HeatMap.Changed)
    @on(LogView.Changed)
    @on(ResourcesView.Changed)
    def _pane_changed(self) -> None:
        self.show_keys()

    def keys(self) -> Iterable[Key]:
        ours = set(super().keys())
        for key in KEYS:
            if key in ours or (self.tab in key.where and self.pane.check_action(key.action, ())):
                yield replace(key, label="search") if key.action == "find" and self.tab == "log" else key

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while something is typed; a log searches by itself."""
        if self.typing or (action == "use" and self.tab in ("curves", "layers")):
            return False
        return action != "find" or self.tab in ("curves", "grid")

    def action_use(self) -> None:
        self.open_tab("resources")

    async def action_outputs(self) -> None:
        """What it wrote."""
        await loaded("tui.screens.outputs")
        from tui.screens.outputs import open_outputs

        open_outputs(self, self.actions, self.row.key, self._clock)

    async def action_results(self) -> None:
        """Those of its experiment."""
        if self.row.experiment is None:
            self.say("this job is of no experiment")
            return
        await loaded("tui.screens.results")
        from tui.screens.results import results_of

        screen = results_of(self.app, [self.row.experiment], self._clock)
        self.app.push_screen(screen, lambda _: self.actions.look([self.row.key]))

    def action_back(self) -> None:
        if self.focused is self.log_view and self.log_view.back():
            return
        if isinstance(self.focused, CurvePlot | MetricGrid) and self.focused.names.words:
            self.focused.filter("")
            return
        self.dismiss(None)

    def action_find(self) -> None:
        pane = self.focused
        if isinstance(pane, CurvePlot | MetricGrid):
            self.asked.ask(pane, pane.names.words, "filter the metrics")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        if isinstance(message.asker, CurvePlot | MetricGrid):
            message.asker.filter(message.text)
