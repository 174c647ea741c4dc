"""The inbox: what was found in all runs, what is unread of it, and the way to the place that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from trainboard.actions import Refused
from tui import finding_lines, show
from tui.inbox import Inbox
from tui.keys import bindings
from tui.loading import loaded
from tui.screens.listing import ListingScreen
from tui.widgets.finding_list import FindingList
from tui.widgets.finding_text import FindingText

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from textual.widget import Widget

    from trainboard.actions import Actions
    from trainboard.events import FindingsSeen, HostSeen
    from trainboard.records import Diagnosed
    from trainboard.rows import Row
    from tui.messages import FindingsArrived, TableArrived


class FindingsScreen(ListingScreen):
    """A list, and below it all that is known of the finding under the cursor."""

    PLACES = ("findings_screen", "findings")
    BINDINGS = bindings("findings_screen")
    HINT = "filter: run, rule, severity, words …"

    def __init__(
        self,
        actions: Actions,
        seen: FindingsSeen | None,
        rows: Mapping[str, Row],
        hosts: Mapping[str, HostSeen],
        clock: Callable[[], float],
        *,
        readonly: bool = False,
    ) -> None:
        """`seen`, `rows` and `hosts`: as they are now; `hosts` is the board's own, which keeps it up to date."""
        super().__init__()
        self.actions = actions
        self._inbox = Inbox(seen)
        self._rows = rows
        self._hosts = hosts
        self._clock = clock
        self._readonly = readonly
        self._every = False
        """Whether muted ones and those that are over are listed."""

    def parts(self) -> Iterable[Widget]:
        self.list, self.text = FindingList(self._clock, id="findings"), FindingText(id="finding", none="")
        yield self.list
        yield self.text

    def on_findings_arrived(self, message: FindingsArrived) -> None:
        self._inbox.put(message.seen)
        self.show_list()

    def on_table_arrived(self, message: TableArrived) -> None:
        self._rows = {row.key: row for row in message.table.rows}

    def show_list(self) -> None:
        entries = self._inbox.listed(self.words, every=self._every)
        hidden = len(self._inbox.listed(self.words, every=True)) - len(entries)
        self.list.put(entries, finding_lines.head(len(entries), self._inbox.unread, hidden))
        self._tell()

    @on(FindingList.Moved)
    def _tell(self) -> None:
        entry = self.list.entry
        self.text.put((entry.finding,) if entry is not None else ())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while a filter is typed, and none that changes what is done where that is not wanted."""
        return super().check_action(action, parameters) and not (self._readonly and action == "mute")

    # Keys.

    async def action_open(self) -> None:
        """The run, at the curve and the step that show it."""
        await self._open("curves")

    async def action_log(self) -> None:
        """The run's log, at the lines that show it."""
        await self._open("log")

    async def _open(self, tab: str) -> None:
        finding, row = self._finding, self._row
        if finding is None or row is None:
            self.say("no run" if finding is None else "this job is not in the table any more")
            return
        await loaded("tui.screens.run")
        from tui.screens.run import RunScreen

        host = self._hosts.get(row.backend)
        screen = RunScreen(self.actions, row, host, self._clock, tab=tab, seen=self._inbox.seen, at=finding)
        self.app.push_screen(screen)
        self._do(self.actions.read_findings([finding.id]))

    @property
    def _finding(self) -> Diagnosed | None:
        return self.list.entry.finding if self.list.entry is not None else None

    @property
    def _row(self) -> Row | None:
        return None if self._finding is None else self._rows.get(self._finding.key)

    def action_read(self) -> None:
        if self._finding is not None:
            self._do(self.actions.read_findings([self._finding.id]))
            self.list.cursor += 1

    def action_read_all(self) -> None:
        self._do(self.actions.read_findings([entry.finding.id for entry in self.list.entries if entry.fresh]))

    def action_mute(self) -> None:
        """Mute the rule, after a question where; or take back what mutes it."""
        entry = self.list.entry
        if entry is None:
            return
        finding = entry.finding
        if entry.mute is not None:
            self._do(self.actions.mute(entry.mute.rule, finding.key, entry.mute.scope, on=False))
            return
        from tui.screens.mute import MuteScreen

        def answered(scope: str | None) -> None:
            if scope is not None:
                self._do(self.actions.mute(finding.rule, finding.key, scope))

        self.app.push_screen(MuteScreen(finding), answered)

    def _do(self, work: Coroutine[None, None, None]) -> None:
        self.run_worker(self._told(work), group="findings")

    async def _told(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Refused as refusal:
            self.say(str(refusal))

    def action_every(self) -> None:
        self._every = not self._every
        self.show_list()

    def action_copy(self) -> None:
        finding = self._finding
        if finding is not None:
            lines = (finding.message, finding.advice, *finding.lines)
            title = show.clean(f"{finding.name}: {finding.rule}")
            self.copy("\n".join((title, *lines)), "the finding")
