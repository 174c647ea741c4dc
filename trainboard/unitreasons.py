"""What units of a sequence model follow: how much of an activation simple properties of the text explain. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from trainboard.sequences import Passage

    Codes = NDArray[np.int64]

CLOSE = 0.02
"""A property with fewer levels is named where those with more explain so little more."""
COMMON = 40
"""Characters that are levels of their own; the others are one together."""
LEAST = 30
"""Tokens below which nothing is said."""
CONTEXTS, APART, AROUND = 3, 20, 16
"""Places that are shown of a unit, tokens between two of them, tokens of text on each side."""


@dataclass(frozen=True, slots=True, eq=False)
class Property:
    """Something of the text at each token."""

    name: str
    levels: tuple[str, ...]
    codes: Codes
    """By token: the number of its level."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What explains a unit best."""

    unit: str
    share: float
    """Of the variance of its activation, adjusted for the number of levels (ε²); nan where it does not vary."""
    what: str
    """The property; empty where none explains anything."""
    level: str
    """The level that differs most from the rest."""
    here: float
    """Its mean activation there."""
    else_: float
    """And elsewhere."""
    low: float
    high: float
    """The range of its activation."""
    places: tuple[int, ...]
    """Where it is greatest, apart from each other."""


def reasons(passage: Passage) -> list[Reason]:
    """All units, the best explained first. Takes seconds for the largest passages."""
    found = properties(passage)
    told = [reason(name, values.astype(np.float64), found) for name, values in passage.units.items()]
    return sorted(told, key=lambda each: (math.isnan(each.share), -each.share))


def reason(name: str, values: NDArray[np.float64], found: Sequence[Property]) -> Reason:
    """What explains one unit."""
    known = np.isfinite(values)
    seen = values[known]
    places = tuple(_greatest(values))
    if len(seen) < LEAST or float(seen.var()) < 1e-20:
        ends = (float(seen.min()), float(seen.max())) if len(seen) else (math.nan, math.nan)
        return Reason(name, math.nan, "", "", math.nan, math.nan, *ends, places)
    shares = [(explained(each.codes[known], seen, len(each.levels)), each) for each in found]
    most = max((share for share, _ in shares), default=0.0)
    near = [(len(each.levels), -share, at) for at, (share, each) in enumerate(shares) if share >= most - CLOSE]
    ends = float(seen.min()), float(seen.max())
    if not near or most <= 0:
        return Reason(name, 0.0, "", "", math.nan, math.nan, *ends, places)
    share, best = shares[min(near)[2]]
    level, here, else_ = _contrast(best, best.codes[known], seen)
    return Reason(name, share, best.name, level, here, else_, *ends, places)


def explained(codes: Codes, values: NDArray[np.float64], levels: int) -> float:
    """ε² of Kelley: the share of the variance between the levels, less what chance gives to so many of them."""
    counts = np.bincount(codes, minlength=levels)
    totals = np.bincount(codes, weights=values, minlength=levels)
    there = counts > 0
    n, k = len(values), int(there.sum())
    if k < 2 or n <= k:
        return 0.0
    whole = float(((values - values.mean()) ** 2).sum())
    between = float((totals[there] ** 2 / counts[there]).sum() - values.sum() ** 2 / n)
    return max(0.0, 1 - (whole - between) / whole * (n - 1) / (n - k))


def _contrast(best: Property, codes: Codes, values: NDArray[np.float64]) -> tuple[str, float, float]:
    """The level that differs most, weighed by how often it is there, with its mean and that of the rest."""
    levels = len(best.levels)
    counts = np.bincount(codes, minlength=levels)
    totals = np.bincount(codes, weights=values, minlength=levels)
    rest = len(values) - counts
    usable = (counts > 0) & (rest > 0)
    here = np.divide(totals, counts, where=usable, out=np.zeros(levels))
    else_ = np.divide(values.sum() - totals, rest, where=usable, out=np.zeros(levels))
    weight = np.where(usable, np.abs(here - else_) * np.sqrt(counts * rest.astype(np.float64)), -1.0)
    at = int(weight.argmax())
    if levels == 2:  # said of what is there, not of what is not
        at = 1
    return best.levels[at], float(here[at]), float(else_[at])


