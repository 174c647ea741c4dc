"""Inside the network: metrics that are named per layer, put together as layer × step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from trainboard.layernames import QUANTILES, QUANTITIES, part, quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from trainboard.series import Series

    Matrix = NDArray[np.float64]
    Cube = NDArray[np.float64]
    Mask = NDArray[np.bool_]

COLUMNS = 1024
"""Steps kept: more than the widest screen has columns."""
_TENSORS = ("", "grad_", "update_", "activation_")


@dataclass(frozen=True, slots=True, eq=False)
class LayerMap:
    """Quantities of the layers of a network, as they went."""

    layers: tuple[str, ...]
    """In the order in which they first appear: that of the network, where they are printed in a loop."""
    steps: Matrix
    """One for each column, rising; the last of those that share it."""
    index: str
    """What the steps count, in the program's word; empty where it is our count."""
    quantities: Mapping[str, Matrix]
    """Layers × steps: the greatest value of a column (of a minimum the least), nan where one of its values is, and
    where it has none: see `seen`."""
    seen: Mapping[str, Mask]
    """Layers × steps: whether anything was measured."""
    spreads: Mapping[str, Cube] = field(default_factory=dict)
    """Distributions, by the prefix of their tensor: empty for the weights, else `grad_`, `update_`, `activation_`.
    Layers × steps × `layernames.QUANTILES`, rising; nan where none was told."""


def layer_map(series: Mapping[str, Series]) -> LayerMap | None:
    """The metrics of a run that are named per layer; None where there are not two of them.

    Where some count epochs and some steps, those that are more. It takes 0.1 s for a million samples: off the event
    loop where a run may have as many.
    """
    named = _named(series)
    if len(named) < 2:
        return None
    columns = {cell: _finite_steps(each) for cell, each in named.items()}
    last = _shared(taken for taken, _ in columns.values())
    layers = tuple(dict.fromkeys(layer for layer, _ in named))
    row = {layer: at for at, layer in enumerate(layers)}
    words = [word for _, word in named if quantile(word) is None]
    quantities = {word: np.full((len(layers), len(last)), np.nan) for word in _in_order(words)}
    seen = {word: np.zeros(matrix.shape, np.bool_) for word, matrix in quantities.items()}
    place = starts = np.zeros(0, np.intp)
    before: Matrix | None = None
    tensors = dict.fromkeys(found[0] for _, word in named if (found := quantile(word)) is not None)
    spreads = {tensor: np.full((len(layers), len(last), len(QUANTILES)), np.nan) for tensor in sorted(tensors)}
    for (layer, word), (taken, values) in columns.items():
        if before is None or not np.array_equal(taken, before):
            place = np.searchsorted(last, taken)
            starts = np.flatnonzero(np.diff(place, prepend=-1))
            before = taken
        if (found := quantile(word)) is not None:
            # Of the steps of a column the last: the quantiles of one step belong together.
            spreads[found[0]][row[layer], place[starts], found[1]] = values[np.append(starts[1:], len(values)) - 1]
            continue
        pick = np.minimum if word.endswith("min") else np.maximum
        if len(taken):
            quantities[word][row[layer], place[starts]] = pick.reduceat(values, starts)
            seen[word][row[layer], place[starts]] = True
    index = next(iter(named.values())).index
    if not quantities:
        return None
    for cube in spreads.values():
        _complete(cube, last)
    return LayerMap(layers, last, index, quantities, seen, spreads)


def _complete(cube: Cube, steps: Matrix) -> None:
    """Where only some quantiles of a step are here, as after a thinning, the others are between their neighbours.

    A layer of which a quantile was never told has no distributions.
    """
    for layer in cube:
        told = np.isfinite(layer)
        if not told.any(axis=0).all():
            layer[:] = np.nan
            continue
        columns = told.any(axis=1)
        for place in np.flatnonzero(~told[columns].all(axis=0)):
            known = told[:, place]
            layer[columns, place] = np.interp(steps[columns], steps[known], layer[known, place])
        np.maximum.accumulate(layer, axis=1, out=layer)


def _named(series: Mapping[str, Series]) -> dict[tuple[str, str], Series]:
    """The series of each layer and quantity, all with the same index."""
    parts = {metric: said for metric in series if (said := part(metric)) is not None}
    sure = {said.layer for said in parts.values() if said.sure}
    found: dict[tuple[str, str], Series] = {}
    for metric, said in parts.items():
        cell = said.layer, said.quantity
        # The same from two sources, or by two names: the one with more samples.
        if said.layer in sure and (cell not in found or len(found[cell]) < len(series[metric])):
            found[cell] = series[metric]
    common = Counter(each.index for each in found.values()).most_common(1)
    return {cell: each for cell, each in found.items() if each.index == common[0][0]}


def _finite_steps(series: Series) -> tuple[Matrix, Matrix]:
    steps, values, _ = series.current()
    finite = np.isfinite(steps)
    return (steps, values) if finite.all() else (steps[finite], values[finite])


def _shared(columns: Iterable[Matrix]) -> Matrix:
    """The last step of each column. Most series have the same steps: those are sorted once."""
    different: list[Matrix] = []
    for steps in columns:
        if not any(np.array_equal(steps, other) for other in different[-2:]):
            different.append(steps)
    union = np.unique(np.concatenate(different))
    count = min(len(union), COLUMNS)
    return union[np.arange(1, count + 1) * len(union) // max(count, 1) - 1]


def _in_order(words: Iterable[str]) -> list[str]:
    order = {tensor + word: at for at, (word, tensor) in enumerate((w, t) for w in QUANTITIES for t in _TENSORS)}
    return sorted(set(words), key=order.__getitem__)
