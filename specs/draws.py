"""Values by lot, the same on every machine: each comes from a hash of what it is drawn for. Pure."""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist
from typing import TYPE_CHECKING

from specs.model import Between, Choice, Normal, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specs.model import Distribution, Scalar

DIGITS = 6
"""Significant digits of a number that is drawn: few enough to read, and no two machines differ in them."""

BITS = 53
"""Of a number between 0 and 1; as many as a float has."""


def draw(distribution: Distribution, random_seed: int, name: str, sample: str) -> Scalar:
    """The value of one parameter in one sample. It depends on nothing else: more samples keep the earlier ones."""
    number = lot(random_seed, name, sample)
    if isinstance(distribution, Choice):
        return distribution.values[_place(distribution.weights or (1.0,) * len(distribution.values), number)]
    if isinstance(distribution, Normal):
        return _rounded(distribution.mean + distribution.std * NormalDist().inv_cdf((number + 0.5) / 2**BITS))
    return _between(distribution, number)


def size(distribution: Distribution) -> float:
    """How many values may be drawn; infinite for a number that is not whole."""
    match distribution:
        case Choice():
            return len(whole(distribution))
        case Between(shape=Shape.INT | Shape.LOG_INT):
            return int(distribution.max) - int(distribution.min) + 1
        case _:
            return math.inf


def whole(distribution: Distribution) -> Sequence[Scalar]:
    """All of them; none where `size` is infinite."""
    match distribution:
        case Choice(values, weights):
            return [value for value, weight in zip(values, weights or (1.0,) * len(values), strict=True) if weight]
        case Between(shape=Shape.INT | Shape.LOG_INT):
            return range(int(distribution.min), int(distribution.max) + 1)
        case _:
            return ()


def lot(random_seed: int, name: str, sample: str) -> int:
    """A whole number below `2**BITS`, all of them alike."""
    text = f"{random_seed}\n{name}\n{sample}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - BITS)


def pick(count: int, random_seed: int, name: str, sample: str) -> int:
    """A position among `count`."""
    return lot(random_seed, name, sample) * count >> BITS


def _between(within: Between, number: int) -> float:
    low, high = within.min, within.max
    match within.shape:
        case Shape.INT:
            return int(low) + (number * (int(high) - int(low) + 1) >> BITS)
        case Shape.LOG_INT:
            found = math.floor(_on_log(low, high + 1, number / 2**BITS))
            return min(max(found, int(low)), int(high))
        case Shape.LOG_UNIFORM:
            return min(max(_rounded(_on_log(low, high, number / 2**BITS)), low), high)
        case Shape.UNIFORM:
            part = number / 2**BITS
            return min(max(_rounded(low * (1 - part) + high * part), low), high)


def _on_log(low: float, high: float, part: float) -> float:
    return math.exp(math.log(low) * (1 - part) + math.log(high) * part)


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def _place(weights: Sequence[float], number: int) -> int:
    target, so_far = sum(weights) * (number / 2**BITS), 0.0
    for place, weight in enumerate(weights):
        so_far += weight
        if target < so_far:
            return place
    return max(place for place, weight in enumerate(weights) if weight)
