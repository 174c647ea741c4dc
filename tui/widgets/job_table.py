"""The merged job table: draws the lines that are on screen, whatever the number of rows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.reactive import reactive

from tui.groups import Group
from tui.inbox import Inbox
from tui.keys import bindings
from tui.listing import Listing
from tui.widgets.job_lines import JobLines
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from textual import events
    from textual.strip import Strip

    from trainboard.rows import Row
    from tui.curves import Curves
    from tui.widgets.fold_cells import Fold
    from tui.widgets.lines import Piece

STEP = 500
"""Rows settled between two turns of the event loop: a few milliseconds."""


LOOKED = 200
"""Rows at most whose curves are asked for because their line is on the screen; those of folded lines come last."""


class JobTable(Lines):
    """All rows; cursor, marks and scroll position belong to rows and folded lines, not to places."""

    DEFAULT_CSS = """
    JobTable { height: 1fr; min-height: 2; }
    """
    BINDINGS = bindings("table")

    cursor: reactive[str | None] = reactive(None)
    """The key of the line under the cursor."""

    class Moved(Message):
        """The cursor is on another row, or on none."""

    class Listed(Message):
        """What is listed, or how much of it, has changed."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, JobTable.Listed)

    class Looked(Message):
        """Other rows are on the screen."""

        def __init__(self, keys: Collection[str]) -> None:
            super().__init__()
            self.keys = keys

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, JobTable.Looked)

    def __init__(
        self, curves: Curves, clock: Callable[[], float], inbox: Inbox | None = None, *, id: str | None = None
    ) -> None:
        """`inbox`: the findings, kept up to date by its owner; see `found`."""
        super().__init__(id=id)
        self.listing = Listing(curves.measure)
        self._lines = JobLines(self.listing, curves, clock, inbox or Inbox())
        self.arrived = False
        """Whether there was a table at all."""
        self._wanted: str | None = None
        """The row that the cursor goes to as soon as it is listed."""
        self._standing: str | None = None
        """Of a folded line, the row that log and metrics are of, for as long as the cursor stays there."""
        self._looked: frozenset[str] = frozenset()
        self._drawn: dict[str, tuple[Piece, ...]] = {}

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    @property
    def marks(self) -> set[str]:
        """The keys of the marked rows; to change them, set them anew."""
        return self._lines.marks

    @marks.setter
    def marks(self, marks: set[str]) -> None:
        changed = self._lines.mark(marks)
        for line in {self.listing.line_of(key) for key in changed}:
            self.redraw(line)

    @property
    def row(self) -> Row | None:
        """The row under the cursor; of a folded line one of its rows, the same as long as it can be."""
        item = self._item
        if not isinstance(item, Group):
            return item
        standing = self._standing if self.listing.lists(item, self._standing) else None
        return self.listing.rows[standing or item.first]

    @property
    def fold(self) -> Fold | None:
        """The folded line under the cursor."""
        item = self._item
        return self._lines.fold(item) if isinstance(item, Group) else None

    @property
    def _item(self) -> Row | Group | None:
        line = self.listing.line_of(self.cursor)
        return None if line is None else self.listing.item(line)

    @property
    def chosen(self) -> tuple[Row, ...]:
        """The marked rows, in their order on screen and then the hidden ones; without marks, the cursor's line's."""
        if self.marks:
            keys = sorted(self.marks, key=lambda key: (*self.listing.rank(key), key))
            return tuple(self.listing.rows[key] for key in keys)
        return tuple(self.listing.rows[key] for key in self._keys)

    @property
    def _keys(self) -> list[str]:
        """The rows that the line under the cursor shows."""
        item = self._item
        if item is None:
            return []
        return item.keys if isinstance(item, Group) else [item.key]

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

    def found(self, keys: Collection[str]) -> None:
        """The findings of these rows have changed."""
        for line in {self.listing.line_of(key) for key in keys}:
            self.redraw(line)

    def measure(self, key: str) -> None:
        """The curves of this row have changed."""
        self.listing.measure(key)
        self.redraw(key)

    def redraw(self, key: str | None) -> None:
        """Something about this line, or the one that shows this row, has changed."""
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
        if gone := {key for key in self.marks & settled if key not in listing.rows}:
            self.marks -= gone
        self._arrange(before)
        if visible == listing.order[self.top : self.top + self.inner_height]:
            for line in {listing.line_of(key) for key in settled}:
                self.redraw(line)
        else:
            self.refresh()

    def _arrange(self, before: int | None) -> None:
        """The lines are others; `before`: the place of the cursor's until now."""
        self.count = len(self.listing)
        self._hold_cursor(before)
        self.post_message(self.Listed())

    def _hold_cursor(self, before: int | None) -> None:
        """The cursor stays on its row and the row on its line; where it is gone, its neighbour takes over."""
        if self.listing.index(self._wanted) is not None:
            self.cursor, self._wanted = self.listing.line_of(self._wanted), None
            self._show_cursor()
            return
        after = self.listing.index(self.cursor)
        if after is None:
            item = self.listing.at(min(before or 0, len(self.listing) - 1))
            self.cursor = item.key if item is not None else None
            self._show_cursor()
            return
        self.cursor = self.listing.line_of(self.cursor)
        if before is None:
            self._show_cursor()
        elif after != before:
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
        visible = [at[-1] for at in self.listing.order[self.top : self.top + self.inner_height]]
        for y, key in enumerate(visible, 1):
            if self._drawn.get(key) != self._pieces(self.listing.item(key)):
                self.refresh_line(y)
        self._look(visible)

    def _look(self, lines: list[str]) -> None:
        """Tell which rows are on the screen, if they are others than before."""
        items = [self.listing.item(key) for key in lines]
        keys = [item.key for item in items if not isinstance(item, Group)]
        for item in items:
            if isinstance(item, Group) and len(keys) < LOOKED:
                keys += [at[-1] for at in item.slots[: LOOKED - len(keys)]]
        if self._looked != frozenset(keys):
            self._looked = frozenset(keys)
            self.post_message(self.Looked(keys))

    def watch_cursor(self, before: str | None, after: str | None) -> None:
        item = self._item
        if isinstance(item, Group):
            self._standing = before if self.listing.lists(item, before) else item.first
        for key in (before, after):
            if key is not None:
                self.redraw(key)
        self.post_message(self.Moved())

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at this place, or the nearest."""
        self._wanted = None
        item = self.listing.at(max(0, min(index, len(self.listing) - 1)))
        if item is not None:
            self.cursor = item.key
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
        self._toggle(set(self._keys))
        self.action_down()

    def action_mark_group(self) -> None:
        group = self.listing.group_of(self.cursor)
        self._toggle(set(self._keys) if group is None else group.members)

    def _toggle(self, keys: set[str]) -> None:
        """Mark these, or where all of them are, unmark them."""
        self.marks = self.marks - keys if keys <= self.marks else self.marks | keys
        self.post_message(self.Listed())

    def action_fold(self) -> None:
        group = self.listing.group_of(self.cursor)
        if group is not None and len(group.members) > 1:
            self._refold([group.key], not group.folded)

    def action_fold_all(self) -> None:
        several = [group for group in self.listing.groups.values() if len(group.members) > 1]
        self._refold([group.key for group in several], not all(group.folded for group in several))

    def _refold(self, keys: list[str], folded: bool) -> None:
        """Fold these groups or unfold them; the cursor stays with its row or group, and that on its line."""
        before, row = self.listing.index(self.cursor), self.row
        self.listing.fold(keys, folded)
        self.cursor = self.listing.line_of(row.key) if row is not None else None
        self._arrange(before)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        if event.y > 0 and self.top + event.y - 1 < len(self.listing):
            self.move_to(self.top + event.y - 1)

    def on_resize(self) -> None:
        self.go_to(self.top)
        self._show_cursor()

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self.staying([(self._lines.head(self.inner_width), "plain")])
        item = self.listing.at(self.top + y - 1)
        if item is None:
            return self.line(y - 1, [(self._empty(y - 1), "dim")])
        pieces = self._drawn[item.key] = self._pieces(item)
        if len(self._drawn) > 4 * self.inner_height + 100:
            self._drawn.clear()
        return self.line(y - 1, pieces, "cursor" if item.key == self.cursor else "plain")

    def _empty(self, y: int) -> str:
        if len(self.listing) or y != 1:
            return ""
        if self.listing.words:
            return "  No job matches the filter. esc clears it."
        if not self.arrived:
            return "  Asking the hosts…"
        return "  No jobs yet. Press n to start runs from a spec; the examples are among them."

    def _pieces(self, item: Row | Group) -> tuple[Piece, ...]:
        return self._lines.pieces(item, self.inner_width, here=item.key == self.cursor)
