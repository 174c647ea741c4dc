"""Rules about how the loss goes once it goes: divergence, oscillation, spikes, a plateau."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import (
    LEAST_SAMPLES,
    SETTLED,
    digits,
    diverged,
    learns_not,
    rate_rises,
    stopped_high,
)
from trainboard.diagnose.trend import Trend

if TYPE_CHECKING:
    from trainboard.diagnose.signal import Column
    from trainboard.diagnose.view import View

SWING, SWINGS, EVALUATIONS = 0.05, 0.25, 8
SPIKE_NOISE, SPIKE_DROP, MANY_SPIKES, HIGH_SPIKE, FEW_SPIKES, HUGE_SPIKE = 10.0, 0.5, 3, 4.0, 2, 20.0
FLAT_PART, FLAT_GAIN, LOOKS, UNFIT = 0.4, 0.02, 10, 0.75
WILD, PARTS = 20.0, 10
BEYOND, FEW = 1e6, 30
SWINGS_OF_LEVEL, SWINGS_OF_START, SHORTEST, ALIKE = 0.2, 0.05, 5, 0.5


def divergence(view: View) -> Finding | None:
    """The training loss rises far above where it has been.

    Trigger: the newest tenth of the training loss lies above the best twentieth by more than half of all that was
    won, by a twentieth of the first loss, and by six standard errors; or it was half of the first loss, and three
    twentieths on end are above that; of losses of players, one is twenty times its first size, 20 at least; where
    there are rewards, a million times that.
    Defaults: 30 samples at least; the best part ends before the newest tenth.
    Source: runmedic's rule, with the noise of the curve as a further guard, so that a loss that does not move at all
    is not taken for one that rises.
    Advice: lower the learning rate, clip the gradient, go back to the checkpoint before the rise.
    """
    trend = view.loss_trend
    if trend is None and view.losses:
        return _any_diverges(view)
    if trend is None or not diverged(trend):
        return None
    at = int(trend.signal.history.means.argmin())
    return Finding(
        "divergence",
        Severity.ERROR,
        "the training diverges",
        f"The training loss was down to {digits(trend.best)} and is {digits(trend.level)} now.",
        "Lower the learning rate or clip the gradient, and go on from a checkpoint before the rise.",
        {"first": trend.start, "best": trend.best, "now": trend.level, "noise": trend.noise},
        step=float(trend.signal.history.steps[at]),
        index=trend.signal.index,
        metric=trend.signal.metric,
    )


def _any_diverges(view: View) -> Finding | None:
    """The same of players and of rewards: their losses rise as they get better, but none grows without end."""
    least, wild = (SETTLED, WILD) if view.players else (FEW, BEYOND)
    for each in view.losses:
        if each.count < least:
            continue
        trend = Trend(each)
        sizes = np.abs(trend.blocks[-PARTS:])
        if trend.level and sizes[-1] > wild * max(1.0, abs(trend.start)) and bool((np.diff(sizes) > 0).mean() >= 0.5):
            return Finding(
                "divergence",
                Severity.ERROR,
                "the training diverges",
                f"{each.metric} began at {digits(trend.start)} and is {digits(trend.level)} now.",
                "Lower the learning rates; keep the weights of a critic small, and look at the discount of rewards.",
                {"first": trend.start, "now": trend.level},
                step=float(each.history.steps[-1]),
                index=each.index,
                metric=each.metric,
            )
    return None


def oscillation(view: View) -> Finding | None:
    """The result of the validation goes up and down instead of settling.

    Trigger: the validation accuracy falls from a local maximum to the next minimum by 5 points or more, for a quarter
    of all evaluations and three times at least, in the newer half too; or the means of twentieths of the training
    loss do so by a fifth of what was won, far beyond the noise.
    Defaults: 8 evaluations; 100 samples of the loss.
    Source: AutoTrainer's oscillating loss, with 3 points and a fifth of the epochs.
    Advice: lower the learning rate or let it fall; a larger batch, less momentum.
    """
    accuracy, trend = view.val_accuracy, view.loss_trend
    if accuracy is not None and accuracy.count >= EVALUATIONS:
        values = accuracy.history.means * (0.01 if accuracy.history.highs.max() > 1.5 else 1.0)
        falls = swings(values, SWING)
        if len(falls) >= max(3, SWINGS * len(values)) and sum(at >= len(values) / 2 for at in falls) >= 2:
            return _oscillates(accuracy.metric, accuracy.index, len(falls), len(values))
    if trend is not None and trend.count >= SETTLED and not learns_not(view):
        least = max(0.2 * (trend.start - trend.best), 6 * trend.noise / (trend.count / len(trend.blocks)) ** 0.5)
        falls = swings(-trend.blocks, least)
        if trend.start > trend.best and len(falls) >= 4:
            return _oscillates(trend.signal.metric, trend.signal.index, len(falls), len(trend.blocks))
    return None


def swings(values: Column, least: float) -> list[int]:
    """Where a curve has fallen by so much from a local maximum, before it rises again by as much."""
    found: list[int] = []
    high = low = float(values[0])
    falling = False
    for at, value in enumerate(values.tolist()):
        if falling:
            low = min(low, value)
            if value >= low + least:
                falling, high = False, value
        else:
            high = max(high, value)
            if value <= high - least:
                falling, low = True, value
                found.append(at)
    return found


def _oscillates(metric: str, index: str, falls: int, of: int) -> Finding:
    return Finding(
        "oscillation",
        Severity.WARNING,
        "the training oscillates",
        f"{metric} went back {falls} times in {of} looks.",
        "Lower the learning rate, let it fall over time, or take a larger batch.",
        {"falls": falls, "looks": of},
        index=index,
        metric=metric,
    )


def spikes(view: View) -> Finding | None:
    """Single samples of the training loss leap far out, again and again.

    Trigger: three or more samples lie above their surroundings by ten deviations of the noise and by half of the
    first loss, or two where they are twenty times the first loss; a warning where one is four times the first loss.
    Defaults: 100 samples, 60 of such huge ones; the first twentieth does not count.
    Source: robust deviations as in runmedic's rule for spikes; the half of the first loss keeps out small batches,
    whose losses have a long tail.
    Advice: look at the batches at these steps; clip the gradient; raise Adam's epsilon or lower its second beta.
    """
    trend = view.loss_trend
    if trend is None or trend.count < LEAST_SAMPLES or trend.start <= 0:
        return None
    history = trend.signal.history
    begin = len(history.means) // 20 + 1
    means, highs = history.means[begin:], history.highs[begin:]
    usual = np.minimum(np.roll(means, 1), np.roll(means, -1))
    usual[0], usual[-1] = means[0], means[-1]
    out = np.flatnonzero(highs - usual > max(SPIKE_NOISE * trend.noise, SPIKE_DROP * trend.start))
    huge = int((highs[out] > HUGE_SPIKE * trend.start).sum())
    if (huge < FEW_SPIKES and (len(out) < MANY_SPIKES or trend.count < SETTLED)) or learns_not(view):
        return None
    worst = float(highs[out].max())
    return Finding(
        "spikes",
        Severity.WARNING if worst > HIGH_SPIKE * trend.start else Severity.INFO,
        "the loss has spikes",
        f"The training loss leapt out {len(out)} times, to {digits(worst)}; it is {digits(trend.level)} now.",
        "Look at the batches of these steps, and clip the gradient.",
        {"spikes": len(out), "worst": worst, "now": trend.level, "noise": trend.noise},
        step=float(history.steps[begin:][out[0]]),
        index=trend.signal.index,
        metric=trend.signal.metric,
    )


def plateau(view: View) -> Finding | None:
    """The loss has stopped falling, and the learning rate does not change any more.

    Trigger: over the newest two fifths the training loss has won less than 2 % of all that was won before, within the
    noise, while the learning rate is constant or not known. A warning where it is known, the loss is still a quarter
    of the first one, and in ten evaluations or more no validation accuracy was above 0.75.
    Defaults: 200 samples.
    Source: runmedic's rule, with 30 %; alone it is worth knowing and no fault.
    Advice: let the learning rate fall now, or end the run here.
    """
    trend = view.loss_trend
    if trend is None or trend.count < 2 * SETTLED or learns_not(view) or diverged(trend) or rate_rises(view):
        return None
    rate = view.rate if view.rate is not None and view.rate.count else None
    if rate is not None:
        recent = rate.history.means[-max(1, len(rate.history.means) // 2) :]
        if recent.max() > recent.min() * 1.001:
            return None
    accuracy, best = view.val_accuracy, view.best_accuracy
    low = accuracy is not None and accuracy.count >= LOOKS and best is not None and best < UNFIT
    bad = rate is not None and low and stopped_high(view)
    before, won = float(trend.part(0.5, 0.6).mean()), trend.start - trend.best
    flat = won > 0 and before - trend.level <= FLAT_GAIN * won and abs(trend.slope(1 - FLAT_PART)) <= 3
    if not flat and not bad:
        return None
    return Finding(
        "plateau",
        Severity.WARNING if bad else Severity.INFO,
        "the loss is flat",
        f"The training loss has been near {digits(trend.level)} for two fifths of the run.",
        "Change the learning rate or the regularisation, take a larger network, or end the run here.",
        {"first": trend.start, "before": before, "now": trend.level},
        step=float(trend.signal.history.steps[int(len(trend.means) * (1 - FLAT_PART))]),
        index=trend.signal.index,
        metric=trend.signal.metric,
    )


def data_order(view: View) -> Finding | None:
    """The training loss goes through the same ups and downs again and again: the rows come in one order.

    Trigger: of the newest three fifths, as medians of three (the last batch of each epoch may be small), less a
    straight line and with the highest and the lowest tenth cut off, the correlation with itself some time later is
    0.5 or more, near zero in between, and the swings are a fifth of the loss and a twentieth of the first; the
    learning rate does not go up and down.
    Defaults: 100 points; at least three rounds.
    Source: the period of an epoch in the losses of rows that are sorted by class.
    Advice: shuffle the rows before every epoch.
    """
    trend = view.loss_trend
    if trend is None or len(trend.means) < SETTLED or trend.level <= 0 or _rate_swings(view):
        return None
    values = trend.part(0.4)
    values = np.median(np.stack((values[:-2], values[1:-1], values[2:])), axis=0)
    order = np.sort(values)
    values = np.clip(values, order[len(order) // 10], order[-1 - len(order) // 10])
    rest = values - values.mean()
    places = np.arange(len(values)) - (len(values) - 1) / 2
    rest = rest - places * float((places * rest).sum() / (places**2).sum())
    if float(rest.std()) < max(SWINGS_OF_LEVEL * abs(trend.level), SWINGS_OF_START * abs(trend.start)):
        return None
    spectrum = np.abs(np.fft.rfft(rest, 2 * len(rest))) ** 2
    alike = np.fft.irfft(spectrum)[: len(rest) // 3] / spectrum.sum() * len(rest)
    alike = alike / alike[0] * len(rest) / (len(rest) - np.arange(len(alike)))
    below = np.flatnonzero(alike < 0.1)
    if not len(below) or below[0] + SHORTEST >= len(alike):
        return None
    lag = int(below[0]) + int(alike[below[0] :].argmax())
    if lag < SHORTEST or alike[lag] < ALIKE:
        return None
    period = lag * trend.signal.history.width
    return Finding(
        "data_order",
        Severity.WARNING,
        "the rows come in one order",
        f"The training loss repeats itself every {period} samples, up and down by {digits(float(rest.std()))}.",
        "Shuffle the rows before every epoch.",
        {"period": period, "correlation": float(alike[lag]), "swing": float(rest.std())},
        index=trend.signal.index,
        metric=trend.signal.metric,
    )


def _rate_swings(view: View) -> bool:
    """Whether the learning rate rises again in the newer part."""
    if view.rate is None or not view.rate.count:
        return False
    rates = view.rate.history.means[int(0.4 * len(view.rate.history.means)) :]
    return bool((rates[1:] > 1.02 * rates[:-1]).any()) or bool(rates[-1] > 1.1 * rates[0])
