"""The log of the selected row: follows, wraps, searches."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from textual.message import Message
from textual.reactive import reactive

from tui import show
from tui.keys import bindings
from tui.logtext import LogText
from tui.widgets.lines import Lines, Piece

if TYPE_CHECKING:
    from textual.strip import Strip

SIDEWAYS = 16
"""Cells that ← and → move by."""


class LogView(Lines):
    """The lines of one log, and under them one line that says which, how much of it and whether it is followed."""

    DEFAULT_CSS = """
    LogView { height: 1fr; }
    """
    BINDINGS = bindings("log")

    following: reactive[bool] = reactive(True)
    wrapping: reactive[bool] = reactive(False)

    class Changed(Message):
        """It follows or does not, or something is searched or not."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = LogText()
        self.title = ""
        self.failure = ""
        """Why there is nothing new to read; empty while there is."""
        self.query_text = ""
        self._matches: list[int] = []
        """Numbers of finished lines that match, counted from the first line that ever came."""
        self._searched = 0
        self._here: int | None = None
        """The match that the user is at."""
        self._partial = False
        self._left = 0
        self._heights: list[int] = []
        self._ends: list[int] = []
        """Wrapped: where each line ends, in lines of the screen."""
        self._width = 0
        self._broken: tuple[str, int, tuple[int, ...]] = ("", 0, (0,))
        """The line that was broken last, the width, and where its parts begin and end."""

    def begin(self, title: str) -> None:
        """Another log, of which nothing has come yet."""
        self.title, self.failure = title, ""
        self.restart()
        self.following = True

    def restart(self, *, partial: bool = False) -> None:
        """What is here is not in the file any more; `partial`: what comes does not begin where the file does."""
        self.text, self._partial = LogText(), partial
        self._matches, self._searched, self._here, self._left = [], 0, None, 0
        self._heights, self._ends = [], []
        self._measure()

    def feed(self, data: bytes) -> None:
        """The log grew."""
        dropped, top, first = self.text.dropped, self.top, self._line_at(self.top)
        self.failure = ""
        self.text.feed(data)
        gone = self.text.dropped - dropped
        if gone:
            top -= self._ends[gone - 1] if self.wrapping and gone <= len(self._ends) else min(gone, first)
            del self._heights[:gone]
        self._search_on()
        self._measure()
        if self.following:
            self.go_to(self.last_top)
        elif gone:
            self.go_to(max(0, top))

    def fail(self, reason: str) -> None:
        """The log cannot be read now; what is here stays."""
        self.failure = reason
        self.refresh()

    def search(self, query: str) -> None:
        """Mark every line with this text, whatever its case; go to the last of them."""
        self.query_text = query.lower()
        self._matches, self._searched, self._here = [], 0, None
        self._search_on()
        if self._matches:
            self._go_to_match(len(self._matches) - 1)
        self.refresh()
        self.post_message(self.Changed())

    def on_screen(self) -> list[str]:
        """The lines that are on screen."""
        first, last = self._line_at(self.top), self._line_at(self.top + self.inner_height - 1)
        return [self.text.line(i) for i in range(first, min(last + 1, self.text.count))]

    def _search_on(self) -> None:
        """Look through the lines that came since the last look."""
        text, query = self.text, self.query_text
        if text.dropped and self._matches and self._matches[0] < text.dropped:
            cut = bisect_left(self._matches, text.dropped)
            del self._matches[:cut]
            if self._here is not None:
                self._here = max(0, self._here - cut)
        start = max(self._searched, text.dropped)
        if query:
            lines = enumerate(text.lines[start - text.dropped :], start)
            self._matches += [number for number, line in lines if query in line.lower()]
        self._searched = text.dropped + len(text.lines)

    def _go_to_match(self, place: int) -> None:
        self._here = place % len(self._matches)
        line = self._matches[self._here] - self.text.dropped
        self.following = False
        self.go_to(max(0, self._row_of(line) - self.inner_height // 2))
        self.refresh()

    def _measure(self) -> None:
        """Heights of the lines that have none yet, and the height of all."""
        width = self._width = max(1, self.inner_width)
        if self.wrapping:
            known = len(self._heights)
            self._heights += [_height(line, width) for line in self.text.lines[known:]]
            self._ends = list(accumulate(self._heights))
            rows = (self._ends[-1] if self._ends else 0) + (_height(self.text.tail, width) if self.text.tail else 0)
        else:
            rows = self.text.count
        self.count = rows
        self.refresh()

    def _line_at(self, row: int) -> int:
        """The line that this line of the whole view belongs to."""
        return bisect_right(self._ends, row) if self.wrapping else row

    def _row_of(self, line: int) -> int:
        """Where a line begins in the whole view."""
        return (self._ends[line - 1] if line and self._ends else 0) if self.wrapping else line

    def on_resize(self) -> None:
        if self.inner_width != self._width:
            self._heights = []
        self._measure()
        if self.following:
            self.go_to(self.last_top)

    def watch_wrapping(self) -> None:
        line = self._line_at(self.top) if not self.wrapping else self.top
        self._heights, self._left = [], 0
        if not self.wrapping:
            self._ends = []
        self._measure()
        self.go_to(self.last_top if self.following else self._row_of(line))

    def watch_following(self) -> None:
        if self.following:
            self.go_to(self.last_top)
        self.refresh()
        self.post_message(self.Changed())

    def watch_top(self, before: int, after: int) -> None:
        if after < before and after < self.last_top:
            self.following = False

    @property
    def stepping(self) -> bool:
        """Whether `n` goes to the next match: in the log, while something is searched."""
        return self.has_focus and bool(self.query_text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        return bool(self.query_text) if action in ("next_match", "previous_match") else True

    def action_top(self) -> None:
        self.following = False
        self.go_to(0)

    def action_bottom(self) -> None:
        self.following = True
        self.go_to(self.last_top)

    def action_left(self) -> None:
        self._left = max(0, self._left - SIDEWAYS)
        self.refresh()

    def action_right(self) -> None:
        if not self.wrapping:
            self._left += SIDEWAYS
            self.refresh()

    def action_next_match(self) -> None:
        if self._matches:
            self._go_to_match(0 if self._here is None else self._here + 1)

    def action_previous_match(self) -> None:
        if self._matches:
            self._go_to_match(-1 if self._here is None else self._here - 1)

    def render_line(self, y: int) -> Strip:
        if y == self.inner_height:
            return self.staying([(self.status(), "plain")])
        row = self.top + y
        line = self._line_at(row)
        if line >= self.text.count:
            waiting = self.failure or ("" if self.text.count or not self.title else "nothing in the log yet")
            return self.line(y, [(f"  {show.clean(waiting)}", "dim")] if y == 0 and not self.text.count else ())
        text = self.text.line(line)
        start, end = self._part(text, row - self._row_of(line)) if self.wrapping else self._stretch(text)
        return self.line(y, self._highlighted(text, start, end, line + self.text.dropped))

    def _part(self, text: str, part: int) -> tuple[int, int]:
        """Wrapped: where this part of a line begins and ends."""
        width = self._width
        if text.isascii():
            return part * width, (part + 1) * width
        if self._broken[:2] != (text, width):
            self._broken = (text, width, (0, *accumulate(map(len, chop_cells(text, width)))))
        ends = self._broken[2]
        return (ends[part], ends[part + 1]) if part + 1 < len(ends) else (len(text), len(text))

    def _stretch(self, text: str) -> tuple[int, int]:
        """Not wrapped: the stretch of a line that is seen, or a bit more where characters take no cell."""
        left = self._left if text.isascii() or not self._left else len(next(iter(chop_cells(text, self._left)), ""))
        return left, left + (1 if text.isascii() else 4) * self._width

    def _highlighted(self, text: str, start: int, end: int, number: int) -> list[Piece]:
        """The characters from `start` to `end`; a match counts wherever in the line it begins."""
        query, low = self.query_text, text.lower()
        here = self._here is not None and self._matches[self._here] == number
        pieces: list[Piece] = []
        at = low.find(query, max(0, start - len(query) + 1)) if query else -1
        while 0 <= at < end:
            last = min(end, at + len(query))
            pieces += [(text[start:at], "plain"), (text[max(start, at) : last], "here" if here else "match")]
            start, at = last, low.find(query, at + len(query))
        return [*pieces, (text[start:end], "plain")]

    def status(self) -> str:
        """The line below the log."""
        parts = ["following" if self.following else "not following (f)"]
        if self.wrapping:
            parts.append("wrapped")
        if self.failure and self.text.count:
            parts.insert(0, f"▲ {show.clean(self.failure)}")
        if self._left:
            parts.append(f"from column {self._left + 1} (←)")
        if self.query_text:
            at = "" if self._here is None else f"{self._here + 1} of "
            parts.append(f"“{show.clean(self.query_text)}” {at}{len(self._matches)} (n N)")
        newest = "the last " if self._partial or self.text.dropped else ""
        parts.append(f"{newest}{self.text.count:,} line{'' if self.text.count == 1 else 's'}")
        return " · ".join((*parts, self.title)) if self.title else "no log"


def _height(line: str, width: int) -> int:
    cells = len(line) if line.isascii() else cell_len(line)
    if cells <= width:
        return 1
    return -(-cells // width) if line.isascii() else len(chop_cells(line, width))
