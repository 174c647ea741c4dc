"""Rules that compare a run with completed ones, or with bounds, at the step where it is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.hopeless.extrapolation import unlikely
from trainboard.diagnose.hopeless.verdict import Verdict
from trainboard.show import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.diagnose.hopeless.curve import Cohort, Column, Curve


def median(run: Curve, others: Cohort, options: Mapping[str, float]) -> Verdict | None:
    """Its best value is worse than the median of the running averages of the completed runs.

    Source: Golovin et al. 2017, Google Vizier, §3.5: the median stopping rule.
    """
    if others.count < options["runs"]:
        return None
    averages = others.means(float(run.steps[-1]))
    bar = _percentile(averages, 0.5)
    return _against(
        run, bar, others.count, f"the median of what {others.count} completed runs had on average until then"
    )


def percentile(run: Curve, others: Cohort, options: Mapping[str, float]) -> Verdict | None:
    """Its best value is not among the best part of the values that the completed runs had at this step.

    Source: optuna's `PercentilePruner`, whose decisions these are where all runs have values at the same steps; but
    the run's own curve has to agree. Where all runs of a spec come to something, the last one of ten is no worse for
    being the last: without that condition one stop in seven was of a run that reached the competition's target.
    """
    if others.count < options["runs"]:
        return None
    keep = options["keep"]
    bar = _percentile(others.losses(float(run.steps[-1])), keep)
    what = f"what the best {keep:.0%} of {others.count} completed runs had then"
    found = _against(run, bar, others.count, what)
    usual = _percentile(others.finals, 0.5)
    if not found.hopeless or options["chance"] == 1:
        return found
    if not unlikely(run, others, usual, options["chance"]):
        return replace(found, hopeless=False)
    ended = run.value(usual)
    why = f"{found.why}, and its own curve does not lead to {number(ended)}, where half of them ended"
    return replace(found, why=why, evidence={**found.evidence, "usual": ended})


def patience(run: Curve, others: Cohort, options: Mapping[str, float]) -> Verdict | None:
    """It has not become better for a part of the run.

    Source: the early stopping that Keras and Lightning have, with its patience as a part of the run.
    """
    length = run.length or others.length
    if not length:
        return None
    better = run.losses < np.concatenate(([math.inf], run.best[:-1])) - options["gain"]
    places = np.flatnonzero(better)
    last = float(run.steps[places[-1]]) if len(places) else float(run.steps[0])
    idle = (float(run.steps[-1]) - last) / length
    best = run.value(float(run.best[-1]))
    why = f"it has not become better than {number(best)} since step {last:g}, which is {idle:.0%} of the run ago"
    return Verdict(idle > options["patience"], why, {"best": best, "since": last, "idle": idle})


def threshold(run: Curve, others: Cohort, options: Mapping[str, float]) -> Verdict | None:
    """It has left the bounds, or is no number.

    Source: optuna's `ThresholdPruner`.
    """
    value = run.value(float(run.losses[-1]))
    lower, upper = options.get("lower", -math.inf), options.get("upper", math.inf)
    if not math.isfinite(value):
        return Verdict(True, "its newest value is no finite number", {})
    bound = lower if value < lower else upper
    outside = not lower <= value <= upper
    why = f"its newest value, {number(value)}, is {'below' if bound == lower else 'above'} {number(bound)}"
    return Verdict(outside, why, {"value": value, "bound": bound} if outside else {"value": value})


def _percentile(losses: Column, part: float) -> float:
    """Of those that are numbers, between the nearest two; inf where none is."""
    finite = losses[np.isfinite(losses)]
    return float(np.quantile(finite, part)) if len(finite) else math.inf


def _against(run: Curve, bar: float, count: int, what: str) -> Verdict:
    best = float(run.best[-1])
    shown = run.value(best), run.value(bar)
    why = f"its best value until step {run.steps[-1]:g} is {number(shown[0])}; {what} is {number(shown[1])}"
    return Verdict(best > bar or not math.isfinite(best), why, {"best": shown[0], "bar": shown[1], "runs": count})
