"""Rules about the layers: gradients, dead and saturated units, updates, weights."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import SETTLED, digits, fall, learns_little, learns_not, of_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trainboard.diagnose.trace import Trace
    from trainboard.diagnose.view import View

VANISHED_RATIO, VANISHED = 1e-3, 1e-4
EXPLODED_RATIO, EXPLODED, GROWN = 70.0, 1e3, 1e3
DEAD, NEARLY_ALL, ALL_DEAD, ALIVE, LOSES, DEAD_OUTPUTS, WELL = 0.7, 0.9, 0.95, 0.5, 0.1, 0.1, 0.85
SATURATED = 0.5
ALL_LOST, SOON = 1e-6, 10
COARSE, FINE = 0.1, 1e-6
COLLAPSED, SHRUNK, GREW = 0.1, 0.6, 10.0


def vanishing_gradients(view: View) -> Finding | None:
    """The gradient of the first layers is lost on the way.

    Trigger: the gradient norm of the first layer is below a thousandth of the last one's and below 1e-4, but not
    zero, and less than a third of the loss is won; from the log alone, a gradient norm below 1e-6 while nothing is
    learned.
    Defaults: the median of the newest five values of each layer, or the first one where it is a millionth.
    Source: AutoTrainer (1e-3 and 1e-4).
    Advice: ReLU instead of sigmoid or tanh, normalisation layers, residual connections, a better initialisation.
    """
    traces = of_all(view.layers, "grad_norm")
    if lost_from_start(view) and learns_little(view):
        gradients = [(name, each.first) for name, each in traces.items()]
    else:
        gradients = [(name, each.typical) for name, each in traces.items()]
    if len(gradients) > 1:
        (first, low), (last, high) = gradients[0], gradients[-1]
        lost = 0 < low < VANISHED and low < VANISHED_RATIO * high and learns_little(view)
        if not lost and not (0 < low < ALL_LOST * high and _twice(view, first) and _no_gain(view)):
            return None
        message = f"The gradient of {first} is {digits(low)}, that of {last} is {digits(high)}."
        return _inside(
            "vanishing_gradients", "vanishing gradients", message, _DEEPER, first, {first: low, last: high}
        )
    if view.gradient is None or not view.gradient.count or not learns_not(view):
        return None
    norm = float(view.gradient.history.means[-5:].mean())
    if not norm < 1e-6:
        return None
    message = f"The gradient's norm is {digits(norm)}, and nothing is learned."
    return _inside(
        "vanishing_gradients", "vanishing gradients", message, _DEEPER, view.gradient.metric, {"norm": norm}
    )


def lost_from_start(view: View) -> bool:
    """Whether nothing of the very first gradient reached the first layer: what dies later, dies of that."""
    firsts = [each.first for each in of_all(view.layers, "grad_norm").values()]
    return len(firsts) > 1 and 0 < firsts[0] < ALL_LOST * firsts[-1]


_DEEPER = "Use ReLU with a fitting initialisation, normalisation layers or residual connections."


def exploding_gradients(view: View) -> Finding | None:
    """The gradient grows on its way to the first layers, or over time, beyond all measure.

    Trigger: the gradient norm of the first layer is 70 times the last one's while less than a third of the loss is
    won; or the norm of the whole gradient is 1000 or more and a thousand times what it was at first.
    Defaults: the median of the newest five values.
    Source: AutoTrainer (70, 1e3).
    Advice: clip the gradient, lower the learning rate, normalise inputs and activations.
    """
    gradients = [(name, each.typical) for name, each in of_all(view.layers, "grad_norm").items()]
    if len(gradients) > 1:
        (first, high), (last, low) = gradients[0], gradients[-1]
        if low > 0 and not _frozen(view, first) and high > EXPLODED_RATIO * low and high > 1 and learns_little(view):
            message = f"The gradient of {first} is {digits(high)}, that of {last} is {digits(low)}."
            return _inside(
                "exploding_gradients", "exploding gradients", message, _CLIP, first, {first: high, last: low}
            )
    norm = view.gradient
    if norm is None or norm.count < 5 or any(_frozen(view, name) for name, _ in gradients):
        return None
    first_norm, now = median(norm.opening[:3]), float(norm.history.means[-5:].mean())
    if not (now > EXPLODED and now > GROWN * first_norm):
        return None
    message = f"The gradient's norm was {digits(first_norm)} at first and is {digits(now)} now."
    return _inside(
        "exploding_gradients", "exploding gradients", message, _CLIP, norm.metric, {"first": first_norm, "now": now}
    )


def _frozen(view: View, layer: str) -> bool:
    """Whether a layer is never updated: nobody zeroes its gradient then, so it grows and does no harm."""
    updates = view.layers[layer].get("update_ratio")
    return updates is not None and updates.count > 0 and updates.high == 0


_CLIP = "Clip the gradient's norm, lower the learning rate, and normalise inputs and activations."


def dead_units(view: View) -> Finding | None:
    """Most units give zero for every input, and get no gradient.

    Trigger: in half of the hidden layers 70 % of the outputs or more are dead, or 95 % in one of them. An error from
    90 % on while less than a third of the loss is won; a warning where they died during the training; else worth
    knowing.
    Defaults: the median of the newest five values; the last layer and experts do not count.
    Source: AutoTrainer (70 % zero gradients), DeepDiagnosis (70 %).
    Advice: lower the learning rate, check the biases, use a leaky ReLU.
    """
    shares = of_all(view.layers, "dead") or of_all(view.layers, "grad_zeros")
    shares = {name: each for name, each in shares.items() if "expert" not in name.lower()}
    hidden = dict(list(shares.items())[:-1]) if len(shares) > 1 else shares
    dead = {name: each.typical for name, each in hidden.items() if each.typical >= DEAD}
    if not dead or not (2 * len(dead) >= len(hidden) or max(dead.values()) >= ALL_DEAD):
        return _dead_outputs(view, shares)
    if lost_from_start(view) and learns_little(view):
        return None
    worst = max(dead, key=lambda name: dead[name])
    severity = Severity.INFO
    every = len(dead) == len(hidden) and all(each.low == 1 and each.count > 1 for each in hidden.values())
    if (learns_little(view) and dead[worst] >= NEARLY_ALL) or (every and _no_gain(view)):
        severity = Severity.ERROR
    elif any(hidden[name].first < ALIVE for name in dead) and _still_loses(view):
        severity = Severity.WARNING
    message = f"{digits(100 * dead[worst])} % of the outputs of {worst} are dead, and most in {len(dead)} layers."
    advice = "Lower the learning rate, check the initial biases, or use a leaky ReLU."
    evidence = {worst: dead[worst], "layers": len(dead), "hidden layers": len(hidden)}
    return _inside("dead_units", "dead units", message, advice, worst, evidence, severity)


def _dead_outputs(view: View, shares: Mapping[str, Trace]) -> Finding | None:
    """The same of the outputs of the network, which have a gradient for every row unless something cuts it off."""
    if len(shares) < 2 or "dead" not in view.layers[next(iter(shares))]:
        return None
    last, trace = list(shares.items())[-1]
    low = min(trace.recent, default=0.0)
    trend, best = view.loss_trend, view.best_accuracy
    if trace.count < 3 or low < DEAD_OUTPUTS or trend is None or not _still_loses(view) or trend.slope(0.5) < -3:
        return None
    if best is None or best > WELL:
        return None
    message = f"{digits(100 * low)} % of the outputs of the network ({last}) have had no gradient for long."
    advice = "Leave the activation after the last layer out."
    return _inside("dead_units", "dead units", message, advice, last, {last: low}, Severity.WARNING)


def _twice(view: View, layer: str) -> bool:
    """Whether there are two gradients of a layer."""
    return view.layers[layer]["grad_norm"].count > 1


def _no_gain(view: View) -> bool:
    """Whether the training loss is where it began: soon, for what the layers say is plain."""
    trend = view.loss_trend
    return trend is not None and trend.count >= SOON and 0 < trend.start < 1.1 * trend.level


def _still_loses(view: View) -> bool:
    """Whether the loss is far from nothing: where it is nothing, there is no gradient either."""
    trend = view.loss_trend
    return trend is not None and trend.count >= SETTLED and trend.level > LOSES * abs(trend.start)


def saturated(view: View) -> Finding | None:
    """The units are at the flat ends of their activation.

    Trigger: more than half of the outputs of a layer are saturated and less than a third of the loss is won.
    Defaults: the median of the newest five values.
    Source: DeepDiagnosis (50 %), SageMaker Debugger's SaturatedActivation.
    Advice: smaller initial weights, normalised inputs, normalisation layers.
    """
    shares = _typical(view, ("saturated", "activation_saturated"))
    high = {name: each for name, each in shares.items() if each > SATURATED}
    if not high or not learns_little(view):
        return None
    worst = max(high, key=lambda name: high[name])
    message = f"{digits(100 * high[worst])} % of the outputs of {worst} are saturated."
    advice = "Use smaller initial weights, normalise the inputs, or add normalisation layers."
    return _inside("saturated", "saturated units", message, advice, worst, {worst: high[worst]})


def update_ratio(view: View) -> Finding | None:
    """The steps are too large or too small for the weights.

    Trigger: the median over the layers of update by weight is above 0.1, or below a millionth but not zero; a warning
    where nothing is learned, else worth knowing.
    Defaults: two values of each layer; the median of the newest five.
    Source: torchmortem (1e-5 to 1e-1), SageMaker Debugger's WeightUpdateRatio; 1e-3 is usual.
    Advice: change the learning rate so that the ratio is near 0.001.
    """
    ratios = [each.typical for each in of_all(view.layers, "update_ratio", 2).values()]
    middle = median(ratios) if ratios else math.nan
    if not (middle > COARSE or 0 < middle < FINE):
        return None
    severity = Severity.WARNING if learns_not(view) else Severity.INFO
    message = f"A step changes the weights by {digits(middle)} of their size; 0.001 is usual."
    advice = "Change the learning rate so that a step changes about a thousandth of the weights."
    return _inside("update_ratio", "update ratio", message, advice, "", {"ratio": middle}, severity)


def weights_collapsing(view: View) -> Finding | None:
    """The weights shrink, and the training with them.

    Trigger: in half of the layers the norm is a tenth of the first one or less and still falls; or it is below 0.6 of
    it while the training loss has stopped at a quarter of its first value or above.
    Defaults: three values of each layer; 100 samples.
    Source: TheDeepChecker's over-regularisation.
    Advice: lower the weight decay.
    """
    norms = {name: each for name, each in of_all(view.layers, "norm", 3).items() if each.first > 0}
    small = [
        name for name, each in norms.items() if each.last < COLLAPSED * each.first and each.last <= each.recent[0]
    ]
    smaller = [name for name, each in norms.items() if each.last < SHRUNK * each.first]
    collapsed = bool(norms) and 2 * len(small) >= len(norms)
    if not collapsed and not (norms and 2 * len(smaller) >= len(norms) and _stays_high(view)):
        return None
    worst = min(smaller, key=lambda name: norms[name].last / norms[name].first)
    message = f"The norm of {worst} fell from {digits(norms[worst].first)} to {digits(norms[worst].last)}."
    advice = "Lower the weight decay: it is stronger than the gradient."
    evidence = {"first": norms[worst].first, "now": norms[worst].last, "layers": len(smaller)}
    severity = Severity.ERROR if collapsed else Severity.WARNING
    return _inside("weights_collapsing", "weights collapse", message, advice, worst, evidence, severity)


def _stays_high(view: View) -> bool:
    """Whether the training loss hardly falls in the newer half, a quarter of its first value or above."""
    trend = view.loss_trend
    if trend is None or trend.count < SETTLED or trend.level < 0.25 * trend.start or trend.best >= trend.start:
        return False
    return abs(fall(trend, 0.5)) < 0.1 * (trend.start - trend.best)


def weights_growing(view: View) -> Finding | None:
    """The weights grow without end.

    Trigger: in half of the layers the norm is ten times the first one or more and still grows; a warning where less
    than a third of the loss is won, else worth knowing.
    Defaults: three values of each layer.
    Source: TheDeepChecker (twice within 5 checks), with the size of the whole rise instead.
    Advice: lower the learning rate, use weight decay.
    """
    norms = {name: each for name, each in of_all(view.layers, "norm", 3).items() if each.first > 0}
    large = [name for name, each in norms.items() if each.last > GREW * each.first and each.last >= each.recent[0]]
    if not norms or 2 * len(large) < len(norms):
        return None
    worst = max(large, key=lambda name: norms[name].last / norms[name].first)
    severity = Severity.WARNING if learns_little(view) else Severity.INFO
    message = f"The norm of {worst} grew from {digits(norms[worst].first)} to {digits(norms[worst].last)}."
    evidence = {"first": norms[worst].first, "now": norms[worst].last, "layers": len(large)}
    advice = "Lower the learning rate, or use weight decay."
    return _inside("weights_growing", "weights grow", message, advice, worst, evidence, severity)


def frozen_layer(view: View) -> Finding | None:
    """Some layers are never updated while the others are.

    Trigger: the update of a layer was exactly zero in three values or more though its gradient is not tiny, while
    other layers move.
    Defaults: three values.
    Source: SageMaker Debugger's UnchangedTensor.
    Advice: give the optimizer the parameters of these layers too, or set `requires_grad` to False if they are to
    stay.
    """
    updates = of_all(view.layers, "update_ratio", 3)
    still = [name for name, each in updates.items() if each.high == 0 and _has_gradient(view, name)]
    if not still or len(still) == len(updates):
        return None
    message = f"{len(still)} of {len(updates)} layers are never updated, {still[0]} among them."
    advice = "Give the optimizer the parameters of these layers, or set requires_grad to False if they are to stay."
    return _inside(
        "frozen_layer", "layers are not updated", message, advice, still[0], {"layers": len(still)}, Severity.WARNING
    )


def _has_gradient(view: View, layer: str) -> bool:
    gradient = view.layers[layer].get("grad_norm")
    return gradient is None or not gradient.count or gradient.typical > 1e-6


def _typical(view: View, quantities: Iterable[str]) -> dict[str, float]:
    for quantity in quantities:
        found = {name: each.typical for name, each in of_all(view.layers, quantity).items()}
        if found:
            return found
    return {}


def _inside(
    id: str,
    cause: str,
    message: str,
    advice: str,
    metric: str,
    evidence: dict[str, float],
    severity: Severity = Severity.ERROR,
) -> Finding:
    return Finding(id, severity, cause, message, advice, dict(evidence), metric=metric)
