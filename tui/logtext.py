"""A stretch of a log in memory: bytes in any pieces, before or after it → rows with their places. Pure."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

ROWS = 50_000
BYTES = 8 << 20
"""What is kept at most; what is farther away is read again when somebody goes there."""

LONGEST = 8_192
"""Bytes of one row; a longer line goes on in the next. Of a progress bar without line ends the last state stays."""


class LogText:
    """The rows of a stretch of a file. A row is a line as it is in the file, without its end, or a piece of one."""

    def __init__(self, start: int = 0) -> None:
        self.offsets: list[int] = []
        """Where each row begins in the file."""
        self.rows: list[bytes] = []
        self.start = self.end = start
        """Where the stretch begins and ends in the file."""
        self._open = False
        """Whether the last row may still grow."""
        self._bytes = 0

    @classmethod
    def of(cls, data: bytes, offset: int) -> LogText:
        """The whole lines of a piece that may begin inside one."""
        cut = first_line(data) if offset else 0
        text = cls(offset + cut)
        text.append(data[cut:])
        return text

    @property
    def count(self) -> int:
        """Rows."""
        return len(self.rows)

    @property
    def full(self) -> bool:
        """Whether there is more than is kept."""
        return self.count > ROWS or self._bytes > BYTES

    def row_at(self, offset: int) -> int:
        """The row with this place of the file; the first or the last for one outside."""
        return max(0, bisect_right(self.offsets, offset) - 1)

    def append(self, data: bytes) -> None:
        """Take in the bytes that follow."""
        if not data:
            return
        begun = self._pop(-1) if self._open else None
        self.end += len(data)
        data = begun[1] + data if begun else data
        offsets, rows = split(data, self.end - len(data))
        if begun:
            offsets[0] = begun[0]  # of a line that was overwritten, only the end is here
        self._put(self.count, offsets, rows)
        self._open = not data.endswith(b"\n")

    def prepend(self, data: bytes) -> int:
        """Take in the bytes before it, but for a line that they begin inside of; how many rows came to be there."""
        begin, before = self.start - len(data), self.count
        cut = first_line(data) if begin else 0
        data, self.start = data[cut:], begin + cut
        if not self.rows:
            self._open = not data.endswith(b"\n")
        elif not data.endswith(b"\n"):
            data += self._pop(0)[1]
        self._put(0, *split(data, self.start))
        return self.count - before

    def _pop(self, row: int) -> tuple[int, bytes]:
        self._bytes -= len(self.rows[row])
        return self.offsets.pop(row), self.rows.pop(row)

    def _put(self, at: int, offsets: list[int], rows: list[bytes]) -> None:
        self.offsets[at:at], self.rows[at:at] = offsets, rows
        self._bytes += sum(map(len, rows))

    def drop_before(self, row: int) -> int:
        """Let go of rows before this one, as far as there are too many; how many went."""
        gone = 0
        while gone < row and (self.count - gone > ROWS or self._bytes > BYTES):
            self._bytes -= len(self.rows[gone])
            gone += 1
        del self.rows[:gone], self.offsets[:gone]
        if gone:
            self.start = self.offsets[0] if self.offsets else self.end
        return gone

    def drop_after(self, row: int) -> None:
        """Let go of rows behind this one, as far as there are too many."""
        while self.count > row + 1 and self.full:
            self._bytes -= len(self.rows.pop())
            self.end = self.offsets.pop()
            self._open = False


def first_line(data: bytes) -> int:
    """Where the first line begins that begins in a piece; 0 where none does."""
    cut = data.find(b"\n") + 1
    return cut if cut < len(data) else 0


def split(data: bytes, offset: int) -> tuple[list[int], list[bytes]]:
    """Rows and their places; the last one may be unfinished."""
    rows = data.split(b"\n")
    offsets = list(accumulate((len(row) + 1 for row in rows[:-1]), initial=offset))
    if not rows[-1]:
        del rows[-1], offsets[-1]
    if max(map(len, rows), default=0) <= LONGEST:
        return offsets, rows
    pieces = [piece for row, place in zip(rows, offsets, strict=True) for piece in cut_up(row, place)]
    return [place for place, _ in pieces], [piece for _, piece in pieces]


def cut_up(row: bytes, offset: int) -> list[tuple[int, bytes]]:
    """A row that may be too long: what was overwritten goes, the rest becomes several; no character is cut."""
    if len(row) <= LONGEST:
        return [(offset, row)]
    begin = max(0, row.rstrip(b"\r").rfind(b"\r"))  # with the return, that says so
    pieces: list[tuple[int, bytes]] = []
    while begin < len(row):
        end = begin + LONGEST
        if end < len(row):
            end -= next((n for n in range(4) if row[end - n] & 0xC0 != 0x80), 0)
        pieces.append((offset + begin if pieces else offset, row[begin:end]))
        begin = end
    return pieces
