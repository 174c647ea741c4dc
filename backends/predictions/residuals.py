"""Metrics of numbers, piece by piece, and the distribution of residuals."""

import math
from typing import Any, Dict, List, Optional, Sequence, Tuple

from backends.predictions.plain import Column, Plain

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
CELLS = 40
"""Bars of the histogram, and columns of the grid."""

ROWS = 20
"""Of the grid."""

TAIL = 0.001
"""What may lie beyond either end of the histogram, so that one value does not make it flat."""


class Residuals(object):
    """What is summed up."""

    def __init__(self, kernel: Plain) -> None:
        self.kernel = kernel
        self.notes = []  # type: List[str]
        self.about = None  # type: Optional[float]
        """The first target: sums of squares are of what lies around it."""
        self.n = 0
        self.weight, self.sums, self.squares = 0.0, 0.0, 0.0
        self.wrong, self.signed, self.absolute = 0.0, 0.0, 0.0

    def take(self, target: Column, predicted: Column, weight: Column) -> Tuple[Any, Any]:
        """Rows: how much each is off, and its residual."""
        kernel = self.kernel
        residual = kernel.less(predicted, target)
        error = kernel.absolute(residual)
        ones = kernel.floats([1.0] * len(target)) if weight is None else weight
        if self.about is None:
            self.about = float(target[0])
        moved = kernel.shifted(target, self.about)
        self.n += len(target)
        self.weight += kernel.total(ones)
        self.sums += kernel.dot(moved, ones)
        self.squares += kernel.dot(kernel.times(moved, moved), ones)
        self.wrong += kernel.dot(kernel.times(residual, residual), ones)
        self.signed += kernel.dot(residual, ones)
        self.absolute += kernel.dot(error, ones)
        return error, residual

    def answer(self) -> Dict[str, Any]:
        """All metrics."""
        around = self.squares - self.sums * self.sums / self.weight
        return {
            "mae": self.absolute / self.weight,
            "rmse": math.sqrt(self.wrong / self.weight),
            "r2": 1 - self.wrong / around if around > 1e-12 * max(self.squares, 1e-300) else None,
            "bias": self.signed / self.weight,
        }


def distribution(kernel: Plain, residual: Column, predicted: Column) -> Dict[str, Any]:
    """Quantiles, a histogram, and how residuals go with predictions."""
    values = kernel.ordered(residual)
    low, high = quantile(values, TAIL), quantile(values, 1 - TAIL)
    edges = even(low, high, CELLS)
    codes = kernel.binned(residual, edges)
    counts = kernel.tally(codes, len(edges) + 2)
    counts[1] += on_edge(kernel, residual, edges[0])
    across = kernel.ordered(predicted)
    columns = even(quantile(across, TAIL), quantile(across, 1 - TAIL), CELLS)
    rows = even(low, high, ROWS)
    x, y = kernel.binned(predicted, columns[1:-1]), kernel.binned(residual, rows[1:-1])
    cells = kernel.tally(kernel.crossed(y, x, len(columns) - 1), (len(columns) - 1) * (len(rows) - 1))
    wide = len(columns) - 1
    below = counts[0] - on_edge(kernel, residual, edges[0])
    return {
        "quantiles": [[q, quantile(values, q)] for q in QUANTILES],
        "histogram": [edges, [int(count) for count in counts[1 : len(edges)]], int(below), int(counts[len(edges)])],
        "grid": [
            columns,
            rows,
            [[int(cells[at + row * wide]) for at in range(wide)] for row in range(len(rows) - 1)],
        ],
    }


def on_edge(kernel: Plain, column: Column, edge: float) -> float:
    """How many values are exactly there: the first of the bars has them."""
    return kernel.chosen(kernel.within(column, edge, edge))  # type: ignore[arg-type]  # compares numbers all the same


def quantile(ordered: Column, q: float) -> float:
    """Between its two neighbours by the way, as numpy has it."""
    at = q * (len(ordered) - 1)
    low = int(math.floor(at))
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (at - low))


def even(low: float, high: float, parts: int) -> List[float]:
    """Edges of equal parts; two around a single value."""
    if not high > low:
        half = abs(low) * 1e-6 or 0.5
        low, high = low - half, high + half
    return [low + (high - low) * at / parts for at in range(parts)] + [high]
