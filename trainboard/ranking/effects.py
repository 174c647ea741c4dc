"""How much of a metric's differences goes with one parameter: the variance between its levels, as a share. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from specs.braces import as_text
from trainboard.ranking.columns import cell, is_number
from trainboard.ranking.table import is_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from specs.model import Scalar
    from trainboard.compare import Comparison, Entry
    from trainboard.ranking.columns import Column

LEVELS = 10
"""Values of a number up to which each is a level of its own; of more, quantile bins are."""
BINS = 8

CAVEAT = (
    "Share of the variance between a parameter's values (η²), each parameter by itself: what two do only together "
    "does not show, and where settings were not all combined one stands for another. By chance alone it would be "
    "what is told beside it."
)


@dataclass(frozen=True, slots=True)
class Effect:
    """One parameter."""

    param: str
    share: float
    """η²: of the metric's variance, what lies between the parameter's levels; from 0 to 1."""
    chance: float
    """The share that so many levels have on average where the parameter does nothing: (levels - 1) / (runs - 1)."""
    levels: int
    runs: int
    binned: bool = False
    """Whether its values were taken together in quantile bins."""

    def as_json(self) -> dict[str, Any]:
        """The keys that `results --importance --json` promises."""
        return {
            "param": self.param,
            "share": self.share,
            "by_chance": self.chance,
            "levels": self.levels,
            "runs": self.runs,
            "binned": self.binned,
        }


@dataclass(frozen=True, slots=True)
class Sample:
    """The runs that have a finite value of a metric, and which value."""

    entries: tuple[Entry, ...]
    values: NDArray[np.float64]
    left_out: int
    """Runs without such a value."""


def sample(entries: Sequence[Entry], column: Column) -> Sample:
    """The runs of these that count."""
    found = [(entry, cell(entry, column)) for entry in entries]
    kept = [(e, float(v)) for e, v in found if isinstance(v, int | float) and is_number(v) and math.isfinite(v)]
    return Sample(tuple(e for e, _ in kept), np.array([v for _, v in kept]), len(found) - len(kept))


def effects(found: Comparison, column: Column) -> tuple[Effect, ...]:
    """Of every parameter that differs but the seeds, the greatest share first."""
    counted = sample(found.entries, column)
    all_of_them = (effect(counted, name) for name in found.params if not is_seed(name))
    return tuple(sorted((each for each in all_of_them if each is not None), key=lambda each: -each.share))


def effect(counted: Sample, param: str) -> Effect | None:
    """Of one parameter; None where there is nothing to compare."""
    values = [entry.params.get(param) for entry in counted.entries]
    groups, binned = levels(values)
    runs, count = len(values), len(set(groups.tolist()))
    if count < 2 or runs < 3:
        return None
    y = counted.values
    scale = float(np.abs(y).max()) or 1.0
    y = y / scale
    y = y - y.mean()
    total = float((y**2).sum())
    if not total > 0:
        return None
    sizes = np.bincount(groups)
    sums = np.bincount(groups, weights=y)
    kept = sizes > 0
    between = float((sums[kept] ** 2 / sizes[kept]).sum())
    return Effect(param, min(1.0, between / total), (count - 1) / (runs - 1), count, runs, binned)


def levels(values: Sequence[Scalar]) -> tuple[NDArray[np.intp], bool]:
    """Of each value the number of its level, and whether these are bins: numbers of which there are many."""
    kinds = list(dict.fromkeys(map(repr, values)))
    numbers = [float(value) for value in values if isinstance(value, int | float) and is_number(value)]
    if len(numbers) < len(values) or len(kinds) <= LEVELS or not np.isfinite(numbers).all():
        places = {kind: place for place, kind in enumerate(kinds)}
        return np.array([places[repr(value)] for value in values], np.intp), False
    found = np.array(numbers)
    edges = np.unique(np.quantile(found, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, found, side="right").astype(np.intp), True


def encoded(entries: Sequence[Entry], params: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Parameters as columns of numbers, and whose each column is: a number is itself, words have a column each."""
    columns: list[NDArray[np.float64]] = []
    owners: list[str] = []
    for name in params:
        values = [entry.params.get(name) for entry in entries]
        if all(isinstance(value, int | float) and is_number(value) and math.isfinite(value) for value in values):
            columns.append(np.array([float(value or 0) for value in values]))
            owners.append(name)
            continue
        texts = [f"{type(value).__name__} {as_text(value)}" for value in values]
        for text in dict.fromkeys(texts):
            columns.append(np.array([float(each == text) for each in texts]))
            owners.append(name)
    table = np.stack(columns, axis=1) if columns else np.empty((len(entries), 0))
    return table, tuple(owners)
