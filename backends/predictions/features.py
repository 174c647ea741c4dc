"""How the error depends on each input: means by bin, and what share of its variance they explain."""

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

from backends.predictions.bins import Binned
from backends.predictions.plain import Column, Plain
from backends.predictions.tails import around, chi2, holm, wilson

SHUFFLED = 5000
"""Rows up to which errors are shuffled; of more, the limit that such shuffles have is as good: chi squared."""

SHUFFLES = 999
"""At least; for many inputs so many more that the least chance can pass the correction."""

ENOUGH = 20
"""Shuffles that explain as much as is: then it is chance, and no more are made (Besag and Clifford)."""

FEW = 30
"""Rows of a bin that counts for itself in the limit; more where few rows have most of the error."""


class Errors(object):
    """The errors of the rows that are kept, and sums of them."""

    def __init__(self, kernel: Plain, error: Column, weight: Column, shares: bool) -> None:
        self.kernel = kernel
        self.error = error
        self.weight = weight
        self.shares = shares
        """Whether each is 0 or 1."""
        self.n = len(error)
        self.weighted = error if weight is None else kernel.times(error, weight)
        self.square = self.weighted if shares else kernel.times(error, self.weighted)
        self.whole = float(self.n) if weight is None else kernel.total(weight)
        self.sum, self.squares = kernel.total(self.weighted), kernel.total(self.square)
        self.mean = self.sum / self.whole
        self.spread = max(0.0, self.squares - self.sum * self.sum / self.whole)
        """The sum of squares about the mean."""
        self.worth = 1.0
        """What a row counts in intervals: less than one where weights differ."""
        if weight is not None:
            self.worth = self.whole * self.whole / kernel.dot(weight, weight) / self.n

    def sums(self, codes: Column, size: int) -> List[List[float]]:
        """By code: rows, weights, errors, squares."""
        kernel = self.kernel
        rows = kernel.tally(codes, size)
        errors = kernel.tally(codes, size, self.weighted)
        squares = errors if self.shares else kernel.tally(codes, size, self.square)
        return [rows, rows if self.weight is None else kernel.tally(codes, size, self.weight), errors, squares]

    def interval(self, rows: float, weight: float, total: float, squares: float) -> Tuple[float, float, float]:
        """A mean with its bounds."""
        if not weight:
            return 0.0, 0.0, 0.0
        mean, worth = total / weight, rows * self.worth
        if self.shares and min(0.0, mean) == 0.0 and mean <= 1.0 + 1e-12:
            low, high = wilson(min(1.0, mean), worth)
            return mean, low, high
        variance = max(0.0, squares / weight - mean * mean) * worth / max(1.0, worth - 1)
        low, high = around(mean, variance, worth)
        return mean, low, high


def explained(found: Sequence[Sequence[float]], errors: Errors) -> float:
    """The share of the variance that means by bin have."""
    if errors.spread <= 1e-12 * max(errors.squares, 1e-300):
        return 0.0
    between = math.fsum(total * total / weight for _, weight, total, _ in zip(*found) if weight)
    return min(1.0, max(0.0, (between - errors.sum * errors.sum / errors.whole) / errors.spread))


def chances(errors: Errors, inputs: Sequence[Binned], shares: Sequence[float], seed: int = 0) -> List[float]:
    """How likely each share is by chance: not corrected."""
    if errors.spread <= 1e-12 * max(errors.squares, 1e-300):
        return [1.0] * len(inputs)
    if errors.n > SHUFFLED:
        return [limit(errors, each) for each in inputs]
    return shuffled(errors, inputs, shares, seed)


def limit(errors: Errors, binned: Binned) -> float:
    """Of many rows: bins with too few of them count as one."""
    error, kernel = kernel_moments(errors)
    least = max(FEW, 5 * error)
    small, large = [0.0] * 3, []
    for rows, weight, total, _ in zip(*errors.sums(binned.codes, binned.size)):
        if rows >= least:
            large.append((weight, total))
        else:
            small = [small[0] + rows, small[1] + weight, small[2] + total]
    if small[0] >= least:
        large.append((small[1], small[2]))
    if len(large) < 2:
        return 1.0
    weight, total = (math.fsum(each[part] for each in large) for part in range(2))
    between = math.fsum(each[1] * each[1] / each[0] for each in large) - total * total / weight
    variance = errors.spread / errors.whole * kernel
    return chi2(between / variance, len(large) - 1)


def kernel_moments(errors: Errors) -> Tuple[float, float]:
    """The excess of the errors' fourth moment, and what a weight's mean square is worth."""
    moved = errors.kernel.shifted(errors.error, errors.mean)
    square = errors.kernel.times(moved, moved)
    second, fourth = errors.kernel.total(square) / errors.n, errors.kernel.dot(square, square) / errors.n
    weight = errors.whole / errors.n / errors.worth
    return (fourth / (second * second) - 3 if second > 0 else 0.0), weight


def shuffled(errors: Errors, inputs: Sequence[Binned], shares: Sequence[float], seed: int) -> List[float]:
    """Errors are dealt anew to the rows, again and again."""
    kernel = errors.kernel
    most = max(SHUFFLES, 40 * len(inputs) - 1)
    weights = [errors.sums(each.codes, each.size)[1] for each in inputs]
    seen, found = [0] * len(inputs), [1.0] * len(inputs)
    left = list(range(len(inputs)))
    for done, at in enumerate(kernel.shuffles(errors.n, seed), 1):
        error = kernel.take(errors.weighted, at)
        weight = None if errors.weight is None else kernel.take(errors.weight, at)
        for place in list(left):
            binned = inputs[place]
            totals = kernel.tally(binned.codes, binned.size, error)
            own = weights[place] if weight is None else kernel.tally(binned.codes, binned.size, weight)
            between = math.fsum(total * total / each for total, each in zip(totals, own) if each)
            share = (between - errors.sum * errors.sum / errors.whole) / errors.spread
            seen[place] += share >= shares[place] * (1 - 1e-9) - 1e-12
            if seen[place] == ENOUGH:
                found[place] = ENOUGH / float(done)
                left.remove(place)
        if done == most or not left:
            break
    for place in left:
        found[place] = (seen[place] + 1.0) / (most + 1)
    return found


def features(errors: Errors, inputs: Sequence[Binned], residual: Column) -> List[Dict[str, Any]]:
    """All inputs, those that explain most first."""
    sums = [errors.sums(each.codes, each.size) for each in inputs]
    shares = [explained(each, errors) for each in sums]
    corrected = holm(chances(errors, inputs, shares))
    signed = None if residual is None else Errors(errors.kernel, residual, errors.weight, False)
    found = [
        {
            "name": each.name,
            "numeric": each.numeric,
            "bins": bins(errors, each, own),
            "eta2": share,
            "p": chance,
            "residuals": [] if signed is None else bins(signed, each, signed.sums(each.codes, each.size)),
            "levels": each.levels,
            "empty": each.empty,
        }
        for each, own, share, chance in zip(inputs, sums, shares, corrected)
    ]
    return sorted(found, key=lambda each: (-each["eta2"], each["p"]))


def bins(errors: Errors, binned: Binned, sums: Sequence[Sequence[float]]) -> List[List[Any]]:
    """One row for each bin that has rows."""
    found = []
    for label, bounds, row in zip(binned.labels, binned.bounds, zip(*sums)):
        if row[0]:
            found.append([label, int(row[0])] + list(errors.interval(*row)) + list(bounds))
    return found
