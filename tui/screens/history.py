"""Jobs that are over, from the accounting and from our records."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from textual import on

from trainboard import pasts
from trainboard.actions import Refused
from tui import history_lines, show
from tui.keys import KEYS, bindings
from tui.loading import Aside, loaded
from tui.screens.hearing import HearingScreen
from tui.widgets.bars import Line, key_groups
from tui.widgets.lines import TONES
from tui.widgets.query import Query
from tui.widgets.table_list import TableList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textual.app import ComposeResult

    from trainboard.actions import Actions
    from trainboard.events import HostSeen
    from trainboard.history import HistorySeen
    from trainboard.pasts import Past
    from trainboard.rows import Row
    from tui.messages import TableArrived
    from tui.widgets.table_list import Entry

TYPING = (((" enter", "strong"), (" keep ", "plain")), ((" esc", "strong"), (" clear ", "plain")))

LARGE = 1000
"""Jobs that are arranged within a frame."""


class HistoryScreen(HearingScreen):
    """A week at first; further back on request."""

    BINDINGS = bindings("history")
    COMPONENT_CLASSES = TONES

    def __init__(
        self,
        actions: Actions,
        rows: Mapping[str, Row],
        hosts: Mapping[str, HostSeen],
        clock: Callable[[], float],
    ) -> None:
        """`rows`: of the board, as they are now."""
        super().__init__()
        self.actions = actions
        self.seen: HistorySeen | None = None
        self._rows = rows
        self._hosts = hosts
        self._clock = clock
        self._span = 0
        self._words: tuple[str, ...] = ()
        self._fold = True
        self._busy = ""
        self._shown: list[pasts.Line] = []
        self._aside = Aside(self, "arrange")

    def compose(self) -> ComposeResult:
        yield TableList(id="table_list", none="asking…")
        yield Query()
        yield Line(id="detail")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.list, self.asked = self.query_one(TableList), self.query_one(Query)
        self.set_focus(self.list)
        self.show_keys()
        self.ask()

    def on_table_arrived(self, message: TableArrived) -> None:
        self._rows = {row.key: row for row in message.table.rows}

    @property
    def days(self) -> int:
        """How far back it goes."""
        return history_lines.SPANS[self._span]

    def ask(self) -> None:
        """Fetch what is not known yet."""
        self._busy = "asking…"
        self._show()
        self.run_worker(self._ask(), group="history", exclusive=True)

    async def _ask(self) -> None:
        try:
            self.seen = await self.actions.questions.history(self._clock() - self.days * 86400)
        except Refused as refusal:
            self.say(str(refusal), "warning")
        self._busy = ""
        self._show()

    def _show(self) -> None:
        """At once where it is little, else in a thread."""
        if self.seen is None or len(self.seen.jobs) < LARGE:
            self._put(*self._arranged())
        else:
            self._aside.ask(self._show_many)

    async def _show_many(self) -> None:
        self._put(*await asyncio.to_thread(self._arranged))

    def _arranged(self) -> tuple[str, list[Entry], list[pasts.Line]]:
        jobs = pasts.matching(self.seen.jobs, self._words) if self.seen is not None else []
        entries, lines = history_lines.entries(jobs, self._clock(), fold=self._fold)
        return history_lines.head(self.seen, jobs, self.days, self._words, self._busy), entries, lines

    def _put(self, head: str, entries: list[Entry], lines: list[pasts.Line]) -> None:
        self._shown = lines
        self.list.none = "asking…" if self._busy else "nothing ended in this time"
        self.list.put(head, history_lines.COLUMNS, entries if self._shown else [])

    @on(TableList.Moved)
    def _tell(self) -> None:
        """What of the line under the cursor has no room in it."""
        entry = self.list.entry
        text = "  ".join(filter(None, entry.cells[-2:])) if entry is not None and entry.key else ""
        self.query_one("#detail", Line).groups = (((f" {text}", "plain"),),)

    def show_keys(self) -> None:
        """The line at the bottom."""
        typing = isinstance(self.focused, Query)
        here = [key for key in KEYS if {"history", "table_list"} & set(key.where)]
        self.query_one("#footer", Line).groups = TYPING if typing else key_groups(here)

    def on_descendant_focus(self) -> None:
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while a filter is typed."""
        return not isinstance(self.focused, Query)

    @property
    def _line(self) -> pasts.Line | None:
        at = self.list.cursor - 1  # below the titles
        return self._shown[at] if 0 <= at < len(self._shown) else None

    # Keys.

    async def action_open(self) -> None:
        """The run, where it is one of ours that is on the board."""
        past: Past | None = self._line.first if self._line is not None else None
        if past is None:
            return
        row = self._rows.get(past.run) or self._rows.get(f"{past.backend}:{past.job_id}")
        if row is None:
            self.say("this job was not started here: its log and curves are not known")
            return
        await loaded("tui.screens.run")
        from tui.screens.run import RunScreen

        self.app.push_screen(RunScreen(self.actions, row, self._hosts.get(row.backend), self._clock, tab="info"))

    def action_further(self) -> None:
        if self._span + 1 < len(history_lines.SPANS):
            self._span += 1
            self.ask()
        else:
            self.say("three years are as far as it goes")

    def action_fold_all(self) -> None:
        self._fold = not self._fold
        self._show()

    def action_look(self) -> None:
        self.ask()

    def action_find(self) -> None:
        self.asked.ask(self.list, " ".join(self._words), "filter: name, state, backend, job, run, node …")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        self._words = tuple(message.text.lower().split())
        self._show()

    def action_copy(self) -> None:
        if self._line is not None:
            text = self._line.ids
            self.app.copy_to_clipboard(text)
            self.say(f"copied {text}", "information")

    def say(self, text: str, severity: Literal["information", "warning"] = "warning") -> None:
        """A toast; the text is never read as markup."""
        self.notify(show.clean(text), severity=severity, markup=False)

    def action_back(self) -> None:
        if self._words:
            self._words = ()
            self._show()
        else:
            self.dismiss(None)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen("history"))

    def action_quit(self) -> None:
        self.app.exit(0)
