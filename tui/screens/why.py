"""Why a job waits, and on request what would start sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard import whytext
from trainboard.actions import Refused
from tui import show
from tui.keys import bindings
from tui.screens.upper import UpperScreen
from tui.widgets.bars import Line
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.strip import Strip

    from backends.cluster import Variants
    from trainboard.actions import Actions
    from trainboard.clusters import Why
    from trainboard.rows import Row
    from trainboard.whytext import Told
    from tui.widgets.lines import Piece

ABOUT = 11
"""Cells of what a line is about."""


class ToldText(Lines):
    """Lines of a word or two and a text, broken between words."""

    DEFAULT_CSS = """
    ToldText { height: 1fr; }
    """
    BINDINGS = bindings("told")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._told: list[Told] = []
        self._drawn: list[list[Piece]] = []
        self._head = ""

    def put(self, head: str, told: Iterable[Told]) -> None:
        """Tell this."""
        self._head, self._told = head, list(told)
        self._wrap()

    @property
    def text(self) -> str:
        """All of it, to copy."""
        return "\n".join(f"{line.about:<{ABOUT}}{'  ' * line.deep}{line.text}" for line in self._told)

    def on_resize(self) -> None:
        self._wrap()

    def _wrap(self) -> None:
        self._drawn = [pieces for line in self._told for pieces in self._pieces(line)]
        self.count = len(self._drawn)
        self.refresh()

    def _pieces(self, line: Told) -> Iterable[list[Piece]]:
        indent = "  " * line.deep + ("└ " if line.deep else "")
        room = max(10, self.inner_width - ABOUT - 2 - len(indent))
        for number, part in enumerate(show.wrapped(line.text, room)):
            about = line.about if not number else ""
            lead = indent if not number else " " * len(indent)
            yield [(f" {show.cut(about, ABOUT)}", "dim"), (f"{lead}{part}", line.tone)]

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying([(self._head, "strong")])
        at = self.top + y - 1
        return self.line(y - 1, self._drawn[at] if at < len(self._drawn) else ())


class WhyScreen(UpperScreen):
    """Asks once when it is opened; smaller ones only when the user wants to know."""

    PLACES = ("why", "told")
    BINDINGS = bindings("why")

    def __init__(self, actions: Actions, row: Row, clock: Callable[[], float]) -> None:
        super().__init__()
        self.actions = actions
        self._row = row
        self._clock = clock
        self._why: Why | None = None
        self._variants: Variants | None = None
        self._busy = ""
        self._trouble = ""

    def compose(self) -> ComposeResult:
        yield ToldText(id="told")
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.told = self.query_one(ToldText)
        self.set_focus(self.told)
        self.show_keys()
        self.action_look()

    def _show(self) -> None:
        name = show.clean(self._row.name or self._row.key, 60)
        place = show.clean(self._row.backend or "this side", 30)
        age = f"  {show.age(self._clock() - self._why.at)} old" if self._why is not None else ""
        told = list(whytext.lines(self._why, self._variants)) if self._why is not None else []
        if self._trouble:
            told.append(whytext.Told("", self._trouble, "bad"))
        if self._busy:
            told.append(whytext.Told("", self._busy, "dim"))
        self.told.put(f"{name}  {self._row.state} on {place}{age}", told)

    def action_look(self) -> None:
        """Ask, or ask again."""
        self._busy, self._variants = "asking…", None
        self._show()
        self.run_worker(self._ask(), group="why", exclusive=True)

    async def _ask(self) -> None:
        try:
            self._why, self._trouble = await self.actions.questions.why(self._row.key), ""
        except Refused as refusal:
            self._trouble = show.clean(str(refusal))
        self._busy = ""
        self._show()

    def action_smaller(self) -> None:
        """Have the scheduler say when smaller ones would start."""
        if self._why is None:
            return
        self._busy = "asking the scheduler about this job and smaller ones…"
        self._show()
        self.run_worker(self._smaller(self._why), group="why", exclusive=True)

    async def _smaller(self, why: Why) -> None:
        try:
            self._variants, self._trouble = await self.actions.questions.smaller(why), ""
        except Refused as refusal:
            self._trouble = show.clean(str(refusal))
        self._busy = ""
        self._show()

    async def action_cluster(self) -> None:
        """The cluster that it waits for."""
        if self._row.backend not in self.actions.questions.clusters():
            self.say("it waits for no cluster with a scheduler")
            return
        from tui.screens.cluster import ClusterScreen

        self.app.push_screen(ClusterScreen(self.actions, self._row.backend, self._clock))

    def action_copy(self) -> None:
        self.copy(self.told.text, "all of it")
