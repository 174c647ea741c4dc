"""A curve as one line of text, for mail and chat. Pure."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40
"""Characters: a line of it fits on a telephone."""


def curve(values: Sequence[float], width: int = WIDTH) -> str:
    """The values from left to right, the means of neighbours where there are more than fit; `×`: no finite number."""
    means = _means(values, width)
    finite = [value for value in means if math.isfinite(value)]
    if not finite:
        return "×" * len(means)
    low, high = min(finite), max(finite)
    span = high - low or 1.0
    if not math.isfinite(span):  # of numbers that are too far apart: their halves are not
        low, span, means = low / 2, high / 2 - low / 2, [value / 2 for value in means]
    return "".join(_bar((value - low) / span) if math.isfinite(value) else "×" for value in means)


def _bar(share: float) -> str:
    return BARS[min(len(BARS) - 1, int(share * len(BARS)))]


def _means(values: Sequence[float], width: int) -> list[float]:
    count = len(values)
    if count <= width:
        return list(values)
    edges = [count * number // width for number in range(width + 1)]
    pieces = (values[begin:end] for begin, end in pairwise(edges))
    return [_mean([value for value in piece if math.isfinite(value)]) for piece in pieces]


def _mean(values: Sequence[float]) -> float:
    return sum(value / len(values) for value in values) if values else math.nan
