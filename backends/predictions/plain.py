"""Arithmetic on columns without numpy. A column is an `array` of doubles or of ints; an empty number is nan."""

import math
import random
from array import array
from bisect import bisect_left
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

Column = Any
"""Numbers below each other: what a kernel has for that, as for masks, positions and matrices."""

Cell = Any
"""Text, or what JSON has."""

EMPTY = frozenset(("", "na", "n/a", "nan", "none", "null", "nil", "<na>", "#n/a", "-nan", "?"))
"""What stands for no value, in small letters."""

NAN = float("nan")


def number(cell: Cell) -> Tuple[float, bool]:
    """A cell as a number, nan where it has none, and whether it is neither a number nor empty."""
    try:
        return float(cell), False
    except (TypeError, ValueError, OverflowError):
        return NAN, not (cell is None or (isinstance(cell, str) and cell.strip().lower() in EMPTY))


def mixed(row: int) -> int:
    """24 bits by lot from a number: splitmix64."""
    found = (row * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    found = ((found ^ (found >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    found = ((found ^ (found >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return found >> 40


class Plain(object):
    """The functions."""

    fast = False

    def floats(self, values: Iterable[float]) -> Column:
        """A column of numbers."""
        return array("d", values)

    def ints(self, values: Iterable[int]) -> Column:
        """A column of whole numbers."""
        return array("i", values)

    def numbers(self, cells: Sequence[Any]) -> Tuple[Any, int]:
        """Cells as numbers, and how many of them are neither numbers nor empty."""
        try:
            return array("d", map(float, cells)), 0
        except (TypeError, ValueError, OverflowError):
            found = [number(cell) for cell in cells]
            return array("d", (value for value, _ in found)), sum(bad for _, bad in found)

    def cells(self, cells: Sequence[Any], at: Column) -> Sequence[Any]:
        """Some cells, by position."""
        return [cells[each] for each in at]

    def join(self, parts: Sequence[Any]) -> Column:
        """Several columns after each other."""
        found = array(parts[0].typecode)
        for part in parts:
            found.extend(part)
        return found

    def take(self, column: Column, at: Column) -> Column:
        """Some of it, by position."""
        return array(column.typecode, (column[each] for each in at))

    def listed(self, column: Column) -> List[Any]:
        """As a list."""
        return list(column)

    def present(self, column: Column) -> Column:
        """Positions of what is finite, or of what is not negative among whole numbers."""
        if column.typecode == "i":
            return [at for at, value in enumerate(column) if value >= 0]
        return [at for at, value in enumerate(column) if value - value == 0]

    def common(self, first: Column, second: Column) -> Column:
        """Positions that are in both; each comes in order."""
        kept = set(second)
        return [at for at in first if at in kept]

    def differ(self, one: Column, other: Column) -> Column:
        """1 where they are not the same, else 0."""
        return array("d", (float(a != b) for a, b in zip(one, other)))

    def less(self, one: Column, other: Column) -> Column:
        """The one without the other."""
        return array("d", (a - b for a, b in zip(one, other)))

    def shifted(self, column: Column, by: float) -> Column:
        """Less a number."""
        return array("d", (value - by for value in column))

    def absolute(self, column: Column) -> Column:
        """Without signs."""
        return array("d", map(abs, column))

    def times(self, one: Column, other: Column) -> Column:
        """Their products."""
        return array("d", (a * b for a, b in zip(one, other)))

    def total(self, column: Column) -> float:
        """The sum."""
        return math.fsum(column)

    def dot(self, one: Column, other: Column) -> float:
        """The sum of their products."""
        return math.fsum(a * b for a, b in zip(one, other))

    def ordered(self, column: Column) -> Column:
        """What is finite, from small to large."""
        return array("d", sorted(value for value in column if value - value == 0))

    def distinct(self, ordered: Column, most: int) -> Optional[List[float]]:
        """Its different values; None where there are more than so many."""
        found = []  # type: List[float]
        for value in ordered:
            if not found or value != found[-1]:
                found.append(value)
                if len(found) > most:
                    return None
        return found

    def binned(self, column: Column, edges: Sequence[float]) -> Column:
        """Which bin each value is in: the first of the edges that it is not above; one more bin holds the empty."""
        last = len(edges) + 1
        return array("i", (bisect_left(edges, value) if value - value == 0 else last for value in column))

    def looked_up(self, codes: Column, table: Sequence[int]) -> Column:
        """What a table says for each; for -1 its last entry."""
        return array("i", (table[code] for code in codes))

    def crossed(self, one: Column, other: Column, size: int) -> Column:
        """Pairs of codes as one code each; `size`: so many has the other."""
        return array("i", (a * size + b for a, b in zip(one, other)))

    def tally(self, codes: Column, size: int, weights: Column = None) -> List[float]:
        """How often each code is there, or the sum of its weights."""
        found = [0.0] * size
        if weights is None:
            for code in codes:
                found[code] += 1
        else:
            for code, weight in zip(codes, weights):
                found[code] += weight
        return found

    def pairs(self, one: Column, other: Column, weights: Column = None) -> Dict[Tuple[int, int], float]:
        """The same of pairs of codes, those that there are."""
        found = {}  # type: Dict[Tuple[int, int], float]
        for pair, weight in zip(zip(one, other), [1.0] * len(one) if weights is None else weights):
            found[pair] = found.get(pair, 0.0) + weight
        return found

    def largest(self, column: Column, most: int, above: float) -> List[int]:
        """Positions of the largest values, of those above a number; the first of equal ones."""
        at = [place for place, value in enumerate(column) if value > above]
        return sorted(at, key=lambda place: (-column[place], place))[:most]

    def within(self, codes: Column, low: int, high: int) -> Column:
        """Which codes are between two, both among them."""
        return [low <= code <= high for code in codes]

    def both(self, one: Column, other: Column) -> Column:
        """Which are chosen twice."""
        return [a and b for a, b in zip(one, other)]

    def either(self, one: Column, other: Column) -> Column:
        """Which are chosen by one of them."""
        return [a or b for a, b in zip(one, other)]

    def outside(self, one: Column, other: Column) -> Column:
        """Which are chosen by the first alone."""
        return [a and not b for a, b in zip(one, other)]

    def chosen(self, mask: Column, column: Column = None) -> float:
        """How many are chosen, or the sum of what they have."""
        if column is None:
            return float(sum(mask))
        return math.fsum(value for value, kept in zip(column, mask) if kept)

    def lots(self, first: int, count: int) -> Column:
        """A number by lot for each of `count` rows from `first` on, of 24 bits; the same whoever asks."""
        return array("i", (mixed(row) for row in range(first, first + count)))

    def level(self, lots: Column, part: int) -> Column:
        """Positions of those that are among one of `part`, a power of two."""
        return [at for at, lot in enumerate(lots) if lot & (part - 1) == 0]

    def shuffles(self, size: int, seed: int) -> Iterator[Any]:
        """Orders by lot, one after the other; the same ones with both kernels."""
        lots = random.Random(seed)
        while True:
            keys = [lots.random() for _ in range(size)]
            yield sorted(range(size), key=keys.__getitem__)

    def matrix(self, columns: Sequence[Any]) -> Column:
        """Columns side by side: scores by row."""
        return list(zip(*columns))

    def rows(self, cells: Sequence[Sequence[float]]) -> Column:
        """Rows below each other."""
        return cells

    def picked(self, matrix: Column, at: Column) -> Column:
        """Some of its rows."""
        return [matrix[each] for each in at]

    def whole(self, matrix: Column) -> Column:
        """Positions of rows of which all is finite."""
        return [at for at, row in enumerate(matrix) if all(value - value == 0 for value in row)]

    def span(self, matrix: Column) -> Tuple[float, float]:
        """The least and the greatest."""
        return min(map(min, matrix)), max(map(max, matrix))

    def softmax(self, matrix: Column) -> Column:
        """Logits as probabilities."""
        found = []
        for row in matrix:
            top = max(row)
            powers = [math.exp(value - top) for value in row]
            whole = math.fsum(powers)
            found.append([power / whole for power in powers])
        return found

    def normal(self, matrix: Column, slack: float) -> Tuple[Any, int]:
        """Rows that are off by more than a slack made to sum to one, and how many these were."""
        off, found = 0, []
        for row in matrix:
            whole = math.fsum(row)
            if abs(whole - 1) > slack:
                off += 1
                row = [value / whole for value in row] if whole > 0 else [1.0 / len(row)] * len(row)
            found.append(row)
        return found, off

    def best(self, matrix: Column) -> Column:
        """Where each row is greatest; the first of equal ones."""
        return array("i", (max(range(len(row)), key=row.__getitem__) for row in matrix))

    def greatest(self, matrix: Column) -> Column:
        """The greatest of each row."""
        return array("d", map(max, matrix))

    def of(self, matrix: Column, at: Column) -> Column:
        """One of each row; 0 where the position is -1."""
        return array("d", (row[place] if place >= 0 else 0.0 for row, place in zip(matrix, at)))

    def squares(self, matrix: Column) -> Column:
        """The sum of squares of each row."""
        return array("d", (math.fsum(value * value for value in row) for row in matrix))

    def ranks(self, matrix: Column, at: Column) -> Column:
        """How many of each row come before the one at a position; of equal ones the later comes first."""
        found = array("i")
        for row, place in zip(matrix, at):
            if place < 0:
                found.append(len(row))
                continue
            own = row[place]
            found.append(sum(value > own or (value == own and other > place) for other, value in enumerate(row)))
        return found

    def losses(self, column: Column, least: float) -> Column:
        """−ln of probabilities, none taken for less than so much."""
        return array("d", (-math.log(min(1.0, max(least, value))) for value in column))
