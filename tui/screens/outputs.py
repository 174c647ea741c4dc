"""What one run wrote that can be looked at, and the door to the screens that show it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from textual import on

from trainboard.actions import Refused
from trainboard.outputs import Kind
from trainboard.written import row_of
from tui import show
from tui.columns import Column
from tui.keys import KEYS, bindings
from tui.screens.hearing import HearingScreen
from tui.viewers import VIEWERS, Look, viewer
from tui.widgets.bars import Line, key_groups
from tui.widgets.job_cells import name_of
from tui.widgets.lines import TONES
from tui.widgets.query import Query
from tui.widgets.table_list import Entry, TableList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.screen import Screen

    from trainboard.actions import Actions
    from trainboard.outputs import Output
    from trainboard.written import Found, Written

TYPING = (((" enter", "strong"), (" keep ", "plain")), ((" esc", "strong"), (" clear ", "plain")))

COLUMNS = (
    Column("kind", "kind", 11, 11, 0),
    Column("files", "files", 5, 6, 3, right=True),
    Column("steps", "steps", 11, 15, 4),
    Column("size", "size", 5, 6, 2, right=True),
    Column("age", "age", 6, 7, 2, right=True),
    Column("name", "name", 20, 200, 1),
    Column("whence", "by", 10, 10, 5),
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


class OutputsScreen(HearingScreen):
    """Lists them; where there is one only, it is opened at once."""

    BINDINGS = bindings("outputs")
    COMPONENT_CLASSES = TONES

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
        self._words: tuple[str, ...] = ()
        self._shown: Sequence[Output] = ()
        self._trouble = self._busy = ""
        self._opened = False
        """Whether something was opened: coming back, nothing opens by itself."""

    def compose(self) -> ComposeResult:
        yield TableList(id="table_list", none="looking…")
        yield Query()
        yield Line(id="said")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.list, self.asked = self.query_one(TableList), self.query_one(Query)
        self.set_focus(self.list)
        self.show_keys()
        self.action_look()

    def action_look(self) -> None:
        """Look, or look again."""
        self._busy, self._trouble = "looking…", ""
        self._show()
        self.run_worker(self._look(), group="look", exclusive=True)

    async def _look(self) -> None:
        try:
            self.found = await self.work.find()
        except Refused as refusal:
            self._trouble = str(refusal)
        self._busy = ""
        self._show()
        known = [each for each in self._shown if each.kind is not Kind.OTHER]
        if len(known) == 1 and not self._opened:
            await self.open(known[0])

    def _outputs(self) -> list[Output]:
        """All, with the kinds that were chosen by hand."""
        found = self.found.outputs if self.found is not None else ()
        return [replace(each, kind=self._kinds.get(each.name, each.kind)) for each in found]

    def _show(self) -> None:
        words = self._words
        self._shown = [
            each for each in self._outputs() if all(word in f"{each.kind} {each.name}".lower() for word in words)
        ]
        now = self._clock()
        entries = [_entry(each, now) for each in self._shown[:MOST]]
        folder = f" in {self.found.folder}" if self.found is not None else ""
        head = f" what {name_of(self.work.row)} wrote on {self.work.row.backend or 'this side'}{folder}"
        filtered = f"  filter: {' '.join(words)}" if words else ""
        self.list.none = self._busy or ("nothing was found" if not self._trouble else "")
        titles = Entry("", tuple(column.title for column in COLUMNS), "dim")
        self.list.put(show.clean(f"{head}{filtered}"), COLUMNS, [titles, *entries] if entries else [])
        if entries and self.list.cursor == 0:
            self.list.cursor = 1
        self._tell()

    def _tell(self) -> None:
        left = f"there may be more: {self.found.left}" if self.found is not None and self.found.left else ""
        text, tone = (self._trouble, "bad") if self._trouble else (self._busy or left, "plain")
        self.query_one("#said", Line).groups = (((f" {show.clean(text)}", tone),),)

    @property
    def output(self) -> Output | None:
        """What is under the cursor."""
        at = self.list.cursor - 1  # below the titles
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
            self._show()

    def action_find(self) -> None:
        self.asked.ask(self.list, " ".join(self._words), "filter: kind, name")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        self._words = tuple(message.text.lower().split())
        self._show()

    def action_copy(self) -> None:
        if self.output is not None and self.found is not None:
            path = f"{self.found.folder}/{self.output.files[-1].path}"
            self.app.copy_to_clipboard(path)
            self.say(f"copied {path}", "information")

    def show_keys(self) -> None:
        """The line at the bottom."""
        typing = isinstance(self.focused, Query)
        here = [key for key in KEYS if {"outputs", "table_list"} & set(key.where)]
        self.query_one("#footer", Line).groups = TYPING if typing else key_groups(here)

    def on_descendant_focus(self) -> None:
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while a filter is typed."""
        return not isinstance(self.focused, Query)

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

        self.app.push_screen(HelpScreen("outputs"))

    def action_quit(self) -> None:
        self.app.exit(0)


def _entry(output: Output, now: float) -> Entry:
    cells = row_of(output, show.age(now - output.changed))
    tone = "dim" if output.kind is Kind.OTHER else "plain"
    return Entry(output.name, tuple(map(show.clean, cells)), tone)
