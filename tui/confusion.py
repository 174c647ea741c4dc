"""A confusion matrix as it is looked at: in which order, normalised how, at which levels of a scale. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from tui.heat import LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainboard.predictions.summary import Classification

    Numbers = NDArray[np.float64]


class Norm(StrEnum):
    """What a cell is counted in."""

    ROWS = "number of rows"
    TARGET = "% of the target"
    PREDICTED = "% of the prediction"


class Order(StrEnum):
    """Of the classes."""

    FILE = "by name"
    WORST = "most confused first"


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Target × predicted; classes may be in another order than in the file."""

    names: tuple[str, ...]
    counts: Numbers
    shown: Numbers
    """In what the norm says; nan where a class has no rows."""
    levels: NDArray[np.int8]
    """From 0 to `LEVELS` - 1. The scale is that of the square root: confusions are rare, and are to be seen."""

    def said(self, target: int, predicted: int) -> str:
        """One cell in words, without the names."""
        count = self.counts[target, predicted]
        parts = [f"{count:,.10g} rows"]
        for total, what in (
            (self.counts[target].sum(), "of the target"),
            (self.counts[:, predicted].sum(), "of the prediction"),
        ):
            if total:
                parts.append(f"{100 * count / total:.1f} % {what}")
        return ", ".join(parts)


def matrix(found: Classification, norm: Norm, order: Order) -> Matrix | None:
    """The matrix; None where there are so many classes that the file's summary has none."""
    if not found.confusion:
        return None
    counts = np.array(found.confusion, np.float64)
    names = [each.name for each in found.classes[: len(counts)]]
    if order is Order.WORST:
        wrong = counts - np.diag(np.diag(counts))
        places = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")
        counts, names = counts[np.ix_(places, places)], [names[place] for place in places]
    shown = counts.copy()
    if norm is not Norm.ROWS:
        totals = counts.sum(axis=1 if norm is Norm.TARGET else 0, keepdims=True)
        totals = np.where(totals > 0, totals, np.nan)
        shown = 100 * counts / totals
    most = float(np.nanmax(shown)) if np.isfinite(shown).any() else 0.0
    share = np.nan_to_num(shown) / most if most > 0 else np.zeros_like(shown)
    levels = np.clip(np.ceil(np.sqrt(share) * (LEVELS - 1)), 0, LEVELS - 1).astype(np.int8)
    return Matrix(tuple(names), counts, shown, levels)


def cell_text(value: float, norm: Norm) -> str:
    """One number, in five cells at most; nothing for nought."""
    if not value > 0:
        return ""
    if norm is not Norm.ROWS:
        return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.05 else "·"
    if value < 10_000:
        return f"{value:.0f}" if value >= 9.95 or value == int(value) else f"{value:.1f}"
    return f"{value / 1e3:.0f}k" if value < 999_500 else f"{value / 1e6:.3g}M"
