"""Tables that are printed row by row under a header: the header names the columns, each row is read by it."""

from __future__ import annotations

import re
import string
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from trainboard.extract.fields import Field
from trainboard.extract.marks import Mark
from trainboard.extract.names import INDEX_KINDS, Kind, index_word, is_scheduled, kind
from trainboard.extract.plan import Plan
from trainboard.extract.recurrence import is_naming
from trainboard.extract.shape import number
from trainboard.extract.synonyms import Role, role
from trainboard.extract.words import qualified

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUMERIC = b"0123456789.eE+-"
_LISTED = re.compile(
    rb"[\s#*=-]*([A-Za-z]{2,20}:\s)?\s*([A-Za-z_][\w@./-]{0,30}(?:, ?[A-Za-z_][\w@./-]{0,30}){2,15})\s*"
)
_LISTED_CAP = 200
"""Bytes."""
COLUMNS_CAP = 512
HEADER_CAP = 16 * 1024
"""Bytes."""
_NAME_CAP = 60
_NAME = re.compile(r"[A-Za-z_#%(@|][\w ./@%+*&:;()#'|\[\]-]*")
_NAME_STARTS = frozenset(bytes((start,)) for start in (string.ascii_letters + "_#%(@").encode())
_AROUND_NAMES = b" \t\"'\r|"
_BAR = re.compile(rb"(?<!\s)\s+\d{1,3}%(?:\|| \xe2\x94)")
_WIDE_CELL = re.compile(rb"\S+(?: \S+)*")
_NARROW = re.compile(rb"\S+")
_INDEX = (
    rb"[\s|#%*\"]*(?:(?:train_?)?(?:epochs?|ep|iter\w*|episodes?|gen|generation|trial|steps?|global_step|rounds?|updates?|batch|timesteps?)\b)"
    rb"[^=\n]{3}"
)
_HEADING = re.compile(rb"(?i)" + _INDEX)
_HEADED = re.compile(rb"(?im)^" + _INDEX.replace(rb"\s", rb" \t"))
_WHOLE = frozenset((b"all", b"total", b"mean", b"overall", b"avg", b"average"))
"""Rows that are about everything; the other rows of a table by class are of one class each."""
_LETTERS = {
    "E": "epoch",
    "#": "step",
    "Ep": "epoch",
    "It": "iteration",
    "it.": "iteration",
    "n": "step",
    "No.": "step",
    "gen": "generation",
    "Gen": "generation",
    "generation": "generation",
    "Generation": "generation",
    "trial": "trial",
    "Trial": "trial",
}
_COUNTED = frozenset(("images",))
"""Columns that tell the size of the data, the same in each row."""
_VALUE = re.compile(
    rb"([-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf|NaN|Inf))(?:/\d+|%|[a-zA-Z]{1,3})?[*+:]?"
)
_UNITS = re.compile(rb"[A-Za-z%*+](?<=[0-9].)")
_ENTRY = re.compile(rb"[-+]?\.?\d|[-+]?(?:nan|inf|NaN|Inf)|-+$|\(?[nN]/?[aA]\)?$")
_MARKED = frozenset((b"%", b"*", b"+"))
_PLACED = 2
"""Columns by which a cell may be off its header and still be under it."""


class Column(NamedTuple):
    """One column of a table."""

    name: str
    start: int
    end: int


