"""The board: hosts, jobs, and what is known of the selected one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.widget import Widget

from tui import orders, show
from tui.curves import Curves
from tui.inbox import Inbox
from tui.keys import CHANGING, KEYS, bindings
from tui.listing import WAITING
from tui.loading import loaded
from tui.screens.opening import OpeningScreen
from tui.screens.summary import summary
from tui.widgets.bars import Line, Tabs, key_groups
from tui.widgets.host_strip import HostStrip
from tui.widgets.job_cells import name_of
from tui.widgets.job_table import JobTable
from tui.widgets.lines import TONES

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.timer import Timer

    from trainboard.actions import Actions
    from trainboard.events import EngineSeen
    from tui.messages import (
        EngineArrived,
        FindingsArrived,
        HostArrived,
        LogArrived,
        LogFailed,
        NoticeArrived,
        Reached,
        SamplesArrived,
        TableArrived,
    )
    from tui.screens.ordering import Severity
    from tui.widgets.query import Query

DWELL = 0.15
"""Seconds that the cursor rests on a row before its log is asked for."""

OPENED = ("log", "findings", "info", "resources")
"""Panes that are tabs of a run, too."""

FURNITURE = (
    "tui.messages",
    "tui.readings",
    "tui.widgets.finding_text",
    "tui.widgets.fold_cells",
    "tui.widgets.info_view",
    "tui.widgets.log_view",
    "tui.widgets.metrics_view",
    "tui.widgets.query",
    "tui.widgets.resources_view",
)
"""Modules that are imported when the first frame is out."""

TYPING = (((" enter", "strong"), (" keep ", "plain")), ((" esc", "strong"), (" clear ", "plain")))
"""The footer while a filter or a search is typed."""

SEVERITIES: dict[str, Severity] = {"warning": "warning", "error": "error"}
"""Textual's words for those of `Noticed`; any other is information."""