def _greatest(values: NDArray[np.float64]) -> Iterator[int]:
    filled = np.nan_to_num(values, nan=-np.inf)
    if not len(filled) or not np.isfinite(filled).any():
        return
    order = np.argsort(-filled, kind="stable")[: CONTEXTS * (2 * APART + 1)]
    taken: list[int] = []
    for at in order.tolist():
        if np.isfinite(filled[at]) and all(abs(at - each) > APART for each in taken):
            taken.append(at)
            yield at
        if len(taken) == CONTEXTS:
            return


def properties(passage: Passage) -> list[Property]:
    """All that is looked at, those with few levels first."""
    return [
        _states(passage, "quotes", ("outside quotes", "inside quotes"), _quotes()),
        _states(passage, "brackets", ("no bracket", "in 1 bracket", "in 2 brackets", "in 3 or more"), _brackets()),
        _states(passage, "sort", _SORTS, _sort),
        _states(passage, "place in the word", _WORD, _in_word()),
        _states(passage, "place in the line", _LINE, _in_line()),
        _common(passage, "character" if max(map(len, passage.tokens), default=1) == 1 else "token", 0),
        _common(passage, "the one before", 1),
    ]


def _states(passage: Passage, name: str, levels: tuple[str, ...], after: Callable[[str, bool], int]) -> Property:
    """`after` gives the level after a token, told whether a sequence begins with it."""
    pairs = zip(passage.tokens, passage.starts.tolist(), strict=True)
    codes = np.fromiter((after(token, new) for token, new in pairs), np.int64, len(passage))
    return Property(name, levels, codes)


OPEN, CLOSED = "“„«", "”»"


def _quotes() -> Callable[[str, bool], int]:
    """A blank line ends what nobody closed."""
    inside, ended = False, False

    def after(token: str, new: bool) -> int:
        nonlocal inside, ended
        inside = inside and not new
        for char in token:
            if char == '"':
                inside = not inside
            elif char in OPEN:
                inside = True
            elif char in CLOSED or (char == "\n" and ended):
                inside = False
            ended = char == "\n"
        return int(inside)

    return after


def _brackets() -> Callable[[str, bool], int]:
    depth = 0

    def after(token: str, new: bool) -> int:
        nonlocal depth
        depth = 0 if new else depth
        for char in token:
            if char in "([{":
                depth += 1
            elif char in ")]}":
                depth = max(0, depth - 1)
        return min(depth, 3)

    return after


_SORTS = ("space", "newline", "small letter", "capital", "digit", "punctuation")


def _sort(token: str, _: bool) -> int:
    """Of the first character that is no space."""
    char = token.strip()[:1] or token[:1]
    if char in ("\n", "\r"):
        return 1
    if not char or char.isspace():
        return 0
    if char.isdigit():
        return 4
    if char.isalpha():
        return 3 if char.isupper() else 2
    return 5


_WORD = ("between words", "first letter", "second", "third", "fourth or fifth", "sixth or later")


def _in_word() -> Callable[[str, bool], int]:
    at = 0

    def after(token: str, new: bool) -> int:
        nonlocal at
        at = 0 if new else at
        for char in token:
            at = at + 1 if char.isalnum() or char in "'’_" else 0
        return at if at < 4 else 4 if at < 6 else 5

    return after


_EDGES = (0, 1, 3, 8, 16, 32, 64)
_LINE = ("newline", "1 or 2 into the line", "3–7", "8–15", "16–31", "32–63", "64 or more into the line")


def _in_line() -> Callable[[str, bool], int]:
    at = 0

    def after(token: str, new: bool) -> int:
        nonlocal at
        at = 0 if new else at
        for char in token:
            at = 0 if char == "\n" else at + 1
        return sum(at >= edge for edge in _EDGES) - 1

    return after


def _common(passage: Passage, name: str, back: int) -> Property:
    """The commonest tokens, each a level; `back`: so many before."""
    tokens = ["", *passage.tokens][: len(passage)] if back else list(passage.tokens)
    levels = [each for each, _ in Counter(tokens).most_common(COMMON)]
    number = {each: at for at, each in enumerate(levels)}
    codes = np.fromiter((number.get(each, len(levels)) for each in tokens), np.int64, len(tokens))
    return Property(name, (*map(repr, levels), "others"), codes)


def context(passage: Passage, at: int, around: int = AROUND) -> tuple[str, str, str]:
    """The text before, at and after a token."""
    before = "".join(passage.tokens[max(0, at - around) : at])
    return before, passage.tokens[at], "".join(passage.tokens[at + 1 : at + 1 + around])
