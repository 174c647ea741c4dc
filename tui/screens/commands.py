"""Every command that was run on any host, the newest last; it goes on as long as it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.actions import Refused
from tui import command_lines
from tui.keys import bindings
from tui.screens.listing import ListingScreen
from tui.widgets.picks import Picks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.strip import Strip
    from textual.widget import Widget

    from trainboard.actions import Actions
    from trainboard.commandlog import Logged

AGAIN = 1.0
"""Seconds between two looks at the file."""


class CommandPicks(Picks):
    """A line each. The cursor stays at the end where it is, and with its command otherwise."""

    DEFAULT_CSS = """
    CommandPicks { height: 1fr; }
    """
    BINDINGS = bindings("commands")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.log_lines: Sequence[Logged] = ()
        self._head = ""

    def put(self, log: Sequence[Logged], head: str) -> None:
        """Show these."""
        at_end = self.cursor >= len(self.log_lines) - 1
        before = self.chosen
        self.log_lines, self._head = log, head
        self.count = len(log)
        place = next((place for place, each in enumerate(log) if each == before), self.cursor)
        self.cursor = len(log) - 1 if at_end else place
        self.refresh()

    @property
    def chosen(self) -> Logged | None:
        """What is under the cursor."""
        return self.log_lines[self.cursor] if self.cursor < len(self.log_lines) else None

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying([(self._head, "plain")])
        at = self.top + y - 1
        if at >= self.count:
            return self.line(y - 1, [("  no command was run yet" if y == 1 and not self.count else "", "dim")])
        here = at == self.cursor
        pieces = command_lines.listed(self.log_lines[at], self.inner_width, here=here)
        return self.line(y - 1, pieces, "cursor" if here else "plain")


class CommandsScreen(ListingScreen):
    """The log of commands, of all processes on this state folder."""

    PLACES = ("commands_screen", "commands")
    BINDINGS = bindings("commands_screen")
    HINT = "filter: host, word of the command, exit 1, ! …"

    def __init__(self, actions: Actions, clock: Callable[[], float]) -> None:
        super().__init__()
        self.actions = actions
        self._clock = clock
        self._log: Sequence[Logged] = ()
        self._trouble = ""

    def parts(self) -> Iterable[Widget]:
        self.list = CommandPicks(id="commands")
        yield self.list

    def begin(self) -> None:
        self._look()
        self.set_interval(AGAIN, self._look)

    def _look(self) -> None:
        self.run_worker(self._read(), group="commands", exclusive=True)

    async def _read(self) -> None:
        try:
            log, self._trouble = await self.actions.commands(), ""
        except Refused as refusal:
            log, self._trouble = self._log, str(refusal)
        if log != self._log or self._trouble or not self._log:
            self._log = log
            self.show_list()

    def show_list(self) -> None:
        shown = command_lines.filtered(self._log, self.words)
        rate = command_lines.per_minute(self._log, self._clock())
        self.list.put(shown, command_lines.head(shown, len(self._log), rate, self._trouble))

    def action_copy(self) -> None:
        if self.list.chosen is not None:
            self.copy(self.list.chosen.command.text)
