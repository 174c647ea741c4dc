"""Rules about a training that learns nothing, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import (
    at_chance,
    constant,
    digits,
    learns_not,
    of_all,
    rate_rises,
)
from trainboard.diagnose.rules.values import bad_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.diagnose.signal import Signal
    from trainboard.diagnose.view import View

SAME_EVALUATIONS, MORE_EVALUATIONS, COARSE_DIGITS = 3, 6, 0.05
TINY_RATE, SLOW_RATE, LEAST_SAMPLES = 1e-5, 1e-3, 20


def no_learning(view: View) -> Finding | None:
    """The training loss does not come down.

    Trigger: the newest tenth lies less than 2 % below the first samples, and no part of the run was 10 % below them;
    or in five evaluations the validation loss has stayed where the training began, and the noise of the batches is
    larger than any fall. Never where the accuracy is one that no guess gives.
    Defaults: 60 samples after two evaluations; 400 without them, or where the learning rate is not printed (it may be
    warming up); never while it rises, nor in the first 3 % of a run whose length is known. Where the validation
    shows signs of life, ten evaluations.
    Source: runmedic's rule for a run that does not learn, SageMaker Debugger's LossNotDecreasing.
    Advice: train on one batch until its loss is nearly zero; if that fails, the loop or the loss is wrong.
    """
    trend = view.loss_trend
    if trend is None or not learns_not(view):
        return None
    return about(
        view,
        "no_learning",
        Severity.ERROR,
        "nothing is learned",
        f"The training loss began at {digits(trend.start)} and is {digits(trend.level)} after {trend.count} samples.",
        "Train on a single batch until its loss is nearly zero: if that fails, the loop or the loss is wrong.",
    )


def stuck_at_chance(view: View) -> Finding | None:
    """The loss is that of guessing.

    Trigger: nothing is learned, and the training loss is within 2 % of ln k, with an accuracy below 2/k where one is
    known.
    Defaults: k up to 20, 100 or 1000 where no accuracy is known.
    Source: the loss of a uniform guess among k classes.
    Advice: look at the labels and at the gradient of the first layer; lower or raise the learning rate tenfold.
    """
    trend, count = view.loss_trend, at_chance(view)
    if trend is None or count is None or not learns_not(view):
        return None
    return about(
        view,
        "stuck_at_chance",
        Severity.ERROR,
        "it guesses",
        f"The training loss is {digits(trend.level)}: guessing among {count} classes gives ln {count}.",
        "Look at the labels and at the first layer's gradient, then change the learning rate tenfold up and down.",
        {"classes": count},
    )


def update_missing(view: View) -> Finding | None:
    """The weights do not change at all.

    Trigger: the update of every layer is exactly zero though its gradient is not; or, from the log alone, nothing is
    learned and the validation loss is the same, digit by digit, in three evaluations.
    Defaults: two values of each layer; three evaluations, six where the learning rate is 1e-3 or less; never where it
    is 1e-5 or less, for then too few digits are printed to show a change.
    Source: SageMaker Debugger's UnchangedTensor.
    Advice: call `optimizer.step()` after `backward()` and `zero_grad()` before it, and give the optimizer these
    parameters.
    """
    updates = of_all(view.layers, "update_ratio", 2)
    how = _no_layer_changes(view) if updates else _same_evaluations(view)
    if how is None:
        return None
    return about(
        view,
        "update_missing",
        Severity.ERROR,
        "the weights are not updated",
        f"The weights do not change: {how}.",
        "Call optimizer.step() after backward() without zero_grad() between them; give it these parameters.",
        {"layers": len(updates)},
    )


def _no_layer_changes(view: View) -> str | None:
    """How the layers show that no step changes anything."""
    updates, gradients = of_all(view.layers, "update_ratio", 2), of_all(view.layers, "grad_norm")
    changed = any(each.high != 0 for each in updates.values())
    pointless = bool(gradients) and not any(each.high > 0 for each in gradients.values())
    return None if changed or pointless else f"no step has changed any of the {len(updates)} layers"


def _same_evaluations(view: View) -> str | None:
    """How the validation shows that no step changes anything."""
    val, rate, trend = view.val_loss, highest(view.rate), view.loss_trend
    if val is None or trend is None or not constant(val.history.means) or val.last < COARSE_DIGITS:
        return None
    least = MORE_EVALUATIONS if rate is not None and rate <= SLOW_RATE else SAME_EVALUATIONS
    if val.count < least or trend.count < LEAST_SAMPLES or trend.gain > 0.1 or rate_rises(view):
        return None
    if (rate is not None and rate <= TINY_RATE) or (view.gradient is not None and view.gradient.last == 0):
        return None
    if constant(trend.part(0.5)) and trend.level != trend.signal.first:  # it did change: the outputs are the same now
        return None
    return f"{val.metric} is {digits(val.last)} in all {val.count} evaluations"


def bad_initialisation(view: View) -> Finding | None:
    """The weights with which it began are wrong.

    Trigger: the weights of half of the layers or more are zero and stay it; or the first losses are far above those
    of guessing (20 or more, varying by 5 % or more), and the validation accuracy stays below one half.
    Defaults: two values of each layer; 100 samples and 5 evaluations.
    Source: SageMaker Debugger's PoorWeightInitialization, TheDeepChecker.
    Advice: use the initialisation of the library, or one for the activation (He for ReLU, Xavier for tanh).
    """
    norms = of_all(view.layers, "norm", 2)
    zero = [name for name, each in norms.items() if each.high == 0]
    if norms and 2 * len(zero) >= len(norms):
        how, evidence = f"the weights of {len(zero)} of {len(norms)} layers are zero", {"zero layers": len(zero)}
    elif bad_start(view) and view.loss is not None:
        how, evidence = f"the first training loss is {digits(view.loss.first)}", {}
    else:
        return None
    return about(
        view,
        "bad_initialisation",
        Severity.ERROR if zero else Severity.WARNING,
        "bad initial weights",
        f"It began with unfit weights: {how}.",
        "Use the library's initialisation, or He's for ReLU and Xavier's for tanh; normalise the inputs.",
        evidence,
    )


def about(
    view: View,
    id: str,
    severity: Severity,
    cause: str,
    message: str,
    advice: str,
    more: Mapping[str, float] | None = None,
) -> Finding:
    """A finding about the training loss, with its first and its newest value."""
    trend = view.loss_trend
    evidence: dict[str, float | str] = {} if trend is None else {"first": trend.start, "now": trend.level}
    index, metric = ("", "") if view.loss is None else (view.loss.index, view.loss.metric)
    return Finding(id, severity, cause, message, advice, {**evidence, **(more or {})}, index=index, metric=metric)


def highest(signal: Signal | None) -> float | None:
    return float(signal.history.highs.max()) if signal is not None and signal.count else None
