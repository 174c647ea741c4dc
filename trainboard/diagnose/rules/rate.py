"""Rules about a learning rate that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import (
    LEAST_GAIN,
    LEAST_SAMPLES,
    PATIENCE,
    constant,
    digits,
    diverged,
    enough,
    fell_to_chance,
    knows,
    learns_little,
    learns_not,
    of_all,
    rate_rises,
)
from trainboard.diagnose.rules.inside import GREW, lost_from_start
from trainboard.diagnose.rules.learning import about, highest
from trainboard.diagnose.rules.values import thrown

if TYPE_CHECKING:
    from trainboard.diagnose.signal import Column
    from trainboard.diagnose.trend import Trend
    from trainboard.diagnose.view import View

TINY_RATE, TINY_UPDATE, SLOW_UPDATE, ENDED_RATE = 1e-6, 1e-6, 3e-4, 1e-4
STEADY, SOME_CHANGE, CRAWLED, NOT_SLOWER = 0.9, 1e-4, 0.25, 0.8
CREEPING, CREEPING_RATE = 1e-4, 1e-5
HUGE_UPDATE, LEAP, SMALL_LEAP, EARLY, DEAD, HUGE_RATE = 0.1, 3.0, 1.3, 0.5, 0.9, 1.0
BURST, SANE, SANE_GRADIENT, BLOWN, AGAIN, MOVED, BACK = 60, 100.0, 1000.0, 1e3, 3, 0.02, 0.7


def lr_too_low(view: View) -> Finding | None:
    """The steps are too small to get anywhere.

    Trigger: nothing is learned, and the learning rate is 1e-6 or less, or the update of every layer is below a
    millionth of its weights, but not zero; or the validation loss falls from each evaluation to the next, but hardly,
    no slower than at first, and no layer's update is above 3e-4; or the same with a quarter of the loss won after ten
    evaluations; or in ten evaluations on end it fell straight, but each time by less than a hundredth of a percent,
    unless a learning rate above 1e-5 is printed; or the learning rate fell to a ten-thousandth of its peak for a
    fifth of the run, and less than half of the loss was won.
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
    crawls = largest is not None and largest < SLOW_UPDATE and _crawls(view)
    creeps = (rate is None or rate <= CREEPING_RATE) and (largest is None or largest < SLOW_UPDATE) and _creeps(view)
    if not (ended or crawls or creeps) and (not learns_not(view) or fell_to_chance(view) is not None):
        return None
    tiny = rate is not None and rate <= TINY_RATE
    small = largest is not None and largest < TINY_UPDATE
    slow = trend.gain > -LEAST_GAIN and _falls_straight(view) and (largest is None or largest < SLOW_UPDATE)
    if not (ended or crawls or creeps or tiny or small or slow):
        return None
    why = f"at a learning rate of {digits(rate)}" if rate is not None else "with steps that hardly change the weights"
    if ended:
        why = "and the learning rate is next to nothing already"
    more = {} if largest is None else {"largest update ratio": largest}
    return about(
        view,
        "lr_too_low",
        Severity.WARNING if crawls else Severity.ERROR,
        "learning rate too low",
        f"The training loss went from {digits(trend.start)} to {digits(trend.level)} in {trend.count} samples {why}.",
        "Raise the learning rate, a hundredfold at first; check what its schedule and clipping make of it.",
        more | ({} if rate is None else {"learning rate": rate}),
    )


def lr_too_high(view: View) -> Finding | None:
    """The steps are too large: the loss leaps up and does not recover, or rises while the learning rate does.

    Trigger: the loss leapt to three times its first value or more in the first half and has won less than a third
    since, or the validation loss is above that value (1.3 times where nothing is learned); or within 60 samples after
    sane first values it grew a thousandfold, or threefold to an end that is not finite; or most units of half of the
    hidden layers were moved by a fiftieth of their weights at once and died, and as little was won; or the very first
    loss that is printed was thrown up to 100 or more and ten times the next ones, by units that died of it or at a
    learning rate of 1 or more, and not by inputs that give a first gradient of a thousand; or the loss
    diverges or is not finite while the learning rate is above what it was at the best point; or the updates are a
    tenth of the weights or more, in most layers, and less than a third is won or the weights are ten times the first.
    Defaults: as said.
    Source: the same signs in TheDeepChecker and torchmortem (update ratio above 0.1).
    Advice: lower the learning rate tenfold, or warm it up.
    """
    trend = view.loss_trend
    if trend is None or trend.start <= 0:
        return None
    burst = _burst(view)
    hurled = thrown(view) and (_died(view) or (highest(view.rate) or 0.0) >= HUGE_RATE)
    if trend.count < 30 and not burst and not hurled:
        return None
    least = SMALL_LEAP if learns_not(view) and not lost_from_start(view) else LEAP
    far = max(least * trend.start, trend.start + 8 * max(trend.noise, trend.noise_at_first))
    lost = learns_little(view) or trend.level > 1.05 * trend.start or _validates_worse(view)
    leapt = (_leapt(trend, far) and lost) or (learns_little(view) and _validates_worse(view, LEAP))
    killed = _died(view) and (learns_little(view) or diverged(trend))
    rising = (diverged(trend) or trend.signal.bad_last >= 2) and _rate_above_best(view)
    updates = [each.high for each in of_all(view.layers, "update_ratio", 2).values()]
    coarse = bool(updates) and float(np.median(updates)) > HUGE_UPDATE and (learns_little(view) or _outgrown(view))
    if not (burst or hurled or leapt or rising or coarse or killed):
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


