"""Which layer of a network misbehaved, since when, and how. Pure.

The thresholds are those of the diagnosis; but what is marked here is a single layer's, whatever comes of it for the
training, so whether that learns is not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.rules.inside import (
    ALL_DEAD,
    COLLAPSED,
    DEAD,
    EXPLODED,
    EXPLODED_RATIO,
    GROWN,
    SATURATED,
    VANISHED,
    VANISHED_RATIO,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trainboard.layers import LayerMap

    Matrix = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Codes = NDArray[np.int8]

IN_A_ROW = 3
"""Values that say the same, before a layer is said to misbehave; all, where it has fewer."""
TINY_GRADIENT = 1e-6
"""Of a layer that has no more, nobody expects an update."""
EXPERT = "expert"
"""In the name of a layer that sees some inputs only: that most of it has no gradient is what it is for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to misbehave."""

    word: str
    sign: str
    """One cell on the map."""
    look: Callable[[LayerMap], tuple[Mask, Mask] | None]
    """Layers × steps: where it is so, and where anybody can know; None: nobody measured what tells it."""
    in_a_row: int = IN_A_ROW
    backwards: bool = False
    """What is wrong goes with the gradient from the outputs to the inputs: of two layers the later one was first."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A layer's first time of one kind."""

    layer: int
    column: int
    until: int | None
    """The column at which it was over; None where it lasts."""
    kind: int
    """Its place in `KINDS`."""


@dataclass(frozen=True, slots=True, eq=False)
class Behaviour:
    """What was wrong with each layer, and what was first."""

    codes: Codes
    """Layers × steps: a place in `KINDS`, the worst; -1 where nothing is wrong."""
    episodes: tuple[Episode, ...]
    """One for each layer and kind. What is not finite comes before all else; then by step, then as it spread."""


def behaviour(layers: LayerMap) -> Behaviour:
    """How the layers behaved. It takes 0.1 s for a thousand layers and as many steps."""
    shape = len(layers.layers), len(layers.steps)
    codes = np.full(shape, -1, np.int8)
    episodes: list[Episode] = []
    for number, kind in reversed([*enumerate(KINDS)]):
        looked = kind.look(layers)
        if looked is None:
            continue
        is_so, known = looked
        for layer in np.flatnonzero((is_so & known).any(axis=1)).tolist():
            columns = np.flatnonzero(known[layer])
            stretches = _stretches(is_so[layer, columns], min(kind.in_a_row, len(columns)))
            for start, end in stretches:
                codes[layer, columns[start] : (columns[end] if end < len(columns) else shape[1])] = number
            if stretches:
                start, end = stretches[0]
                until = int(columns[end]) if end < len(columns) else None
                episodes.append(Episode(layer, int(columns[start]), until, number))
    episodes.sort(key=lambda each: (each.kind != 0, each.column, each.kind, _way(each)))
    return Behaviour(codes, tuple(episodes))


def _way(episode: Episode) -> int:
    return -episode.layer if KINDS[episode.kind].backwards else episode.layer


def _stretches(is_so: Mask, least: int) -> list[tuple[int, int]]:
    """From where to where it is so, at least so often in a row."""
    edges = np.flatnonzero(np.diff(is_so, prepend=False, append=False))
    return [
        (start, end)
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        if end - start >= least
    ]


def _taken(layers: LayerMap, *quantities: str) -> tuple[Matrix, Mask] | None:
    """The first of these quantities that was measured."""
    found = next((word for word in quantities if word in layers.quantities), None)
    return None if found is None else (layers.quantities[found], layers.seen[found])


def _not_finite(layers: LayerMap) -> tuple[Mask, Mask]:
    seen = np.logical_or.reduce([*layers.seen.values()])
    broken = [mask & ~np.isfinite(layers.quantities[word]) for word, mask in layers.seen.items()]
    return np.logical_or.reduce(broken), seen


def _gradients(layers: LayerMap) -> tuple[Matrix, Mask, Matrix] | None:
    """The norms of the gradients, and those of the last layer that has any, by step."""
    taken = _taken(layers, "grad_norm")
    if taken is None:
        return None
    norms, seen = taken
    having = np.flatnonzero(seen.any(axis=1))
    if len(having) < 2:
        return None
    last = np.where(seen[having[-1]], norms[having[-1]], np.nan)
    return norms, seen, last


