"""Where a network is wrong: a run's predictions, and another run's to compare them with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from textual import on
from textual.containers import Container

from trainboard.actions import Refused
from trainboard.predictions import tables
from trainboard.predictions.ofrun import OfRun
from trainboard.predictions.sections import Pair
from tui import error_views, show
from tui.keys import KEYS, bindings
from tui.screens.working import WorkingScreen
from tui.widgets.bars import Line, Tabs
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.drawing import Drawing
from tui.widgets.query import Query
from tui.widgets.table_list import TableList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.widget import Widget

    from trainboard.predictions.ofrun import Source
    from trainboard.predictions.summary import Summary
    from tui.app import Board
    from tui.error_views import View
    from tui.keys import Key
    from tui.screens.board import BoardScreen
    from tui.viewers import Look
    from tui.widgets.table_list import Entry

WIDE = 120
"""Cells from which on the list and its detail stand side by side."""
LEAST = 5
"""Lines of the list at least."""
AGES = 5.0
"""Seconds between two drawings of ages."""
AGAIN = 60.0
"""Seconds between two looks whether the file has changed, while the screen is open."""
NOT_HERE = {"calibration": "calibration is of classes, and these are numbers"}
"""Why there is no such view."""
FIRST = ("open", "back", "look", "compare")
"""Keys that stand in a narrow footer before the others."""


def look_at(look: Look) -> ErrorsScreen:
    """The predictions among what a run wrote: those that its spec names, or a file that looks like such."""

    def marked(board: BoardScreen) -> list[Source]:
        keys = sorted(board.table.marks - {look.work.row.key})
        return [OfRun(look.actions.outputs(key)) for key in keys]

    path = "" if look.output.named else look.output.files[-1].path
    return ErrorsScreen(OfRun(look.work, path), look.clock, marked=marked)


class ErrorsScreen(WorkingScreen):
    """Reads the file when it is opened and on request; what was read stays, with its age."""

    PLACES = ("errors", "table_list")
    BINDINGS = bindings("errors")

    def __init__(
        self,
        source: Source,
        clock: Callable[[], float],
        *,
        other: Source | None = None,
        marked: Callable[[BoardScreen], Sequence[Source]] = lambda board: (),
    ) -> None:
        """`marked`: other runs that it may be compared with, as they are marked on the board; raises `Refused`."""
        super().__init__(clock)
        self.source = source
        self.other = other
        self.pair: Pair | None = None
        self._marked = marked
        self._second = False
        """Whether the views are those of the second run."""
        self._views: Mapping[str, Callable[[], View]] = {}
        self._view: View | None = None
        self._entries: Sequence[Entry] = ()
        self._places: Sequence[int] = ()
        """Of the rows that are listed, where they are in the table."""
        self._cursors: dict[str, int] = {}
        """By tab."""
        self._words: tuple[str, ...] = ()
        self._large = False
        """Whether the detail has all the room."""
        self._worst_first = False
        self._changed = ""
        self._read = 0.0

    def compose(self) -> ComposeResult:
        yield Line(id="head")
        yield Line(id="said")
        yield Tabs(("overview",))
        with Container(id="panes"):
            yield ConfusionMap(id="confusion")
            yield TableList(id="table_list", none="reading…", titled=True)
            yield Drawing(id="detail")
        yield Query()
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.list, self.detail = self.query_one(TableList), self.query_one(Drawing)
        self.map, self.asked = self.query_one(ConfusionMap), self.query_one(Query)
        self.map.display = False
        self.set_focus(self.list)
        self.set_interval(AGES, self.summarise)
        self.set_interval(AGAIN, self.watch_file)
        self.action_look()

    # What is done.

    def refused(self, refusal: Refused) -> None:
        self.said = f"{refusal}; r reads again"
        if self.pair is None:
            self.list.none = "nothing was read"
            self.list.refresh()

    async def _look(self) -> None:
        """Read the file, and the other run's, and compare the two."""
        first = await self.source.read()
        self._read, self._changed = self.clock(), ""
        self._put(Pair(first))
        if self.other is not None:
            await self._compare(self.other, first)

    async def _compare(self, other: Source, first: Summary) -> None:
        self.busy = f"reading {other.file}"
        second = await other.read()
        self.other = other
        pair = Pair(first, second)
        try:
            self.busy = "comparing sample by sample"
            pair = replace(pair, comparison=await self.source.compared(other))
        except Refused as refusal:
            pair = replace(pair, apart=str(refusal))
        self._put(pair)
        self.open_tab("both")

    def watch_file(self) -> None:
        """Look whether the file has changed, unless that is known or it is being read."""
        if self.pair is not None and not self.busy and not self._changed:
            self.run_worker(self._look_whether(self.pair.first), group="changed", exclusive=True)

    async def _look_whether(self, found: Summary) -> None:
        """Say it where the file is another one than that which was read."""
        try:
            if await self.source.changed(found):
                self._changed = "the file has changed since: r reads it again"
        except Refused as refusal:
            self._changed = f"whether the file has changed is not known: {refusal}"
        self.summarise()

    # What is shown.

    def _put(self, pair: Pair) -> None:
        self.pair = pair
        if pair.second is None:
            self._second = False
        self._show_views()

    def _show_views(self) -> None:
        shown = self.shown
        if shown is None or self.pair is None:
            return
        self._views = error_views.views(self.pair, shown, worst_first=self._worst_first)
        tabs = self.query_one(Tabs)
        tabs.names = tuple(self._views)
        self.map.put(shown.classification)
        self.open_tab(tabs.current if tabs.current in self._views else "overview")
        tabs.refresh()

    @property
    def shown(self) -> Summary | None:
        """The predictions that the views are of."""
        if self.pair is None:
            return None
        return self.pair.second if self._second and self.pair.second is not None else self.pair.first

    @property
    def pane(self) -> Widget:
        if self._large:
            return self.detail
        return self.map if self.map.display and self.map.matrix is not None else self.list

    def open_tab(self, name: str) -> None:
        if name not in self._views:
            return
        tabs = self.query_one(Tabs)
        if name != tabs.current:
            self._words, self._large = (), False
        tabs.current = name
        view = self._views[name]()
        self._view = replace(view, table=tables.filled(view.table))
        self._entries = error_views.entries(self._view.table)
        self.map.display = name == "confusion" and not self._large
        self._list()
        self._arrange()
        self.set_focus(self.pane)
        self.summarise()
        self.show_keys()

    def _list(self) -> None:
        """List the rows that have the words; the cursor of a tab stays."""
        view = self._view
        if view is None:
            return
        rows = view.table.rows
        self._places = [
            place for place, row in enumerate(rows) if all(word in " ".join(row).lower() for word in self._words)
        ]
        shown = [self._entries[place] for place in self._places]
        self.list.none = "nothing has these words" if self._words and rows else view.table.none
        filtered = f"   filter: {show.clean(' '.join(self._words), 60)}" if self._words else ""
        cursor = self._cursors.get(self.tab, 0)
        self.list.put(f"{show.clean(view.head)}{filtered}", error_views.columns(view.table), shown)
        self.list.cursor = cursor
        self._tell()

    def _tell(self) -> None:
        """What belongs to the line under the cursor."""
        view, row = self._view, self.row
        if view is not None:
            head = "" if row is None else error_views.title(view.table, row)
            at = len(view.table.rows) if row is None else row
            self.detail.put(head, lambda width, height: view.detail(at, width, height))

    @property
    def row(self) -> int | None:
        """The row of the table that is under the cursor."""
        at = self.list.cursor
        return self._places[at] if 0 <= at < len(self._places) else None

    @on(TableList.Moved)
    def _moved(self, message: TableList.Moved) -> None:
        if message.picks is self.list:
            self._cursors[self.tab] = self.list.cursor
            self._tell()
            pair = self._pair
            if self.tab == "confusion" and self.focused is self.list and pair is not None:
                self.map.seek(*pair)

    @property
    def _pair(self) -> tuple[str, str] | None:
        """The classes that the line under the cursor is about."""
        if self._view is None or self.row is None:
            return None
        target, predicted, *_ = self._view.table.rows[self.row]
        return target, predicted

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        """Side by side where there is room, else below one another."""
        panes, view = self.query_one("#panes"), self._view
        wide = self.size.width >= WIDE
        panes.styles.layout = "horizontal" if wide else "vertical"
        confusion = self.tab == "confusion"
        self.detail.display = self._large or not confusion
        self.list.display = not self._large
        whole = max(LEAST, self.size.height - 4)
        share = 2 if confusion else view.share if view is not None else 1
        lines = min(max(1, len(self._places)) + 2, max(LEAST, whole // (1 + share)))
        if wide:
            self.list.styles.height = self.map.styles.height = "1fr"
            self.list.styles.width = self.detail.styles.width = "1fr"
            self.map.styles.width = "2fr"
        else:
            self.list.styles.width = self.map.styles.width = self.detail.styles.width = "100%"
            self.list.styles.height = lines
            self.map.styles.height = "1fr"

    def summarise(self) -> None:
        """The lines at the top; what is given up as the screen goes finds none."""
        if len(self.query("#head, #said")) < 2:
            return
        name = show.clean(self.source.name, 60)
        second = f" and {show.clean(self.other.name, 60)}" if self.other is not None else ""
        of = f"  (views of the {'second' if self._second else 'first'})" if self.pair and self.pair.second else ""
        self.query_one("#head", Line).groups = (((f" errors of {name}{second}", "strong"), (of, "plain")),)
        text, tone = self._telling()
        where = self.other if self._second and self.other is not None else self.source
        file = f"  {show.clean(where.file, 80)}" if tone == "plain" and not self.busy else ""
        self.query_one("#said", Line).groups = ((((f" {show.clean(text)}"), tone),), ((file, "plain"),))

    def _telling(self) -> tuple[str, str]:
        if self.busy:
            return self.progress(), "plain"
        if self.said:
            return self.said, "bad"
        if self._changed:
            return f"▲ {self._changed}", "waiting"
        found, now = self.shown, self.clock()
        if found is None:
            return "", "plain"
        more = f"; {show.count(len(found.notes), 'note')} in the overview" if found.notes else ""
        written, read = show.age(max(0.0, now - found.mtime)), show.age(now - self._read)
        return f"written {written} ago, read {read} ago{more}", "plain"

    def keys(self) -> Iterable[Key]:
        ours = set(super().keys())
        on_map = self.tab == "confusion" and self.focused is self.map
        here = [key for key in KEYS if key in ours or (on_map and "confusion" in key.where)]
        return sorted(here, key=lambda key: (key.action not in FIRST, key.action not in ("norm", "order")))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while something is typed; others do where there is something for them to do."""
        if self.typing:
            return False
        here = {
            "order": self.tab == "classes",
            "switch_pane": self.tab == "confusion",
            "other_run": self.pair is not None and self.pair.second is not None,
            "open": self.pair is not None and self.tab != "confusion" and not self._large,
            "find": self.pair is not None and not self._large,
        }
        return here.get(action, True)

    # Keys.

    def action_view(self, names: str) -> None:
        """The first of these views that there is."""
        found = next((name for name in names.split() if name in self._views), None)
        if found is not None:
            self.open_tab(found)
        elif self._views:
            self.say(NOT_HERE.get(names, "that takes two runs: mark another one on the board, then c"))

    def action_look(self) -> None:
        self.do(f"reading {self.source.file}", self._look())

    def action_compare(self) -> None:
        """With the one other run that is marked on the board."""
        if self.pair is None:
            self.say("nothing was read yet")
            return
        try:
            marked = self._marked(cast("Board", self.app).board)
        except Refused as refusal:
            self.say(str(refusal))
            return
        if len(marked) != 1:
            self.say("mark one other run on the board (space), then c compares with it")
            return
        self.do(f"reading {marked[0].file}", self._compare(marked[0], self.pair.first))

    def action_other_run(self) -> None:
        self._second = not self._second
        self._show_views()

    def action_order(self) -> None:
        self._worst_first = not self._worst_first
        self._show_views()

    def action_switch_pane(self) -> None:
        self.set_focus(self.map if self.focused is self.list and self.map.matrix is not None else self.list)

    def action_open(self) -> None:
        """The detail with all the room."""
        self._large = True
        self._arrange()
        self.set_focus(self.detail)
        self.show_keys()

    def action_find(self) -> None:
        self.asked.ask(self.list, " ".join(self._words), "filter the lines")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        self._words = tuple(message.text.lower().split())
        self._list()
        self._arrange()

    def action_copy(self) -> None:
        if self._view is not None and self.row is not None:
            titles, row = self._view.table.titles, self._view.table.rows[self.row]
            self.copy("  ".join(f"{title} {cell}".strip() for title, cell in zip(titles, row, strict=True) if cell))

    def action_back(self) -> None:
        """Give up what is done; from the large detail to the list; away with the filter; back."""
        if self.busy:
            self.give_up("; r reads again")
        elif self._large:
            self._large = False
            self._arrange()
            self.set_focus(self.pane)
            self.show_keys()
        elif self._words:
            self._words = ()
            self._list()
            self._arrange()
        else:
            self.dismiss(None)
