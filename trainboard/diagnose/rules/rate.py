"""Rules about a learning rate that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import (
    LEAST_GAIN,
    LEAST_SAMPLES,
    digits,
    diverged,
    enough,
    fell_to_chance,
    learns_little,
    learns_not,
    of_all,
)
from trainboard.diagnose.rules.learning import about, highest

if TYPE_CHECKING:
    from trainboard.diagnose.view import View

TINY_RATE, TINY_UPDATE, SLOW_UPDATE, ENDED_RATE = 1e-6, 1e-6, 3e-4, 1e-4
STEADY, SOME_CHANGE = 0.9, 1e-4
HUGE_UPDATE, LEAP, SMALL_LEAP, EARLY, DEAD = 0.1, 3.0, 1.3, 0.5, 0.9
BURST, SANE, SANE_GRADIENT = 20, 100.0, 1000.0


def lr_too_low(view: View) -> Finding | None:
    """The steps are too small to get anywhere.

    Trigger: nothing is learned, and the learning rate is 1e-6 or less, or the update of every layer is below a
    millionth of its weights, but not zero; or the validation loss falls from each evaluation to the next, but hardly,
    and no layer's update is above 3e-4; or the learning rate fell to a ten-thousandth of its peak for a fifth of the
    run, and less than half of the loss was won.
    Defaults: as said.
    Source: SageMaker Debugger's WeightUpdateRatio (1e-8), torchmortem's (1e-5).
    Advice: raise the learning rate a hundredfold, and look what its schedule and the clipping of the gradient do.
    """
    trend = view.loss_trend
    if trend is None:
        return None
    rate = highest(view.rate)
    if rate is not None and rate <= 0:
        return None
    updates = [each.typical for each in of_all(view.layers, "update_ratio", 2).values()]
    largest = max((each for each in updates if each > 0), default=None)
    ended = _rate_ended(view) and trend.gain < 0.5 and enough(view)
    if not ended and (not learns_not(view) or fell_to_chance(view) is not None):
        return None
    tiny = rate is not None and rate <= TINY_RATE
    small = largest is not None and largest < TINY_UPDATE
    slow = trend.gain > -LEAST_GAIN and _falls_steadily(view) and (largest is None or largest < SLOW_UPDATE)
    if not (ended or tiny or small or slow):
        return None
    why = f"at a learning rate of {digits(rate)}" if rate is not None else "with steps that hardly change the weights"
    if ended:
        why = "and the learning rate is next to nothing already"
    more = {} if largest is None else {"largest update ratio": largest}
    return about(
        view,
        "lr_too_low",
        Severity.ERROR,
        "learning rate too low",
        f"The training loss went from {digits(trend.start)} to {digits(trend.level)} in {trend.count} samples {why}.",
        "Raise the learning rate, a hundredfold at first; check what its schedule and clipping make of it.",
        more | ({} if rate is None else {"learning rate": rate}),
    )


def lr_too_high(view: View) -> Finding | None:
    """The steps are too large: the loss leaps up and does not recover, or rises while the learning rate does.

    Trigger: the loss leapt to three times its first value or more in the first half and has won less than a third
    since (1.3 times where nothing is learned); or it grew and was not finite within 20 samples after sane first
    values; or nine tenths of the units of half of the hidden layers died during the training, and as little was won;
    or the loss diverges while the learning rate is above what it was at the best point; or the updates are a tenth of
    the weights or more, in most layers, and less than a third is won.
    Defaults: as said.
    Source: the same signs in TheDeepChecker and torchmortem (update ratio above 0.1).
    Advice: lower the learning rate tenfold, or warm it up.
    """
    trend = view.loss_trend
    if trend is None or trend.start <= 0:
        return None
    burst = _burst(view)
    if trend.count < 30 and not burst:
        return None
    least = SMALL_LEAP if learns_not(view) else LEAP
    far = max(least * trend.start, trend.start + 8 * max(trend.noise, trend.noise_at_first))
    leapt = trend.peak > far and trend.peak_at < EARLY and (learns_little(view) or trend.level > 1.05 * trend.start)
    killed = _died(view) and (learns_little(view) or diverged(trend))
    rising = diverged(trend) and _rate_above_best(view)
    updates = [each.high for each in of_all(view.layers, "update_ratio", 2).values()]
    coarse = bool(updates) and float(np.median(updates)) > HUGE_UPDATE and learns_little(view)
    if not (burst or leapt or rising or coarse or killed):
        return None
    rate = highest(view.rate)
    return about(
        view,
        "lr_too_high",
        Severity.ERROR,
        "learning rate too high",
        f"The training loss was {digits(trend.start)}, leapt to {digits(trend.peak)}, is {digits(trend.level)} now.",
        "Lower the learning rate tenfold, or warm it up and clip the gradient.",
        {"peak": trend.peak}
        | ({} if rate is None else {"learning rate": rate})
        | ({"update ratio": float(np.median(updates))} if updates else {}),
    )


def _burst(view: View) -> bool:
    """Whether a loss and a gradient that were sane at first grew, and were not finite within the first samples."""
    loss, norm = view.loss, view.gradient
    if loss is None or loss.bad_last < 2 or not 2 <= loss.count < BURST or loss.first > SANE:
        return False
    grown = loss.last > LEAP * loss.first
    if norm is not None and norm.count > 1:
        if norm.first > SANE_GRADIENT:
            return False
        grown = grown or norm.last > 10 * norm.first
    return grown


def _died(view: View) -> bool:
    """Whether most units of half of the hidden layers were alive at first and are dead now."""
    shares = list(of_all(view.layers, "dead", 2).values())
    hidden = shares[:-1] if len(shares) > 1 else shares
    died = [each for each in hidden if each.first < 0.5 and each.typical >= DEAD]
    return bool(hidden) and 2 * len(died) >= len(hidden)


def _falls_steadily(view: View) -> bool:
    """Whether the validation loss falls with each evaluation, nearly always; without one, the training loss."""
    val, trend = view.val_loss, view.loss_trend
    if val is None or not val.count:
        return trend is not None and trend.slope() < -6
    changes = np.diff(val.history.means)
    falls = len(changes) > 1 and float((changes <= 0).mean()) >= STEADY
    return falls and bool(val.history.means[-1] < (1 - SOME_CHANGE) * val.history.means[0])


def _rate_ended(view: View) -> bool:
    """Whether the learning rate has been next to nothing for a fifth of the run."""
    if view.rate is None or view.rate.count < LEAST_SAMPLES:
        return False
    rates = view.rate.history.means
    peak = float(rates.max())
    return peak > 0 and float(rates[-max(1, len(rates) // 5) :].max()) <= ENDED_RATE * peak


def _rate_above_best(view: View) -> bool:
    """Whether the learning rate is above what it was where the training loss was best."""
    if view.rate is None or view.loss is None or not view.rate.count:
        return False
    rates, losses = view.rate.history, view.loss.history
    at = int(losses.means.argmin())
    if view.rate.index == view.loss.index:
        then = int(np.searchsorted(rates.steps, losses.steps[at]))
    else:
        then = at * len(rates.means) // max(1, len(losses.means))
    return bool(rates.means[-1] > 1.2 * rates.means[min(then, len(rates.means) - 1)])
