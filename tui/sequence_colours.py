"""How the tokens of a text are coloured, with the scale of it: by surprise, by a unit, by what changed. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tui import show
from tui.widgets.token_text import LEVELS, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trainboard.sequences import Passage
    from trainboard.unitreasons import Reason
    from tui.widgets.token_text import Mark

EDGES = (0.5, 0.25, 0.1, 0.03, 0.01, 0.001)
"""Probabilities at which the next colour begins."""
CHANGES = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
"""Bits, likewise."""


def by_surprise(passage: Passage) -> tuple[NDArray[np.int8], Sequence[Mark]]:
    """The less likely what came was held, the further from the middle."""
    known = np.isfinite(passage.chances)
    levels = np.searchsorted(-np.array(EDGES), -np.nan_to_num(passage.chances), side="left").astype(np.int8)
    marks: list[Mark] = [(" probability of what came  ", None)]
    named = zip(("50% up", "25%", "10%", "3%", "1%", "0.1%", "less"), range(LEVELS + 1), strict=True)
    return np.where(known, levels, UNKNOWN).astype(np.int8), [
        *marks,
        *((f" {word} ", level) for word, level in named),
    ]


def by_unit(values: NDArray[np.float64], unit: str, reason: Reason | None) -> tuple[NDArray[np.int8], Sequence[Mark]]:
    """A unit's values against the greatest of them, and what explains them."""
    most = float(np.nanmax(np.abs(values)))
    levels = np.zeros(len(values)) if most == 0 else np.nan_to_num(values) / most * LEVELS
    coded = np.where(np.isfinite(values), np.rint(levels), UNKNOWN).astype(np.int8)
    why = f"  {100 * reason.share:.0f}% by {reason.level}" if reason and reason.share > 0 else ""
    high, half = show.number(most), show.number(most / 2)
    scale = [(f" -{high} ", -LEVELS), (f" -{half} ", -LEVELS // 2), (" 0 ", 0), (f" {half} ", LEVELS // 2)]
    return coded, [(f" unit {show.clean(unit, 20)}{show.clean(why, 60)}  ", None), *scale, (f" {high} ", LEVELS)]


def by_change(passage: Passage, before: Passage) -> tuple[NDArray[np.int8], Sequence[Mark]]:
    """Bits more (worse) or fewer than at the step before, where both have the same token at a place."""
    count = min(len(passage), len(before))
    same = [one == other for one, other in zip(passage.tokens[:count], before.tokens[:count], strict=True)]
    change = np.full(len(passage), math.nan)
    with np.errstate(invalid="ignore"):
        change[:count] = np.where(same, passage.surprise[:count] - before.surprise[:count], math.nan)
    size_of = np.searchsorted(np.array(CHANGES), np.abs(np.nan_to_num(change)), side="right")
    coded = np.where(np.isnan(change), UNKNOWN, np.sign(np.nan_to_num(change)) * size_of).astype(np.int8)
    mean = float(np.nanmean(change)) if np.isfinite(change).any() else math.nan
    head = f" since the step before: {mean:+.3g} bits a token" if not math.isnan(mean) else " another text before"
    scale: list[Mark] = [(" -5 bits ", -LEVELS), (" -1 ", -3), (" 0 ", 0), (" +1 ", 3), (" +5, worse ", LEVELS)]
    return coded, [(f"{head}  ", None), *scale]
