"""The lines that a chunk of a log completes, with what is asked of them all at once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from trainboard.extract import tables
from trainboard.extract.shape import is_wordy, splitter
from trainboard.extract.stencil import outlines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Chunk:
    """Lines in their order; `block` is their bytes as they came."""

    def __init__(self, block: bytes, lines: list[bytes]) -> None:
        self.lines = lines
        self.outlines = outlines_of(lines)
        self._block = block

    def parts(self, place: int) -> Sequence[bytes]:
        """A line taken apart: `[text, number, text, …, text]`; slot i is element 2i + 1."""
        line = self.lines[place]
        return self._split(line) if self.is_wordy or b"0" in self.outlines[place] else (line,)

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
