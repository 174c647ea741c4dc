"""A screen on which spec files are open: read, typed into, looked at on the disk, saved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static, TextArea

from specs.complete import complete
from specs.files import Meanwhile, save, write
from tui import show
from tui.drafts import Draft, Unreadable, one_kind_of_line_end, read, stamp
from tui.sheets import Sheet, sheet
from tui.widgets.offers import Offers
from tui.widgets.said import put
from tui.widgets.spec_text import SpecText
from tui.widgets.typing import typed

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.actions import Actions

PAUSE = 0.15
"""Seconds without a key after which the text is checked."""
TOUCH = 0.05
"""Seconds without a key after which words are offered."""
LOOK = 2.0
"""Seconds between two looks whether another program has written to the file."""


class EditingScreen(Screen[str | None]):
    """One file is in the editor at a time; what was typed into the others stays with them."""

    # Kept, and not looked for: a file may be read while the screen is left.
    editor: SpecText
    problems: Static
    offers: Offers

    def __init__(self, actions: Actions, *, readonly: bool) -> None:
        super().__init__()
        self.actions = actions
        self.readonly = readonly
        self.drafts: dict[Path, Draft] = {}
        self.draft: Draft | None = None
        """The one in the editor."""
        self.sheet = Sheet()
        """What its text comes to, as far as that is known."""
        self._offered: tuple[tuple[str, int], ...] = ()
        """The words that are offered, each with the column from which on it stands in for what was typed."""
        self._stale = asyncio.Event()
        """What is shown is not what is typed."""
        self._settled = asyncio.Event()
        """Something was checked."""
        self._quick = True
        """Check without waiting for a pause: nobody is typing."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """What the text is read with."""
        return ()

    @property
    def wanted(self) -> Path | None:
        """The file that is to be in the editor."""
        raise NotImplementedError

    @property
    def typing(self) -> bool:
        """Whether letters are text."""
        return self.focused is self.editor and not self.editor.read_only

    def take(self, found: Sheet) -> None:
        """Show what the text comes to."""
        raise NotImplementedError

    def note(self, text: str, tone: str = "plain") -> None:
        """Show this beside the text; empty: nothing."""
        raise NotImplementedError

    def summarise(self) -> None:
        """Names, changes and keys are others than before."""
        raise NotImplementedError

    def begin(self) -> None:
        """Look at the text and at the disk, from now on."""
        self._check_along()
        self.set_interval(LOOK, self.look_at_disk)

    # Files.

    @work(exclusive=True, group="open")
    async def open(self, path: Path | None) -> None:
        """Put a file into the editor."""
        if path is None or (self.draft is not None and self.draft.path == path):
            return
        draft = self.drafts[path] if path in self.drafts else await asyncio.to_thread(read, path)
        self.keep()
        self.note("")
        if isinstance(draft, Unreadable):
            self.draft = None
            self.editor.read_only = True
            self.editor.load_text("")
            self._fresh(Sheet(path))
            self.say_problems(f"✗ {show.clean(path.name)}: {show.clean(draft.reason)}")
            return
        self.drafts[path] = self.draft = draft
        exact = one_kind_of_line_end(draft.text)
        self.editor.read_only = self.readonly or not exact
        self.editor.load_text(draft.text)
        if not exact:
            self.note("its lines end in several ways: to edit it here would change them all", "waiting")
        self.ask_anew(quick=True)

    def keep(self) -> None:
        """Remember what was typed."""
        if self.draft is not None and not self.editor.read_only:
            self.draft.text = self.editor.text

    @property
    def unsaved(self) -> list[Path]:
        """The files with changes."""
        return [draft.path for draft in self.drafts.values() if draft.unsaved]

    @work(exclusive=True, group="disk")
    async def look_at_disk(self) -> None:
        """Take over what another program has written, or say so where there are changes here."""
        draft = self.draft
        if draft is None or draft.stamp == await asyncio.to_thread(stamp, draft.path):
            return
        now = await asyncio.to_thread(read, draft.path)
        if isinstance(now, Unreadable) or draft is not self.draft:
            return
        self.keep()
        draft.stamp = now.stamp
        if now.text == draft.opened:
            return
        if draft.unsaved:
            draft.meanwhile = True
        else:
            draft.opened = draft.text = now.text
            self.editor.change(now.text)
            self.notify(f"{draft.path.name} has changed on disk and was read again", markup=False)
        self.summarise()

    # The text.

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self.keep()
        self.ask_anew(quick=False)

    def ask_anew(self, *, quick: bool) -> None:
        """Check the text, `quick`ly or once nobody types."""
        self._quick = self._quick or quick
        self._stale.set()
        self.summarise()

    @work(exclusive=True, group="check")
    async def _check_along(self) -> None:
        """One look at a time, however long it takes."""
        while True:
            await self._stale.wait()
            while not self._quick and self._stale.is_set():
                self._stale.clear()
                await asyncio.sleep(PAUSE)
            self._stale.clear()
            self._quick = False
            draft = self.draft
            if draft is not None and not self._is_settled:  # an editor tells of the text that it was given, too
                found = await asyncio.to_thread(sheet, draft.text, draft.path, self.overrides)
                if draft is self.draft:
                    self._fresh(found)

    def _fresh(self, found: Sheet) -> None:
        self.sheet = found
        self._settled.set()
        self.take(found)

    async def settled(self) -> None:
        """Return when the sheet is that of the text."""
        while not self._is_settled:
            self._settled.clear()
            self.ask_anew(quick=True)
            await self._settled.wait()

    @property
    def _is_settled(self) -> bool:
        if self.sheet.path != self.wanted:
            return False
        return self.draft is None or (self.sheet.text, self.sheet.overrides) == (self.draft.text, self.overrides)

    def say_problems(self, text: str) -> None:
        """What is wrong, below the text; empty: nothing."""
        put(self.problems, Content.styled(text, "$text-error"))

    # Words.

    @on(SpecText.Typed)
    def _typed(self) -> None:
        self._offer(asked=False)

    @on(SpecText.Asked)
    def _asked(self) -> None:
        self._offer(asked=True)

    @work(exclusive=True, group="offer")
    async def _offer(self, *, asked: bool) -> None:
        """Offer words for where the cursor is, if it is still there when they are found."""
        offers, editor = self.offers, self.editor
        await asyncio.sleep(0 if asked else TOUCH)
        text, (line, column) = editor.text, editor.cursor_location
        words = {"where": tuple(self.actions.backend_names())}
        found = await asyncio.to_thread(complete, text, line + 1, column + 1, words)
        if editor.text != text or editor.cursor_location != (line, column) or not self.typing:
            return
        begun = max((column + 1 - each.start for each in found), default=0)
        shown = [(show.clean(each.text.rstrip()), show.clean(each.meaning)) for each in found if begun or asked]
        self._offered = tuple((each.text, each.start) for each in found)
        x, y = editor.cursor_screen_offset
        offers.put(shown, (x - begun, y))

    @on(Offers.Chosen)
    def _put_in(self, message: Offers.Chosen) -> None:
        """Put the chosen word in the place of what was typed of it."""
        text, start = self._offered[message.index]
        self.offers.hide()
        line, _ = self.editor.cursor_location
        self.editor.replace(text, (line, start - 1), self.editor.cursor_location)

    # Saving.

    async def action_save(self) -> None:
        await typed(self.editor)
        if self.draft is not None:
            self._save_now(self.draft)

    @work(exclusive=True, group="save")
    async def _save_now(self, draft: Draft) -> None:
        await self.save(draft)

    async def save(self, draft: Draft) -> bool:
        """Write a file, over what another program wrote only after a question; whether it is written."""
        self.keep()
        text = draft.text
        try:
            if not await self._written(draft, text):
                return False
        except OSError as error:
            self.note(f"✗ not saved: {error.strerror or error}", "bad")
            return False
        draft.opened, draft.meanwhile = text, False
        draft.stamp = await asyncio.to_thread(stamp, draft.path)
        self.note("")
        self.summarise()
        if self.sheet.errors:
            self.notify("saved with errors in it", severity="warning", markup=False)
        else:
            self.notify("saved", markup=False)
        return True

    async def _written(self, draft: Draft, text: str) -> bool:
        """Raises OSError."""
        try:
            await asyncio.to_thread(save, draft.path, text, draft.opened)
        except Meanwhile:
            question = "The file has changed on disk since it was opened."
            if not await self.ask(question, [str(draft.path)], "overwrite it"):
                return False
            await asyncio.to_thread(write, draft.path, text)
        return True

    async def ask(self, question: str, names: list[str], yes: str) -> bool:
        """Whether the user says yes."""
        from tui.screens.confirm import Confirm

        return await self.app.push_screen_wait(Confirm(question, names, yes)) is True

    # Leaving.

    @work(exclusive=True, group="leave")
    async def action_leave(self) -> None:
        await self.leave(None)

    async def leave(self, key: str | None) -> None:
        """Leave with this answer, if need be after a question that names the files with changes."""
        await typed(self.editor)
        self.keep()
        unsaved = [str(path) for path in self.unsaved]
        if not unsaved or await self.ask("Leave without saving the changes?", unsaved, "leave"):
            self.dismiss(key)
