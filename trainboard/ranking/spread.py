"""Several values as one: mean, standard deviation and how many. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainboard.compare import mean

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Spread:
    """Values of one metric in several runs."""

    mean: float
    sd: float | None
    """Of the sample, with n - 1; None of a single value."""
    n: int
    """Values that are finite, which the others are of."""
    wild: int = 0
    """Values that are not: nan, or infinite."""


def spread(values: Iterable[float]) -> Spread | None:
    """Of these; None where there are none. The mean of none that is finite is nan."""
    found = list(values)
    finite = [value for value in found if math.isfinite(value)]
    if not found:
        return None
    if not finite:
        return Spread(math.nan, None, 0, len(found))
    middle = mean(finite)
    sd = None
    if len(finite) > 1:
        scale = max(abs(value - middle) for value in finite)
        # Scaled, so that squares neither overflow nor vanish.
        sd = (
            0.0
            if scale == 0
            else scale * math.sqrt(math.fsum(((value - middle) / scale) ** 2 for value in finite) / (len(finite) - 1))
        )
    return Spread(middle, sd, len(finite), len(found) - len(finite))
