"""Every command that was run on any host, the newest last; it goes on as long as it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.screen import Screen

from trainboard.actions import Refused
from tui import command_lines, show
from tui.keys import KEYS, bindings
from tui.widgets.bars import Line, key_groups
from tui.widgets.lines import TONES
from tui.widgets.picks import Picks
from tui.widgets.query import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.strip import Strip

    from trainboard.actions import Actions
    from trainboard.commandlog import Logged

AGAIN = 1.0
"""Seconds between two looks at the file."""

TYPING = (((" enter", "strong"), (" keep ", "plain")), ((" esc", "strong"), (" clear ", "plain")))


class CommandList(Picks):
    """A line each. The cursor stays at the end where it is, and with its command otherwise."""

    DEFAULT_CSS = """
    CommandList { height: 1fr; }
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


class CommandsScreen(Screen[None]):
    """The log of commands, of all processes on this state folder."""

    BINDINGS = bindings("commands_screen")
    COMPONENT_CLASSES = TONES

    def __init__(self, actions: Actions, clock: Callable[[], float]) -> None:
        super().__init__()
        self.actions = actions
        self._clock = clock
        self._log: Sequence[Logged] = ()
        self._words: tuple[str, ...] = ()
        self._trouble = ""

    def compose(self) -> ComposeResult:
        yield CommandList(id="commands")
        yield Query()
        yield Line(keep=2, id="footer")

    def on_mount(self) -> None:
        self.list, self.asked = self.query_one(CommandList), self.query_one(Query)
        self.set_focus(self.list)
        self.show_keys()
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
            self._show()

    def _show(self) -> None:
        shown = command_lines.filtered(self._log, self._words)
        rate = command_lines.per_minute(self._log, self._clock())
        self.list.put(shown, command_lines.head(shown, len(self._log), rate, self._trouble))

    def show_keys(self) -> None:
        """The line at the bottom."""
        typing = isinstance(self.focused, Query)
        here = [key for key in KEYS if {"commands", "commands_screen"} & set(key.where)]
        self.query_one("#footer", Line).groups = TYPING if typing else key_groups(here)

    def on_descendant_focus(self) -> None:
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key acts while a filter is typed."""
        return not isinstance(self.focused, Query)

    def action_find(self) -> None:
        self.asked.ask(self.list, " ".join(self._words), "filter: host, word of the command, exit 1, ! …")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        self._words = tuple(message.text.lower().split())
        self._show()

    def action_copy(self) -> None:
        if self.list.chosen is not None:
            self.app.copy_to_clipboard(self.list.chosen.command.text)
            self.notify(f"copied {show.clean(self.list.chosen.command.text, 80)}", markup=False)

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
