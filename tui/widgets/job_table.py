"""The merged job table: draws the lines that are on screen, whatever the number of rows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.reactive import reactive

from tui import show
from tui.columns import Column, fit
from tui.keys import bindings
from tui.listing import Listing
from tui.widgets.job_cells import COLUMNS, WIDE, WIDE_FROM, Seen, reason_of
from tui.widgets.lines import Lines, Piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.strip import Strip

    from trainboard.rows import Row
    from tui.curves import Curves

STEP = 500
"""Rows settled between two turns of the event loop: a few milliseconds."""


class JobTable(Lines):
    """All rows; cursor, marks and scroll position belong to rows, not to places."""

    DEFAULT_CSS = """
    JobTable { height: 1fr; min-height: 2; }
    """
    BINDINGS = bindings("table")

    cursor: reactive[str | None] = reactive(None)
    """The key of the row under the cursor."""

    class Moved(Message):
        """The cursor is on another row, or on none."""

    class Listed(Message):
        """What is listed, or how much of it, has changed."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, JobTable.Listed)

    def __init__(self, curves: Curves, clock: Callable[[], float], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.listing = Listing()
        self.marks: set[str] = set()
        self.arrived = False
        """Whether there was a table at all."""
        self._wanted: str | None = None
        """The row that the cursor goes to as soon as it is listed."""
        self._curves = curves
        self._clock = clock
        self._drawn: dict[str, tuple[str, ...]] = {}
        self._fitted: tuple[int, tuple[tuple[Column, int], ...]] = (0, ())

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        index = self.listing.index(self.cursor)
        return None if index is None else self.listing.at(index)

    @property
    def chosen(self) -> tuple[Row, ...]:
        """The marked rows, in their order on screen and then the hidden ones; without marks, the cursor's."""
        if not self.marks:
            return (self.row,) if self.row is not None else ()
        last = len(self.listing)
        places = {key: self.listing.index(key) for key in self.marks}
        keys = sorted(self.marks, key=lambda key: (last if (at := places[key]) is None else at, key))
        return tuple(self.listing.rows[key] for key in keys)

    def offer(self, rows: tuple[Row, ...]) -> None:
        """Show these rows."""
        if not self.arrived:
            self.arrived = True
            self.refresh()
        self.listing.offer(rows)
        self._settle()

    def filter(self, text: str) -> None:
        """Show only rows that match all words of the text."""
        self.listing.filter(text)
        self._settle()

    def seek(self, key: str) -> None:
        """Put the cursor on this row, as soon as it is listed, unless the user moves it before."""
        self._wanted = key
        self._hold_cursor(self.listing.index(self.cursor))

    def redraw(self, key: str) -> None:
        """Something about this row has changed that is not in the row itself."""
        index = self.listing.index(key)
        if index is not None and self.top <= index < self.top + self.inner_height:
            self.refresh_line(index - self.top + 1)

    def _settle(self) -> None:
        if self.listing.pending <= STEP:
            self._step()
        else:
            self._settle_slowly()

    @work(exclusive=True, group="settle")
    async def _settle_slowly(self) -> None:
        while self.listing.pending:
            self._step()
            await asyncio.sleep(0)

    def _step(self) -> None:
        listing, before = self.listing, self.listing.index(self.cursor)
        visible = listing.order[self.top : self.top + self.inner_height]
        settled = listing.settle(STEP)
        self.marks &= listing.rows.keys()
        self.count = len(listing)
        self._hold_cursor(before)
        if visible != listing.order[self.top : self.top + self.inner_height]:
            self.refresh()
        else:
            for key in settled:
                self.redraw(key)
        self.post_message(self.Listed())

    def _hold_cursor(self, before: int | None) -> None:
        """The cursor stays on its row and the row on its line; where it is gone, its neighbour takes over."""
        if self.listing.index(self._wanted) is not None:
            self.cursor, self._wanted = self._wanted, None
            self._show_cursor()
            return
        after = self.listing.index(self.cursor)
        if after is None:
            row = self.listing.at(min(before or 0, len(self.listing) - 1))
            self.cursor = row.key if row is not None else None
            self._show_cursor()
        elif before is not None and after != before:
            if self.top > 0:
                self.go_to(self.top + after - before)
            self._show_cursor()

    def _show_cursor(self) -> None:
        index = self.listing.index(self.cursor)
        if index is None:
            return
        if index < self.top:
            self.go_to(index)
        elif index >= self.top + self.inner_height:
            self.go_to(index - self.inner_height + 1)

    def _tick(self) -> None:
        """Redraw the lines whose times read differently by now."""
        top = self.top
        for index, (_, _, key) in enumerate(self.listing.order[top : top + self.inner_height], top):
            if self._drawn.get(key) != self._texts(self.listing.rows[key]):
                self.refresh_line(index - self.top + 1)

    def watch_cursor(self, before: str | None, after: str | None) -> None:
        for key in (before, after):
            if key is not None:
                self.redraw(key)
        self.post_message(self.Moved())

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at this place, or the nearest."""
        self._wanted = None
        row = self.listing.at(max(0, min(index, len(self.listing) - 1)))
        if row is not None:
            self.cursor = row.key
            self._show_cursor()

    def _move(self, by: int) -> None:
        self.move_to((self.listing.index(self.cursor) or 0) + by)

    def action_down(self) -> None:
        self._move(1)

    def action_up(self) -> None:
        self._move(-1)

    def action_top(self) -> None:
        self.move_to(0)

    def action_bottom(self) -> None:
        self.move_to(len(self.listing) - 1)

    def action_half_down(self) -> None:
        self._move(max(1, self.inner_height // 2))

    def action_half_up(self) -> None:
        self._move(-max(1, self.inner_height // 2))

    def action_mark(self) -> None:
        if self.cursor is not None:
            self.marks ^= {self.cursor}
            self.redraw(self.cursor)
            self.action_down()
            self.post_message(self.Listed())

    def on_click(self, event: events.Click) -> None:
        if event.y > 0 and self.top + event.y - 1 < len(self.listing):
            self.move_to(self.top + event.y - 1)

    def on_resize(self) -> None:
        self.go_to(self.top)
        self._show_cursor()

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._head()
        row = self.listing.at(self.top + y - 1)
        if row is None:
            return self.line(y - 1, [(self._empty(y - 1), "dim")])
        texts = self._drawn[row.key] = self._texts(row)
        if len(self._drawn) > 4 * self.inner_height + 100:
            self._drawn.clear()
        tones = dict(zip(("state", "last"), (show.STATES[row.state][1], "strong"), strict=True))
        dim = "dim" if row.state.ended else "plain"
        pieces: list[Piece] = []
        for (column, _), text in zip(self._columns(), texts, strict=False):
            pieces += [(text, tones.get(column.name, dim)), (" ", dim)]
        if len(texts) > len(self._columns()):
            pieces = [*pieces[: 2 * self._kept()], (texts[-1], show.STATES[row.state][1])]
        return self.line(y - 1, pieces, "cursor" if row.key == self.cursor else "plain")

    def _head(self) -> Strip:
        titles = [show.pad_left(c.title, w) if c.right else show.cut(c.title, w) for c, w in self._columns()]
        return self.staying([(" ".join(titles)[1:], "plain")])

    def _empty(self, y: int) -> str:
        if len(self.listing) or y != 1:
            return ""
        if self.listing.words:
            return "  No job matches the filter. esc clears it."
        if not self.arrived:
            return "  Asking the hosts…"
        return "  No jobs yet. Press n to start runs from a spec; the examples are among them."

    def _columns(self) -> tuple[tuple[Column, int], ...]:
        width = self.inner_width
        if width != self._fitted[0]:
            self._fitted = (width, fit(WIDE if width >= WIDE_FROM else COLUMNS, width))
        return self._fitted[1]

    def _kept(self) -> int:
        """How many columns stay when the reason takes the place of those behind the backend."""
        return next(i for i, (c, _) in enumerate(self._columns()) if c.name in ("progress", "last"))

    def _texts(self, row: Row) -> tuple[str, ...]:
        """The cells as they are drawn; one more where the reason takes the place of numbers that are not there."""
        columns = self._columns()
        seen = Seen(row, self._curves.objective(row), self._curves.progress(row), self._clock())
        own = ("›" if row.key == self.cursor else " ") + ("◆" if row.key in self.marks else " ")
        cells = [(own if c.name == "mark" else seen.cell(c.name, w), c, w) for c, w in columns]
        texts = [show.pad_left(text, w) if c.right else show.cut(text, w) for text, c, w in cells]
        reason = reason_of(row)
        if reason and seen.curve is None and all(c.name != "reason" for c, _ in columns):
            used = sum(w + 1 for _, w in columns[: self._kept()])
            texts.append(show.cut(reason, max(0, self.inner_width - used)))
        return tuple(texts)
