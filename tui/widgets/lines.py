"""What the hand-drawn widgets share: tones from the theme, and a line put together from pieces."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_TEXT = ("plain", "dim", "strong", "good", "bad", "waiting", "done", "curve")
_GROUND = ("head", "cursor", "match", "here", "own1", "own2", "library1", "library2")
"""Tones with a background of their own; the others are seen on that of their line."""
_CURVES = tuple(f"{kind}{number}" for kind in ("line", "faint") for number in range(1, 7))
"""Of the curves of a plot, and of what lies behind them."""
TONES = {f"tone--{name}" for name in (*_TEXT, *_CURVES, *_GROUND)}
"""Component classes of every screen with such widgets; what they look like is in `app.tcss`."""

Piece = tuple[str, str]
"""Text and its tone's name without `tone--`."""


def pointed(pieces: Sequence[Piece]) -> list[Piece]:
    """The line under a cursor: where one of its first two cells is blank, a sign there says so without colour."""
    room = 2
    for place, (text, look) in enumerate(pieces):
        blank = text.find(" ", 0, room)
        if blank >= 0:
            sign = [(text[:blank], look), ("›", "strong"), (text[blank + 1 :], look)]
            return [*pieces[:place], *sign, *pieces[place + 1 :]]
        room -= len(text)
        if room <= 0:
            break
    return list(pieces)


def tone(widget: Widget, name: str) -> Style:
    """The look of a tone; the screen has them all, so that they are computed once and not for every widget."""
    return widget.screen.get_component_rich_style(f"tone--{name}")


def strip(widget: Widget, pieces: Iterable[Piece], width: int, under: str = "plain") -> Strip:
    """A line of exactly `width` cells; `under` is the tone of the whole line below the pieces' own.

    Neighbours of one tone become one segment: what Textual does per segment is most of what a frame costs.
    """
    below = tone(widget, under)
    segments = []
    for name, group in groupby(pieces, key=itemgetter(1)):
        own = below if name == "plain" else tone(widget, name)
        look = own if name in _GROUND or own is below else over(own, below)
        segments.append(Segment("".join([text for text, _ in group]), look))
    return Strip(segments).adjust_cell_length(width, below)


@lru_cache(maxsize=256)
def over(own: Style, below: Style) -> Style:
    """A piece's look on a line with one of its own."""
    return own + Style(bgcolor=below.bgcolor, bold=below.bold, reverse=below.reverse, underline=below.underline)


class Lines(Widget, can_focus=True):
    """Lines that scroll, one more that stays, and a scroll bar, all drawn by hand.

    Textual's own scrolling lays the whole screen out anew for every line that a log grows by.
    """

    STAYING = 1
    """Lines that do not scroll: a head or a status line."""

    top: reactive[int] = reactive(0)
    """The number of the first line on screen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._count = 0

    @property
    def count(self) -> int:
        """How many lines there are to scroll through."""
        return self._count

    @count.setter
    def count(self, count: int) -> None:
        if count != self._count:
            self._count = count
            self.go_to(self.top)
            self.refresh()

    @property
    def inner_width(self) -> int:
        """Cells in a line, beside the scroll bar."""
        return max(1, self.size.width - 1)

    @property
    def inner_height(self) -> int:
        """Lines on screen that scroll."""
        return max(1, self.size.height - self.STAYING)

    @property
    def last_top(self) -> int:
        """The first line on screen when the last one is."""
        return max(0, self.count - self.inner_height)

    def go_to(self, line: int) -> None:
        """Scroll so that this line is the first, as far as that goes."""
        self.top = max(0, min(line, self.last_top))

    def move(self, by: int) -> None:
        """Scroll by so many lines, down or, where it is negative, up."""
        self.go_to(self.top + by)

    def line(self, y: int, pieces: Iterable[Piece], under: str = "plain") -> Strip:
        """Line `y` of those that scroll, with its piece of the scroll bar."""
        return self.barred(strip(self, pieces, self.inner_width, under), y)

    def barred(self, text: Strip, y: int) -> Strip:
        """A line of those that scroll, with its piece of the scroll bar."""
        bar = "▐" if y in self.thumb() else " "
        return Strip([*text, Segment(bar, tone(self, "dim"))], self.inner_width + 1)

    def thumb(self) -> range:
        """The lines of the screen beside which the handle of the scroll bar is; none where all is seen."""
        height, count = self.inner_height, self.count
        if count <= height:
            return range(0)
        long = max(1, height * height // count)
        start = round(self.top / self.last_top * (height - long)) if self.last_top else 0
        return range(start, start + long)

    def staying(self, pieces: Iterable[Piece]) -> Strip:
        """The line that stays; its first cell says without colour who has the keyboard."""
        sign = "›" if self.has_focus else " "
        return strip(self, [(sign, "strong"), *pieces], self.size.width, "head")

    def refresh_line(self, y: int) -> None:
        """Draw one line of the widget anew."""
        self.refresh(Region(0, y, self.size.width, 1))

    def on_mouse_scroll_down(self) -> None:
        self.move(3)

    def on_mouse_scroll_up(self) -> None:
        self.move(-3)

    def action_down(self) -> None:
        self.move(1)

    def action_up(self) -> None:
        self.move(-1)

    def action_top(self) -> None:
        self.go_to(0)

    def action_bottom(self) -> None:
        self.go_to(self.last_top)

    def action_half_down(self) -> None:
        self.move(max(1, self.inner_height // 2))

    def action_half_up(self) -> None:
        self.move(-max(1, self.inner_height // 2))
