"""A board that opens other screens above itself, and knows what they take away from it meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tui.listing import WAITING
from tui.loading import loaded
from tui.screens.ordering import OrderingScreen
from tui.widgets.job_cells import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from textual.screen import Screen

    from trainboard.actions import Actions
    from trainboard.rows import Row
    from tui.app import Board
    from tui.curves import Curves
    from tui.inbox import Inbox
    from tui.readings import Readings
    from tui.widgets.bars import Tabs
    from tui.widgets.host_strip import HostStrip

COMPARED = 256
"""Runs that can be compared at once: all their metrics are read."""


class OpeningScreen(OrderingScreen):
    """One method for each screen that is opened. A screen above has the log, and may have the curves, to itself."""

    hosts: HostStrip
    tabs: Tabs
    curves: Curves
    inbox: Inbox
    readings: Readings

    def __init__(self, actions: Actions, clock: Callable[[], float], *, readonly: bool) -> None:
        super().__init__(actions)
        self.readonly = readonly
        self._clock = clock
        self._shown: str | None = None
        """The row whose log is asked for."""
        self._away = False
        """Whether a screen is above that has the log to itself."""
        self._looked: Collection[str] = ()
        """The rows on the screen."""
        self._comparing = False
        """Whether other rows' curves are wanted above."""

    def show_log(self) -> None:
        """Ask for the log under the cursor where it can be seen."""
        raise NotImplementedError

    def above(self, screen: Screen[None]) -> None:
        """Open a screen that has the log to itself while it is there."""
        self.let_go()
        self._away = True
        self.app.push_screen(screen, self._returned)

    def let_go(self) -> None:
        """No log is shown here."""
        if self._shown is not None:
            self._shown = None
            self.actions.show(None)

    def _returned(self, _: None) -> None:
        """Back here: the log under the cursor and the curves of the rows that are seen are wanted again."""
        if self._comparing and self._looked:
            self.actions.look(self._looked)
        self._away = self._comparing = False
        self.hosts.look()
        self.show_log()

    async def open_run(self, tab: str) -> None:
        """The run under the cursor, at this tab."""
        row = self.table.row
        if row is None:
            return
        await loaded("tui.screens.run")
        from tui.screens.run import RunScreen

        host, progress, seen = self.hosts.hosts.get(row.backend), self.curves.far(row), self.inbox.seen
        self.above(RunScreen(self.actions, row, host, self._clock, tab=tab, progress=progress, seen=seen))

    async def action_compare(self) -> None:
        """The marked runs, or those of the experiment under the cursor, side by side."""
        row, listing = self.table.row, self.table.listing
        group = listing.group_of(row.key) if row is not None and not self.table.marks else None
        rows = [listing.rows[key] for key in sorted(group.members, key=listing.rank)] if group else self.table.chosen
        if len(rows) < 2:
            self.say("mark two runs to compare, or go to one of an experiment", "warning")
            return
        if len(rows) > COMPARED:
            self.say(f"{len(rows)} runs are too many to compare: mark {COMPARED} at most", "warning")
            return
        await loaded("tui.screens.compare")
        from tui.screens.compare import CompareScreen

        self._comparing = True
        self.above(CompareScreen(self.actions, rows, self.hosts.hosts, self._clock))

    async def action_results(self) -> None:
        """What came of the experiments of the marked jobs, or of the one under the cursor."""
        rows = self.table.chosen
        names = list(dict.fromkeys(row.experiment for row in rows if row.experiment is not None))
        if not names:
            self.say("go to a run of an experiment, or mark runs of several", "warning")
            return
        await loaded("tui.screens.results")
        from tui.screens.results import results_of

        self._comparing = True
        self.above(results_of(self.app, names, self._clock))

    async def action_findings(self) -> None:
        """The findings of all jobs."""
        await loaded("tui.screens.findings")
        from tui.screens.findings import FindingsScreen

        rows, hosts = self.table.listing.rows, self.hosts.hosts
        self.above(FindingsScreen(self.actions, self.inbox.seen, rows, hosts, self._clock, readonly=self.readonly))

    async def action_commands(self) -> None:
        """The log of commands."""
        await loaded("tui.screens.commands")
        from tui.screens.commands import CommandsScreen

        self.above(CommandsScreen(self.actions, self._clock))

    async def action_shell(self) -> None:
        """A shell where the job is; the board is away meanwhile, and watches on."""
        row = self.table.row
        if row is None:
            return
        from textual.app import SuspendNotSupported

        from trainboard.actions import Refused
        from tui import suspended

        try:
            shell = self.actions.shell(row.key)
            await suspended.run(cast("Board", self.app), shell.argv, shell.title)
        except Refused as refusal:
            self.say(str(refusal), "warning")
        except SuspendNotSupported:
            self.say("this terminal cannot be given to a shell", "error")
        except OSError as error:
            self.say(f"no shell: {error.strerror or error}", "error")
        self.refresh(layout=True)

    def copy_of(self, row: Row) -> None:
        """Ask what of a job is to be copied, and copy it."""
        from trainboard.actions import Refused
        from tui.screens.copying import CopyScreen, offered

        try:
            shell = self.actions.shell(row.key).text
        except Refused:
            shell = ""  # it is nowhere yet: there is no shell to offer

        def answered(text: str | None) -> None:
            if text is not None:
                self.app.copy_to_clipboard(text)
                self.say(f"copied {text}")

        self.app.push_screen(CopyScreen(name_of(row), offered(row, shell)), answered)

    async def action_hosts(self) -> None:
        """The hosts, and who is on their GPUs."""
        await loaded("tui.screens.hosts")
        from tui.screens.hosts import HostsScreen

        rows, hosts, seen = self.table.listing.rows.values(), self.hosts.hosts, self.inbox.seen
        self.above(HostsScreen(self.actions, hosts, rows, self.readings, self._clock, seen=seen))

    async def action_why(self) -> None:
        """Why the job under the cursor waits."""
        row = self.table.row
        if row is None or row.state not in WAITING:
            self.say("no job chosen" if row is None else f"this job does not wait: it is {row.state}", "warning")
            return
        await loaded("tui.screens.why")
        from tui.screens.why import WhyScreen

        self.above(WhyScreen(self.actions, row, self._clock))

    async def action_history(self) -> None:
        """Jobs that are over."""
        await loaded("tui.screens.history")
        from tui.screens.history import HistoryScreen

        self.above(HistoryScreen(self.actions, self.table.listing.rows, self.hosts.hosts, self._clock))

    async def open_cluster(self, backend: str) -> None:
        """Partitions and nodes of a cluster."""
        await loaded("tui.screens.cluster")
        from tui.screens.cluster import ClusterScreen

        self.above(ClusterScreen(self.actions, backend, self._clock))

    async def action_profile(self) -> None:
        """The program of the job under the cursor: what it does, where it stands."""
        await loaded("tui.screens.profile")
        from tui.screens.profile import open_profile

        open_profile(self, self._clock)

    async def action_outputs(self) -> None:
        """What the job under the cursor wrote."""
        row = self.table.row
        if row is None:
            self.say("no job chosen", "warning")
            return
        await loaded("tui.screens.outputs")
        from tui.screens.outputs import open_outputs

        open_outputs(self, self.actions, row.key, self._clock, readonly=self.readonly)

    def action_new(self) -> None:
        from tui.screens.specs import SpecsScreen

        self.app.push_screen(SpecsScreen(self.actions, readonly=self.readonly), self._left)

    def action_edit(self) -> None:
        row = self.table.row
        path = self.actions.spec_source(row.key) if row is not None else None
        if row is None or path is None:
            self.say("no spec file is known for this job" if row is not None else "no job chosen", "warning")
            return
        from tui.screens.specs import SpecsScreen

        screen = SpecsScreen(self.actions, readonly=self.readonly, path=path, params=row.params)
        self.app.push_screen(screen, self._left)

    def _left(self, key: str | None) -> None:
        """Back from the specs: the cursor goes to what was submitted there."""
        if key is not None:
            self.table.seek(key)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen())

    def action_palette(self) -> None:
        self.app.action_command_palette()