class Table(NamedTuple):
    """The header of a table."""

    kind: str
    """What separates the cells: `,`, `\\t`, `;` or `|`, else blanks: two at least (`wide`) or one (`narrow`)."""
    columns: tuple[Column, ...]
    plan: Plan
    """What to take from a row: slot i is cell i, and the slot beyond is what the index is out of."""
    told: tuple[int, ...]
    """The columns of the index."""

    def cells(self, line: bytes) -> list[bytes] | None:
        """The cells of a row, and what its index is out of; None where a line is no row of this table."""
        cells = _split(line, self.kind) if self.kind in _SEPARATORS else self._blank_separated(line)
        if cells is None or len(cells) != len(self.columns):
            return None
        cells.append(b"")
        if b"/" in line:
            self._cut_totals(cells)
        if self.told:
            for place in self.told:
                if cells[place].isdigit() or (cells[place] and number(cells[place]) is not None):
                    break
            else:
                return None
        elif not _begins_a_row(cells[0]):
            return None
        if (b"%" in line or line.upper() != line.lower()) and _UNITS.search(line):
            return [_bare(cell) if cell[-1:].isalpha() or cell[-1:] in _MARKED else cell for cell in cells]
        return cells

    def rows(self, lines: Sequence[bytes]) -> list[list[bytes]]:
        """The cells of the lines at the front that are rows, as `cells` gives them."""
        if self.is_separated and self.told:
            sign = _SEPARATORS[self.kind]
            rows = [] if sign.join(lines).translate(None, _NUMERIC + sign) else [line.split(sign) for line in lines]
            counted = rows and all(len(row) == len(self.columns) for row in rows)
            if counted and any(all(row[place].isdigit() for row in rows) for place in self.told):
                for row in rows:
                    row.append(b"")
                return rows
        found = takewhile(lambda cells: cells is not None, map(self.cells, lines))
        return [cells for cells in found if cells is not None]

    def _cut_totals(self, cells: list[bytes]) -> None:
        """`3/63`: the index, and what it is out of, which goes to the end."""
        for place in self.told:
            cell, _, total = cells[place].partition(b"/")
            if total:
                cells[place], cells[-1] = cell, total

    @property
    def is_separated(self) -> bool:
        """Whether a sign stands between the cells, which tells rows at a look."""
        return self.kind in _SEPARATORS

    def state(self) -> list[Any]:
        """As JSON can hold it."""
        return [self.kind, [list(column) for column in self.columns]]

    def _blank_separated(self, line: bytes) -> list[bytes] | None:
        line = barless(line) if b"%" in line else line
        count = len(self.columns)
        cells = (line.replace(b",", b" ") if b", " in line else line).split()
        if len(cells) == count + 1 and not _VALUE.fullmatch(cells[-1]):
            cells.pop()
        if len(cells) == count:
            return cells if all(map(_ENTRY.match, cells[1:])) else None
        return self._placed(line) if 1 < len(cells) < count else None

    def _placed(self, line: bytes) -> list[bytes] | None:
        """Cells by where they stand, in a table with empty ones."""
        cells = [b""] * len(self.columns)
        for found in _NARROW.finditer(line):
            start, end = found.span()
            place = next((i for i, column in enumerate(self.columns) if _is_under(column, start, end)), None)
            if place is None or cells[place] or not _VALUE.match(found[0]):
                return None
            cells[place] = found[0]
        return cells


_SEPARATORS = {",": b",", "\t": b"\t", ";": b";", "|": b"|"}


@lru_cache(maxsize=16)
def header(line: bytes) -> Table | None:
    """The table whose header a line is; None where it is none."""
    if len(line) > HEADER_CAP:
        return None
    line = barless(line)
    for separator, sign in _SEPARATORS.items():
        if line.count(sign) >= 1 + (separator == ","):
            table = _table(separator, [Column(_text(cell), 0, 0) for cell in _split(line, separator)])
            if table is not None:
                return table
    wide = [Column(_text(found[0]), found.start(), found.end()) for found in _WIDE_CELL.finditer(line)]
    return _table("wide", wide)


@lru_cache(maxsize=16)
def narrow(line: bytes) -> Table | None:
    """The table of a header whose names have no blanks in them."""
    line = barless(line)
    cells = [Column(_text(found[0]), found.start(), found.end()) for found in _NARROW.finditer(line)]
    return _table("narrow", cells)


@lru_cache(maxsize=16)
def listed(line: bytes) -> Table | None:
    """The table of a line of names by commas, `TEST: loss, acc, f1`, above a row of as many numbers."""
    found = _LISTED.fullmatch(line) if len(line) < _LISTED_CAP else None
    if found is None:
        return None
    part = _text(found[1] or b"").rstrip(": ")
    part = "" if part.lower().startswith("train") else part
    names = [_text(name) for name in found[2].split(b",")]
    if not any(kind(name) is Kind.MEASURE for name in names):
        return None
    return _table("narrow", [Column(qualified(part, name), 0, 0) for name in names])


