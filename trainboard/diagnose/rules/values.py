"""Rules about single values: not finite, of the wrong sign, of the wrong size."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import SETTLED, digits, fell_to_chance, learns_little, learns_not, of_all
from trainboard.diagnose.view import once, share
from trainboard.extract.names import is_evaluation

if TYPE_CHECKING:
    from trainboard.diagnose.signal import Signal
    from trainboard.diagnose.view import View

AT_END, SHORT = 2, 20
BEYOND_CHANCE, UNEVEN, LARGE, BLOWN = 20.0, 0.05, 100.0, 10.0
LOOKS, LOW, RISEN = 5, 0.5, 0.3
GUESSED, RISEN_A_LITTLE, STEEP, BEYOND_STEEP, PATIENT, TOLD = 0.65, 0.05, 1000.0, 1e4, 10, 2
FALLEN, TOO_SMALL, TOO_FAR, TINY_RATE = 2.0, 0.1, 1e4, 1e-5
QUARTERS = (0.0, 0.225, 0.45, 0.675, 0.9)
BELOW, RUNAWAY = -1.05, 10.0


def non_finite(view: View) -> Finding | None:
    """A loss or the weights are nan or infinite.

    Trigger: the newest two samples of a loss are not finite, or the newest one where none was before; the norm of any
    layer's weights. Single ones that were got over, and one alone among the first twenty samples with none after it,
    are worth knowing; a gradient norm that overflows now and then is what mixed precision does, and none.
    Defaults: two samples.
    Source: Keras' TerminateOnNaN, SageMaker Debugger's ExplodingTensor.
    Advice: look for the first value that is not finite: a logarithm of zero, a division by zero, a bad row of data;
    where the loss or the gradient had grown before, lower the learning rate or clip the gradient.
    """
    broken = [each for each in view.losses if each.bad_last >= AT_END or (each.bad_last and each.count > SHORT)]
    if broken:
        worst = min(broken, key=lambda each: (each is not view.loss, each.bad_step or 0.0))
        if worst is view.loss or not is_evaluation(worst.metric):
            return _not_finite(worst, Severity.ERROR, "and has been ever since")
        return _not_finite(worst, Severity.WARNING, "and has been ever since")
    for name, quantities in view.layers.items():
        norm = quantities.get("norm")
        if norm is not None and norm.bad_last:
            return Finding(
                "non_finite",
                Severity.ERROR,
                "values that are not finite",
                f"The weights of {name} are not finite since step {digits(norm.bad_step or 0)}.",
                _ADVICE,
                {"layer": name},
                step=norm.bad_step,
                metric=name,
            )
    if view.loss is not None and view.loss.bad_last:  # one alone, early: it may be got over, or the run hangs there
        return _not_finite(view.loss, Severity.INFO, "and there has been no sample since")
    if view.loss is not None and view.loss.bad and view.loss.count:
        return _not_finite(view.loss, Severity.INFO, f"{view.loss.bad} times, and was finite again")
    return None


_ADVICE = "Look for a logarithm or a division of zero and for bad rows in the data of that step; clip the gradient."


def _not_finite(signal: Signal, severity: Severity, how: str) -> Finding:
    return Finding(
        "non_finite",
        severity,
        "values that are not finite",
        f"{signal.metric} was not finite at {signal.index or 'sample'} {signal.bad_step:.10g} {how}.",
        _ADVICE,
        {"not finite": signal.bad, "last finite": signal.last},
        step=signal.bad_step,
        index=signal.index,
        metric=signal.metric,
    )


def loss_sign(view: View) -> Finding | None:
    """The loss has the wrong sign: it is driven below zero without end.

    Trigger: where an accuracy is known, a loss that begins negative and falls below -1.05 while the accuracy stays
    under one half, or of two classes under 0.65 (a cosine loss ends at -1); else a loss that falls below ten times
    its first size, ever faster, or straight from below zero on while the gradient grows, or to an end that is not
    finite.
    Defaults: 10 samples and two accuracies, or a loss of ten times the first; 30 samples without an accuracy.
    Source: AutoTrainer's improper loss. A negative loss alone is none: a log-likelihood or a reward is one.
    Advice: turn the sign of the loss round, or give the optimizer what is to be minimised.
    """
    loss, trend = view.loss, view.loss_trend
    if loss is None or trend is None or trend.level >= 0:
        return None
    best, risen = view.best_accuracy, _accuracy_rises(view)
    lowest = float(loss.history.lows.min())
    if view.accuracy is not None or view.val_accuracy is not None:
        told = max(each.count for each in (view.accuracy, view.val_accuracy) if each is not None) >= TOLD
        found = (
            loss.count >= 10
            and (told or lowest < RUNAWAY * trend.start)
            and trend.start < 0
            and lowest < min(BELOW, trend.start)
            and (best is None or not risen)
        )
    elif loss.bad_last:
        found = trend.start < 0 and lowest < -RUNAWAY * max(abs(trend.start), 0.1)
    else:
        old, young, middle, grown, new = (float(np.median(trend.part(at, at + 0.1))) for at in QUARTERS)
        sure = loss.count >= 30 and new < -RUNAWAY * max(abs(trend.start), 0.1) and grown - new > 6 * trend.error
        faster = middle - new > 2 * abs(old - middle) and grown - new > old - young
        tenths = np.array([np.median(trend.part(at / 10, (at + 1) / 10)) for at in range(10)])
        straight = trend.start < 0 and grown - new > 0.8 * (old - young) and bool((np.diff(tenths) < 0).all())
        straight = straight and _gradient_grows(view)
        found = sure and (faster or straight)
    if not found:
        return None
    return Finding(
        "loss_sign",
        Severity.ERROR,
        "the sign of the loss is wrong",
        f"The training loss began at {digits(trend.start)} and falls without end: {digits(trend.level)} now.",
        "Turn the sign of the loss round: what is minimised gets worse.",
        {"first": trend.start, "now": trend.level} | ({} if best is None else {"best accuracy": best}),
        index=loss.index,
        metric=loss.metric,
    )


def _accuracy_rises(view: View) -> bool:
    """Whether the accuracy is above that of guessing among two classes of which one has more rows, or rises."""
    for signal in (view.val_accuracy, view.accuracy):
        if signal is not None and signal.count:
            right = signal.history.means * share(signal)
            return float(right.max()) >= 0.5 and (
                float(right.max()) > GUESSED or float(right.max() - right[0]) > RISEN_A_LITTLE
            )
    return False


def _gradient_grows(view: View) -> bool:
    """Whether the gradient is three times what it was at first; true where nobody knows."""
    norm = view.gradient
    return norm is None or not norm.count or norm.last > 3 * float(np.median(norm.opening))


def loss_scale(view: View) -> Finding | None:
    """The first losses are far larger than those of guessing, and explode.

    Trigger: the first loss is 20 or more where an accuracy is known (guessing among k classes has a loss of ln k),
    the first losses vary by 5 % or more (a sum over the batch does not), and they grow to ten times as much; or it is
    100 or more, or the first gradient's norm 1000, and it is not finite within 20 samples; or it is 10,000 or more,
    and at a learning rate above 1e-5 nothing is learned; or the first gradients of half of the layers are 10,000 or
    more, and above the loss; or the loss ends at guessing, ln k, and began at twice that.
    Too small: nothing is learned, or hardly anything in ten evaluations, and
    the validation loss is a tenth of ln 2 for each wrong answer, the least of cross-entropy.
    Defaults: 3 samples.
    Source: the loss of chance; TheDeepChecker's checks of the inputs' scale.
    Advice: bring the inputs to a mean of 0 and a deviation of 1, and the targets to a size of 1.
    """
    loss, trend = view.loss, view.loss_trend
    if loss is None or trend is None:
        return None
    steep = view.gradient is not None and view.gradient.count > 0 and view.gradient.first >= STEEP
    broken = loss.bad_last >= AT_END and loss.count < SHORT and (loss.first >= LARGE or steep)
    large = _beyond_chance(view) or (view.best_accuracy is None and loss.first >= LARGE)
    blown = large and trend.peak > BLOWN * trend.start and not thrown(view)
    guesses = fell_to_chance(view)
    fell = guesses is not None and trend.start > FALLEN * math.log(guesses) and not thrown(view)
    if not broken and not blown and not fell and not _too_far(view) and not _steep_at_first(view):
        return _loss_too_small(view)
    return Finding(
        "loss_scale",
        Severity.ERROR,
        "inputs or targets are far too large",
        f"The loss was {digits(loss.first)} at first, {digits(trend.peak)} at most, and is {digits(trend.level)}.",
        "Normalise the inputs to mean 0 and deviation 1, and the targets to a size of 1; check the first weights.",
        {"first": loss.first, "peak": trend.peak},
        step=float(loss.history.steps[0]),
        index=loss.index,
        metric=loss.metric,
    )


def _too_far(view: View) -> bool:
    """Whether the targets are so large that steps of a usual size never get there: the errors are 100 and more."""
    loss, rate = view.loss, view.rate
    if loss is None or loss.first < TOO_FAR or view.best_accuracy is not None or not learns_not(view):
        return False
    return rate is None or not rate.count or float(rate.history.highs.max()) > TINY_RATE


def _steep_at_first(view: View) -> bool:
    """Whether the first gradients are beyond all measure, though the loss is not summed up over as many rows."""
    gradients = [each.first for each in of_all(view.layers, "grad_norm").values()]
    return bool(gradients) and view.loss is not None and median(gradients) > max(BEYOND_STEEP, view.loss.first)


@once
def thrown(view: View) -> bool:
    """Whether the very first loss that is printed is huge and the next ones are not: a step has thrown it up.

    Not where the first gradients are as large: then it is so before any step.
    """
    trend = view.loss_trend
    if trend is None or trend.count < 3 or trend.signal.first < LARGE:
        return False
    gradients = [each.first for each in of_all(view.layers, "grad_norm").values()]
    rest = max(trend.signal.opening[1:3])
    return (
        trend.signal.first > BLOWN * rest and trend.peak <= trend.signal.first and max(gradients, default=0) < STEEP
    )


def _loss_too_small(view: View) -> Finding | None:
    """Each wrong answer costs ln 2 or more of cross-entropy: a loss of a tenth of that is none, or is scaled."""
    val, accuracy, loss = view.val_loss, view.val_accuracy, view.loss
    if val is None or accuracy is None or loss is None or not val.count or not accuracy.count:
        return None
    if not learns_not(view) and not (accuracy.count >= PATIENT and learns_little(view)):
        return None
    right = float(accuracy.history.means[-1]) * share(accuracy)
    least = (1 - right) * math.log(2)
    if not 0 < val.last < TOO_SMALL * least:
        return None
    return Finding(
        "loss_scale",
        Severity.ERROR,
        "the loss is scaled down",
        f"{val.metric} is {digits(val.last)} at an accuracy of {digits(right)}: cross-entropy has {digits(least)}.",
        "Do not divide the loss: the steps are smaller by as much.",
        {"loss": val.last, "least": least, "accuracy": right},
        index=loss.index,
        metric=val.metric,
    )


def bad_start(view: View) -> bool:
    """Whether the first losses are far above those of guessing and come down: the first outputs are too large.

    Sums over sequences are as large: only where the validation accuracy stays low for long.
    """
    trend, accuracy = view.loss_trend, view.val_accuracy
    if trend is None or accuracy is None or trend.count < SETTLED or accuracy.count < LOOKS:
        return False
    right = accuracy.history.means * share(accuracy)
    low = float(right.max()) < LOW and float(right[-1] - right[0]) < RISEN
    fell = trend.level < 0.5 * trend.start
    return low and fell and _beyond_chance(view) and trend.peak <= BLOWN * trend.start


@once
def _beyond_chance(view: View) -> bool:
    trend = view.loss_trend
    if trend is None or trend.count < 3 or (view.accuracy is None and view.val_accuracy is None):
        return False
    opening = np.array(trend.signal.opening)
    uneven = float(opening.std()) / max(abs(float(opening.mean())), math.ulp(1.0))
    return trend.start >= BEYOND_CHANCE and uneven >= UNEVEN
