"""Where a run's own curve leads, with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.hopeless.target import aim
from trainboard.diagnose.hopeless.verdict import Verdict
from trainboard.show import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.diagnose.hopeless.curve import Cohort, Column, Curve

SHAPES = (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
"""Exponents α of curves `c + a·(u^-α - 1)/α`: a straight line at -1, the logarithm at 0, powers (pow3) above."""
LEAST = 6
"""Values from which a curve can be told from its noise."""
WEIGHED = 10.0
"""So many values, at most, speak for a shape: neighbours on a curve are not independent."""
DOUBT = 1.0
"""Parts of the gain that is still to come by which it may be wrong: a learning rate that falls late, or too early."""
TAIL = 1.638
"""The 90 % quantile of Student's t with three degrees of freedom, which the interval has: its tails are long."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The best loss at the end of a run."""

    middle: float
    spread: float

    def chance(self, target: float) -> float:
        """That it is at the target or below."""
        return student3((target - self.middle) / self.spread)

    @property
    def low(self) -> float:
        """One time in ten it is below."""
        return self.middle - TAIL * self.spread

    @property
    def high(self) -> float:
        """One time in ten it is above."""
        return self.middle + TAIL * self.spread


def extrapolation(run: Curve, others: Cohort, options: Mapping[str, float]) -> Verdict | None:
    """By the shapes that fit its own curve, it misses the target at the end of the run."""
    length, target = run.length or others.length, aim(run, others, options)
    best = float(run.best[-1])
    if length is None or target is None or best <= target:
        return None
    found = outlook(run, length)
    if found is None:
        return None
    chance = found.chance(target)
    low, high = sorted((run.value(found.low), run.value(min(found.high, best))))
    why = (
        f"by its own curve it ends at {number(low)} to {number(high)}: the chance to reach "
        f"{number(run.value(target))} is {chance:.0%}"
    )
    evidence = {"best": run.value(best), "target": run.value(target), "chance": chance, "low": low, "high": high}
    return Verdict(chance < options["chance"], why, evidence, chance)


def unlikely(run: Curve, others: Cohort, target: float, chance: float) -> bool:
    """Whether the chance by its own curve is below this; where that ends in no number it leads nowhere."""
    if not math.isfinite(run.losses[-1]):
        return True
    length = run.length or others.length
    found = None if length is None else outlook(run, length)
    return found is not None and found.chance(target) < chance


def outlook(run: Curve, length: float) -> Outlook | None:
    """The best loss at the end of a run of so many steps; None where its curve is too short to tell.

    Least squares of every shape over the last three quarters of the curve, weighted by how well each fits; a run gets
    no worse than its best value. Shapes: pow3 of Domhan et al. 2015, with the logarithm and the line in between.
    """
    step = float(run.steps[-1])
    chosen = np.isfinite(run.losses) & (run.steps >= step / 4) & (run.steps > 0)
    if chosen.sum() < LEAST or length <= 0:
        return None
    times, losses = run.steps[chosen] / step, run.losses[chosen]
    ahead = max(1.0, length / step)
    fits = [fit(basis(times, shape), losses, float(basis(np.array([ahead]), shape)[0])) for shape in SHAPES]
    errors = np.array([error for _, error in fits])
    ends = np.array([end for end, _ in fits])
    floor = 1e-12 * float(np.abs(losses).max()) + 1e-300
    scores = -0.5 * min(WEIGHED, len(losses)) * 2 * np.log(np.maximum(errors, floor))
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    best = float(run.best[-1])
    ends = np.minimum(ends, best)
    middle = float(weights @ ends)
    noise = float(weights @ errors)
    spread = math.sqrt(float(weights @ (ends - middle) ** 2) + noise**2 + (DOUBT * (best - middle)) ** 2)
    return Outlook(middle, max(spread, floor))


def basis(times: Column, shape: float) -> Column:
    """0 at time 1, and falling: Box and Cox's transformation of the time, upside down."""
    found: Column = -np.log(times) if shape == 0 else (times**-shape - 1) / shape
    return found


def fit(column: Column, losses: Column, ahead: float) -> tuple[float, float]:
    """The loss ahead on a curve that does not rise, and the root of the mean squared error behind."""
    centred = column - column.mean()
    slope = max(0.0, float(centred @ losses) / float(centred @ centred))
    start = float(losses.mean()) - slope * float(column.mean())
    error = losses - (start + slope * column)
    return start + slope * ahead, float(np.sqrt((error @ error) / max(1, len(losses) - 2)))


def student3(t: float) -> float:
    """The distribution function of Student's t with three degrees of freedom."""
    scaled = t / math.sqrt(3.0)
    return 0.5 + (scaled / (1 + scaled * scaled) + math.atan(scaled)) / math.pi
