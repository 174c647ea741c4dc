"""A rule about gradients that are clipped to nearly nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import PATIENCE, digits, evaluations, learns_little, learns_not, of_all

if TYPE_CHECKING:
    from trainboard.diagnose.view import View

TIMES, ALIKE, SMALL_UPDATE, VALUES = 50.0, 0.3, 1e-3, 3


def clipping(view: View) -> Finding | None:
    """The gradient is clipped to so little that the steps lead nowhere.

    Trigger: nothing is learned, or less than a third of the loss in ten evaluations; the norm of the gradient that is
    printed is 50 times that of all layers together or more, which stays the same within 30 % as a norm does that is
    cut off; and no layer's update is a thousandth of its weights.
    Defaults: three values of each layer.
    Source: what `clip_grad_norm_` returns is the norm before the cut.
    Advice: clip at a norm near the usual one; a hundredth of it is a learning rate that is a hundred times lower.
    """
    norms = of_all(view.layers, "grad_norm", VALUES)
    if view.gradient is None or view.gradient.count < VALUES or not norms:
        return None
    if not learns_not(view) and not (learns_little(view) and evaluations(view) >= PATIENCE):
        return None
    kept = _together(view)
    said = float(np.median(view.gradient.history.means[-10:]))
    steps = [each.typical for each in of_all(view.layers, "update_ratio", 2).values()]
    if (
        not kept
        or min(kept) <= 0
        or said < TIMES * kept[-1]
        or max(kept) > (1 + ALIKE) * min(kept)
        or max(steps, default=1) > SMALL_UPDATE
    ):
        return None
    return Finding(
        "clipping",
        Severity.ERROR,
        "gradients are clipped to nearly nothing",
        f"The gradient's norm is {digits(said)}, and {digits(kept[-1])} after it was clipped.",
        "Clip at a norm near the usual one, or raise the learning rate by as much as is cut off.",
        {"norm": said, "clipped to": kept[-1]},
        metric=view.gradient.metric,
    )


def _together(view: View) -> list[float]:
    """The norm over all layers at each of the newest steps; empty where the layers were not seen as often."""
    rows = [each.recent for each in of_all(view.layers, "grad_norm", VALUES).values()]
    if len({len(row) for row in rows}) != 1:
        return []
    return [math.sqrt(sum(norm * norm for norm in column)) for column in zip(*rows, strict=True)]
