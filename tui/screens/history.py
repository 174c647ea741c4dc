"""Jobs that are over, from the accounting and from our records."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import on

from trainboard import pasts
from trainboard.actions import Refused
from tui import history_lines
from tui.keys import bindings
from tui.loading import Aside, loaded
from tui.screens.listing import ListingScreen
from tui.widgets.bars import Line
from tui.widgets.table_list import TableList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from textual.widget import Widget

    from trainboard.actions import Actions
    from trainboard.events import HostSeen
    from trainboard.history import HistorySeen
    from trainboard.pasts import Past
    from trainboard.rows import Row
    from tui.messages import TableArrived
    from tui.widgets.table_list import Entry

LARGE = 1000
"""Jobs that are arranged within a frame."""


class HistoryScreen(ListingScreen):
    """A week at first; further back on request."""

    PLACES = ("history", "table_list")
    BINDINGS = bindings("history")
    HINT = "filter: name, state, backend, job, run, node …"

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
        self._fold = True
        self._busy = ""
        self._shown: list[pasts.Line] = []
        self._aside = Aside(self, "arrange")

    def parts(self) -> Iterable[Widget]:
        self.list, self.detail = TableList(id="table_list", none="asking…", titled=True), Line(id="detail")
        yield self.list
        yield self.detail

    def begin(self) -> None:
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
        self.show_list()
        self.run_worker(self._ask(), group="history", exclusive=True)

    async def _ask(self) -> None:
        try:
            self.seen = await self.actions.questions.history(self._clock() - self.days * 86400)
        except Refused as refusal:
            self.say(str(refusal), "warning")
        self._busy = ""
        self.show_list()

    def show_list(self) -> None:
        """At once where it is little, else in a thread."""
        if self.seen is None or len(self.seen.jobs) < LARGE:
            self._put(*self._arranged())
        else:
            self._aside.ask(self._show_many)

    async def _show_many(self) -> None:
        self._put(*await asyncio.to_thread(self._arranged))

    def _arranged(self) -> tuple[str, list[Entry], list[pasts.Line]]:
        jobs = pasts.matching(self.seen.jobs, self.words) if self.seen is not None else []
        entries, lines = history_lines.entries(jobs, self._clock(), fold=self._fold)
        return history_lines.head(self.seen, jobs, self.days, self.words, self._busy), entries, lines

    def _put(self, head: str, entries: list[Entry], lines: list[pasts.Line]) -> None:
        self._shown = lines
        self.list.none = "asking…" if self._busy else "nothing ended in this time"
        self.list.put(head, history_lines.COLUMNS, entries)

    @on(TableList.Moved)
    def _tell(self) -> None:
        """What of the line under the cursor has no room in it."""
        entry = self.list.entry
        text = "  ".join(filter(None, entry.cells[-2:])) if entry is not None else ""
        self.detail.groups = (((f" {text}", "plain"),),)

    @property
    def _line(self) -> pasts.Line | None:
        at = self.list.cursor
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
        self.show_list()

    def action_look(self) -> None:
        self.ask()

    def action_copy(self) -> None:
        if self._line is not None:
            self.copy(self._line.ids)
