"""The lines that a chunk of a log completes, with what is asked of them all at once."""

from __future__ import annotations

from functools import cached_property
from operator import mul
from typing import TYPE_CHECKING

from trainboard.extract import tables
from trainboard.extract.context import REACH
from trainboard.extract.numerals import values_of
from trainboard.extract.shape import is_wordy, splitter
from trainboard.extract.stencil import outlines_of
from trainboard.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trainboard.samples import Line


class Chunk:
    """Lines in their order, and what they give.

    `block` is their bytes as they came, `before` the last lines of the chunk before; `wall` is when they were seen.
    """

    def __init__(self, block: bytes, lines: list[bytes], before: list[bytes], wall: float | None) -> None:
        self.lines = lines
        self.wall = wall
        self.tokens: list[bytes] = []
        """The values as they are printed, of all lines below."""
        self.told: list[Line] = []
        self._known: list[tuple[int, Sequence[float]]] = []
        self._scaled: list[tuple[int, Sequence[float]]] = []
        self._before = before
        self.outlines = outlines_of(lines)
        self._block = block

    def parts(self, place: int) -> Sequence[bytes]:
        """A line taken apart: `[text, number, text, …, text]`; slot i is element 2i + 1."""
        line = self.lines[place]
        return self._split(line) if self.is_wordy or b"0" in self.outlines[place] else (line,)

    def add(
        self, metrics: tuple[str, ...], values: Sequence[float], index: tuple[str, float], wall: float | None
    ) -> None:
        """Add what a line gives, its values being known; maybe nothing."""
        if values:
            self.know(values)
            self.told.append((metrics, index, wall))

    def know(self, values: Sequence[float]) -> None:
        """Add values that are known."""
        self._known.append((len(self.tokens), values))
        self.tokens += [b"0"] * len(values)

    def scale(self, scales: Sequence[float]) -> None:
        """Multiply the next values."""
        self._scaled.append((len(self.tokens), scales))

    def samples(self) -> Samples:
        """All that was given."""
        values = values_of(self.tokens)
        for at, scales in self._scaled:
            values[at : at + len(scales)] = map(mul, values[at : at + len(scales)], scales)
        for at, known in self._known:
            values[at : at + len(known)] = known
        return Samples(self.told, values)

    def ahead(self, place: int) -> list[bytes]:
        """The lines before a place, those of the chunk before included."""
        near = self.lines[max(0, place - REACH) : place]
        return (self._before[len(near) - REACH :] if len(near) < REACH else []) + near

    @cached_property
    def is_wordy(self) -> bool:
        """Whether any line may have a number in words, `nan` or `inf`."""
        return is_wordy(self._block)

    @cached_property
    def _split(self) -> Callable[[bytes], list[bytes]]:
        return splitter(self.is_wordy)

    @cached_property
    def may_head(self) -> bool:
        """Whether any line may be the header of a table that begins with the index."""
        return tables.may_head(self._block)

    @cached_property
    def is_barred(self) -> bool:
        """Whether any line has a bar in it."""
        return b"|" in self._block

    @cached_property
    def names_programs(self) -> bool:
        """Whether any line names a Python program."""
        return b".py" in self._block
