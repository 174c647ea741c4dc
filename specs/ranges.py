"""Ranges of numbers as lists of values, in exact arithmetic of what was written: 0.1 three times is 0.3. Pure."""

from __future__ import annotations

import math
from fractions import Fraction

Number = int | float

DIGITS = 12
"""Significant digits of a value on a logarithmic range: what lies behind them is rounding."""


def linspace(first: Number, last: Number, count: int) -> tuple[Number, ...]:
    """`count` values in equal steps, both ends among them; whole numbers where all of them are."""
    low, high = exact(first), exact(last)
    if count == 1:
        return (first,)
    return _even(low, (high - low) / (count - 1), count, whole=isinstance(first, int) and isinstance(last, int))


def logspace(first: Number, last: Number, count: int) -> tuple[Number, ...]:
    """The same in equal factors; both ends are more than 0."""
    if count == 1:
        return (first,)
    low, high = math.log(first), math.log(last)
    inner = [f"{math.exp(low + (high - low) * n / (count - 1)):.{DIGITS}g}" for n in range(1, count - 1)]
    if isinstance(first, int) and isinstance(last, int) and all(float(text).is_integer() for text in inner):
        return (first, *(int(Fraction(text)) for text in inner), last)
    return (float(first), *map(float, inner), float(last))


def steps(start: Number, stop: Number, step: Number) -> int:
    """How many values `stepped` gives; `step` is not 0."""
    return max(0, math.ceil((exact(stop) - exact(start)) / exact(step)))


def stepped(start: Number, stop: Number, step: Number) -> tuple[Number, ...]:
    """From `start` in steps as far as before `stop`, as Python's `range`; fractions too."""
    whole = all(isinstance(each, int) for each in (start, stop, step))
    return _even(exact(start), exact(step), steps(start, stop, step), whole=whole)


def _even(start: Fraction, step: Fraction, count: int, *, whole: bool) -> tuple[Number, ...]:
    """Values in equal steps, each rounded once: as numerators over one denominator, which is much faster."""
    over = math.lcm(start.denominator, step.denominator)
    first, each = int(start * over), int(step * over)
    if whole and over == 1:
        return tuple(first + each * n for n in range(count))
    return tuple((first + each * n) / over for n in range(count))


def exact(number: Number) -> Fraction:
    """What was written: 0.1 is a tenth."""
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)