class BoardScreen(OpeningScreen):
    """Takes in what arrived, passes it to its panes, and sends what the user wants to `Actions`."""

    BINDINGS = bindings("board")
    COMPONENT_CLASSES = TONES
    AUTO_FOCUS = "JobTable"

    def __init__(self, actions: Actions, clock: Callable[[], float], *, readonly: bool, title: str) -> None:
        super().__init__(actions, clock, readonly=readonly)
        self.paused = False
        self.curves = Curves(clock)
        self.inbox = Inbox()
        self.engine: EngineSeen | None = None
        self._heading = show.clean(title)
        self._dwell: Timer | None = None
        self.asked: Query | None = None
        """Until the panes below are there, None."""

    def compose(self) -> ComposeResult:
        yield Line(id="summary")
        yield HostStrip(self._clock)
        yield JobTable(self.curves, self._clock, self.inbox)
        yield Tabs(("log", "metrics", "findings", "info", "resources"))
        yield Widget(id="below")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.table = self.query_one(JobTable)
        self.tabs = self.query_one(Tabs)
        self.hosts = self.query_one(HostStrip)
        self.summarise()
        self.show_keys()

    async def furnish(self) -> None:
        """What the first frame does not need: the panes below, and the line that a filter is typed into."""
        for name in FURNITURE:
            await loaded(name)
        from tui.readings import Readings
        from tui.widgets.finding_text import FindingText
        from tui.widgets.info_view import InfoView
        from tui.widgets.log_view import LogView
        from tui.widgets.metrics_view import MetricsView
        from tui.widgets.query import Query
        from tui.widgets.resources_view import ResourcesView

        self.readings = Readings()
        self.log_view, self.metrics_view = LogView(self.actions, id="log"), MetricsView(id="metrics")
        self.finding_text = FindingText(id="findings")
        self.info_view, self.asked = InfoView(id="info"), Query()
        self.resources = ResourcesView(self.actions, self._clock, id="resources")
        panes = self.log_view, self.metrics_view, self.finding_text, self.info_view, self.resources
        await self.query_one("#below").mount(*panes)
        await self.mount(self.asked, before="#footer")

    # What arrived.

    def on_host_arrived(self, message: HostArrived) -> None:
        self.readings.add(message.host)
        self.hosts.put(message.host)
        self._inform()

    def on_engine_arrived(self, message: EngineArrived) -> None:
        self.engine = message.engine
        self.summarise()

    def on_table_arrived(self, message: TableArrived) -> None:
        self.table.offer(message.table.rows)
        if len(message.table.rows) < len(self.table.listing.rows):
            self.curves.keep({row.key for row in message.table.rows})

    def on_findings_arrived(self, message: FindingsArrived) -> None:
        self.table.found(self.inbox.put(message.seen))
        self._tell_findings()
        self.summarise()

    def on_log_arrived(self, message: LogArrived) -> None:
        if message.key == self._shown:
            self.log_view.take(message)

    def on_log_failed(self, message: LogFailed) -> None:
        if message.failure.key == self._shown:
            row = self.table.listing.rows.get(message.failure.key)
            waits = row is not None and row.state in WAITING and not row.unsent
            self.log_view.fail("no output yet: it waits (i: why)" if waits else message.failure.reason)

    def on_samples_arrived(self, message: SamplesArrived) -> None:
        self.curves.add(message.sampled)
        self.table.measure(message.sampled.key)
        self.resources.take(message.sampled)
        row, fold = self.table.row, self.table.fold
        if row is not None and message.sampled.key == row.key:
            self._draw_metrics()
        if fold is not None and message.sampled.key in fold.group.members and self.tabs.current == "info":
            self._inform()

    def on_notice_arrived(self, message: NoticeArrived) -> None:
        self.say(message.notice.text, SEVERITIES.get(message.notice.severity, "information"))

    def on_reached(self, message: Reached) -> None:
        message.seen.set()

    # What the panes tell.

    @on(JobTable.Moved)
    def _row_changed(self) -> None:
        if self.asked is None:
            return  # no row can be there before the panes
        row = self.table.row
        self.tabs.title = name_of(row) if row is not None else ""
        self._draw_metrics()
        self._inform()
        self._tell_findings()
        self.show_keys()
        if self._dwell is not None:
            self._dwell.stop()
        self._dwell = self.set_timer(DWELL, self.show_log)

    @on(JobTable.Listed)
    def _list_changed(self) -> None:
        self.summarise()
        self.show_keys()
        self._inform()
        if self.table.row is not None and self._shown is None and self._dwell is None:
            self._row_changed()

    @on(JobTable.Looked)
    def _rows_seen(self, message: JobTable.Looked) -> None:
        self._looked = message.keys
        if not self._comparing:
            self.actions.look(message.keys)

    def on_log_view_changed(self) -> None:
        self.show_keys()

    def on_resources_view_changed(self) -> None:
        self.show_keys()

    @on(Tabs.Chosen)
    def _tab_chosen(self, message: Tabs.Chosen) -> None:
        self.open_tab(message.name)

    def on_descendant_focus(self) -> None:
        self.show_keys()

    def show_log(self) -> None:
        """Ask for the log under the cursor where it can be seen; let go of another row's."""
        self._dwell = None
        if self._away:
            return
        row = self.table.row
        key = row.key if row is not None and self.tabs.current == "log" else None
        if row is not None and row.key == self._shown:
            return
        if key != self._shown:
            self._shown = key
            self.log_view.begin(key or "", "" if row is None else show.clean(row.log or name_of(row)))
            self.actions.show(key)

    def _draw_metrics(self) -> None:
        row = self.table.row
        known = (self.curves.of(row), self.curves.trouble(row)) if row is not None else ()
        self.metrics_view.put(*known)

    def _tell_findings(self) -> None:
        row = self.table.row
        self.finding_text.put(self.inbox.of(row.key) if row is not None else ())

    def _inform(self) -> None:
        from tui.widgets.fold_cells import fold_fields
        from tui.widgets.info_view import lines

        row, fold = self.table.row, self.table.fold
        found = self.inbox.of(row.key) if row is not None else ()
        self.resources.look(row, found, row.experiment if row is not None and fold is not None else None)
        if row is None:
            self.info_view.put(())
            return
        host = self.hosts.hosts.get(row.backend)
        self.info_view.put((*(fold_fields(fold) if fold else ()), *lines(row, host, self._clock())))

    def summarise(self) -> None:
        """The line at the top."""
        self.query_one("#summary", Line).groups = summary(
            self._heading,
            self.table.listing if self.table.arrived else None,
            marked=len(self.table.marks),
            offered=len(self.actions.offered_hosts()),
            paused=self.paused,
            readonly=self.readonly,
            engine=self.engine,
            unread=self.inbox.unread,
        )

    def show_keys(self) -> None:
        """The line at the bottom: the keys that do something here and now."""
        if self.typing:
            self.query_one("#footer", Line).groups = TYPING
            return
        focus = self.focused.id if self.focused is not None and self.focused.id else "table"
        here = [k for k in KEYS if ("board" in k.where or focus in k.where) and self.check_action(k.action, ())]
        if focus == "resources":
            here = [key for key in here if self.resources.check_action(key.action, ())]
        if focus == "log":
            here = [replace(key, label="search") if key.action == "find" else key for key in here]
        if focus in ("log", "resources"):
            here.sort(key=lambda key: key.action not in ("open", "back") and focus not in key.where)
        if not self.table.marks and self.table.fold is None:
            here = orders.offered(here, self.table.row)
        self.query_one("#footer", Line).groups = key_groups(here)

    @property
    def typing(self) -> bool:
        """Whether a filter or a search is being typed."""
        return self.asked is not None and self.focused is self.asked

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while something is typed; others do where there is something for them to do."""
        if self.typing or (action == "new" and self._stepping):
            return False
        if action in ("follow", "wrap"):
            return self.tabs.current == "log"
        if action in CHANGING:
            return not self.readonly
        return action != "back" or self._can_go_back

    @property
    def _stepping(self) -> bool:
        """Whether `n` goes to the next match of a search."""
        return self.asked is not None and self.log_view.stepping

    @property
    def _can_go_back(self) -> bool:
        table = self.table
        return self.focused not in (None, table) or bool(table.listing.words or table.marks)

    # Panes.

    @property
    def pane(self) -> Widget:
        """The pane below that is shown."""
        return self.query_one(f"#{self.tabs.current}")

    def open_tab(self, name: str) -> None:
        """Show this pane."""
        had_focus = self.focused is self.pane
        self.tabs.current = name
        for pane in self.query_one("#below").children:
            pane.display = pane.id == name
        if had_focus:
            self.set_focus(self.pane)
        if name == "log":
            self.show_log()
        elif name in ("info", "resources"):
            self._inform()
        self.show_keys()

    def action_tab_log(self) -> None:
        self._show_pane("log")

    def action_tab_metrics(self) -> None:
        self._show_pane("metrics")

    def action_tab_findings(self) -> None:
        self._show_pane("findings")

    def action_tab_info(self) -> None:
        self._show_pane("info")

    def action_tab_resources(self) -> None:
        self._show_pane("resources")

    def _show_pane(self, name: str) -> None:
        """The first time shows the pane, the second goes into it."""
        if self.tabs.current == name:
            self.set_focus(self.pane)
        self.open_tab(name)

    def action_previous_tab(self) -> None:
        self.open_tab(self.tabs.beside(-1))

    def action_next_tab(self) -> None:
        self.open_tab(self.tabs.beside(1))

    def action_switch_pane(self) -> None:
        self.set_focus(self.pane if self.focused is self.table else self.table)

    async def action_open(self) -> None:
        """The run, at the tab of the pane that has the keys; a folded line opens where it is."""
        row, inside = self.table.row, self.focused is not self.table
        if row is None:
            return
        if self.table.fold is not None and not inside:
            self.table.action_fold()
            return
        await self.open_run(self.tabs.current if inside and self.tabs.current in OPENED else "curves")

    def action_back(self) -> None:
        if self.focused is self.log_view and self.log_view.back():
            self.show_keys()
        elif self.focused is not self.table:
            self.set_focus(self.table)
        elif self.table.listing.words:
            self.table.filter("")
        elif self.table.marks:
            self.table.marks = set()
            self.summarise()
        self.show_keys()

    def action_follow(self) -> None:
        self.log_view.action_follow()

    def action_wrap(self) -> None:
        self.log_view.action_wrap()

    # Filter and search.

    def action_find(self) -> None:
        if self.asked is None:
            return
        if self.focused is self.log_view:
            self.log_view.action_find()
        else:
            words = " ".join(self.table.listing.words)
            self.asked.ask(self.table, words, "filter: name, state, backend, param=value …")

    def on_query_typed(self, message: Query.Typed) -> None:
        self.table.filter(message.text)

    # What the user wants done.

    def action_refresh_hosts(self) -> None:
        self.actions.refresh()
        self.say("asking every host")

    def action_pause(self) -> None:
        self.paused = not self.paused
        self.actions.pause(self.paused)
        self.summarise()

    def action_copy(self) -> None:
        row = self.table.row
        if self.focused is self.log_view:
            self.log_view.action_copy()
        elif row is not None:
            self.copy_of(row)

    def action_quit(self) -> None:
        self.app.exit(0)
