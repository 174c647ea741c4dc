"""The log of a row: read, searched on its host, copied and saved."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import on
from textual.message import Message

from trainboard.actions import Exists, Refused
from tui import show
from tui.ansi import shown
from tui.keys import bindings
from tui.widgets.lines import tone
from tui.widgets.log_page import LogPage
from tui.widgets.query import Query

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable
    from pathlib import Path

    from textual.worker import Worker

    from backends.base import Sought, Wanted
    from trainboard.actions import Actions
    from tui.logmarks import Marks
    from tui.messages import LogArrived
    from tui.widgets.log_rows import Span, Spot

SLOW = 0.02
"""Seconds of work. A pattern that takes longer for one line on screen is not marked any more."""


class LogView(LogPage):
    """A log, and under it one line that says which, where in it this is, and what is being done."""

    DEFAULT_CSS = """
    LogView { height: 1fr; }
    """
    BINDINGS = bindings("log")

    class Changed(Message):
        """It follows or does not, or something is searched or not."""

    def __init__(self, actions: Actions, *, id: str | None = None) -> None:
        super().__init__(actions, id=id)
        self.query_text = ""
        self._wanted: Wanted | None = None
        self._marks: Marks | None = None
        self._here: tuple[int, int] | None = None
        """Where in the file the line begins and ends that was found last."""
        self._work: Worker[None] | None = None
        self._doing = ""
        """What is being done, and how far it is."""
        self._told = ""
        """What came of it."""

    def begin(self, key: str, title: str) -> None:
        """Another log, of which nothing has come yet."""
        self._stop()
        super().begin(key, title)

    def renew(self) -> None:
        """What is here is not in the file any more."""
        self._here = None
        super().renew()

    def take(self, message: LogArrived) -> None:
        """The log grew, or began anew."""
        if message.restarted:
            self._stop()
        super().take(message)

    def watch_following(self) -> None:
        super().watch_following()
        self.post_message(self.Changed())

    # Searching.

    @property
    def stepping(self) -> bool:
        """Whether `n` goes to the next match: in the log, while something is searched."""
        return self.has_focus and bool(self.query_text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return bool(self.query_text) if action in ("next_match", "previous_match") else True

    def back(self) -> bool:
        """Stop what is being done, else forget what was searched; False where there is neither."""
        if self._doing:
            self._stop("stopped")
        elif self.query_text:
            self.search("")
        else:
            return False
        return True

    def action_find(self) -> None:
        for query in self.screen.query(Query):
            query.ask(self, self.query_text, "search: a regular expression; case counts where it has capitals")

    @on(Query.Typed)
    def _typed(self, message: Query.Typed) -> None:
        message.stop()
        self.search(message.text, go=message.kept)

    def search(self, query: str, *, go: bool = False) -> None:
        """Mark what matches; `go`: have the host look for it, upwards from the end, else from here on."""
        from trainboard.seeking import wanted
        from tui.logmarks import Marks

        self._stop()
        self.query_text, self._here = query, None
        try:
            self._wanted = wanted(query) if query else None
        except ValueError as error:
            self._wanted, self._told = None, str(error) if go else ""
        self._marks = Marks.of(self._wanted)
        if go:
            self._step(backwards=self.following or self.at_end)
        self.redraw()
        self.post_message(self.Changed())

    def action_next_match(self) -> None:
        self._step(backwards=False)

    def action_previous_match(self) -> None:
        self._step(backwards=True)

    def action_next_error(self) -> None:
        self._step_to_error(backwards=False)

    def action_previous_error(self) -> None:
        self._step_to_error(backwards=True)

    def _step(self, *, backwards: bool) -> None:
        if self._wanted is not None:
            self._seek(self._wanted, f"“{show.clean(self.query_text)}” is not in the log", backwards)

    def _step_to_error(self, *, backwards: bool) -> None:
        from trainboard.errors import ERROR

        self._seek(ERROR, "no error in the log", backwards)

    def _seek(self, wanted: Wanted, absent: str, backwards: bool) -> None:
        if self.key:
            self._begin("searching", self._search(wanted, absent, self._start(backwards), backwards))

    def _start(self, backwards: bool) -> int:
        """From where it is looked for: from what was found last where that is still seen, else from the top line on.

        Negative: from the end of the file.
        """
        if self._here is not None and any(self._is_here(spot.row) for spot in self.spots):
            return self._here[0] if backwards else self._here[1]
        if self.following or not self.spots:
            return -1
        return self.text.offsets[self.spots[0].row]

    async def _search(self, wanted: Wanted, absent: str, start: int, backwards: bool) -> None:
        """Look from a place to the end of the log, or its beginning, and then once from the other side."""
        other = -1 if backwards else 0
        sought = await self._looked(wanted, start, backwards)
        wrapped = sought.found is None and start != other
        if wrapped:
            sought = await self._looked(wanted, other, backwards)
        if sought.found is None:
            self._told = absent
            return
        self._told = ("from the end" if backwards else "from the top") if wrapped else ""
        await self._arrive(sought.found, sought.found + len(sought.line))

    async def _looked(self, wanted: Wanted, at: int, backwards: bool) -> Sought:
        """Step by step, as far as it goes in one direction. Raises `Refused`."""
        while True:
            sought = await self.actions.search_log(self.key, wanted, at, backwards=backwards)
            if sought.done:
                return sought
            at = sought.at
            share = 100 * (sought.size - at if backwards else at) // max(1, sought.size)
            self._say_doing(f"searching {'up' if backwards else 'down'} {share}%")

    async def _arrive(self, begin: int, end: int) -> None:
        """Show what was found."""
        self._here, self.following = (begin, end), False
        if self.text.start <= begin < self.text.end:
            self.place(begin)
        else:
            await self._jump(begin)

    def show(self, begin: int, size: int) -> None:
        """Go to a line of so many bytes at this place of the file."""
        self._begin("going there", self._arrive(begin, begin + size))

    def _is_here(self, row: int) -> bool:
        return self._here is not None and self.text.row_at(self._here[0]) == row and self._here[0] >= self.text.start

    def ground(self, row: int) -> str:
        """The line that was found stands out."""
        return "cursor" if self._is_here(row) else "plain"

    def marks(self, spot: Spot) -> Iterable[Span]:
        """What matches the query."""
        look = tone(self, "here" if self._is_here(spot.row) else "match")
        return [(start, end, look) for start, end in self._found(spot.shown.text, spot.start, spot.end)]

    def _found(self, text: str, start: int, end: int) -> list[tuple[int, int]]:
        """Where the query matches in a stretch of a line, no longer than one of the screen."""
        if self._marks is None:
            return []
        begun = time.thread_time()
        found = self._marks.found(text, start, end)
        if time.thread_time() - begun > SLOW:
            self._marks = None
        return found

    def aimed(self, row: int) -> tuple[int, int]:
        """Where the match is in what was found, which may be a long line; where it is cut, scrolled to sideways."""
        if self._here is None or self._marks is None:
            return row, 0
        self._left, width = 0, self.inner_width
        for each in range(row, min(row + 2, self.text.count)):  # a piece of a line may be in two rows
            text = shown(self.text.rows[each]).text
            first = len(shown(self.text.rows[each][: max(0, self._here[0] - self.text.offsets[each])]).text)
            stretches = ((at, min(at + width, len(text))) for at in range(first, len(text), width))
            match = next((found[0] for a, b in stretches if (found := self._found(text, a, b))), None)
            if match is not None and self.wrapping:
                return each, sum(end <= match[0] for _, end in self._stretches(text))
            if match is not None:
                cells = cell_len(text[: match[1]])
                self._left = 0 if cells <= width else max(0, cells - width // 2)
                return each, 0
        return row, 0

    # What takes its time.

    def _begin(self, doing: str, work: Coroutine[None, None, None]) -> None:
        self._stop()
        self._say_doing(doing)
        self._work = self.run_worker(self._done(work), group="log-work", exclusive=True)

    async def _done(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Refused as error:
            self._told = show.clean(str(error))
        self._say_doing("")

    def _stop(self, told: str = "") -> None:
        """End what is being done."""
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._told = told
        self._say_doing("")

    def _say_doing(self, doing: str) -> None:
        self._doing = doing
        self.refresh()

    # Copying and saving.

    def action_follow(self) -> None:
        self.following = not self.following

    def action_wrap(self) -> None:
        self.wrapping = not self.wrapping

    def action_copy(self) -> None:
        lines = self.on_screen()
        self.app.copy_to_clipboard("\n".join(lines))
        self.notify(f"copied {show.count(len(lines), 'line')}")

    def action_save_log(self) -> None:
        from trainboard.copies import folder
        from tui.screens.value import ValueScreen

        if self.key:
            told = f"{self.title} · {show.size(self.length)}"
            path = str(folder() / self._file_name())
            self.app.push_screen(ValueScreen("Save the log", told, path, "enter save   esc do not"), self._save_as)

    def _file_name(self) -> str:
        name = re.sub(r"[^\w.=+-]+", "-", self.key).strip("-.")
        return f"{name or 'log'}.log"

    def _save_as(self, chosen: str | None) -> None:
        if chosen and chosen.strip():
            self._begin("saving", self._save(chosen.strip(), overwrite=False))

    async def _save(self, chosen: str, *, overwrite: bool) -> None:
        from trainboard.copies import destination

        done, path = 0, await asyncio.to_thread(destination, chosen, self._file_name())
        try:
            async with aclosing(self.actions.save_log(self.key, path, overwrite=overwrite)) as progress:
                async for done, size in progress:
                    self._say_doing(f"saving {100 * done // max(1, size)}%")
        except Exists:
            self._ask_to_overwrite(path)
            return
        self._told = f"saved {show.size(done)} as {show.clean(str(path))}"

    def _ask_to_overwrite(self, path: Path) -> None:
        from tui.screens.confirm import Confirm

        def answered(yes: bool | None) -> None:
            if yes:
                self._begin("saving", self._save(str(path), overwrite=True))

        self.app.push_screen(Confirm("This file exists. Overwrite it?", [str(path)], "overwrite"), answered)

    def status(self) -> str:
        """The line below the log."""
        if not self.title:
            return "no log"
        parts = [
            f"▲ {show.clean(self.failure)}" if self.failure and self.text.count else "",
            f"{self._doing} (esc stops)" if self._doing else self._told,
            "reading…" if self.fetching else "",
            "following" if self.following else "not following (f)",
            self.position(),
            f"“{show.clean(self.query_text)}” (n N)" if self.query_text else "",
            "wrapped" if self.wrapping else "",
            f"from column {self._left + 1} (←)" if self._left else "",
            self.news,
            self.title,
        ]
        return " · ".join(filter(None, parts))
