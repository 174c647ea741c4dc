"""A drawing of dots, eight to a cell: curves lie over one another as layers, single signs over all of them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Column = NDArray[np.float64]

ACROSS, DOWN = 2, 4
"""Dots in a cell."""
BLANK = 0x2800
"""The Braille sign without dots; its eight bits are its dots."""
BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)
EMPTY = -1


def row_of(place: float, height: int) -> int:
    """The line of cells that a curve is in at a height between 0, the bottom, and 1."""
    return round(round((1 - place) * (height * DOWN - 1), 6)) // DOWN  # as `Canvas.curve` does


class Canvas:
    """`width` × `height` cells. A line hides the noise below it in its cells, but not the dots of other lines."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._codes = np.full((height, width), ord(" "), np.uint32)
        self._layers = np.full((height, width), EMPTY, np.int16)
        self._lines = np.zeros((height, width), np.uint32)
        """The dots of lines."""

    @property
    def columns(self) -> int:
        """Columns of dots."""
        return self.width * ACROSS

    def curve(self, low: Column, high: Column, layer: int, *, behind: bool = False, faint: bool = False) -> None:
        """Draw, in each column of dots, a line from one height to another.

        Heights are 0 at the bottom and 1 at the top; nan: nothing in that column; what is beyond is not seen.
        `behind`: it is what lines will hide. `faint`: every second dot.
        """
        last = self.height * DOWN - 1
        with np.errstate(invalid="ignore"):
            top, bottom = (np.rint(np.round((1 - side) * last, 6)) for side in (high, low))
            rows = np.arange(last + 1)[:, None]
            dots = (rows >= top) & (rows <= bottom)
        if faint:
            dots &= (rows + np.arange(self.columns)) % 2 == 0
        cells = dots.reshape(self.height, DOWN, self.width, ACROSS)
        bits = (cells * BITS[None, :, None, :]).sum(axis=(1, 3), dtype=np.uint32)
        drawn = bits > 0
        if not behind:
            self._lines |= bits
            bits = np.where(drawn, self._lines, 0)
        self._codes[drawn] = BLANK + bits[drawn]
        self._layers[drawn] = layer

    def sign(self, column: int, row: int, sign: str, layer: int) -> None:
        """Put one character into a cell, where the cell exists."""
        if 0 <= column < self.width and 0 <= row < self.height:
            self._codes[row, column] = ord(sign)
            self._layers[row, column] = layer

    def rule(self, column: int, sign: str, layer: int) -> None:
        """A vertical line behind everything."""
        if 0 <= column < self.width:
            free = self._layers[:, column] == EMPTY
            self._codes[free, column] = ord(sign)
            self._layers[free, column] = layer

    def lines(self) -> Iterator[list[tuple[str, int]]]:
        """From top to bottom, each line as stretches of one layer: its text and the layer, `EMPTY` for blanks."""
        for codes, layers in zip(self._codes, self._layers, strict=True):
            text = "".join(map(chr, codes.tolist()))
            ends = [*(np.flatnonzero(np.diff(layers)) + 1).tolist(), self.width]
            starts = [0, *ends[:-1]]
            yield [
                (text[start:end], int(layers[start])) for start, end in zip(starts, ends, strict=True) if end > start
            ]