def _outgrown(view: View) -> bool:
    """Whether the weights of most layers are ten times what they were."""
    growth = [each.last / each.first for each in of_all(view.layers, "norm", 3).values() if each.first > 0]
    return bool(growth) and float(np.median(growth)) > GREW


def _burst(view: View) -> bool:
    """Whether a loss and a gradient that were sane at first grew, and were not finite within the first samples."""
    loss, norm = view.loss, view.gradient
    if loss is None or not 0 < loss.first <= SANE or loss.count < 2:
        return False
    if norm is not None and norm.count and norm.first > SANE_GRADIENT:
        return False
    if loss.bad_last < 2:
        return loss.count < BURST and loss.last > BLOWN * loss.first
    grown = loss.last > LEAP * loss.first or (norm is not None and norm.last > 10 * norm.first)
    return loss.count < BURST and grown


def _leapt(trend: Trend, far: float) -> bool:
    """Whether the loss was that high in the first half: once by far, or a few times.

    Not where it was back at once each time, up to the newer half: those are spikes.
    """
    highs = trend.signal.history.highs
    high = np.flatnonzero(highs > far)
    sure = len(high) >= AGAIN or trend.peak > LEAP * trend.start
    back = len(high) >= AGAIN and float((np.diff(high) > 1).mean()) >= BACK and high[-1] > EARLY * len(highs)
    sane = 0 < trend.signal.first <= far  # else it came down from there, and never leapt
    return len(high) > 0 and sane and sure and not back and bool(high[0] < EARLY * (len(highs) - 1))


def _validates_worse(view: View, times: float = 1.0) -> bool:
    """Whether the validation loss is above the first training loss, in the newest three evaluations."""
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or val.count < AGAIN:
        return False
    return float(val.history.means[-AGAIN:].min()) > times * trend.start


def _died(view: View) -> bool:
    """Whether most units of half of the hidden layers were alive at first, were moved, and are dead now."""
    shares = list(of_all(view.layers, "dead", 2).items())
    hidden = shares[:-1] if len(shares) > 1 else shares
    died = [name for name, each in hidden if each.first < 0.5 and each.typical >= DEAD and _moved(view, name)]
    return bool(hidden) and 2 * len(died) >= len(hidden)


def _moved(view: View, layer: str) -> bool:
    """Whether a step has ever changed much of a layer; true where nobody knows."""
    updates = view.layers[layer].get("update_ratio")
    return updates is None or not updates.count or updates.high > MOVED


def _falls_steadily(view: View) -> bool:
    """Whether the validation loss falls with each evaluation, nearly always; without one, the training loss."""
    val, trend = view.val_loss, view.loss_trend
    if val is None or not val.count:
        return trend is not None and trend.slope() < -6
    means = val.history.means
    return _steady(means) and bool(means[-1] < (1 - SOME_CHANGE) * means[0])


def _steady(values: Column) -> bool:
    """Whether each is no higher than the one before it, but for a tenth of them, or one of eight."""
    rises = int((np.diff(values) > 0).sum())
    return len(values) > 2 and (rises <= (1 - STEADY) * (len(values) - 1) or (rises == 1 and len(values) > 8))


def _no_slower(values: Column) -> bool:
    """Whether the second half falls as much as the first."""
    first, last = float(values[0]), float(values[-1])
    middle = float(values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    return middle - last >= NOT_SLOWER * (first - middle)


def _falls_straight(view: View) -> bool:
    """Whether the validation loss falls steadily and no slower than at first; without one, the training loss."""
    val = view.val_loss
    return _falls_steadily(view) and (val is None or not val.count or _no_slower(val.history.means))


def _creeps(view: View) -> bool:
    """Whether the loss moves straight down from evaluation to evaluation, by next to nothing, and never did more.

    The validation loss has not the noise of batches; where its digits do not show a change, the training loss may.
    """
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or val.count < PATIENCE or trend.start <= 0 or knows(view) or rate_rises(view):
        return False
    values = trend.means if constant(val.history.means) else val.history.means
    first, fell = float(values[0]), float(values[0] - values[-1])
    still = (
        trend.start - trend.level <= LEAST_GAIN * trend.start + 2 * trend.error and trend.peak < LEAP * trend.start
    )
    return still and 0 < fell < CREEPING * first * len(values) and _steady(values) and _no_slower(values)


def _crawls(view: View) -> bool:
    """Whether it learns from evaluation to evaluation, no slower in the end than at first, and has got nowhere."""
    trend, val = view.loss_trend, view.val_loss
    if trend is None or val is None or val.count < PATIENCE or trend.gain > CRAWLED or not learns_little(view):
        return False
    return _falls_straight(view) and not rate_rises(view)


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
