"""Several runs side by side: their curves over one another, and a table of what differs and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from trainboard.compare import Comparison, compare, of_row
from tui import show
from tui.keys import bindings
from tui.loading import loaded
from tui.overlay import Runner
from tui.recordings import Recordings
from tui.scale import told
from tui.scatter import Look
from tui.screens.upper import UpperScreen
from tui.widgets.bars import Line
from tui.widgets.compare_plot import ComparePlot
from tui.widgets.compare_table import CompareTable
from tui.widgets.metric_lines import value_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.timer import Timer

    from trainboard.actions import Actions
    from trainboard.compare import Entry
    from trainboard.events import HostSeen
    from trainboard.rows import Row
    from tui.messages import HostArrived, SamplesArrived, TableArrived
    from tui.widgets.bars import Group

FIRST = 8
"""Runs whose curves are drawn to begin with, the best ones."""
PACE = 0.5
"""Seconds at least between two drawings of what arrives."""
KINDS = ("best", "last", "final")
POINTS = ("flip",)
"""Actions that mean something for points."""
CURVES = (*POINTS, "next_axis", "smooth", "zoom", "pan", "step", "whole", "choose", "choose_all")
"""And for curves."""


class CompareScreen(UpperScreen):
    """Reads the series of its rows once each, and goes on with what the stream of events tells."""

    PLACES = ("compare", "compared")
    BINDINGS = bindings("compare")
    AUTO_FOCUS = "CompareTable"

    def __init__(
        self, actions: Actions, rows: Sequence[Row], hosts: Mapping[str, HostSeen], clock: Callable[[], float]
    ) -> None:
        super().__init__()
        self.actions = actions
        self.rows = {row.key: row for row in rows}
        self._hosts = dict(hosts)
        self._clock = clock
        self._recordings = Recordings(actions, self.rows)
        self._reading = False
        self._entries: dict[str, Entry] = {}
        """Those that are as their rows are."""
        self.found = Comparison()
        self.kind = KINDS[0]
        self.sorting: tuple[str, bool] | None = None
        """The column, and whether the other way round; None: the objective, the best first."""
        self.drawn: dict[str, int] = {}
        """By run whose curve is drawn: its number."""
        self._settled = False
        """Whether these stay: to begin with they are the best of those that are read so far."""
        self._metric = self._param = ""
        self._due: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Line(id="head")
        yield ComparePlot(id="plot")
        yield CompareTable(id="compared")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.plot, self.table = self.query_one(ComparePlot), self.query_one(CompareTable)
        self.plot.waiting = "reading the metrics …"
        self.actions.look(list(self.rows))
        self._divide()
        self.update()
        self._fetch()

    # What arrived.

    async def _read(self) -> None:
        """Read what is wanted."""
        try:
            async for key in self._recordings.read():
                self._entries[key] = self._entry(key)
                self._soon()
        finally:
            self._reading = False
        self.update()

    def on_samples_arrived(self, message: SamplesArrived) -> None:
        event = message.sampled
        if event.key in self.rows:
            self._recordings.take(event)
            self._entries.pop(event.key, None)
            self._fetch()
            self._soon()

    def _fetch(self) -> None:
        """Read what is wanted, unless that is under way."""
        if self._recordings.wanted and not self._reading:
            self._reading = True
            self.run_worker(self._read(), group="series")

    def on_table_arrived(self, message: TableArrived) -> None:
        for row in message.table.rows:
            if row.key in self.rows and row != self.rows[row.key]:
                self.rows[row.key] = row
                self._entries.pop(row.key, None)
                self._soon()

    def on_host_arrived(self, message: HostArrived) -> None:
        self._hosts[message.host.backend] = message.host

    # What is shown.

    def _soon(self) -> None:
        """Show what has arrived, but no more often than a slow line and the reader take."""
        if self._due is None:
            self._due = self.set_timer(PACE, self.update)

    def _entry(self, key: str) -> Entry:
        return of_row(self.rows[key], self._recordings.known.get(key, {}), self._clock())

    def update(self) -> None:
        """Everything as it is now."""
        if self._due is not None:
            self._due.stop()
            self._due = None
        self._entries |= {key: self._entry(key) for key in self.rows if key not in self._entries}
        self.found = compare([self._entries[key] for key in self.rows], self.rows.values())
        column, reverse = self.sorting or (next(iter(self.found.metrics), ""), False)
        if column in self.found.metrics or column in self.found.params:
            entries = self.found.ordered(column, self.kind, reverse=reverse)
            self.table.sorted_by = column, reverse
        else:
            entries, self.table.sorted_by = self.found.entries, None
        if not self._settled:
            self.drawn = {entry.key: at for at, entry in enumerate([e for e in entries if e.metrics][:FIRST])}
            if not self._recordings.wanted and self.drawn:
                self._settled = True
                self.table.put(self.found, entries, self.kind)
                self.table.cursor = 0
        self.table.put(self.found, entries, self.kind)
        if not self._recordings.wanted:
            self.plot.waiting = next(iter(self._recordings.refused.values()), "No run here has metrics yet.")
        self._draw()
        self._summarise()
        self.show_keys()

    def on_resize(self) -> None:
        self._divide()

    def _divide(self) -> None:
        """The table has as many lines as it needs, at most half of the screen."""
        self.table.styles.height = min(len(self.rows) + 1, max(4, self.size.height // 2 - 1))

    def _draw(self) -> None:
        """The plot: of the metric under the cursor the curves; of a parameter, the metric against it."""
        at = self.table.at
        if at in self.found.goals:
            self._metric, self._param = at, ""
        elif at:
            self._param = at
            self._metric = self._metric or next(iter(self.found.metrics), "")
        here = self.table.entry.key if self.table.entry is not None else None
        self.table.numbers = self._numbers if self._param else self.drawn
        if self._param and self._metric:
            look = Look(self._numbers, here)
            against = self.found.against(self._param, self._metric, self.kind)
            said = self.kind if self.found.goals[self._metric] or self.kind != KINDS[0] else "last"
            self.plot.scatter(against, self._param, self._metric, said, look)
        else:
            wanted = sorted(self.drawn.items(), key=lambda item: item[1])
            runners = [
                Runner(key, number, self._recordings.known[key], self.rows[key].started)
                for key, number in wanted
                if key in self._recordings.known
            ]
            self.plot.race(runners, self._metric, here)
        self._read_off()

    @property
    def _numbers(self) -> dict[str, int]:
        """A number for every run: of those that have a curve the same."""
        numbers = dict(self.drawn)
        free = iter(sorted(set(range(len(self.rows) + len(numbers))) - set(numbers.values())))
        return numbers | {key: next(free) for key in self.rows if key not in numbers}

    @on(ComparePlot.Changed)
    def _read_off(self) -> None:
        """The values under the plot's cursor, in the table."""
        picture, cursor = self.plot.picture, self.plot.view.cursor
        if cursor is None or picture is None or self.plot.scattered:
            self.table.here = None
        else:
            at = told(cursor, self.plot.view.along)
            self.table.here = f"at {at}", {t.metric: show.number(value_at(t, cursor)) for t in picture.traces}
        self.table.refresh()

    def _summarise(self) -> None:
        """The line at the top."""
        experiments = {row.experiment for row in self.rows.values()}
        name = next(iter(experiments)) if len(experiments) == 1 else None
        groups: list[Group] = [((" compare ", "strong"),)]
        groups.append(
            ((f" {show.count(len(self.rows), 'run')}{f' of {show.clean(name)}' if name else ''} ", "plain"),)
        )
        many = len(self.found.params)
        differ = f"{many} parameters differ" if many > 1 else f"{'one' if many else 'no'} parameter differs"
        groups.append(((f" {differ} ", "plain"),))
        if self.found.goals.get(self._metric):
            better = "more" if self.found.goals[self._metric] == "maximize" else "less"
            groups.append(((f" {show.clean(self._metric, 40)}: {better} is better ", "plain"),))
        if left := len(self._recordings.wanted):
            groups.append(((f" reading {left} … ", "waiting"),))
        elif lost := len(self._recordings.refused):
            groups.append(((f" {lost} cannot be read ", "bad"),))
        self.query_one("#head", Line).groups = tuple(groups)

    @on(CompareTable.Moved)
    @on(CompareTable.Crossed)
    def _moved(self) -> None:
        self._draw()
        self._summarise()
        self.show_keys()

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """What there is to do to the plot depends on what it shows."""
        if action in CURVES and self.is_mounted:
            return action in POINTS if self.plot.scattered else bool(self.found.metrics)
        return True

    def action_sort(self) -> None:
        """By the column under the cursor; once more, the other way round."""
        at = self.table.at
        by = self.table.sorted_by
        self.sorting = (at, by is not None and by[0] == at and not by[1]) if at else None
        self.update()

    def action_next_kind(self) -> None:
        self.kind = KINDS[(KINDS.index(self.kind) + 1) % len(KINDS)]
        self.update()

    def action_choose(self) -> None:
        """Draw the run's curve, or not any more."""
        entry = self.table.entry
        if entry is None:
            return
        drawn = dict(self.drawn)
        if entry.key in drawn:
            del drawn[entry.key]
        else:
            drawn[entry.key] = min(set(range(len(drawn) + 1)) - set(drawn.values()))
        self.drawn, self._settled = drawn, True
        self._draw()
        self.table.refresh()

    def action_choose_all(self) -> None:
        """Draw all curves; where they are, only this one."""
        entry, every = self.table.entry, self._numbers
        if entry is not None and len(self.drawn) == len(self.rows):
            every = {entry.key: 0}
        self.drawn, self._settled = every, True
        self._draw()
        self.table.refresh()

    def action_open(self) -> None:
        """The run under the cursor."""
        if self.table.entry is None:
            return
        from tui.screens.run import RunScreen

        row = self.rows[self.table.entry.key]
        screen = RunScreen(self.actions, row, self._hosts.get(row.backend), self._clock)
        self.app.push_screen(screen, lambda _: self.actions.show(None))

    async def action_results(self) -> None:
        """The results of their experiments."""
        names = list(dict.fromkeys(row.experiment for row in self.rows.values() if row.experiment is not None))
        if not names:
            self.say("these jobs are of no experiment")
            return
        await loaded("tui.screens.results")
        from tui.screens.results import results_of

        screen = results_of(self.app, names, self._clock)
        self.app.push_screen(screen, lambda _: self.actions.look(list(self.rows)))

    def action_copy(self) -> None:
        """The table, tab between the cells: a sheet takes it."""
        names = [*self.found.params, *self.found.metrics]
        lines = ["\t".join(("run", *names))]
        for entry in self.table.entries:
            params = (str(entry.params.get(name, "")) for name in self.found.params)
            values = (self.found.value(entry, name, self.kind) for name in self.found.metrics)
            lines.append("\t".join((entry.key, *params, *("" if v is None else repr(v) for v in values))))
        self.copy("\n".join(lines), show.count(len(lines) - 1, "run"))

    def action_flip(self, field: str) -> None:
        self.plot.flip(field)

    def action_next_axis(self) -> None:
        self.plot.action_next_axis()

    def action_smooth(self, by: int) -> None:
        self.plot.action_smooth(by)

    def action_zoom(self, factor: float) -> None:
        self.plot.action_zoom(factor)

    def action_pan(self, share: float) -> None:
        self.plot.action_pan(share)

    def action_step(self, cells: int) -> None:
        self.plot.action_step(cells)

    def action_whole(self) -> None:
        self.plot.action_whole()
