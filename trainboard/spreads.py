"""Distributions that are told as quantiles: how much of one is where, and what range shows most of many. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.layernames import PERCENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

SHARES = np.array(PERCENTS) / 100
"""Of the numbers that are at a quantile or below."""
INNER = PERCENTS.index(1), PERCENTS.index(99)
"""The quantiles between which a range shows a distribution whole, but for its tails."""
STEADY = 5.0
"""Percent of the steps, at either end, that do not count for the range: when all breaks, the rest is still seen."""
MARGIN = 0.05
"""Of the range, added at either end."""


def below(quantiles: Numbers, values: Numbers) -> Numbers:
    """The share of a distribution that is at each value or below."""
    return np.interp(values, quantiles, SHARES, left=0.0, right=1.0)


def shares(quantiles: Numbers, edges: Numbers) -> Numbers:
    """Of each of many distributions, rows of `quantiles`, what is between each two edges; nan where one has none."""
    found = [below(each, edges) if np.isfinite(each).all() else np.full(len(edges), np.nan) for each in quantiles]
    return np.diff(np.array(found).reshape(len(quantiles), len(edges)), axis=1)


def span(quantiles: Numbers, *, whole: bool = False) -> tuple[float, float] | None:
    """The range in which these distributions are looked at; None where there is none.

    From the first percent to the last, but for steps that are far off; `whole`: from the least to the greatest.
    """
    told = quantiles[np.isfinite(quantiles).all(axis=1)]
    if not len(told):
        return None
    if whole:
        low, high = float(told[:, 0].min()), float(told[:, -1].max())
    else:
        low = float(np.percentile(told[:, INNER[0]], STEADY))
        high = float(np.percentile(told[:, INNER[1]], 100 - STEADY))
    margin = MARGIN * (high / 2 - low / 2) * 2 if high > low else max(abs(low), abs(high), 1e-12) / 2
    return low - margin, high + margin


def distance(one: Numbers, other: Numbers) -> float:
    """The greatest difference between the shares below any value, from 0 to 1 (Kolmogorov and Smirnov)."""
    values = np.concatenate([one, other])
    values = np.concatenate([values, np.nextafter(values, -np.inf)])
    return float(np.abs(below(one, values) - below(other, values)).max())
