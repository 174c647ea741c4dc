"""What results are drawn as: lines made for the room there is, and a map over two parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip

from tui import heat, show
from tui.keys import bindings
from tui.widgets.heat_looks import grounds
from tui.widgets.lines import Lines, strip
from tui.widgets.pieces import PieceLines

if TYPE_CHECKING:
    from trainboard.ranking.crossing import Crossing
    from tui.widgets.lines import Piece

CELL = 11
"""Cells of a number of the map, with its star and how many runs it is of."""
STEM = 16
BEST = "★"


class ResultsDrawing(PieceLines, inherit_bindings=False):
    """Lines that are made anew where there is another room for them."""

    DEFAULT_CSS = """
    ResultsDrawing { height: 1fr; }
    """
    BINDINGS = bindings("results_drawing")

    class Resized(Message):
        """There is another room."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class ParamMap(Lines):
    """The mean of a metric at each pair of two parameters' values: numbers, on a ground that is the deeper the larger
    they are; the best has a star."""

    DEFAULT_CSS = """
    ParamMap { height: 1fr; }
    """
    BINDINGS = bindings("results_drawing")
    STAYING = 2

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._map: Crossing | None = None
        self._said = self._none = ""
        self._codes: list[list[int]] = []

    def put(self, said: str, found: Crossing | None, none: str = "no run has a finite value") -> None:
        """Show this; `said`: what of the metric; `none`: why there is nothing to show."""
        self._said, self._map, self._none = said, found, none
        self.count = 0 if found is None else len(found.down)
        self._codes = [] if found is None else levels(found)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        found = self._map
        if y == 0:
            pieces: list[Piece] = [(f" {self._said}", "strong")]
            if found is not None:
                names = f"{show.clean(found.y, 24)} ↓ over {show.clean(found.x, 24)} →"
                left = f"  {show.count(found.left_out, 'run')} left out" if found.left_out else ""
                pieces += [(f"  {names}", "plain"), (f"  mean (runs); {BEST} the best{left}", "dim")]
            return self.staying(pieces)
        if found is None:
            said = f"  {self._none}" if y == 2 else ""
            return strip(self, [(said, "dim")], self.size.width)
        if y == 1:
            titles = (show.pad_left(show.cut(show.clean(each), CELL - 1).rstrip(), CELL) for each in self._across)
            more = " ›" if len(self._across) < len(found.across) else ""
            return strip(self, [(" " * STEM + "".join(titles) + more, "strong")], self.size.width)
        row = self.top + y - 2
        if row >= self.count:
            return self.line(y - 2, ())
        looks = grounds(self)
        cells = [*strip(self, [(show.pad_left(show.clean(found.down[row]), STEM - 1) + " ", "strong")], STEM)]
        for column in range(len(self._across)):
            code = self._codes[row][column]
            text = cell(found, row, column)
            plain = strip(self, [(text, "dim")], CELL)
            cells += [*plain] if code < 0 else [Segment(text, looks[code])]
        cells += [*strip(self, (), max(0, self.inner_width - STEM - CELL * len(self._across)))]
        return self.barred(Strip(cells), y - 2)

    @property
    def _across(self) -> tuple[str, ...]:
        """The columns that have room."""
        return () if self._map is None else self._map.across[: max(1, (self.inner_width - STEM - 2) // CELL)]


def cell(found: Crossing, row: int, column: int) -> str:
    """One cell, of exactly so many."""
    count = int(found.counts[row, column])
    if not count:
        return "·".rjust(CELL - 1).ljust(CELL)
    star = BEST if (row, column) == found.best else " "
    number = show.number(float(found.means[row, column]))
    many = f"({count})" if count > 1 and len(number) + len(str(count)) + 3 < CELL else ""
    return show.pad_left(f"{number}{many}{star}", CELL)


def levels(found: Crossing) -> list[list[int]]:
    """Of each cell its tone; `ABSENT` where there is nothing."""
    known = [float(each) for each in found.means.flat if math.isfinite(each)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)

    def level(value: float) -> int:
        if not math.isfinite(value):
            return heat.ABSENT
        place = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        return max(0, min(heat.LEVELS - 1, int(place * heat.LEVELS)))

    return [[level(float(value)) for value in row] for row in found.means]
