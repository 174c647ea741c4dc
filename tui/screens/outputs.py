"""What one run wrote that can be looked at, and the door to the screens that show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.outputs import Kind
from trainboard.written import row_of
from tui import show
from tui.columns import Column
from tui.keys import bindings
from tui.screens.listing import ListingScreen
from tui.viewers import VIEWERS, Look, viewer
from tui.widgets.bars import Line
from tui.widgets.job_cells import name_of
from tui.widgets.table_list import Entry, TableList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.screen import Screen
    from textual.widget import Widget

    from trainboard.actions import Actions
    from trainboard.outputs import Output
    from trainboard.written import Found, Written

COLUMNS = (
    Column("kind", "kind", 11, 11, 0),
    Column("files", "files", 5, 6, 3, right=True),
    Column("steps", "steps", 11, 15, 4),
    Column("size", "size", 5, 6, 2, right=True),
    Column("age", "age", 6, 7, 2, right=True),
    Column("name", "name", 20, 200, 1),
    Column("whence", "by", 10, 12, 5),
)

MOST = 2000
"""Lines of other files that are listed; a filter finds the rest."""


def open_outputs(
    below: Screen[None], actions: Actions, key: str, clock: Callable[[], float], *, readonly: bool = False
) -> None:
    """The outputs of a row, above another screen; where there can be none, that is said."""
    try:
        work = actions.outputs(key)
    except Refused as refusal:
        below.notify(show.clean(str(refusal)), severity="warning", markup=False)
        return
    below.app.push_screen(OutputsScreen(actions, work, clock, readonly=readonly))


class OutputsScreen(ListingScreen):
    """Lists them; where there is one only, surely of this run, it is opened at once."""

    PLACES = ("outputs", "table_list")
    BINDINGS = bindings("outputs")
    HINT = "filter: kind, name"

    def __init__(
        self, actions: Actions, work: Written, clock: Callable[[], float], *, readonly: bool = False
    ) -> None:
        super().__init__()
        self.actions = actions
        self.work = work
        self.readonly = readonly
        self.found: Found | None = None
        self._clock = clock
        self._kinds: dict[str, Kind] = {}
        """By name: chosen by hand."""
        self._shown: Sequence[Output] = ()
        self._trouble = self._busy = ""
        self._opened = False
        """Whether something was opened: coming back, nothing opens by itself."""

    def parts(self) -> Iterable[Widget]:
        self.list, self.said = TableList(id="table_list", titled=True), Line(id="said")
        yield self.list
        yield self.said

    def begin(self) -> None:
        self.action_look()

    def action_look(self) -> None:
        """Look, or look again."""
        self._busy, self._trouble = "looking…", ""
        self.show_list()
        self.run_worker(self._look(), group="look", exclusive=True)

    async def _look(self) -> None:
        try:
            self.found = await self.work.find()
        except Refused as refusal:
            self._trouble = str(refusal)
        self._busy = ""
        self.show_list()
        known = [each for each in self._shown if each.kind is not Kind.OTHER]
        if len(known) == 1 and known[0].doubt is None and not self._opened:
            await self.open(known[0])

    def _outputs(self) -> list[Output]:
        """All, with the kinds that were chosen by hand."""
        found = self.found.outputs if self.found is not None else ()
        return [replace(each, kind=self._kinds.get(each.name, each.kind)) for each in found]

    def show_list(self) -> None:
        words = self.words
        self._shown = [
            each for each in self._outputs() if all(word in f"{each.kind} {each.name}".lower() for word in words)
        ]
        now = self._clock()
        entries = [_entry(each, now) for each in self._shown[:MOST]]
        folder = f" in {self.found.folder}" if self.found is not None else ""
        head = f" what {name_of(self.work.row)} wrote on {self.work.row.backend or 'this side'}{folder}"
        filtered = f"  filter: {' '.join(words)}" if words else ""
        self.list.none = self._busy or ("nothing was found" if not self._trouble else "")
        self.list.put(show.clean(f"{head}{filtered}"), COLUMNS, entries)
        self._tell()

    def _tell(self) -> None:
        notes = "; ".join(self.found.notes) if self.found is not None else ""
        text, tone = (self._trouble, "bad") if self._trouble else (self._busy or notes, "plain")
        self.said.groups = (((f" {show.clean(text)}", tone),),)

    @property
    def output(self) -> Output | None:
        """What is under the cursor."""
        at = self.list.cursor
        return self._shown[at] if 0 <= at < min(len(self._shown), MOST) else None

    async def action_open(self) -> None:
        """Look at what is under the cursor."""
        if self.output is not None:
            await self.open(self.output)

    async def open(self, output: Output) -> None:
        """Show it."""
        self._opened = True
        look = Look(self.actions, self.work, output, self._outputs(), self._clock, self.readonly)
        try:
            screen = await viewer(look)
        except Refused as refusal:
            self.say(str(refusal))
            return
        if screen is None:
            what = "it is not known what this is" if output.kind is Kind.OTHER else f"nothing shows {output.kind}"
            self.say(f"{what}: v chooses how to look at it")
        else:
            self.app.push_screen(screen)

    def action_next_kind(self) -> None:
        """Take what is under the cursor for something else."""
        output = self.output
        if output is not None:
            kinds = list(VIEWERS)
            at = kinds.index(output.kind) + 1 if output.kind in kinds else 0
            self._kinds[output.name] = kinds[at % len(kinds)]
            self.show_list()

    def action_copy(self) -> None:
        if self.output is not None and self.found is not None:
            self.copy(f"{self.found.folder}/{self.output.files[-1].path}")


def _entry(output: Output, now: float) -> Entry:
    cells = row_of(output, show.age(now - output.changed))
    tone = "dim" if output.kind is Kind.OTHER else "plain"
    return Entry(output.name, tuple(map(show.clean, cells)), tone)
