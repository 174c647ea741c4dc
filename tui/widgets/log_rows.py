"""Rows of a log on screen: colours, wrapped or cut, from one line on."""

from __future__ import annotations

from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip

from tui import show
from tui.ansi import Shown, carried, shown
from tui.logtext import LogText
from tui.widgets.lines import Lines, tone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.style import Style

    Span = tuple[int, int, Style]
    """From one character to before another, and how they look."""

SIDEWAYS = 16
"""Cells that ← and → move by."""


class Spot(NamedTuple):
    """What one line of the screen shows: a stretch of a row."""

    row: int
    shown: Shown
    start: int
    end: int


class LogRows(Lines):
    """Draws a stretch of a log, and knows where in the file it is; a line of the screen is a row or a part of one."""

    following: reactive[bool] = reactive(True)
    wrapping: reactive[bool] = reactive(False)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = ""
        self.text = LogText()
        self.length = 0
        """Of the whole file, as far as was told."""
        self.failure = ""
        """Why there is nothing new to read; empty while there is."""
        self._row = self._part = 0
        """The row at the top, and which of its lines, where it is wrapped."""
        self._left = 0
        self._seen: list[Spot] | None = None
        self._handle: range | None = None
        self._broken: tuple[str, int, tuple[int, ...]] = ("", 0, (0,))
        """The line that was broken last, the width, and where its parts begin and end."""

    # Where lines of the screen are.

    def _walked(self, row: int, part: int, by: int) -> tuple[int, int]:
        """What is so many lines of the screen farther down or up, as far as there are some."""
        end = self.text.count - 1
        if not self.wrapping:
            return max(0, min(row + by, end)), 0
        part += by
        while part < 0 and row > 0:
            row -= 1
            part += self._height(row)
        while row < end and part >= (lines := self._height(row)):
            row, part = row + 1, part - lines
        return row, max(0, part)

    def _last(self) -> tuple[int, int]:
        """What is at the top when the last line is at the bottom."""
        if not self.text.count:
            return 0, 0
        row = self.text.count - 1
        return self._walked(row, self._height(row) - 1, 1 - self.inner_height)

    def _height(self, row: int) -> int:
        return len(self._stretches(shown(self.text.rows[row]).text)) if self.wrapping else 1

    def _stretches(self, text: str) -> list[tuple[int, int]]:
        """Which characters the lines of the screen show for a row: some more where characters take no cell."""
        width = self.inner_width
        if not self.wrapping:
            left = (
                self._left if text.isascii() or not self._left else len(next(iter(chop_cells(text, self._left)), ""))
            )
            return [(left, min(len(text), left + (1 if text.isascii() else 4) * width))]
        if text.isascii():
            return [(at, min(len(text), at + width)) for at in range(0, max(1, len(text)), width)]
        if cell_len(text) <= width:
            return [(0, len(text))]
        if self._broken[:2] != (text, width):
            self._broken = (text, width, (0, *accumulate(map(len, chop_cells(text, width)))))
        ends = self._broken[2]
        return list(pairwise(ends))

    def action_left(self) -> None:
        self._left = max(0, self._left - SIDEWAYS)
        self.redraw()

    def action_right(self) -> None:
        if not self.wrapping:
            self._left += SIDEWAYS
            self.redraw()

    def watch_wrapping(self) -> None:
        self._part = self._left = 0
        self.on_resize()

    def on_resize(self) -> None:
        self._row, self._part = self._last() if self.following else min((self._row, self._part), self._last())
        self.redraw()

    # What is seen.

    def redraw(self) -> None:
        """What is to be seen has changed."""
        self._seen = self._handle = None
        self.refresh()

    @property
    def spots(self) -> list[Spot]:
        """What the lines of the screen show."""
        if self._seen is None:
            self._seen = []
            pen = carried(self.text.rows, self._row)
            row, part = self._row, self._part
            while row < self.text.count and len(self._seen) < self.inner_height:
                seen = shown(self.text.rows[row], pen)
                self._seen += [Spot(row, seen, *stretch) for stretch in self._stretches(seen.text)[part:]]
                row, part, pen = row + 1, 0, seen.after
            del self._seen[self.inner_height :]
        return self._seen

    def on_screen(self) -> list[str]:
        """The whole lines of which something is on screen."""
        return [spots[0].shown.text for _, spots in _by_row(self.spots)]

    def thumb(self) -> range:
        if self._handle is None:
            self._handle = self._thumb()
        return self._handle

    def _thumb(self) -> range:
        height, spots = self.inner_height, self.spots
        if not spots or (spots[0].row == 0 and self.text.start == 0 and self.at_end):
            return range(0)
        first, last = self.text.offsets[spots[0].row], self.bottom
        long = max(1, round(height * (last - first) / max(1, self.length)))
        start = height - long if self.at_end else min(height - long, round(height * first / max(1, self.length)))
        return range(max(0, start), max(0, start) + long)

    @property
    def bottom(self) -> int:
        """The place in the file behind the last row that is on screen."""
        behind = self.spots[-1].row + 1 if self.spots else 0
        return self.text.offsets[behind] if behind < self.text.count else self.text.end

    @property
    def at_end(self) -> bool:
        """Whether the end of the file is on screen."""
        last = (self._row, self._part) >= self._last()
        return last and self.text.end >= self.length

    def position(self) -> str:
        """Where in the file this is: lines where it is here whole, else a share of it: nobody has counted them."""
        if self.text.start == 0 and self.text.end >= self.length:
            return f"{self.text.count:,} line{'' if self.text.count == 1 else 's'}"
        share = 100 if self.at_end else min(99, 100 * self.bottom // max(1, self.length))
        line = f"line {self._row + 1:,} · " if self.text.start == 0 else ""
        return f"{line}{share}% of {show.size(self.length)}"

    def render_line(self, y: int) -> Strip:
        if y == self.inner_height:
            return self.staying([(self.status(), "plain")])
        if y < len(self.spots):
            return self.barred(self._drawn(self.spots[y]), y)
        waiting = self.failure or ("" if self.text.count or not self.title else "nothing in the log yet")
        return self.line(y, [(f"  {show.clean(waiting)}", "dim")] if y == 0 else ())

    def _drawn(self, spot: Spot) -> Strip:
        """One line of the screen."""
        text = spot.shown.text[spot.start : spot.end]
        looks = [tone(self, self.ground(spot.row))]
        places = [0] * len(text)
        """Which of the looks each character has."""
        for start, end, look in (*spot.shown.spans, *self.marks(spot)):
            a, b = max(0, start - spot.start), min(end - spot.start, len(text))
            if a < b:
                places[a:b] = [len(looks)] * (b - a)
                looks.append(looks[0] + look)
        segments, at = [], 0
        for place, run in groupby(places):
            begin, at = at, at + len(list(run))
            segments.append(Segment(text[begin:at], looks[place]))
        return Strip(segments).adjust_cell_length(self.inner_width, looks[0])

    def ground(self, row: int) -> str:
        """The tone of a row where it has no colour of its own."""
        return "plain"

    def marks(self, spot: Spot) -> Iterable[Span]:
        """What is marked of what is seen, in order."""
        return ()

    def status(self) -> str:
        """The line below the log."""
        return self.title


def _by_row(spots: list[Spot]) -> Iterable[tuple[int, list[Spot]]]:
    return ((row, list(each)) for row, each in groupby(spots, key=lambda spot: spot.row))
