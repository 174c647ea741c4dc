"""What several rules ask: has it learned anything, is the learning rate still rising, what is chance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.view import once, share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.diagnose.trace import Trace
    from trainboard.diagnose.trend import Trend
    from trainboard.diagnose.view import View

LEAST_SAMPLES = 60
"""Of the training loss, before anybody says that nothing is learned, where there were two evaluations."""
SETTLED = 100
"""Samples after which a slow decline is too slow."""
UNSEEN, UNSEEN_NOISY, PRECISE = 400, 2000, 0.01
"""Samples where the learning rate is not printed, for it may be warming up, or before the second evaluation: more
where the noise is above this share of the first loss, for the batches are small and an epoch is long."""
EARLY = 0.03
"""The share of a run, where its length is known, in which nobody says that nothing is learned."""
NOISY, ENOUGH_LOOKS = 0.15, 4
"""Where the noise is so much of the first loss, so many evaluations are asked too."""
LEAST_GAIN = 0.02
"""What is won of the first loss, else nothing is."""
SIGN_OF_LIFE, BETTER_RIGHT = 0.0015, 0.05
"""What the validation loss wins with each evaluation, as a share of the first, and the accuracy in all, where a slow
training is alive…"""
PATIENCE, PATIENT_SAMPLES = 10, 200
"""…which gets so many evaluations and samples of the loss to get anywhere."""
STOOD = 1.3
"""Where the first loss is so many times that of chance, the loss has fallen to chance, and nothing is learned."""
RISE_OF_GAIN, RISE_OF_START, RISE_ERRORS, RISE_SAMPLES = 0.5, 0.05, 6.0, 30
"""A loss diverges where it rises by these shares of what was won and of the first loss, and by so many errors."""
FALLEN = 0.5
"""…or where it was down to this share of the first loss, and is above that in three parts on end, however noisy."""
BLOWN_SAMPLES, BLOWN = 5, 2.0
"""Before a loss is not finite, it has blown up where it is so many times the first and the usual one."""
FEW, MANY_CLASSES, NEAR_CHANCE = 2, 20, 0.1
HIGH, FLAT = 0.25, 0.05
"""A loss has stopped high at this share of its first value, where it changes by less than this of what was won."""
GUESSED, LIKE_CHANCE = 2.0, 0.35
"""The accuracy of guessing is below so many times 1/k."""
STILL_LOOKS, STILL_FALL, STILL_NEAR, STILL_SLOPE = 5, 0.05, 0.8, -4.0
"""Where batches are noisy, the validation tells that nothing moves: after so many evaluations, having fallen by less
than this, from so much of the first losses on, while the line through the training loss falls by less than so many of
its errors."""
KNOWN, MANY = 0.5, 10
"""An accuracy that no guess among so many classes has."""


def digits(value: float) -> str:
    """A number for a sentence."""
    return f"{value:.3g}"


@once
def rate_rises(view: View) -> bool:
    """Whether the learning rate is warming up: higher now than a tenth of the run ago."""
    if view.rate is None or not view.rate.count:
        return False
    means = view.rate.history.means
    return bool(means[-1] > 1.005 * means[-1 - max(1, len(means) // 10)]) if len(means) > 1 else False


@once
def enough(view: View) -> bool:
    """Whether there is enough of the training loss to say that nothing is learned."""
    trend = view.loss_trend
    if trend is None or trend.start <= 0:
        return False
    early = view.total is not None and trend.signal.last_step < EARLY * view.total
    looks = evaluations(view)
    known = looks >= 2 and view.rate is not None and bool(view.rate.count)
    known = known or (looks >= PATIENCE and trend.count >= PATIENT_SAMPLES) or constant(trend.means)
    least = LEAST_SAMPLES if known else UNSEEN
    if looks < 2 and (looks or trend.noise > PRECISE * trend.start):
        least = UNSEEN_NOISY
    return trend.count >= least and not (early or rate_rises(view))


def evaluations(view: View) -> int:
    """How often it was validated."""
    return max((each.count for each in (view.val_loss, view.val_accuracy) if each is not None), default=0)


@once
def alive(view: View) -> bool:
    """Whether the validation shows that it learns, however slowly: its loss falls, or its accuracy rises."""
    trend, val, accuracy = view.loss_trend, view.val_loss, view.val_accuracy
    if accuracy is not None and accuracy.count >= 2:
        right = accuracy.history.means * share(accuracy)
        if float(right[-1] - right[0]) >= BETTER_RIGHT:
            return True
    if val is None or val.count < 2 or trend is None:
        return trend is not None and not evaluations(view) and trend.slope() < -2.5
    first, last = val.first, val.last
    # Where it begins far above the training loss, it comes back from a leap.
    leapt = trend.peak > 1.5 * trend.start + 8 * trend.noise_at_first
    back = leapt and trend.start < last < 3 * trend.start and first > 1.2 * trend.start
    return not back and first > 0 and (first - last) / first >= SIGN_OF_LIFE * (val.count - 1)


@once
def learns_not(view: View) -> bool:
    """Whether the training loss has not come down since the start, or only to that of guessing."""
    trend = view.loss_trend
    if trend is None or not enough(view) or knows(view):
        return False
    if fell_to_chance(view) is not None or stands_still(view):
        return True
    if trend.noise > NOISY * trend.start and evaluations(view) < ENOUGH_LOOKS:
        return False
    slack = 2 * max(trend.noise, trend.noise_at_first) / math.sqrt(3)
    if trend.level < (1 - LEAST_GAIN) * max(
        trend.start - slack, min(trend.start, float(trend.blocks[0])) - 2 * trend.error
    ):
        return False
    block = trend.count / max(1, len(trend.blocks))
    if trend.start - trend.best > 0.1 * trend.start + 4 * trend.noise / math.sqrt(block) or validated(view):
        return False
    patient = evaluations(view) >= PATIENCE and trend.count >= PATIENT_SAMPLES
    return patient or not alive(view)


@once
def stands_still(view: View) -> bool:
    """Whether the validation loss is where the training began and stays there: it has not the noise of a batch."""
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or val.count < STILL_LOOKS or alive(view) or trend.start <= 0:
        return False
    opening = trend.signal.opening
    begun = float(np.median(opening)) - 2.5 * trend.noise_at_first / math.sqrt(len(opening))
    means = val.history.means
    fell = float(means[0] - means.min()) > STILL_FALL * float(means[0])
    return not fell and val.first > STILL_NEAR * begun and trend.slope() > STILL_SLOPE


@once
def knows(view: View) -> bool:
    """Whether the accuracy is one that guessing does not give, wherever the loss is."""
    accuracy, counts = view.val_accuracy, classes(view)
    if accuracy is None or not accuracy.count or not counts or counts[0] < MANY:
        return False
    return float(np.median(accuracy.history.means[-3:])) * share(accuracy) > KNOWN


@once
def validated(view: View) -> bool:
    """Whether the validation loss has come down by a twentieth, and is not on its way back from a leap."""
    val = view.val_loss
    return val is not None and val.count >= 2 and val.last < 0.95 * val.first and alive(view)


@once
def fell_to_chance(view: View) -> int | None:
    """Of how many classes it guesses after first losses that were far worse; None where it does not."""
    trend, count = view.loss_trend, at_chance(view)
    if trend is None or count is None or view.val_accuracy is None or trend.count < SETTLED:
        return None
    half = trend.blocks[len(trend.blocks) // 2 :]
    flat = float(np.abs(half - trend.level).max()) < 0.05 * trend.level
    right = float(view.val_accuracy.history.means[-5:].mean()) * share(view.val_accuracy)
    flat = flat and abs(right * count - 1) < LIKE_CHANCE
    return count if trend.start > STOOD * math.log(count) and flat and evaluations(view) > 3 else None


@once
def learns_little(view: View) -> bool:
    """Whether less than a third of the training loss is won, or it came down to guessing."""
    trend = view.loss_trend
    if trend is None or not enough(view):
        return False
    return trend.gain < 1 / 3 or fell_to_chance(view) is not None or learns_not(view)


def diverged(trend: Trend) -> bool:
    """Whether a loss lies far above where it has been, or did before it was not finite any more."""
    signal = trend.signal
    if signal.bad_last and trend.count >= BLOWN_SAMPLES and trend.start > 0:
        usual = float(np.median(trend.means))
        return signal.last > BLOWN * max(trend.start, usual) and float(trend.means[-2]) > usual
    if trend.count < RISE_SAMPLES:
        return False
    if trend.best < FALLEN * trend.start < trend.start < float(trend.blocks[-3:].min()):
        return True
    rise = trend.level - trend.best
    won = max(0.0, trend.start - trend.best)
    return rise > max(RISE_OF_GAIN * won, RISE_OF_START * abs(trend.start), RISE_ERRORS * trend.error)


@once
def stopped_high(view: View) -> bool:
    """Whether the training loss has not fallen any more over the newer two thirds, far above nothing."""
    trend = view.loss_trend
    if trend is None or trend.count < 2 * SETTLED or trend.start <= 0 or trend.level < HIGH * trend.start:
        return False
    return trend.best < trend.start and abs(fall(trend, 1 / 3)) < FLAT * (trend.start - trend.best)


def fall(trend: Trend, since: float) -> float:
    """By how much the second half of a stretch up to now lies below its first half."""
    newer = trend.blocks[int(len(trend.blocks) * since) :]
    return float(newer[: len(newer) // 2].mean() - newer[len(newer) // 2 :].mean())


def classes(view: View) -> range:
    """How many classes there may be, by the very first loss: that of chance, ln k, or nearly."""
    trend = view.loss_trend
    if trend is None or not 0 < trend.signal.first < 7:
        return range(0)
    first = trend.signal.first
    return range(max(FEW, math.ceil(math.exp(first - NEAR_CHANCE))), math.floor(math.exp(first + NEAR_CHANCE)) + 1)


@once
def at_chance(view: View) -> int | None:
    """Of how many classes the loss is what guessing gives; None where it is not."""
    trend = view.loss_trend
    if trend is None or trend.level <= 0 or trend.level > 12:
        return None
    count = round(math.exp(trend.level))
    if count < FEW or abs(trend.level / math.log(count) - 1) > 0.02:
        return None
    for signal in (view.val_accuracy, view.accuracy):
        if signal is not None and signal.count:
            recent = float(signal.history.means[-3:].max()) * share(signal)
            return count if recent < GUESSED / count else None
    return count if count <= MANY_CLASSES or count in (100, 1000) else None


def of_all(layers: Mapping[str, Mapping[str, Trace]], quantity: str, least: int = 1) -> dict[str, Trace]:
    """One quantity of the layers that have so many values of it."""
    return {
        name: each[quantity] for name, each in layers.items() if quantity in each and each[quantity].count >= least
    }


def constant(values: np.ndarray) -> bool:
    """Whether all are the same, digit by digit."""
    return len(values) > 0 and float(values.min()) == float(values.max())
