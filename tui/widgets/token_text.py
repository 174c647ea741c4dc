"""A text of tokens, each coloured by a number, with a cursor that is on one of them."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from trainboard.tokens import shown
from tui.keys import bindings
from tui.widgets.lines import Lines, tone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from textual import events

UNKNOWN = -128
"""The level of a token of which nothing is told."""
LEVELS = 6
"""The greatest; on scales with two sides they go down to -6, too."""
Mark = tuple[str, int | None]
"""Words of a scale with the level whose look they have, if any."""


class Shown:
    """Tokens as they are drawn: texts, their cells, where lines are to end. Made once, which takes a moment."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.texts = [shown(each) for each in tokens]
        self.cells = [len(each) if each.isascii() else max(1, cell_len(each)) for each in self.texts]
        self.ends = ["\n" in each for each in tokens]

    def lines(self, width: int) -> list[int]:
        """The first token of each line that is at most so wide."""
        starts, used, full = [0] if self.texts else [], 0, False
        for at, (cells, end) in enumerate(zip(self.cells, self.ends, strict=True)):
            if at and (full or used + cells > width):
                starts.append(at)
                used = 0
            used += cells
            full = end
        return starts


class TokenText(Lines):
    """The text; `levels` colours it."""

    DEFAULT_CSS = """
    TokenText { height: 1fr; }
    """
    BINDINGS = bindings("passage")

    cursor: reactive[int] = reactive(0)
    """The token that it is on."""

    class Moved(Message):
        """The cursor is on another token."""

    def __init__(self, *, id: str | None = None, none: str = "") -> None:
        super().__init__(id=id)
        self.none = none
        self._shown = Shown(())
        self._starts: list[int] = []
        self._levels: NDArray[np.int8] = np.zeros(0, np.int8)
        self._scale: Sequence[Mark] = ()

    def put(self, found: Shown) -> None:
        """Show these; the cursor stays where it was, as far as there is text."""
        self._shown = found
        self._levels = np.full(len(found.texts), UNKNOWN, np.int8)
        self._lay_out()
        self.cursor = self.validate_cursor(self.cursor)
        self.show_cursor()

    def colour(self, levels: NDArray[np.int8], scale: Sequence[Mark]) -> None:
        """By token: from 0 up, or from -`LEVELS` to `LEVELS`, or `UNKNOWN`; and what the line above says of it."""
        self._levels, self._scale = levels, scale
        self.refresh()

    @property
    def seen(self) -> range:
        """The tokens on the screen."""
        first = self._starts[self.top] if self.top < len(self._starts) else 0
        last = self.top + self.inner_height
        return range(first, self._starts[last] if last < len(self._starts) else len(self._shown.texts))

    def on_resize(self) -> None:
        self._lay_out()
        self.show_cursor()
        self.post_message(self.Moved())  # not it, but what is around it on the screen

    def _lay_out(self) -> None:
        self._starts = self._shown.lines(max(1, self.inner_width - 1))
        self.count = len(self._starts)
        self.refresh()

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._shown.texts) - 1))

    def watch_cursor(self) -> None:
        self.show_cursor()
        self.refresh()
        self.post_message(self.Moved())

    def show_cursor(self) -> None:
        """Scroll as little as brings the cursor on the screen."""
        line = self._line
        self.go_to(min(line, max(self.top, line - self.inner_height + 1)))

    @property
    def _line(self) -> int:
        return max(0, bisect_right(self._starts, self.cursor) - 1)

    # What is drawn.

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._head()
        at = self.top + y - 1
        if at >= self.count:
            return self.line(y - 1, [(f"  {self.none}", "dim")] if y == 1 and not self.count else ())
        first = self._starts[at]
        end = self._starts[at + 1] if at + 1 < self.count else len(self._shown.texts)
        looks = self.looks()
        segments = [Segment(" ", tone(self, "plain"))]
        here = tone(self, "here")
        for level, tokens in groupby(range(first, end), lambda token: self._level(token)):
            text = "".join(self._shown.texts[token] for token in tokens)
            segments.append(Segment(text, here if level is None else looks[level]))
        return self.barred(Strip(segments).adjust_cell_length(self.inner_width, tone(self, "plain")), y - 1)

    def _level(self, token: int) -> int | None:
        """None under the cursor."""
        return None if token == self.cursor else int(self._levels[token])

    def looks(self) -> dict[int, Style]:
        """The looks of all levels."""
        return _looks(*(tone(self, name) for name in ("plain", "dim", "bad", "done")), self.app.no_color)

    def _head(self) -> Strip:
        """What the colours mean, in those colours; its first cell says who has the keyboard."""
        looks, under = self.looks(), tone(self, "head")
        segments = [Segment("›" if self.has_focus else " ", under)]
        segments += [Segment(text, under if level is None else looks[level]) for text, level in self._scale]
        return Strip(segments).adjust_cell_length(self.size.width, under)

    # Keys.

    def action_left(self) -> None:
        self.cursor -= 1

    def action_right(self) -> None:
        self.cursor += 1

    def action_down(self) -> None:
        self._move(1)

    def action_up(self) -> None:
        self._move(-1)

    def action_half_down(self) -> None:
        self._move(max(1, self.inner_height // 2))

    def action_half_up(self) -> None:
        self._move(-max(1, self.inner_height // 2))

    def action_top(self) -> None:
        self.cursor = 0

    def action_bottom(self) -> None:
        self.cursor = len(self._shown.texts) - 1

    def action_next_word(self) -> None:
        texts, at = self._shown.texts, self.cursor
        while at < len(texts) - 1 and not _parts(texts[at]):
            at += 1
        at += 1
        while at < len(texts) - 1 and (_parts(texts[at]) or not (_parts(texts[at - 1]) or texts[at][:1] == " ")):
            at += 1
        self.cursor = at

    def action_previous_word(self) -> None:
        texts, at = self._shown.texts, self.cursor - 1
        while at > 0 and (_parts(texts[at]) or not (_parts(texts[at - 1]) or texts[at][:1] == " ")):
            at -= 1
        self.cursor = at

    def _move(self, by: int) -> None:
        """To the line so many further, at the same column as far as there is text."""
        line = self._line
        to = max(0, min(line + by, self.count - 1))
        if not self.count or to == line:
            return
        column = sum(self._shown.cells[self._starts[line] : self.cursor])
        end = self._starts[to + 1] if to + 1 < self.count else len(self._shown.texts)
        at = self._starts[to]
        while at < end - 1 and column >= self._shown.cells[at]:
            column -= self._shown.cells[at]
            at += 1
        self.cursor = at

    def on_click(self, event: events.Click) -> None:
        line = self.top + event.y - self.STAYING
        if event.y < self.STAYING or line >= self.count:
            return
        end = self._starts[line + 1] if line + 1 < self.count else len(self._shown.texts)
        at, left = self._starts[line], event.x - 1
        while at < end - 1 and left >= self._shown.cells[at]:
            left -= self._shown.cells[at]
            at += 1
        self.cursor = at


def _parts(text: str) -> bool:
    """Whether a token stands between words."""
    return not text.strip(" ⏎⇥␍⍽")


@lru_cache(maxsize=8)
def _looks(plain: Style, dim: Style, bad: Style, good: Style, no_color: bool) -> dict[int, Style]:
    """By level: what lies behind the text grows, and from the middle on the text itself is marked."""
    looks = {UNKNOWN: dim}
    for level in range(-LEVELS, LEVELS + 1):
        share = min(1.0, abs(level) / LEVELS)
        marks = _marks(level, no_color)
        back, hue = plain.bgcolor, (bad if level > 0 else good).color
        if no_color or back is None or hue is None:
            looks[level] = plain + marks
            continue
        ground = blend_rgb(back.get_truecolor(), hue.get_truecolor(), 0.65 * share)
        looks[level] = plain + Style(bgcolor=Color.from_triplet(ground)) + marks
    return looks


def _marks(level: int, no_color: bool) -> Style:
    """What tells a level beside its colour: underlined, bold too; below 0 italic. Without colours they are clearer:
    reversed; below 0 dim, struck out."""
    if level < 0 and no_color:
        return Style(dim=level <= -2 or None, strike=level <= -4 or None)
    if level < 0:
        return Style(italic=level <= -3 or None)
    return Style(underline=level >= 3 or None, bold=level >= 4 or None, reverse=(level >= 5 and no_color) or None)
