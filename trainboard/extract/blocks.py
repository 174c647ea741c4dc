"""Blocks of several lines that say one thing: they are put together, and read as one line.

{                            | time/        |      |          Monitoring step:
  "loss": 0.3,               |    fps       | 1166 |              Epochs seen: 1
  "epoch": 1                 | train/       |      |              train_objective: 0.33
}                            |    loss      | 0.3  |              valid_misclass: 0.05
"""

from __future__ import annotations

import re
from functools import lru_cache

from trainboard.extract.stencil import OUTLINE

ROWS_CAP = 400
"""Lines of a block; what goes on longer is read line by line."""
BYTES_CAP = 32 * 1024
_ROW_CAP = 256
"""Bytes of a row; what a longer one is is not remembered."""
_HEAD_CAP = 80
"""Bytes of a heading, `Monitoring step:`."""

_ENDS = frozenset(bytes((end,)) for end in b"{:-=+|,\x80\x81\x82\x83\x91")
_MAYBE_ENDS = _ENDS | {bytes((end,)) for end in range(0x80, 0xC0)}
"""The same, and what may end a sign of drawn tables: a look at one byte spares most lines another."""
_RECORD_ROW = re.compile(rb"[\"'{}\[\]]|-?\d|-?(?:NaN|Infinity|nan|inf|null|true|false|None|True|False)\b|$")
_OPENED = re.compile(rb"\{['\"][^{}]*,$")
_RULER = re.compile(rb"(?=.{5})(?:[-=+|]|\xe2[\x94\x95].)+$")
_SIDE = rb"(?:\||\xe2\x94\x82)"
_BOX_LINE = re.compile(_SIDE + rb"[^|\xe2]{1,120}" + _SIDE + rb"[^|\xe2]{0,80}" + _SIDE + rb"\s*$")
_BOX_ROW = re.compile(rb"(?=.{1,3}\s*[A-Za-z_])" + _BOX_LINE.pattern)
_LIST_ROW = re.compile(rb"[ \t]+[A-Za-z_][\w .'/#()%@-]{0,60}?[ \t]*[:=][ \t]*[-+]?(?:[\d.]|[nN]a[nN]\b|[iI]nf)")
_SIDES = (b"\xe2\x94\x82", b"\xe2\x94\x83", b"\xe2\x95\x91")
_BRACKET = re.compile(rb"[\[\]{}]")
_DIGIT = re.compile(rb"[0-9]")
_BLANK_CELL = re.compile(rb"\|[ \t]+\|")
_VALUE = re.compile(rb"[ \t]*[-+]?(?:\d+\.?\d*|\.\d+|nan|inf)(?:[eE][-+]?\d+)?[ \t]*%?[ \t]*$")
"""A value on a line of its own, below its name."""
_SOURCE = re.compile(rb"\s*(?:def|class|for|while|if|elif|else|try|with|except|finally|async|case|switch)\b")


def gather(lines: list[bytes], ended: bool = False) -> tuple[list[bytes], int]:
    """The lines with blocks put together, and how many of the last lines are a block that is not at its end yet."""
    openers = [
        place
        for place, line in enumerate(lines)
        if (last := line[-1:]) in _MAYBE_ENDS and (last != b"," or b"{" in line) and _may_open(line)
    ]
    if not openers:
        return lines, 0
    gathered: list[bytes] = []
    done = 0
    for place in openers:
        if place < done:
            continue
        if lines[place][-3:] in _SIDES:
            lines[place] = _barred(lines[place])
        end = _end(lines, place)
        if end is None and not ended:
            return gathered + lines[done:place], len(lines) - place
        if end is None and not _is_record(lines[place]):
            end = len(lines)
        if end is not None and end > place + 1:
            gathered += lines[done:place]
            gathered.append(_joined(lines[place:end]))
            done = end
    return gathered + lines[done:], 0


def _may_open(line: bytes) -> bool:
    return line[-1:] in _ENDS or line[-3:-1] == b"\xe2\x94"


