"""The layers of a network as a picture: what is seen of each, at which level of which scale. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trainboard.layers import LayerMap

    Numbers = NDArray[np.float64]
    Codes = NDArray[np.int8]

LEVELS = 32
"""Tones of a scale, and heights of a block of four lines."""
ABSENT, WILD, ZERO = -1, -2, -3
"""Codes of a cell that has no level: nothing was measured, it is not finite, it is zero on a logarithmic scale."""
DECADES = 12.0
"""What is that much below the greatest is at the bottom of a logarithmic scale."""
_PART = re.compile(r"[./]*[^./]+[./]*$|[./]*[^./]+")
_SHARES = ("zeros", "dead", "saturated")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One quantity of all layers, as wide as the screen."""

    values: Numbers
    """Rows × groups of neighbouring columns: the greatest of a group; nan where one of it is, or nothing."""
    codes: Codes
    """Rows × groups: a level from 0 to `LEVELS` - 1, or `ABSENT`, `WILD` or `ZERO`."""
    steps: Numbers
    """The last step of each group."""
    low: float
    """Of the scale; that of all layers, where each has its own."""
    high: float
    log: bool


def picture(
    layers: LayerMap, quantity: str, width: int, *, log: bool = True, own: bool = False, together: int = 1
) -> Picture | None:
    """At most `width` groups; None where nothing was measured.

    `own`: each row has a scale of its own; `together`: so many neighbouring layers are one row. Shares have the scale
    from 0 to 1. A quantity with negative values, such as a mean, has a linear one.
    """
    seen = layers.seen[quantity]
    columns = np.flatnonzero(seen.any(axis=0))
    count = min(len(columns), width)
    if count < 1:
        return None
    starts = np.arange(count) * len(columns) // count
    seen, values = seen[:, columns], layers.quantities[quantity][:, columns]
    rows = np.arange(0, len(values), together)
    present = np.logical_or.reduceat(np.logical_or.reduceat(seen, starts, axis=1), rows)
    greatest = np.maximum.reduceat(np.maximum.reduceat(np.where(seen, values, -np.inf), starts, axis=1), rows)
    greatest = np.where(present, greatest, np.nan)
    steps = layers.steps[columns][np.append(starts[1:], len(columns)) - 1]
    share = quantity.endswith(_SHARES)
    finite = np.isfinite(greatest)
    log = log and not share and bool((greatest[finite] >= 0).all())
    codes, low, high = _coded(greatest, finite, share=share, log=log, own=own)
    codes[present & ~finite] = WILD
    codes[~present] = ABSENT
    return Picture(greatest, codes, steps, low, high, log)


def _coded(
    values: Numbers, finite: NDArray[np.bool_], *, share: bool, log: bool, own: bool
) -> tuple[Codes, float, float]:
    """The levels of the finite values, and the ends of the scale."""
    counted = finite & (values > 0) if log else finite
    if not counted.any():
        return np.full(values.shape, ZERO if log else 0, np.int8), 0.0, 0.0
    on_scale = np.where(counted, values, np.nan)
    if log:
        on_scale = np.log10(on_scale, where=counted, out=on_scale)
    axis = 1 if own and not share else None
    low = np.fmin.reduce(on_scale, axis=axis, keepdims=True)
    high = np.fmax.reduce(on_scale, axis=axis, keepdims=True)
    if share:
        low, high = np.zeros_like(low), np.maximum(high, 1.0)
    if log:
        low = np.maximum(low, high - DECADES)
    span = high - low
    place = np.divide(on_scale - low, span, where=span > 0, out=np.full(values.shape, 0.5))
    codes = np.clip(np.nan_to_num(place) * LEVELS, 0, LEVELS - 1).astype(np.int8)
    if log:
        codes[finite & ~counted] = ZERO
    ends = float(np.nanmin(low)), float(np.nanmax(high))
    return codes, *((10.0 ** ends[0], 10.0 ** ends[1]) if log else ends)


def labels(layers: Sequence[str]) -> list[str]:
    """The names less what all of them begin or end with, in whole parts."""
    parts = [_PART.findall(name) for name in layers]
    for end in (-1, 0):
        while len(parts) > 1 and min(map(len, parts)) > 1 and len({each[end] for each in parts}) == 1:
            for each in parts:
                del each[end]
    return ["".join(each).lstrip("./") for each in parts]
