"""A spec file edited in place: checked while it is typed, saved whole or not at all."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static, TextArea

from tui import show
from tui.keys import KEYS, bindings
from tui.screens.problems import problem_lines
from tui.widgets.bars import Line, key_groups
from tui.widgets.lines import TONES
from tui.widgets.typing import in_order, typed

if TYPE_CHECKING:
    from rich.text import Text
    from textual import events
    from textual.app import ComposeResult

    from specs.model import SpecError
    from tui.widgets.lines import Piece

PAUSE = 0.15
"""Seconds without a key after which the text is checked."""

_COMMENT = re.compile(r"(?:^|\s)#.*")
_KEY = re.compile(r"^\s*(?:- )?([\w.-]+)\s*:(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it was read: its text, and what tells whether it has changed since."""

    text: str
    stamp: tuple[int, int]


def read(path: Path) -> Opened:
    """Blocks. Raises OSError or UnicodeDecodeError."""
    status = path.stat()
    return Opened(path.read_bytes().decode("utf-8"), (status.st_mtime_ns, status.st_size))


def stamp(path: Path) -> tuple[int, int] | None:
    """Blocks. None where the file is gone."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def write(path: Path, text: str) -> tuple[int, int]:
    """Replace the file whole, keeping its mode; through a link, what it points to. Blocks. Raises OSError."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    status = target.stat()
    return status.st_mtime_ns, status.st_size


def check(text: str, path: Path) -> tuple[tuple[SpecError, ...], int]:
    """What is wrong with the text, and how many runs it makes. Blocks."""
    from specs.expand import expand
    from specs.load import errors, loads
    from specs.model import SpecError

    found = errors(text, path)
    try:
        return found, 0 if found else len(expand(loads(text, path)))
    except SpecError as error:
        return (error,), 0


class SpecText(TextArea):
    """YAML, with keys and comments set off and the lines with errors marked."""

    bad_lines: frozenset[int] = frozenset()
    """From 0."""

    async def _on_key(self, event: events.Key) -> None:
        await in_order(self, event)

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        styles = self.app.theme_variables
        if key := _KEY.match(line.plain):
            line.stylize("bold", key.start(1), key.end(1))
        if comment := _COMMENT.search(line.plain):
            line.stylize("italic dim", comment.start())
        if line_index in self.bad_lines:
            line.stylize(f"underline {styles['error']}")
        return line

    def mark(self, lines: frozenset[int]) -> None:
        """Mark these lines as bad, and no others."""
        if lines != self.bad_lines:
            self.bad_lines = lines
            self._line_cache.clear()
            self.refresh()


class EditScreen(Screen[None]):
    """One spec file."""

    CSS_PATH = "edit.tcss"
    BINDINGS = bindings("edit")
    COMPONENT_CLASSES = TONES
    AUTO_FOCUS = "SpecText"

    def __init__(self, path: Path, *, readonly: bool) -> None:
        super().__init__()
        self._path = path
        self._readonly = readonly
        self._opened = Opened("", (0, 0))
        self._found: tuple[SpecError, ...] = ()

    def compose(self) -> ComposeResult:
        yield Line(id="summary")
        yield SpecText(tab_behavior="indent", show_line_numbers=True, read_only=True)
        yield Static(id="problems")
        yield Line(id="footer")

    async def on_mount(self) -> None:
        self.text = self.query_one(SpecText)
        self.text.indent_width = 2
        self.text.cursor_blink = False
        keys = [key for key in KEYS if "edit" in key.where and self.check_action(key.action, ())]
        self.query_one("#footer", Line).groups = key_groups(keys)
        try:
            self._opened = await asyncio.to_thread(read, self._path)
        except (OSError, UnicodeDecodeError) as error:
            self._say(f"✗ {self._path}: {getattr(error, 'strerror', None) or error}")
            return
        self.text.load_text(self._opened.text)
        self.text.read_only = self._readonly
        self._summarise()

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return self.text.text != self._opened.text and not self.text.read_only

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return not (self._readonly and action == "save")

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self._summarise()
        self._check()

    @work(exclusive=True, group="check")
    async def _check(self) -> None:
        await asyncio.sleep(PAUSE)
        self._found, runs = await asyncio.to_thread(check, self.text.text, self._path)
        self.text.mark(frozenset(error.line - 1 for error in self._found if error.line is not None))
        self._say("\n".join(problem_lines(self._found)) or f"✓ {show.count(runs, 'run')}", good=not self._found)

    def _say(self, text: str, *, good: bool = False) -> None:
        self.query_one("#problems", Static).update(Content.styled(text, "$text-success" if good else "$text-error"))

    def _summarise(self) -> None:
        pieces: list[Piece] = [(f" {show.clean(self._path.name, 48)} ", "strong")]
        if self._readonly:
            pieces.append((" ⊘ READ-ONLY ", "waiting"))
        if self.changed:
            pieces.append((" ● not saved ", "waiting"))
        pieces.append((f" {show.clean(str(self._path.parent))}", "dim"))
        self.query_one("#summary", Line).groups = (tuple(pieces),)

    @work(exclusive=True, group="save")
    async def action_save(self) -> None:
        await typed(self.text)
        now = await asyncio.to_thread(stamp, self._path)
        if now != self._opened.stamp and not await self._ask(
            "The file has changed on disk since it was opened.", "overwrite it"
        ):
            return
        text = self.text.text
        try:
            written = await asyncio.to_thread(write, self._path, text)
        except OSError as error:
            self._say(f"✗ not saved: {error.strerror or error}")
            return
        self._opened = Opened(text, written)
        self._summarise()
        if self._found:
            self.notify("saved with errors in it", severity="warning", markup=False)
        else:
            self.notify("saved", markup=False)

    async def _ask(self, question: str, yes: str) -> bool:
        from tui.screens.confirm import Confirm

        confirm = Confirm(question, [str(self._path)], yes)
        agreed: bool | None = await self.app.push_screen_wait(confirm)
        return agreed is True

    @work(exclusive=True, group="leave")
    async def action_back(self) -> None:
        await typed(self.text)
        if not self.changed or await self._ask("Leave without saving the changes?", "leave"):
            self.dismiss(None)