def headed(line: bytes) -> tuple[Table, ...]:
    """The tables whose header a line may be that stands above a row: as it is read with names of several words, or
    with names of one."""
    if line.strip(_AROUND_NAMES)[:1] not in _NAME_STARTS:  # as the lines of a table without a header
        return ()
    return _headed(barless(line) if b"%" in line else line)


@lru_cache(maxsize=64)
def _headed(line: bytes) -> tuple[Table, ...]:
    wide, single = header(line), narrow(line)
    return tuple(table for table in (wide, single) if table)


def restored(state: list[Any]) -> Table | None:
    """The table whose `state` this was. Raises TypeError or ValueError."""
    separator, columns = state
    return _table(str(separator), [Column(str(name), int(start), int(end)) for name, start, end in columns])


def is_heading(line: bytes) -> bool:
    """A quick look: whether a line without numbers may be the header of a table that begins with the index."""
    return _HEADING.match(line) is not None


def may_head(block: bytes) -> bool:
    """Whether any line of a block may be such a header."""
    return _HEADED.search(block) is not None


def _table(separator: str, columns: list[Column]) -> Table | None:
    if not 1 < len(columns) <= COLUMNS_CAP or not all(_is_name(column.name) for column in columns):
        return None
    names = [column.name.rstrip(":") for column in columns]
    if len(set(names)) < len(names):
        return None
    marks = [
        Mark(word, INDEX_KINDS.get(word, Kind.STEP), place, None)
        for place, name in enumerate(names)
        if (word := word_of(name, place))
    ]
    fields = tuple(
        Field(place, name, 1.0)
        for place, name in enumerate(names)
        if word_of(name, place) is None
        and name.lower() not in _COUNTED
        and (kind(name) in (Kind.MEASURE, Kind.PLAIN) or is_scheduled(name) or role(name) is Role.LEARNING_RATE)
    )
    leading = marks[:1] and marks[0].slot == 0 and separator != "narrow" and len(fields) > 1
    if not leading and not any(kind(field.name) is Kind.MEASURE for field in fields):
        return None
    last = len(columns)
    epoch = next((mark._replace(total=last) for mark in marks if mark.kind is Kind.EPOCH), None)
    counter = next(
        (mark._replace(total=None if epoch else last) for mark in marks if mark.kind is not Kind.EPOCH), None
    )
    doubts = tuple(
        Field(place, name, 1.0)
        for place, name in enumerate(names)
        if word_of(name, place) is None
        and kind(name) is Kind.SETTING
        and not is_naming(name)
        and all(field.slot != place for field in fields)
    )
    plan = Plan(
        fields, epoch, counter, doubts=doubts if marks else (), tag="table:" + ",".join(names[:8])[:80], word="table"
    )
    told = tuple(mark.slot for mark in (epoch, counter) if mark)
    return Table(separator, tuple(columns), plan, told)


def word_of(name: str, place: int) -> str | None:
    """The index word of a column; the first ones of a table may be called by a letter or a sign alone."""
    return index_word(name) or (_LETTERS.get(name) if place < 2 else None)


def barless(line: bytes) -> bytes:
    """A line without the progress bar at its end."""
    bar = _BAR.search(line)
    return line[: bar.start()].rstrip(b":") if bar else line


def _begins_a_row(cell: bytes) -> bool:
    return _VALUE.fullmatch(cell) is not None or cell.lower() in _WHOLE


def _bare(cell: bytes) -> bytes:
    """A number without its unit."""
    value = _VALUE.fullmatch(cell)
    return value[1] if value else cell


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _NAME_CAP and name.count(" ") < 4 and _NAME.fullmatch(name) is not None


def _split(line: bytes, separator: str) -> list[bytes]:
    cells = line.split(_SEPARATORS[separator])
    if separator == "|":
        cells = cells[1:] if cells and not cells[0].strip() else cells
        cells = cells[:-1] if cells and not cells[-1].strip() else cells
    if separator == "|" or b" " in line or b'"' in line:
        return [cell.strip(b" \t\"'\r") for cell in cells]
    return cells


def _text(cell: bytes) -> str:
    return cell.strip(b" \t\"'\r").decode("utf-8", "replace")


def _is_under(column: Column, start: int, end: int) -> bool:
    return (
        abs(column.start - start) <= _PLACED
        or abs(column.end - end) <= _PLACED
        or (start < column.end and column.start < end)
    )
