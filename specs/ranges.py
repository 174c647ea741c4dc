"""Ranges of numbers as lists of values, in exact arithmetic of what was written: 0.1 three times is 0.3. Pure."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Number = int | float

DIGITS = 12
"""Significant digits of a value on a logarithmic range: what lies behind them is rounding."""


def linspace(first: Number, last: Number, count: int) -> tuple[Number, ...]:
    """`count` values in equal steps, both ends among them; whole numbers where all of them are."""
    low, high = _exact(first), _exact(last)
    if count == 1:
        return (first,)
    found = [low + (high - low) * n / (count - 1) for n in range(count)]
    return _numbers(found, whole=isinstance(first, int) and isinstance(last, int))


def logspace(first: Number, last: Number, count: int) -> tuple[Number, ...]:
    """The same in equal factors; both ends are more than 0."""
    if count == 1:
        return (first,)
    low, high = math.log(first), math.log(last)
    inner = [math.exp(low + (high - low) * n / (count - 1)) for n in range(1, count - 1)]
    found = [_exact(first), *(Fraction(f"{value:.{DIGITS}g}") for value in inner), _exact(last)]
    return _numbers(found, whole=isinstance(first, int) and isinstance(last, int))


def steps(start: Number, stop: Number, step: Number) -> int:
    """How many values `stepped` gives; `step` is not 0."""
    return max(0, math.ceil((_exact(stop) - _exact(start)) / _exact(step)))


def stepped(start: Number, stop: Number, step: Number) -> tuple[Number, ...]:
    """From `start` in steps as far as before `stop`, as Python's `range`; fractions too."""
    whole = all(isinstance(each, int) for each in (start, stop, step))
    return _numbers([_exact(start) + _exact(step) * n for n in range(steps(start, stop, step))], whole=whole)


def _exact(number: Number) -> Fraction:
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def _numbers(found: Sequence[Fraction], *, whole: bool) -> tuple[Number, ...]:
    if whole and all(each.denominator == 1 for each in found):
        return tuple(int(each) for each in found)
    return tuple(float(each) for each in found)
