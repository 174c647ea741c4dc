"""Text of a plain table taken apart by numpy, many rows at once: what has quotes goes another way."""

from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from backends.predictions.plain import Column, number

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]  # then nobody asks for it

WIDE = 24
"""Characters of a number that is read with the others; longer ones are read one by one."""

DIGITS = 18
"""That fit into 64 bits."""

SHORT = 8
"""Bytes of words that are told apart as numbers."""

NEWLINE, POINT, MINUS, PLUS, ZERO, QUOTE, RETURN = (ord(char) for char in '\n.-+0"\r')

TENS = [10.0**power for power in range(DIGITS + WIDE + 1)]


class Fields(object):
    """One column of a piece: cells as text, made when they are asked for."""

    def __init__(self, data: bytes, codes: Column, begins: Column, ends: Column) -> None:
        self.data = data
        self.codes = codes
        """The same bytes, as an array, and `WIDE` more behind them."""
        self.begins = begins
        self.ends = ends

    def __len__(self) -> int:
        return len(self.begins)

    def __getitem__(self, at: int) -> str:
        return self.data[self.begins[at] : self.ends[at]].decode("utf-8", "replace")

    def __iter__(self) -> Iterator[str]:
        data = self.data
        for begin, end in zip(self.begins.tolist(), self.ends.tolist()):
            yield data[begin:end].decode("utf-8", "replace")

    def some(self, at: Column) -> "Fields":
        """Those at some positions."""
        return Fields(self.data, self.codes, self.begins[at], self.ends[at])

    def chars(self, width: int) -> Column:
        """Characters by row, filled up with zeros."""
        windows = numpy.lib.stride_tricks.as_strided(self.codes, (len(self.codes) - width + 1, width), (1, 1))
        lengths = numpy.minimum(self.ends - self.begins, width).astype(numpy.uint8)
        return windows[self.begins] * (numpy.arange(width, dtype=numpy.uint8) < lengths[:, None])

    def numbers(self) -> Tuple[Column, int]:
        """As `Plain.numbers`: decimals at once, all others one by one."""
        if not len(self):
            return numpy.zeros(0), 0
        chars = self.chars(min(WIDE, max(1, int((self.ends - self.begins).max())))).T.copy()
        whole = numpy.zeros(len(self), numpy.int64)
        figures, behind = numpy.zeros(len(self), numpy.int8), numpy.zeros(len(self), numpy.int8)
        points = numpy.zeros(len(self), numpy.int8)
        odd = self.ends - self.begins > WIDE
        for at, char in enumerate(chars):
            figure = char - ZERO  # of one byte: what comes before 0 is large
            is_figure = figure < 10
            whole = numpy.where(is_figure, whole * 10 + figure, whole)
            figures += is_figure
            behind += is_figure & (points > 0)
            is_point = char == POINT
            points += is_point
            sign = (char == MINUS) | (char == PLUS) if at == 0 else False
            odd |= ~(is_figure | is_point | (char == 0) | sign)
        odd |= (points > 1) | (figures > DIGITS) | ~((chars >= ZERO) & (chars <= ZERO + 9)).any(0)
        values = whole.astype(float) / numpy.array(TENS)[behind]
        values = numpy.where(chars[0] == MINUS, -values, values)
        bad = 0
        for at in numpy.flatnonzero(odd).tolist():
            values[at], is_bad = number(self[at])
            bad += is_bad
        return values, bad

    def labelled(self, code: Callable[[str], int]) -> List[int]:
        """The number of each word, asked for once for each different one."""
        width = int((self.ends - self.begins).max()) if len(self) else 0
        if width > SHORT:
            known = {}  # type: Dict[str, int]
            found = []
            for text in self:
                own = known.get(text)
                if own is None:
                    own = known[text] = code(text)
                found.append(own)
            return found
        keys = numpy.ascontiguousarray(self.chars(SHORT)).view(numpy.uint64).ravel()
        _, first, at = numpy.unique(keys, return_index=True, return_inverse=True)
        order = numpy.argsort(first)  # in the order in which they came, as everywhere
        numbers = numpy.zeros(len(first), numpy.int32)
        for place in order.tolist():
            numbers[place] = code(self[int(first[place])])
        return list(numbers[at.ravel()].tolist())


def columns(data: bytes, width: int, between: int) -> Optional[List[Fields]]:
    """The fields of whole lines, by column; None where a line has more or fewer, or quotes."""
    if QUOTE in data or RETURN in data or not is_text(data):
        return None
    padded = numpy.frombuffer(data + bytes(WIDE), numpy.uint8)
    codes = padded[: len(data)]
    ends = numpy.flatnonzero((codes == between) | (codes == NEWLINE))
    if len(ends) % width:
        return None
    ends = ends.reshape(-1, width)  # type: ignore[assignment]  # of two dimensions now
    lines = codes[ends[:, -1]] == NEWLINE
    if not lines.all() or (width > 1 and (codes[ends[:, :-1]] == NEWLINE).any()):
        return None
    begins = numpy.empty_like(ends)
    begins[:, 1:] = ends[:, :-1] + 1
    begins[0, 0] = 0
    begins[1:, 0] = ends[:-1, -1] + 1
    return [
        Fields(data, padded, numpy.ascontiguousarray(begins[:, at]), numpy.ascontiguousarray(ends[:, at]))
        for at in range(width)
    ]


def is_text(data: bytes) -> bool:
    """Whether it is UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
