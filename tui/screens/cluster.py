"""A cluster: partitions, nodes, my shares, and the queue of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from trainboard.actions import Refused
from tui import cluster_lines, show
from tui.keys import bindings
from tui.screens.listing import ListingScreen
from tui.widgets.bars import Line
from tui.widgets.table_list import TableList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.widget import Widget

    from backends.cluster import ClusterSeen
    from trainboard.actions import Actions

AGAIN = 60.0
"""Seconds between two looks while the screen is open: no site is asked more often."""


class ClusterScreen(ListingScreen):
    """Asks when it is opened, and each minute while it is open; the last picture stays, with its age."""

    PLACES = ("cluster", "table_list")
    BINDINGS = bindings("cluster")
    HINT = "filter: node, state, partition, GPU type, reason …"

    def __init__(self, actions: Actions, backend_name: str, clock: Callable[[], float] | None = None) -> None:
        super().__init__()
        from time import time

        self.actions = actions
        self.backend_name = backend_name
        self.seen: ClusterSeen | None = None
        self._clock = clock or time
        self._trouble = ""
        self._order = 0

    def parts(self) -> Iterable[Widget]:
        self.list, self.detail = TableList(id="table_list", none="asking…"), Line(id="detail")
        yield self.list
        yield self.detail

    def begin(self) -> None:
        self.show_list()
        self.ask()
        self.set_interval(AGAIN, self.ask)
        self.set_interval(5.0, self._age)

    def ask(self) -> None:
        """Look again; one look at a time."""
        self.run_worker(self._look(), group="cluster", exclusive=True)

    async def _look(self) -> None:
        try:
            self.seen = await self.actions.questions.look(self.backend_name)
            self._trouble = ""
        except Refused as refusal:
            self._trouble = show.clean(str(refusal))
            self.list.none = self._trouble
        self.show_list()

    def show_list(self) -> None:
        entries = []
        if self.seen is not None:
            entries = cluster_lines.entries(self.seen, self.words, self._order, self._clock())
            self.list.none = "no partition or node has these words" if self.words else "nothing was told"
        self.list.put(self._head, cluster_lines.COLUMNS, entries)

    @property
    def _head(self) -> str:
        now = self._clock()
        return cluster_lines.head(self.backend_name, self.seen, now, self.words, self._order, self._trouble)

    def _age(self) -> None:
        self.list.say(self._head)

    @on(TableList.Moved)
    def _tell(self) -> None:
        """What of the line under the cursor has no room in it."""
        entry = self.list.entry
        text = entry.cells[-1] if entry is not None and (entry.key or len(entry.cells) == 1) else ""
        self.detail.groups = (((f" {text}", "plain"),),)

    # Keys.

    def action_sort(self) -> None:
        self._order = (self._order + 1) % len(cluster_lines.ORDERS)
        self.show_list()

    def action_look(self) -> None:
        """At most once a minute, whoever asks."""
        if self.seen is not None and self._clock() - self.seen.at < AGAIN:
            old = show.age(self._clock() - self.seen.at)
            self.say(f"as it was {old} ago: it is asked once a minute at most", "information")
        self.ask()

    def action_copy(self) -> None:
        entry = self.list.entry
        if entry is not None and entry.key:
            self.copy(entry.key.partition(" ")[2])
