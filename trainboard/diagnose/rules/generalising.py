"""Rules that hold the training against the validation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import classes, digits, diverged, learns_not
from trainboard.diagnose.trend import Trend
from trainboard.diagnose.view import once, share

if TYPE_CHECKING:
    from trainboard.diagnose.signal import Column, Signal
    from trainboard.diagnose.view import View

EVALUATIONS, AGO, LAST = 6, 4, 3
SOME_RISE, RISE, OF_FALL, LEARNED_OFF, FAR, STILL_BETTER = 1.05, 1.15, 0.1, 0.15, 0.3, 0.9
ALL_LEARNED, FAR_FROM_ALL = 0.01, 0.25
NEVER_BETTER, OF_LEARNED, WORSE, LEARNED, AT_ONCE, SAME_SCALE = 0.9, 0.15, 1.03, 0.1, 0.25, 0.8
GUESSED_RIGHT, GUESSED_OF_TWO, LEAST_GUESS = 0.6, 0.65, 0.9 * math.log(2)
BETTER, APART_ERRORS = 0.8, 4.0
SELDOM, HARDLY_BETTER = 0.4, 0.03
MEANS = 2
"""So few training losses for each evaluation are means of epochs: the first of them is no noise."""


def overfitting(view: View) -> Finding | None:
    """The training loss falls on, and the validation loss does not, or rises.

    Trigger: the mean of the newest three validation losses is 15 % above the best, and by a tenth of what was won
    from the first of both losses; the best was four evaluations ago or more; the training loss has fallen since. From
    5 % on it is worth knowing. Or the training loss is below 15 % of its first value, and the validation loss is
    above 30 % of that and has not got better by a tenth in the newer half; 25 % where the training loss is below 1 %.
    Defaults: 6 evaluations.
    Source: runmedic's rule (5 % and 15 %), SageMaker Debugger's Overfit.
    Advice: stop at the best evaluation; more data, augmentation, dropout or weight decay.
    """
    val = _rising(view)
    if val is None:
        return _apart_for_long(view)
    means = val.history.means
    smooth = _smooth(means)
    best, now = float(smooth.min()), float(means[-LAST:].mean())
    trend = view.loss_trend
    begun = float(means[0]) if trend is None else max(float(means[0]), trend.start)
    least = OF_FALL * max(begun - best, 0.0)
    if now <= SOME_RISE * best or now - best <= 0.5 * least:
        return _apart_for_long(view)
    at = int(smooth.argmin())
    beyond = now - best > 4 * _noise(means) * math.sqrt(2 / LAST) and Trend(val).slope(at / len(means)) > 3
    bad = now > RISE * best and now - best > least and beyond
    apart = None if bad else _apart_for_long(view)
    if apart is not None:
        return apart
    return Finding(
        "overfitting",
        Severity.WARNING if bad else Severity.INFO,
        "overfitting",
        f"{val.metric} was {digits(best)} and is {digits(now)}, while the training loss went on falling.",
        _KEEP_THE_BEST,
        {"best": best, "now": now, "evaluations since": len(means) - 1 - at},
        step=float(val.history.steps[at]),
        index=val.index,
        metric=val.metric,
    )


_KEEP_THE_BEST = "Keep the checkpoint of the best evaluation; use more data or augmentation, dropout or weight decay."


def _apart_for_long(view: View) -> Finding | None:
    """Overfitting whose validation loss does not rise: it stands far above the training loss."""
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or val.count < EVALUATIONS or trend.start <= 0 or diverged(trend):
        return None
    means, half = val.history.means, len(val.history.means) // 2
    now = float(means[-LAST:].mean())
    begun = max(trend.start, *trend.signal.opening)
    same = SAME_SCALE * trend.start > float(means.min()) and float(means[0]) < 2 * begun
    # What the training has learned since the newest evaluation cannot show in any.
    seen = float(np.median(trend.part(max(0.0, 1 - (LAST + 1) / val.count), 1 - 1 / val.count)))
    if now - trend.level < APART_ERRORS * trend.error or seen > LEARNED_OFF * trend.start:
        return None
    better = float(np.median(means[half:])) < STILL_BETTER * float(np.median(means[half // 2 : half]))
    far = FAR if trend.level > ALL_LEARNED * trend.start else FAR_FROM_ALL
    if not same or better or trend.level > LEARNED_OFF * trend.start or now < far * trend.start:
        return None
    return Finding(
        "overfitting",
        Severity.WARNING,
        "overfitting",
        f"The training loss is down to {digits(trend.level)}, but {val.metric} stays at {digits(now)}.",
        _KEEP_THE_BEST,
        {"training loss": trend.level, "now": now},
        index=val.index,
        metric=val.metric,
    )


def memorised_noise(view: View) -> Finding | None:
    """The training loss falls slowly, and nothing of it shows in the validation: it learns by heart.

    Trigger: the training loss has come down by a tenth, but not by a quarter within the first three evaluations; the
    validation loss has never won a seventh of that nor a tenth of its own first values, and the newest three are 3 %
    worse; the accuracy is one that guessing may give: 0.6 at most, of two classes 0.65 usually. A first training loss
    well below ln 2, less than that of any guess, is a fine-tuning, and none of these. Or half of the training loss is
    won, and the accuracy of the validation has never been above 0.4, nor 3 points better than in its first two.
    Defaults: 6 evaluations.
    Source: Zhang et al. 2017, where random labels are learned with no gain on other data.
    Advice: check that labels belong to their inputs; train and validation must be of one kind.
    """
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None:
        return None
    if not _never_right(view) and (not _unseen(view) or _learned_at_once(view) or not _guessed(view)):
        return None
    means = val.history.means
    first, now = float(means[:2].mean()), float(means[-LAST:].mean())
    if now < WORSE * first or now - first < 3 * _noise(means) / math.sqrt(LAST):
        return None
    return _apart(
        view,
        "memorised_noise",
        "it learns by heart",
        "Check that the labels belong to their inputs, and that there are enough of them.",
    )


def validation_mismatch(view: View) -> Finding | None:
    """The training learns well from the start, and nothing of it shows in the validation.

    Trigger: the training loss has come down by a quarter within the first three evaluations and by a half since; the
    validation loss has never won a seventh of that nor come below nine tenths of the first training loss.
    Defaults: 6 evaluations.
    Source: the usual causes of such curves: another preprocessing, labels that are shifted, statistics of batch norm.
    Advice: treat validation data as training data, check its labels, switch to evaluation mode (and back).
    """
    trend = view.loss_trend
    if trend is None or trend.gain < 0.5 or not _unseen(view) or not _learned_at_once(view):
        return None
    return _apart(
        view,
        "validation_mismatch",
        "validation has nothing to do with training",
        "Check that validation data is treated as training data, its labels, and the mode of dropout and batch norm.",
    )


def _guessed(view: View) -> bool:
    """Whether the accuracy is one that guessing may give; of two classes one has more rows, so it gets more."""
    for signal in (view.val_accuracy, view.accuracy):
        if signal is not None and signal.count:
            right = signal.history.means * share(signal)
            if 2 in classes(view):
                return float(np.median(right[len(right) // 2 :])) <= GUESSED_OF_TWO
            return float(right.max()) <= GUESSED_RIGHT
    return True


def _never_right(view: View) -> bool:
    """Whether the accuracy of the validation stays where it began, near that of guessing, while half of the loss is
    won."""
    trend, accuracy = view.loss_trend, view.val_accuracy
    if trend is None or accuracy is None or accuracy.count < EVALUATIONS or trend.start < LEAST_GUESS:
        return False
    if trend.gain < 0.5 or trend.slope() > -4:
        return False
    right = accuracy.history.means * share(accuracy)
    newer = float(np.median(right[len(right) // 2 :]))
    return 0 < float(right.max()) < SELDOM and newer < float(right[:2].max()) + HARDLY_BETTER


@once
def _unseen(view: View) -> bool:
    """Whether the validation never got better while the training did."""
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or val.count < EVALUATIONS or trend.start <= 0 or trend.gain < LEARNED:
        return False
    means = val.history.means
    first = trend.start if _learned_at_once(view) else float(means[:2].mean())
    if trend.start < LEAST_GUESS or val.first < SAME_SCALE * trend.start or (trend.gain < 0.5 and trend.slope() > -4):
        return False
    best = float(_smooth(means).min())
    return best >= NEVER_BETTER * first and first - best <= OF_LEARNED * (trend.start - trend.level)


@once
def _learned_at_once(view: View) -> bool:
    """Whether a quarter of the training loss was won by the third evaluation."""
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or not val.count:
        return False
    until = min(1.0, 3 / val.count)
    start = max(trend.start, trend.signal.first) if trend.count <= MEANS * val.count else trend.start
    return float(np.median(trend.part(max(0.0, until - 0.05), until))) < (1 - AT_ONCE) * start


def _apart(view: View, id: str, cause: str, advice: str) -> Finding:
    """A finding about a validation that does not follow the training."""
    trend, val = view.loss_trend, view.val_loss
    assert trend is not None
    assert val is not None
    first, now = val.first, float(val.history.means[-LAST:].mean())
    return Finding(
        id,
        Severity.ERROR,
        cause,
        f"The training loss fell to {digits(trend.level)}, but {val.metric} never got better: {digits(first)} at "
        f"first, {digits(now)} now.",
        advice,
        {"training loss": trend.level, "first": first, "now": now},
        index=val.index,
        metric=val.metric,
    )


def val_better_than_train(view: View) -> Finding | None:
    """The validation loss is far below the training loss for long.

    Trigger: over the newer half of the evaluations the validation loss is below 0.8 of the training loss.
    Defaults: 6 evaluations. Dropout and augmentation do that too: it is worth knowing and no fault.
    Source: UMLAUT's suspicious validation accuracy.
    Advice: look whether validation rows are in the training data, and whether the loss of both is taken alike.
    """
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or val.count < EVALUATIONS or trend.level <= 0 or learns_not(view):
        return None
    newer = val.history.means[len(val.history.means) // 2 :]
    training = float(trend.part(0.5).mean())
    if float(newer.max()) > BETTER * trend.level or float(newer.mean()) > BETTER * training:
        return None
    return Finding(
        "val_better_than_train",
        Severity.INFO,
        "validation better than training",
        f"{val.metric} is {digits(float(newer.mean()))} on average where the training loss is {digits(training)}.",
        "See whether validation rows are in the training data; dropout and augmentation do this too.",
        {"validation": float(newer.mean()), "training": training},
        index=val.index,
        metric=val.metric,
    )


def _rising(view: View) -> Signal | None:
    """The validation loss, where its best is long ago and the training went on well since."""
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or val.count < EVALUATIONS or diverged(trend) or trend.gain <= 0:
        return None
    at = int(_smooth(val.history.means).argmin())
    if len(val.history.means) - 1 - at < AGO:
        return None
    share_then = at / max(1, len(val.history.means) - 1)
    then = float(trend.part(max(0.0, share_then - 0.05), share_then + 0.05).mean())
    return val if trend.level < then - max(0.03 * abs(then), trend.error) else None


def _smooth(values: Column) -> Column:
    """The medians of three neighbours: no single evaluation is the best."""
    if len(values) < 3:
        return values
    inner = np.median(np.stack((values[:-2], values[1:-1], values[2:])), axis=0)
    return np.concatenate((values[:1], inner, values[-1:]))


def _noise(values: Column) -> float:
    """The deviation of one evaluation from its neighbours."""
    bends = values[2:] - 2 * values[1:-1] + values[:-2]
    return float(np.median(np.abs(bends))) / 0.6745 / math.sqrt(6) if len(bends) else 0.0
