"""An input in bins: ranges of numbers between quantiles, or the most frequent words."""

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

from backends.predictions.labels import order
from backends.predictions.plain import Column, Plain
from backends.predictions.store import Kept

RANGES, LEVELS = 10, 20
"""Bins of numbers and of words, without the rest and the empty."""

NEAR = 0.03
"""The share of all values by which an edge may move to a rounder number."""

REST, NONE = "(rest)", "(empty)"

MANY = 100
"""Rows from which on a column of words that are nearly all different tells rows apart."""


class Binned(object):
    """An input. Bins: ranges or words, then the rest of the words, then the empty."""

    def __init__(self, name: str, numeric: bool) -> None:
        self.name = name
        self.numeric = numeric
        self.codes = None  # type: Any
        self.labels = []  # type: List[str]
        self.bounds = []  # type: List[Tuple[Optional[float], Optional[float]]]
        self.proper = 0
        """Bins without rest and empty."""
        self.levels = 0
        self.empty = 0
        self.few = False
        """Whether each range is one value."""

    @property
    def size(self) -> int:
        """So many bins."""
        return len(self.labels)


def binned(kernel: Plain, column: Kept, notes: List[str]) -> Optional[Binned]:
    """An input in bins; None for one that explains nothing. Its parts are let go."""
    values = kernel.join(column.parts)
    column.parts = []
    found = numbers(kernel, column.name, values) if column.numeric else words(kernel, column, values, notes)
    if found is None or found.size < 2:
        return None
    if column.odd:
        notes.append("%d cells of %s are no numbers: they count as empty" % (column.odd, column.name))
    return found


def numbers(kernel: Plain, name: str, values: Column) -> Optional[Binned]:
    """Ranges that have about as many rows each, or each of few values."""
    found = Binned(name, True)
    ordered = kernel.ordered(values)
    if len(ordered) == 0:
        return None
    few = kernel.distinct(ordered, RANGES)
    found.few = few is not None
    edges = few[:-1] if few is not None else ranges(ordered)
    found.codes = kernel.binned(values, edges)
    found.bounds = list(zip([None] + list(edges), list(edges) + [None]))
    found.labels = ["%.6g" % each for each in few] if few is not None else [spoken(*each) for each in found.bounds]
    found.proper = len(found.labels)
    found.empty = len(values) - len(ordered)
    if found.empty:
        found.labels.append(NONE)
        found.bounds.append((None, None))
        found.codes = kernel.looked_up(found.codes, list(range(found.proper)) + [found.proper] * 2)
    return found


def ranges(ordered: Column) -> List[float]:
    """Edges near the quantiles, round where they can be; no range is empty."""
    last = len(ordered) - 1
    found = []  # type: List[float]
    for each in range(1, RANGES):
        share = each / float(RANGES)
        low, high = (float(ordered[int(round(max(0.0, min(1.0, share + by)) * last))]) for by in (-NEAR, NEAR))
        edge = roundest(low, high)
        if edge < ordered[last] and edge >= ordered[0] and (not found or edge > found[-1]):
            if not found or above(ordered, edge) > above(ordered, found[-1]):
                found.append(edge)
    return found


def above(ordered: Column, edge: float) -> int:
    """How many are at most so much."""
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] <= edge:
            low = middle + 1
        else:
            high = middle
    return low


def roundest(low: float, high: float) -> float:
    """The number between two that takes the fewest digits, the nearest to their middle."""
    if not high > low:
        return low
    middle = low / 2 + high / 2
    power = int(math.floor(math.log10(max(abs(low), abs(high), high - low)))) + 1
    for exponent in range(power, power - 17, -1):
        for factor in (1, 5, 2):
            step = factor * 10.0**exponent
            if step <= 0 or math.isinf(step):
                continue
            found = float("%.12g" % (round(middle / step) * step))
            if low <= found < high:
                return found
    return low


def spoken(low: Optional[float], high: Optional[float]) -> str:
    """A range for the reader."""
    if low is None:
        return "≤ %.6g" % (high or 0.0)
    return "> %.6g" % low if high is None else "%.6g … %.6g" % (low, high)


def words(kernel: Plain, column: Kept, codes: Column, notes: List[str]) -> Optional[Binned]:
    """The most frequent words; the others together."""
    names = column.labels.names
    counts = kernel.tally(kernel.looked_up(codes, list(range(len(names))) + [len(names)]), len(names) + 1)
    count = len(codes)
    if count >= MANY and len(names) > count / 2:
        notes.append("%s has %d different values in %d rows: it is left aside" % (column.name, len(names), count))
        return None
    found = Binned(column.name, False)
    by_count = sorted(range(len(names)), key=lambda at: (-counts[at], names[at]))
    shown = by_count[:LEVELS]
    shown = [shown[at] for at in order([names[each] for each in shown])]
    found.levels, found.empty = len(names), int(counts[-1])
    found.labels = [names[at][:60] for at in shown]
    found.proper = len(shown)
    rest = len(found.labels)
    if len(names) > len(shown):
        found.labels.append(REST)
    none = len(found.labels)
    if found.empty:
        found.labels.append(NONE)
    table = [rest] * len(names) + [none]
    for place, at in enumerate(shown):
        table[at] = place
    found.bounds = [(None, None)] * len(found.labels)
    found.codes = kernel.looked_up(codes, table)
    return found
