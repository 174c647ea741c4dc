"""The rows of the table whose header was met last: told from other lines, and read many at once where they can be."""

from __future__ import annotations

import random
import re
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from trainboard.extract import tables
from trainboard.extract.numerals import values_or_none
from trainboard.extract.recipe import Recipe
from trainboard.extract.stencil import taking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trainboard.extract.chunk import Chunk
    from trainboard.extract.harvest import Harvest
    from trainboard.extract.tables import Table

TABLES_CAP = 16
"""Tables that are remembered."""
OUTLINES_CAP = 256
"""Outlines of lines that are remembered of one table."""
LENGTH_CAP = 1024
"""Bytes of one of them."""
WIDE = 3
"""Columns with metrics from which on it pays to read the cells of a row all at once."""
MANY, MOST = 16, 512
"""Lines that are looked at together, at first and at most."""
ALIKE = 4
"""Rows with the same cells filled that are worth to be taken at once."""
REST = 16
"""Rows until it is tried again, where the lines after one were none."""
_DIGIT = re.compile(rb"[0-9]")
_BAR = b"%|"
"""Begins a progress bar behind a row, which draws itself otherwise each time."""
_OTHERS = 3
"""Lines that are tried before the places of the cells in one are believed."""


class Form(NamedTuple):
    """How lines of one outline are read as rows of one table: it asks of a digit only whether it is one."""

    cells: Callable[[bytes], Sequence[bytes] | None] | None = None
    """Takes the cells of a row; None where such lines are no rows."""
    length: int | None = None
    """Bytes of the line that it takes them from; None for all."""
    is_sound: bool = False
    """All cells with metrics are numbers."""


