"""Slices of one or two conditions in which errors gather: all are tried, and corrected for that."""

import math
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from backends.predictions.bins import REST, Binned
from backends.predictions.features import Errors
from backends.predictions.tails import holm, hypergeometric, student

LEAST, SHARE = 30, 0.01
"""Rows that a slice has at least, and of all."""

WORK = 250000000
"""Rows times pairs of inputs that are counted."""

PAIRS = 1500
"""Pairs of inputs that are tried."""

CLEAR = 2.0
"""Standard errors from which on a slice may be more than chance: the others are only counted."""

LEVEL = 0.05

Sums = Tuple[float, float, float, float]
"""Rows, weights, errors, squares."""

Condition = Tuple[int, int, int]
"""An input by its number, and its first and last bin."""


class Tried(NamedTuple):
    """One that may be more than chance."""

    conditions: Tuple[Condition, ...]
    sums: Sums
    z: float
    p: float


def least(errors: Errors) -> float:
    """Rows that a slice has at least."""
    return max(LEAST, SHARE * errors.n)


def choices(binned: Binned) -> List[Tuple[int, int]]:
    """The ranges of bins that are one condition."""
    found = []
    if binned.numeric:
        last = binned.proper - 1
        found += [(0, at) for at in range(last)] + [(at, last) for at in range(1, last + 1)]
        if binned.few:
            found += [(at, at) for at in range(1, last)]
    else:
        found += [(at, at) for at in range(binned.proper)]
    if binned.empty:
        found.append((binned.size - 1, binned.size - 1))
    return found


def between(binned: Binned) -> List[Tuple[int, int]]:
    """The ranges that are two conditions on one input."""
    if not binned.numeric:
        return []
    last = binned.proper - 1
    return [(a, b) for a in range(1, last) for b in range(a, last) if not (binned.few and a == b)]


def running(row: Sequence[float]) -> List[float]:
    """Sums up to each."""
    found, total = [0.0], 0.0
    for value in row:
        total += value
        found.append(total)
    return found


def judged(errors: Errors, sums: Sums, whole: Sums) -> Tuple[float, float]:
    """How many standard errors a slice's mean is above that of the rest of a whole, and its one-sided chance."""
    rows, weight, total, squares = sums
    others = whole[0] - rows
    weight_out, total_out, squares_out = whole[1] - weight, whole[2] - total, whole[3] - squares
    if rows < 2 or others < 2 or weight <= 0 or weight_out <= 0:
        return 0.0, 1.0
    mean, rest, n, m = total / weight, total_out / weight_out, rows * errors.worth, others * errors.worth
    average = whole[2] / whole[1]
    variance = max(0.0, whole[3] / whole[1] - average * average)
    if variance <= 1e-300 or mean <= rest:
        return 0.0, 1.0
    pooled = (mean - rest) / math.sqrt(variance * (1 / n + 1 / m))
    if pooled < CLEAR:
        return pooled, 1.0
    if errors.shares and errors.weight is None:
        return pooled, hypergeometric(total, rows, whole[2], whole[0])
    within = max(0.0, squares / weight - mean * mean) / max(1.0, n - 1)
    without = max(0.0, squares_out / weight_out - rest * rest) / max(1.0, m - 1)
    if within + without <= 0:
        return pooled, student(pooled, n + m - 2)
    freedom = (within + without) ** 2 / (within**2 / max(1.0, n - 1) + without**2 / max(1.0, m - 1))
    welch = student((mean - rest) / math.sqrt(within + without), freedom)
    return pooled, max(welch, student(pooled, n + m - 2))


class Search(object):
    """All slices of the inputs."""

    def __init__(self, errors: Errors, inputs: Sequence[Binned], shares: Sequence[float]) -> None:
        self.errors = errors
        self.inputs = inputs
        self.whole = (float(errors.n), errors.whole, errors.sum, errors.squares)
        self.tried = 0
        self.least = least(errors)
        self.sums = {}  # type: Dict[Condition, Sums]
        """Of each single condition."""
        self.found = []  # type: List[Tried]
        for at, each in enumerate(inputs):
            self.single(at, each)
        by_share = sorted(range(len(inputs)), key=lambda at: -shares[at])
        pairs = len(inputs) * (len(inputs) - 1) // 2
        most = min(PAIRS, WORK // max(1, errors.n))
        self.left = max(0, pairs - most)
        """Pairs of inputs that are not tried: of those that explain least."""
        before = self.tried
        counted = [(a, b) for place, b in enumerate(by_share) for a in by_share[:place]][:most]
        for a, b in counted:
            self.pair(a, b)
        if self.left and counted:  # chosen by what they explain: they count as if all were tried
            self.tried += (self.tried - before) * self.left // len(counted)
        self.least_clear()

    def single(self, at: int, binned: Binned) -> None:
        """The conditions on one input."""
        totals = [running(row) for row in self.errors.sums(binned.codes, binned.size)]
        for low, high in choices(binned):
            sums = self.span(totals, low, high)
            self.sums[(at, low, high)] = sums
            self.judge(((at, low, high),), sums)
        for low, high in between(binned):
            sums = self.span(totals, low, high)
            self.judge(((at, low, binned.proper - 1), (at, 0, high)), sums)

    @staticmethod
    def span(totals: Sequence[Sequence[float]], low: int, high: int) -> Sums:
        """The sums of a range of bins."""
        rows, weights, errors, squares = totals
        above = high + 1
        return (
            rows[above] - rows[low],
            weights[above] - weights[low],
            errors[above] - errors[low],
            squares[above] - squares[low],
        )

    def pair(self, a: int, b: int) -> None:
        """The conditions on two inputs together."""
        one, other = self.inputs[a], self.inputs[b]
        codes = self.errors.kernel.crossed(one.codes, other.codes, other.size)
        cells = self.errors.sums(codes, one.size * other.size)
        wide = other.size
        columns = []
        for row in cells:
            down = [running(row[at::wide]) for at in range(wide)]
            columns.append(down)
        picks = choices(other)
        for low, high in choices(one):
            totals = [running([down[high + 1] - down[low] for down in column]) for column in columns]
            rows = totals[0]
            if rows[-1] < self.least:
                continue
            for left, right in picks:
                if rows[right + 1] - rows[left] >= self.least:
                    self.judge(((a, low, high), (b, left, right)), self.span(totals, left, right))

    def judge(self, conditions: Tuple[Condition, ...], sums: Sums) -> None:
        """Keep it where it may be more than chance."""
        if sums[0] < self.least or sums[0] > self.errors.n - 2:
            return
        self.tried += 1
        z, p = judged(self.errors, sums, self.whole)
        if p < LEVEL:
            self.found.append(Tried(conditions, sums, z, p))

    def least_clear(self) -> None:
        """Of what was found, keep what is clear after the correction."""
        corrected = holm([each.p for each in self.found], self.tried)
        self.found = [each._replace(p=p) for each, p in zip(self.found, corrected) if p <= LEVEL]
        self.found.sort(key=lambda each: (-round(each.z, 9), len(each.conditions), each.conditions))

    def worse(self, child: Sums, parent: Sums, several: int) -> bool:
        """Whether the error of a part is clearly greater than that of the rest of a whole."""
        if parent[0] - child[0] < 2:
            return False
        return judged(self.errors, child, parent)[1] * several <= LEVEL

    def own(self, each: Tried) -> bool:
        """Whether both conditions are needed: one alone would be less bad."""
        if len(each.conditions) < 2:
            return True
        return all(self.worse(each.sums, self.sums[one], len(self.sums)) for one in each.conditions)
