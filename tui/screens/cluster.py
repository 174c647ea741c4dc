"""A cluster: partitions, nodes, my shares, and the queue of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from textual import on

from trainboard.actions import Refused
from tui import cluster_lines, show
from tui.keys import KEYS, bindings
from tui.screens.hearing import HearingScreen
from tui.widgets.bars import Line, key_groups
from tui.widgets.lines import TONES
from tui.widgets.query import Query
from tui.widgets.table_list import TableList

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from backends.cluster import ClusterSeen
    from trainboard.actions import Actions

TYPING = (((" enter", "strong"), (" keep ", "plain")), ((" esc", "strong"), (" clear ", "plain")))

AGAIN = 60.0
"""Seconds between two looks while the screen is open: no site is asked more often."""


class ClusterScreen(HearingScreen):
    """Asks when it is opened, and each minute while it is open; the last picture stays, with its age."""

    BINDINGS = bindings("cluster")
    COMPONENT_CLASSES = TONES

    def __init__(self, actions: Actions, backend_name: str, clock: Callable[[], float] | None = None) -> None:
        super().__init__()
        from time import time

        self.actions = actions
        self.backend_name = backend_name
        self.seen: ClusterSeen | None = None
        self._clock = clock or time
        self._trouble = ""
        self._words: tuple[str, ...] = ()
        self._order = 0

    def compose(self) -> ComposeResult:
        yield TableList(id="table_list", none="asking…")
        yield Query()
        yield Line(id="detail")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.list, self.asked = self.query_one(TableList), self.query_one(Query)
        self.set_focus(self.list)
        self._show()
        self.show_keys()
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
        self._show()

    def _show(self) -> None:
        entries = []
        if self.seen is not None:
            entries = cluster_lines.entries(self.seen, self._words, self._order, self._clock())
            self.list.none = "no partition or node has these words" if self._words else "nothing was told"
        self.list.put(self._head, cluster_lines.COLUMNS, entries)

    @property
    def _head(self) -> str:
        now = self._clock()
        return cluster_lines.head(self.backend_name, self.seen, now, self._words, self._order, self._trouble)

    def _age(self) -> None:
        self.list.say(self._head)

    @on(TableList.Moved)
    def _tell(self) -> None:
        """What of the line under the cursor has no room in it."""
        entry = self.list.entry
        text = entry.cells[-1] if entry is not None and (entry.key or len(entry.cells) == 1) else ""
        self.query_one("#detail", Line).groups = (((f" {text}", "plain"),),)

    def show_keys(self) -> None:
        """The line at the bottom."""
        typing = isinstance(self.focused, Query)
        here = [key for key in KEYS if {"cluster", "table_list"} & set(key.where)]
        self.query_one("#footer", Line).groups = TYPING if typing else key_groups(here)

    def on_descendant_focus(self) -> None:
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while a filter is typed."""
        return not isinstance(self.focused, Query)

    # Keys.

    def action_sort(self) -> None:
        self._order = (self._order + 1) % len(cluster_lines.ORDERS)
        self._show()

    def action_find(self) -> None:
        self.asked.ask(self.list, " ".join(self._words), "filter: node, state, partition, GPU type, reason …")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        self._words = tuple(message.text.lower().split())
        self._show()

    def action_look(self) -> None:
        """At most once a minute, whoever asks."""
        if self.seen is not None and self._clock() - self.seen.at < AGAIN:
            self.say(f"as it was {show.age(self._clock() - self.seen.at)} ago: it is asked once a minute at most")
        self.ask()

    def action_copy(self) -> None:
        entry = self.list.entry
        if entry is not None and entry.key:
            text = entry.key.partition(" ")[2]
            self.app.copy_to_clipboard(text)
            self.say(f"copied {text}")

    def say(self, text: str, severity: Literal["information", "warning"] = "information") -> None:
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

        self.app.push_screen(HelpScreen("cluster"))

    def action_quit(self) -> None:
        self.app.exit(0)