class Known:
    """What was learned of one table."""

    __slots__ = ("forms", "recipe", "seen", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self.recipe = Recipe(table.plan)
        self.recipe.is_tabled = table.is_separated and len(table.plan.fields) >= WIDE
        self.forms: dict[bytes, Form] = {}
        self.seen: set[int] = set()
        """Hashes of outlines that were seen once: they are not worth a form yet."""

    def cells(self, line: bytes, outline: bytes) -> tuple[Sequence[bytes] | None, bool]:
        """The cells of a row, and whether all with metrics are numbers; None where a line is no row."""
        bar = outline.find(_BAR)
        row = outline if bar < 0 else outline[: bar + len(_BAR)]
        form = self.forms.get(row)
        if form is None:
            return self.table.cells(line), self._learn(row, outline)
        return (form.cells(line[: form.length]) if form.cells else None), form.is_sound

    def _learn(self, row: bytes, outline: bytes) -> bool:
        """Remember what is seen for the second time: a row, and perhaps a bar behind it. It is not sound by now."""
        seen = hash(row)
        if self.table.is_separated or len(outline) > LENGTH_CAP:
            return False
        if seen not in self.seen:
            if len(self.seen) >= 8 * OUTLINES_CAP:
                self.seen.clear()
            self.seen.add(seen)
            return False
        if len(self.forms) >= OUTLINES_CAP:
            self.forms.clear()
        self.forms[row] = _form(self.table, outline, len(row)) or Form(self.table.cells)
        return False


def _form(table: Table, outline: bytes, length: int) -> Form | None:
    """How lines are read that begin as an outline does, up to a length; None where the cells' places are not sure."""
    if length < len(outline) and len(tables.barless(outline)) >= length:
        return None
    others = [_other(outline, seed) for seed in range(_OTHERS)]
    found = [table.cells(other) for other in others]
    if all(cells is None for cells in found):
        return Form(None)
    if found[0] is None:
        return None
    order = _order(table, others[0], found[0])
    pieces, end = [], 0
    for cell in (found[0][place] for place in order):
        start = others[0].find(cell, end)
        if start < 0:
            return None
        pieces += [(start - end, False), (len(cell), True)]
        end = start + len(cell)
    if end > length:
        return None
    take, back = taking([*pieces, (length - end, False)]), itemgetter(*map(order.index, range(len(order))))

    def cells(line: bytes) -> Sequence[bytes]:
        taken: Sequence[bytes] = back(take(line))
        return taken

    if any(each is None or list(cells(other[:length])) != each for other, each in zip(others, found, strict=True)):
        return None
    return Form(cells, length, values_or_none([found[0][field.slot] for field in table.plan.fields]) is not None)


def _order(table: Table, line: bytes, cells: Sequence[bytes]) -> list[int]:
    """The cells as they stand in a row, where the last one may be what the index is out of."""
    order = list(range(len(cells) - 1))
    place = next((place for place in table.told if cells[-1] and cells[place] + b"/" + cells[-1] in line), len(order))
    return [*order[: place + 1], len(order), *order[place + 1 :]]


def _other(outline: bytes, seed: int) -> bytes:
    """A line of an outline, whose digits stand for where they are."""
    chance = random.Random(seed)
    return _DIGIT.sub(lambda _: b"%d" % chance.randrange(10), outline)


class Rows:
    """The table of one log whose rows may come now."""

    def __init__(self, harvest: Harvest) -> None:
        self._harvest = harvest
        self.table: Table | None = None
        self.is_separated = False
        """Signs stand between its cells, which tell rows at a look."""
        self._known: Known | None = None
        self._tables: dict[int, Known] = {}
        """The tables that were met."""
        self._reach = MANY
        """Lines that are looked at together."""
        self._rest = 0
        """Rows until that is tried again."""

    def use(self, table: Table | None) -> None:
        """Its rows come now; the same as before where it is None."""
        if table is None or table is self.table:
            return
        self._known, self.table, self.is_separated = self._of(table), table, table.is_separated
        self._reach, self._rest = MANY, 0

    def _of(self, table: Table) -> Known:
        known = self._tables.get(id(table))
        if known is None:
            if len(self._tables) >= TABLES_CAP:
                self._tables.clear()
            known = self._tables[id(table)] = Known(table)
        return known

    @property
    def recipes(self) -> list[Recipe]:
        """How the rows of all tables are read."""
        return [known.recipe for known in self._tables.values()]

    def read(self, chunk: Chunk, place: int) -> bool:
        """Whether a line is a row: then it is read."""
        known = self._known
        if known is None:
            return False
        cells, is_sound = known.cells(chunk.lines[place], chunk.outlines[place])
        if cells is None:
            return False
        self._harvest.take(known.recipe, cells, chunk, place, is_sound)
        return True

    def begin(self, above: bytes, chunk: Chunk, place: int) -> bool:
        """Whether a line is the first row below a header: then it is read."""
        for table in tables.headed(above):
            known = self._of(table)
            cells, is_sound = known.cells(chunk.lines[place], chunk.outlines[place])
            if cells is not None:
                self.use(table)
                self._harvest.take(known.recipe, cells, chunk, place, is_sound)
                return True
        return False

    def read_on(self, chunk: Chunk, place: int) -> int:
        """How many of the lines from a place on were read as rows together; may be none."""
        known = self._known
        if known is None or self._rest:
            self._rest = max(0, self._rest - 1)
            return 0
        rows = known.table.rows(chunk.lines[place : place + self._reach])
        done = 0
        for _, group in groupby(rows, _filled):
            alike = list(group)
            while alike:
                taken = self._harvest.take_rows(known.recipe, alike, chunk) if len(alike) >= ALIKE else 0
                rest = alike[taken : taken + ALIKE]
                for at, cells in enumerate(rest, place + done + taken):
                    self._harvest.take(known.recipe, cells, chunk, at)
                done += taken + len(rest)
                del alike[: taken + len(rest)]
        if len(rows) == self._reach:
            self._reach = min(MOST, 2 * self._reach)
        else:
            self._reach = MANY
            self._rest = 0 if rows else REST
        return done


def _filled(cells: Sequence[bytes]) -> bytes:
    """Which cells are there."""
    return bytes(map(bool, cells))
