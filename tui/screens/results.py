"""What came of experiments: their runs as a table, and what of the parameters mattered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.content import Content
from textual.widgets import Static

from trainboard.actions import Exists, Refused
from trainboard.ranking.columns import Source, Unknown, Words, metric
from trainboard.ranking.standing import Standing
from trainboard.ranking.table import Table, View, arrange, title_of, without_seeds
from trainboard.ranking.welch import shown, verdict
from trainboard.ranking.where import read
from trainboard.results import KINDS
from tui import show
from tui.keys import bindings
from tui.loading import Aside, loaded
from tui.results_plots import Plots
from tui.screens.tabbed import TabbedScreen
from tui.widgets.bars import Line, Tabs
from tui.widgets.query import Query
from tui.widgets.results_drawing import ParamMap, ResultsDrawing
from tui.widgets.results_table import ResultsTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence

    from textual.app import App, ComposeResult
    from textual.timer import Timer

    from trainboard.actions import Actions
    from trainboard.events import HostSeen
    from trainboard.ranking.table import Line as ResultLine
    from trainboard.rows import Row
    from tui.app import Board
    from tui.keys import Key
    from tui.messages import HostArrived, SamplesArrived, TableArrived
    from tui.widgets.bars import Group

PACE = 3.0
"""Seconds at least between two readings of what has changed."""
LARGE = 2000
"""Runs that are arranged within a frame."""
READ = 256
"""Runs that have ended whose logs are read to their end while the screen is open."""
TABLE_KEYS = ("sort", "fold", "group", "columns", "hide", "open", "left", "right")
"""Actions that mean something in the table alone."""
PLOTS: Mapping[str, Sequence[str]] = {
    "previous_param": ("param", "map"),
    "next_param": ("param", "map"),
    "next_other": ("map",),
    "next_metric": ("param", "map", "importance", "parallel"),
    "log": ("param",),
}
"""Actions that mean something in these tabs alone."""


@dataclass(slots=True)
class Kept:
    """How the results of some experiments are looked at, for as long as the board is open."""

    view: View = field(default_factory=View)
    typed: str = ""
    """The filter."""
    sorted: bool = False
    """Whether the user chose what is sorted by: before that it is the objective."""


def results_of(app: App[int], names: Sequence[str], clock: Callable[[], float]) -> ResultsScreen:
    """The screen of these experiments, which sees the rows of the board."""
    board = cast("Board", app)
    rows, hosts = board.board.table.listing.rows, board.board.hosts.hosts
    return ResultsScreen(board.actions, names, rows, hosts, clock, board.kept_results, readonly=board.readonly)


class ResultsScreen(TabbedScreen):
    """Reads what is stored of its runs when it opens, and again what has changed."""

    PLACES = ("results", "results_table", "results_plot")
    TABS = ("table", "param", "map", "importance", "parallel")
    BINDINGS: ClassVar = [*bindings("results"), *bindings("results_plot")]
    DEFAULT_CSS = """
    ResultsScreen #test { height: auto; max-height: 4; padding: 0 1; background: $panel; }
    """

    def __init__(
        self,
        actions: Actions,
        names: Sequence[str],
        rows: Mapping[str, Row],
        hosts: Mapping[str, HostSeen],
        clock: Callable[[], float],
        kept: MutableMapping[str, object],
        *,
        readonly: bool = False,
    ) -> None:
        """`names`: ids of experiments; `kept`: how they were looked at before, by these."""
        super().__init__()
        self.actions = actions
        self.names = tuple(names)
        self.readonly = readonly
        self.standing = Standing()
        self.table_now = Table()
        found = kept.setdefault("\n".join(self.names), Kept())
        self.kept = found if isinstance(found, Kept) else Kept()
        self._rows = dict(rows)
        self._hosts = dict(hosts)
        self._clock = clock
        self._left: int | None = None
        """Series that are still to be read; None: nothing is being read."""
        self._trouble = ""
        self._wrong = ""
        """What is wrong with the filter."""
        self._within: ResultLine | None = None
        """The folded line whose runs are shown."""
        self.plots = Plots(self, self._draw_again)
        self._due: Timer | None = None
        self._arranging = Aside(self, "arrange")

    def compose(self) -> ComposeResult:
        yield Line(id="head")
        yield Tabs(self.TABS)
        yield ResultsTable(id="table")
        yield ResultsDrawing(id="param")
        yield ParamMap(id="map")
        yield ResultsDrawing(id="importance")
        yield ResultsDrawing(id="parallel")
        yield Line(id="said")
        yield Static(id="test")
        yield Query()
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.list = self.query_one(ResultsTable)
        self.list.none = "reading…"
        self.open_tab("table")
        self.load()

    # What arrived.

    def load(self) -> None:
        """Read what has changed."""
        if self._left is None:
            self._left = 0
            self.run_worker(self._load(), group="load")

    async def _load(self) -> None:
        loop = asyncio.get_running_loop()

        def tell(left: int) -> None:
            loop.call_soon_threadsafe(self._reading, left)

        try:
            self.standing = await self.actions.questions.results(self.names, tell)
            self._trouble = ""
        except Refused as refusal:
            self._trouble = str(refusal)
        self._left = None
        self._see_to_logs()
        self.update()

    def _reading(self, left: int) -> None:
        if self._left is not None:
            self._left = left
            self._summarise()

    def _see_to_logs(self) -> None:
        """What ended while nobody looked is read now."""
        silent = [each.key for each in self.standing.found.entries if not each.metrics and each.seconds is not None]
        if silent:
            self.actions.look(silent[-READ:])

    def on_table_arrived(self, message: TableArrived) -> None:
        before, self._rows = self._rows, {row.key: row for row in message.table.rows}
        mine = set(self.names)
        if any(row.experiment in mine and before.get(key) is not row for key, row in self._rows.items()):
            self._soon()

    def on_samples_arrived(self, message: SamplesArrived) -> None:
        row = self._rows.get(message.sampled.key)
        if row is not None and row.experiment in self.names:
            self._soon()

    def on_host_arrived(self, message: HostArrived) -> None:
        self._hosts[message.host.backend] = message.host

    def _soon(self) -> None:
        if self._due is None:
            self._due = self.set_timer(PACE, self._now)

    def _now(self) -> None:
        self._due = None
        self.load()

    # What is shown.

    @property
    def view(self) -> View:
        """How it is looked at, with the objective as what is sorted by to begin with."""
        view, found = self.kept.view, self.standing.found
        if not self.kept.sorted and view.by is None and found.metrics:
            view = replace(view, sort=metric(found, found.metrics[0], view.kind))
        return view

    def update(self) -> None:
        """Arrange it anew: at once where it is little, else in a thread."""
        found = self.standing.found
        if self._within is not None:
            keys = {each.key for each in self._within.members}
            found = replace(found, entries=tuple(entry for entry in found.entries if entry.key in keys))
        view = self.view if self._within is None else replace(self.view, by=None)
        if len(found.entries) <= LARGE:
            self._put(arrange(found, view))
            return

        async def arranged() -> None:
            self._put(await asyncio.to_thread(arrange, found, view))

        self._arranging.ask(arranged)

    def _put(self, table: Table) -> None:
        self.table_now = self.plots.table = table
        self.list.none = self._trouble or ("reading…" if self._left is not None else "no run is like that")
        self.list.put(table)
        self.opened(self.tab)
        self._summarise()
        self.show_keys()

    def opened(self, name: str) -> None:
        """Draw what is seen."""
        if name != "table" and self.is_mounted:
            here = self.list.line_here
            self.plots.draw(name, here.first.key if here is not None else None)
        self._summarise()

    @on(ResultsDrawing.Resized)
    def _draw_again(self) -> None:
        self.opened(self.tab)

    def _summarise(self) -> None:
        """The line at the top, and what is said below."""
        names = ", ".join(show.clean(name, 40) for name in self.names[:3]) + (" …" if len(self.names) > 3 else "")
        groups: list[Group] = [((" results ", "strong"),), ((f" {names} ", "plain"),)]
        if self._within is not None:
            groups.append(((f" {show.clean(title_of(self._within, self.view.by or ()), 60)} ", "waiting"),))
        column = self.plots.column
        if column is not None and (goal := self.table_now.found.goals.get(column.name)):
            better = "more" if goal == "maximize" else "less"
            groups.append(((f" {show.clean(column.name, 30)}: {better} is better ", "plain"),))
        if self.kept.typed:
            groups.append(((f" filter: {show.clean(self.kept.typed, 60)} ", "waiting"),))
        if self._left:
            groups.append(((f" reading {self._left} … ", "waiting"),))
        self.query_one("#head", Line).groups = tuple(groups)
        self.query_one("#said", Line).groups = (self._said(),)
        self._tell_test()

    def _tell_test(self) -> None:
        """Of groups, the best against the next."""
        found = verdict(self.table_now) if self.tab == "table" else None
        test = self.query_one("#test", Static)
        test.display = found is not None
        if found is not None:
            (name, best), (other, second) = found.best, found.next
            room = max(12, (self.size.width - 44) // 2)
            names = [show.cut_middle(show.clean(each), room).rstrip() for each in (name, other)]
            self.query_one("#said", Line).groups = (
                ((f" ★ {names[0]} {shown(best)}", "strong"), (f"  next {names[1]} {shown(second)}", "plain")),
            )
            said = Content.styled(show.clean(found.judged()), "$text-warning" if found.warnings else "")
            if test.content != said:
                test.update(said)

    def _said(self) -> Group:
        if self._wrong or self._trouble:
            return ((f" {show.clean(self._wrong or self._trouble)}", "bad"),)
        line = self.list.line_here
        if self.tab == "table" and line is not None:
            text = title_of(line, self.view.by or ()) if line.folded else f"{line.first.key}  {line.first.name}"
            return ((f" {show.clean(f'{text}  {line.first.finding}')}", "plain"),)
        return (("", "plain"),)

    @on(ResultsTable.Moved)
    @on(ResultsTable.Crossed)
    def _moved(self) -> None:
        self._summarise()

    # Keys.

    def keys(self) -> Iterable[Key]:
        """Those of the pane that is seen."""
        other = "results_plot" if self.tab == "table" else "results_table"
        here = super().keys()
        return (key for key in here if key.where != (other,))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        if self.typing or (self.readonly and action in ("narrow", "save")):
            return False
        return self.tab == "table" if action in TABLE_KEYS else self.tab in PLOTS.get(action, self.TABS)

    def action_load(self) -> None:
        self.say("reading again what has changed", "information")
        self.load()

    def _look(self, **changes: object) -> None:
        """Look at it otherwise from now on."""
        self.kept.view = replace(self.kept.view, **changes)  # type: ignore[arg-type]  # its own fields
        self.update()

    def action_sort(self) -> None:
        """By the column under the cursor; once more, the other way round."""
        at = self.list.at
        if at is None:
            return
        now = self.table_now.view
        same = now.sort is not None and now.sort.key == at.key
        self.kept.sorted = True
        self._look(sort=at, reverse=same and not now.reverse)

    def action_next_kind(self) -> None:
        """Best, newest, or final values."""
        kind = KINDS[(KINDS.index(self.kept.view.kind) + 1) % len(KINDS)]
        sort = self.kept.view.sort
        if sort is not None and sort.source is Source.METRIC:
            sort = metric(self.standing.found, sort.name, kind)
        self._look(kind=kind, sort=sort)

    def action_fold(self) -> None:
        """Runs that differ in their seeds alone as one line, or every run."""
        self._within = None
        self._look(by=None if self.kept.view.by is not None else without_seeds(self.standing.found))

    def action_group(self) -> None:
        """By the parameter under the cursor, too; or not any more."""
        at = self.list.at
        if at is None or at.source is Source.METRIC or (at.source is Source.FACT and at.name != "experiment"):
            self.say("go to the column of a parameter to group by it")
            return
        name = at.key if at.source is Source.FACT else at.name
        by = self.kept.view.by or ()
        chosen = tuple(each for each in by if each != name) if name in by else (*by, name)
        self._within = None
        self._look(by=chosen or None)

    @work(exclusive=True, group="ask")
    async def action_columns(self) -> None:
        """Choose the columns."""
        from tui.screens.value import ValueScreen

        now = ", ".join(column.key for column in self.table_now.columns)
        told = "parameters, metrics (loss:final), [state] [took] [gpu-hours] [finding]; empty: the usual ones"
        typed = await self.app.push_screen_wait(ValueScreen("Columns, with commas between", told, now))
        if typed is None:
            return
        words = [word.strip() for word in typed.split(",") if word.strip()]
        try:
            self._look(columns=Words(self.standing.found, self.kept.view.kind).all(words) or None)
        except Unknown as error:
            self.say(str(error))

    def action_hide(self) -> None:
        """Leave the column under the cursor out."""
        at = self.list.at
        left = tuple(column for column in self.table_now.columns if at is None or column.key != at.key)
        if left:
            self._look(columns=left)

    def action_find(self) -> None:
        self.query_one(Query).ask(self.pane, self.kept.typed, "words, lr>0.001, state=FAILED, val_loss:final<0.3 …")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        try:
            where = read(message.text, Words(self.standing.found, self.kept.view.kind))
        except Unknown as error:
            self._wrong = str(error) if message.text else ""
            if message.kept:
                self.say(self._wrong)
                self._wrong = ""
            self._summarise()
            return
        self._wrong, self.kept.typed = "", message.text.strip()
        self._look(where=where)

    def action_previous_param(self) -> None:
        self.plots.turn(-1)

    def action_next_param(self) -> None:
        self.plots.turn(1)

    def action_next_other(self) -> None:
        self.plots.next_other()

    def action_next_metric(self) -> None:
        self.plots.next_metric()

    def action_log(self, axis: str) -> None:
        self.plots.turn_log(axis)

    async def action_open(self) -> None:
        """The run, or the runs that are folded into the line."""
        line = self.list.line_here
        if line is None:
            return
        if line.folded:
            self._within = line
            self.update()
            return
        row = self._rows.get(line.first.key)
        if row is None:
            self.say("this run is not on the board")
            return
        await loaded("tui.screens.run")
        from tui.screens.run import RunScreen

        screen = RunScreen(self.actions, row, self._hosts.get(row.backend), self._clock)
        self.app.push_screen(screen, lambda _: self.actions.show(None))

    @work(exclusive=True, group="ask")
    async def action_save(self) -> None:
        """Write the table as it is seen, by the end of the name that is typed; never over a file."""
        from trainboard.ranking import export
        from tui.screens.value import ValueScreen

        table = self.table_now
        told = f"{', '.join(export.formats())}; in {target('')}"
        keys = "enter write   esc leave it"
        typed = await self.app.push_screen_wait(ValueScreen("Write the table to", told, f"{self.names[0]}.csv", keys))
        if not typed or not typed.strip():
            return
        path = target(typed)
        try:
            await asyncio.to_thread(export.write, table, path)
        except (Exists, Refused) as refusal:
            self.say(str(refusal))
        else:
            self.say(f"{show.count(len(table.lines), 'line')} written to {path}", "information")

    @work(exclusive=True, group="narrow")
    async def action_narrow(self) -> None:
        """A draft of the next spec, its ranges narrowed around the best runs of what is seen, in the editor."""
        from trainboard.ranking.narrow import narrowed
        from tui.drafts import Draft
        from tui.screens.specs import SpecsScreen

        line, experiments = self.list.line_here, {each.id: each for each in self.standing.experiments}
        experiment = experiments.get(line.first.experiment) if line is not None else None
        column = self.plots.column
        if experiment is None or column is None:
            self.say("no run has metrics yet")
            return
        try:
            found = await asyncio.to_thread(narrowed, self.table_now.found, column, experiment)
        except Refused as refusal:
            self.say(str(refusal))
            return
        self.say(f"around {', '.join(found.runs)}: {'; '.join(found.changes)}", "information")
        draft = Draft(found.path, None, found.text, None)
        self.app.push_screen(SpecsScreen(self.actions, readonly=self.readonly, path=found.path, draft=draft))

    def action_copy(self) -> None:
        """The table, as CSV."""
        from trainboard.ranking import export

        text = export.as_csv(self.table_now).decode("utf-8", "replace")
        self.copy(text, show.count(len(self.table_now.lines), "line"))

    def action_back(self) -> None:
        """Out of the folded line; away with the filter; back."""
        if self._within is not None:
            self._within = None
            self.update()
        elif self.kept.typed:
            self.kept.typed = ""
            self._look(where=type(self.kept.view.where)())
        else:
            self.dismiss(None)


def target(typed: str) -> Path:
    """The file of this name, from where the board was started."""
    return Path(typed.strip()).expanduser().absolute()