def _barred(line: bytes) -> bytes:
    """A row of a drawn table with bars between its cells, so that columns stand where they are seen."""
    for side in _SIDES:
        line = line.replace(side, b"|")
    return line


def _joined(rows: list[bytes]) -> bytes:
    """The block as one line: a heading's value beside it, the lines of a table's header cell by cell."""
    if len(rows) == 2 and _VALUE.match(rows[1]):
        return b" ".join(rows)
    if _is_header(rows):
        cells = zip(*(row.strip().strip(b"|").split(b"|") for row in rows), strict=True)
        return b"|" + b"|".join(b" ".join(part.strip() for part in parts if part.strip()) for parts in cells) + b"|"
    return b"\n".join(rows)


def _is_header(rows: list[bytes]) -> bool:
    return len(rows) == 2 and all(row.strip().startswith(b"|") and row.count(b"|") > 2 for row in rows)


def _header_end(lines: list[bytes], start: int) -> int | None:
    """Where a header between bars ends that goes on in a second line: with blank cells, and with the bars below."""
    first = lines[start]
    if not first.lstrip().startswith(b"|") or first.count(b"|") < 4 or _DIGIT.search(first):
        return start
    if start + 1 == len(lines):
        return None
    second = lines[start + 1]
    if len(first) != len(second) or _DIGIT.search(second) or not _BLANK_CELL.search(second):
        return start
    bars = [place for place, byte in enumerate(first) if byte == 124]
    same = bars == [place for place, byte in enumerate(second) if byte == 124]
    return start + 2 if same and re.search(rb"[A-Za-z]", second) else start


def _end(lines: list[bytes], start: int) -> int | None:
    """Where a block that begins here ends: `start` where it is none, None where that cannot be told yet."""
    line = lines[start].strip()
    if _is_record(line):
        return _record_end(lines, start)
    if _RULER.match(line):
        end = _rows_end(lines, start, _BOX_ROW, _BOX_LINE)
        # a header alone is none: it stays a line of its own
        return start if end and not any(map(_DIGIT.search, lines[start:end])) else end
    if line.endswith(b"|"):
        return _header_end(lines, start)
    if line.endswith(b":") and len(line) < _HEAD_CAP and not _SOURCE.match(line):
        if start + 1 < len(lines) and _VALUE.match(lines[start + 1]):
            return start + 2
        return _rows_end(lines, start, _LIST_ROW, _LIST_ROW)
    return start


def _is_record(line: bytes) -> bool:
    return line.endswith(b"{") or (line.endswith(b",") and b"{" in line and _OPENED.search(line) is not None)


def _record_end(lines: list[bytes], start: int) -> int | None:
    depth, size = _depth(lines[start]), len(lines[start])
    for place in range(start + 1, min(len(lines), start + ROWS_CAP)):
        row = lines[place]
        change, length = _row(row.translate(OUTLINE)) if len(row) < _ROW_CAP else _row.__wrapped__(row)
        size += length
        if size > BYTES_CAP or change is None:
            return start
        depth += change
        if depth <= 0:
            return place + 1
    return start if len(lines) >= start + ROWS_CAP else None


@lru_cache(maxsize=1024)
def _row(line: bytes) -> tuple[int | None, int]:
    """By how much a line of a record goes deeper, None where it is none of a record, and its bytes.

    It asks of a digit only whether it is one, so lines of one outline are looked at once.
    """
    row = line.strip()
    return (_depth(row) if _RECORD_ROW.match(row) else None), len(row)


def _depth(row: bytes) -> int:
    if not _BRACKET.search(row):
        return 0
    return row.count(b"{") + row.count(b"[") - row.count(b"}") - row.count(b"]")


def _rows_end(lines: list[bytes], start: int, first: re.Pattern[bytes], others: re.Pattern[bytes]) -> int | None:
    size = 0
    for place in range(start + 1, min(len(lines), start + ROWS_CAP)):
        row = lines[place]
        size += len(row)
        if size > BYTES_CAP or not (others if place > start + 1 else first).match(row):
            return place if place > start + 1 else start
    return start + ROWS_CAP if len(lines) >= start + ROWS_CAP else None
