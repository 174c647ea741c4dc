"""A rule about a softmax that is applied twice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import MANY_CLASSES, classes, digits
from trainboard.diagnose.view import share

if TYPE_CHECKING:
    from trainboard.diagnose.trend import Trend
    from trainboard.diagnose.view import View

RIGHT, SOME_RIGHT, NEAR, STILL, CLASSES, TIMES, PRESSED = 0.85, 0.6, 0.1, 0.06, 5, 2, 20
ON_BOUND, LAST, EVALUATIONS = 0.005, 3, 6


def double_softmax(view: View) -> Finding | None:
    """The loss stays where it must when the softmax is applied twice.

    Trigger: the first loss is ln k, no loss was ever below ln(e + k - 1) - 1, the least that probabilities taken for
    logits can give (1.461 for k = 10), and the validation accuracy was 0.85 or more twice; or in the newest three
    evaluations, of 0.6 or more, the loss is ln(e + k - 1) less the accuracy, within 0.1, and does not move. With
    fewer than five classes, sound losses are as high: there the losses of the newer half must press against the
    bound, a tenth of them within 1 % of it and half of them within a tenth, at an accuracy of 0.85. Where no accuracy
    is known, all losses of the newer half, of training and validation, lie within 0.5 % above the bound of 5 to 20
    classes, in bits or not.
    Defaults: 3 evaluations; 20 samples and 6 evaluations without an accuracy.
    Source: the bound itself: a sure answer gives this loss, right or wrong.
    Advice: give the loss the logits, and leave the softmax out of the network.
    """
    trend, val, accuracy = view.loss_trend, view.val_loss, view.val_accuracy
    if trend is None or val is None or trend.level >= trend.start:
        return None
    if accuracy is None:
        return _lies_on_bound(view)
    if accuracy.count < LAST or val.count != accuracy.count:
        return None
    right, losses = accuracy.history.means * share(accuracy), val.history.means
    lowest = min(float(trend.signal.history.lows.min()), float(losses.min()))
    bounded = int((right >= RIGHT).sum()) >= TIMES
    still = float(right[-LAST:].min()) >= SOME_RIGHT and float(np.ptp(losses[-LAST:])) < STILL
    for count in classes(view):
        wrong = math.log(math.e + count - 1)
        on_line = still and float(np.abs(wrong - right - losses)[-LAST:].max()) < NEAR
        if count < CLASSES:
            found = bounded and _pressed(view, wrong - 1)
        else:
            found = lowest >= 0.99 * (wrong - 1) and (bounded or on_line)
        if found:
            accuracy_is = f"The accuracy is {digits(float(right.max()))}, but the loss is"
            return _twice(trend, accuracy_is, wrong - 1, count, {"accuracy": float(right.max())})
    return None


def _lies_on_bound(view: View) -> Finding | None:
    """The same without an accuracy: the loss comes to rest on the very bound, and nowhere else."""
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or trend.count < PRESSED or val.count < EVALUATIONS:
        return None
    newer = np.concatenate([each[len(each) // 2 :] for each in (trend.means, val.history.means)])
    for unit in (1.0, math.log(2)):
        for count in range(CLASSES, MANY_CLASSES + 1):
            bound = (math.log(math.e + count - 1) - 1) / unit
            begun = abs(trend.signal.first * unit - math.log(count)) < NEAR
            if (
                begun
                and float(newer.min()) >= (1 - ON_BOUND) * bound
                and float(newer.max()) <= (1 + ON_BOUND) * bound
            ):
                return _twice(trend, "The loss rests at", bound, count, {})
    return None


def _pressed(view: View, bound: float) -> bool:
    """Whether the training losses lie right above a bound, and none below it."""
    trend = view.loss_trend
    if trend is None or trend.count < PRESSED:
        return False
    history = trend.signal.history
    lows, means = (each[len(each) // 2 :] for each in (history.lows, history.means))
    lowest, low, middle = float(lows.min()), float(np.quantile(lows, 0.1)), float(np.median(means))
    return lowest >= 0.995 * bound and low <= 1.01 * bound and middle <= 1.1 * bound


def _twice(trend: Trend, what: str, bound: float, count: int, more: dict[str, float]) -> Finding:
    return Finding(
        "double_softmax",
        Severity.ERROR,
        "softmax applied twice",
        f"{what} {digits(trend.level)}: with a second softmax over {count} classes it cannot fall below "
        f"{digits(bound)}.",
        "Give the loss the logits: it applies the softmax itself.",
        {**more, "loss": trend.level, "least": bound, "classes": count},
        index=trend.signal.index,
        metric=trend.signal.metric,
    )
