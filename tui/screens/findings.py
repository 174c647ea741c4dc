"""The inbox: what was found in all runs, what is unread of it, and the way to the place that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from trainboard.actions import Refused
from tui import finding_lines, show
from tui.inbox import Inbox
from tui.keys import KEYS, bindings
from tui.loading import loaded
from tui.screens.hearing import HearingScreen
from tui.widgets.bars import Line, key_groups
from tui.widgets.finding_list import FindingList
from tui.widgets.finding_text import FindingText
from tui.widgets.lines import TONES
from tui.widgets.query import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from textual.app import ComposeResult

    from trainboard.actions import Actions
    from trainboard.events import FindingsSeen, HostSeen
    from trainboard.records import Diagnosed
    from trainboard.rows import Row
    from tui.messages import FindingsArrived, TableArrived

TYPING = (((" enter", "strong"), (" keep ", "plain")), ((" esc", "strong"), (" clear ", "plain")))


class FindingsScreen(HearingScreen):
    """A list, and below it all that is known of the finding under the cursor."""

    BINDINGS = bindings("findings_screen")
    COMPONENT_CLASSES = TONES

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
        self._words: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield FindingList(self._clock, id="findings")
        yield FindingText(id="finding", none="")
        yield Query()
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.list, self.text, self.asked = (
            self.query_one(FindingList),
            self.query_one(FindingText),
            self.query_one(Query),
        )
        self.set_focus(self.list)
        self._show()
        self.show_keys()

    def on_findings_arrived(self, message: FindingsArrived) -> None:
        self._inbox.put(message.seen)
        self._show()

    def on_table_arrived(self, message: TableArrived) -> None:
        self._rows = {row.key: row for row in message.table.rows}

    def _show(self) -> None:
        entries = self._inbox.listed(self._words, every=self._every)
        hidden = len(self._inbox.listed(self._words, every=True)) - len(entries)
        self.list.put(entries, finding_lines.head(len(entries), self._inbox.unread, hidden))
        self._tell()

    @on(FindingList.Moved)
    def _tell(self) -> None:
        entry = self.list.entry
        self.text.put((entry.finding,) if entry is not None else ())

    def show_keys(self) -> None:
        """The line at the bottom."""
        typing = isinstance(self.focused, Query)
        here = [
            key
            for key in KEYS
            if {"findings", "findings_screen"} & set(key.where) and (typing or self.check_action(key.action, ()))
        ]
        self.query_one("#footer", Line).groups = TYPING if typing else key_groups(here)

    def on_descendant_focus(self) -> None:
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while a filter is typed, and none that changes what is done where that is not wanted."""
        return not isinstance(self.focused, Query) and not (self._readonly and action == "mute")

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

    def say(self, text: str) -> None:
        """A toast; the text is never read as markup."""
        self.notify(show.clean(text), severity="warning", markup=False)

    def action_every(self) -> None:
        self._every = not self._every
        self._show()

    def action_find(self) -> None:
        self.asked.ask(self.list, " ".join(self._words), "filter: run, rule, severity, words …")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        self._words = tuple(message.text.lower().split())
        self._show()

    def action_copy(self) -> None:
        finding = self._finding
        if finding is not None:
            lines = (finding.message, finding.advice, *finding.lines)
            self.app.copy_to_clipboard(show.clean(f"{finding.name}: {finding.rule}") + "\n" + "\n".join(lines))
            self.notify("copied the finding", markup=False)

    def action_back(self) -> None:
        if self._words:
            self._words = ()
            self._show()
        else:
            self.dismiss(None)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen())

    def action_quit(self) -> None:
        self.app.exit(0)