def _exploding(layers: LayerMap) -> tuple[Mask, Mask] | None:
    found = _gradients(layers)
    if found is None:
        return None
    norms, seen, last = found
    first = np.array([row[mask][0] if mask.any() else np.nan for row, mask in zip(norms, seen, strict=True)])
    against_last = (norms > EXPLODED_RATIO * last) & (norms > 1) & (last > 0)
    grown = (norms >= EXPLODED) & (norms > GROWN * first[:, None])
    updates = _taken(layers, "update_ratio")
    if updates is not None:  # of what is never updated nobody zeroes the gradient: it grows and does no harm
        still = updates[1].any(axis=1) & ~(updates[1] & (updates[0] != 0)).any(axis=1)
        against_last &= ~still[:, None]
        grown &= ~still[:, None]
    return against_last | grown, seen


def _vanishing(layers: LayerMap) -> tuple[Mask, Mask] | None:
    found = _gradients(layers)
    if found is None:
        return None
    norms, seen, last = found
    return (norms > 0) & (norms < VANISHED) & (norms < VANISHED_RATIO * last), seen


def _dead(layers: LayerMap) -> tuple[Mask, Mask] | None:
    """The last layer and experts may be as they like, and one that gets zeros only is not dead itself."""
    so, known = np.zeros((2, len(layers.layers), len(layers.steps)), np.bool_)
    taken = _taken(layers, "dead", "grad_zeros")
    if taken is not None:
        shares, seen = taken
        having = np.flatnonzero(seen.any(axis=1))
        counted = np.array([EXPERT not in name.lower() for name in layers.layers])
        counted[having[-1:]] &= len(having) < 2
        so, known = (shares >= DEAD) & counted[:, None] & ~_fed_zeros(shares, seen), seen.copy()
    for word in ("zeros", "activation_zeros", "activation_dead"):
        if word in layers.quantities:
            so |= layers.seen[word] & (layers.quantities[word] >= ALL_DEAD)
            known |= layers.seen[word]
    return so, known


def _fed_zeros(shares: Matrix, seen: Mask) -> Mask:
    """Where a layer has no gradient since the one before it gives zeros only.

    A dead layer keeps the gradient from all before it, and the weights of the next one get none, as their inputs are
    zero: of a stretch of layers without any gradient the last one follows, and the one before that is dead.
    """
    found = np.zeros(shares.shape, np.bool_)
    having = np.flatnonzero(seen.any(axis=1))
    nothing = seen[having] & (shares[having] >= 1)
    found[having[1:]] = nothing[1:] & nothing[:-1]
    found[having[:-1]] &= ~nothing[1:]
    return found


def _follows(layers: LayerMap) -> tuple[Mask, Mask] | None:
    taken = _taken(layers, "dead", "grad_zeros")
    if taken is None:
        return None
    so = _fed_zeros(*taken)
    having = np.flatnonzero(taken[1].any(axis=1))
    so[having[-1:]] = False  # as with the dead: the last layer may be as it likes
    return so, taken[1]


def _saturated(layers: LayerMap) -> tuple[Mask, Mask] | None:
    taken = _taken(layers, "saturated", "activation_saturated")
    return None if taken is None else (taken[0] > SATURATED, taken[1])


def _collapsed(layers: LayerMap) -> tuple[Mask, Mask] | None:
    taken = _taken(layers, "norm")
    if taken is None:
        return None
    norms, seen = taken
    first = np.array([row[mask][0] if mask.any() else np.nan for row, mask in zip(norms, seen, strict=True)])
    return (norms < COLLAPSED * first[:, None]) & (first[:, None] > 0), seen


def _frozen(layers: LayerMap) -> tuple[Mask, Mask] | None:
    taken = _taken(layers, "update_ratio")
    if taken is None:
        return None
    ratios, seen = taken
    moving = (seen & (ratios > 0)).any(axis=0)
    so = (ratios == 0) & moving
    gradients = _taken(layers, "grad_norm")
    if gradients is not None:
        so &= ~gradients[1] | (gradients[0] > TINY_GRADIENT)
    return so, seen


KINDS = (
    Kind("not finite", "×", _not_finite, 1),
    Kind("exploding gradient", "^", _exploding, backwards=True),
    Kind("vanishing gradient", "v", _vanishing, backwards=True),
    Kind("dead units", "d", _dead, backwards=True),
    Kind("gets zeros only, follows the dead layer before it", "z", _follows),
    Kind("saturated", "s", _saturated),
    Kind("collapsed weights", "c", _collapsed),
    Kind("not updated", "f", _frozen),
)
"""The worst first."""
