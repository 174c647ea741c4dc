"""How completed runs that were like a run at this step went on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.hopeless.extrapolation import unlikely
from trainboard.diagnose.hopeless.target import aim
from trainboard.diagnose.hopeless.verdict import Verdict
from trainboard.show import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.diagnose.hopeless.curve import Cohort, Column, Curve

NEIGHBOURS = 7
PLACES = 8
"""Steps at which curves are compared, evenly over the last three quarters of the run so far."""
DOUBTFUL = 0.2
"""What the chance by the run's own curve must be below as well. Fitted on the workloads `FIT` of
`benchmarks/curves.py`: the greatest of 0.1, 0.2 and 0.3 with which at most one stop in twenty is of a good run."""
FARTHEST = 6.0
"""Spreads (median absolute deviations) that a difference counts as at most."""


def history(run: Curve, others: Cohort, options: Mapping[str, float]) -> Verdict | None:
    """By the nearest neighbours among the completed runs that went on beyond this step, it misses the target.

    A run counts that was not there yet at this step. The distance is over the best values so far at eight steps, in
    spreads of all runs at each. The chance is the share of the neighbours that reached the target, the near ones
    weighing more, with the share of all of them as one more neighbour. The run's own curve has to agree: runs that
    were like it until now tell little where nothing like this run has been seen.
    """
    step = float(run.steps[-1])
    target = aim(run, others, options)
    if target is None or others.count < options["runs"]:
        return None
    best = float(run.best[-1])
    comparable = (others.ends >= step) & (others.best(step) > target)
    if best <= target or comparable.sum() < min(options["runs"], NEIGHBOURS):
        return None
    steps = np.linspace(step / 4, step, PLACES)
    table = others.best_at(steps)[comparable]
    finals = others.finals[comparable]
    distances = apart(table, best_at(run, steps))
    near = np.argsort(distances, kind="stable")[:NEIGHBOURS]
    weights = 1 / (distances[near] + 0.1)
    reached = finals <= target
    usual = weights.mean()
    chance = float((weights @ reached[near] + usual * reached.mean()) / (weights.sum() + usual))
    ends = sorted(run.value(float(each)) for each in finals[near])
    why = (
        f"the {len(near)} of {others.count} completed runs that were most like it at step {step:g} ended at "
        f"{number(ends[0])} to {number(ends[-1])}: the chance to reach {number(run.value(target))} is {chance:.0%}"
    )
    evidence = {
        "best": run.value(best),
        "target": run.value(target),
        "chance": chance,
        "low": ends[0],
        "high": ends[-1],
        "runs": others.count,
    }
    hopeless = chance < options["chance"]
    return Verdict(hopeless and unlikely(run, others, target, DOUBTFUL), why, evidence, chance)


def best_at(run: Curve, steps: Column) -> Column:
    """Its least loss until each of these steps; inf before its first."""
    last = np.searchsorted(run.steps, steps, side="right") - 1
    found: Column = np.where(last >= 0, run.best[np.maximum(last, 0)], np.inf)
    return found


def apart(table: Column, row: Column) -> Column:
    """The distance of each row of the table from a row; what is inf lies `FARTHEST` above the middle."""
    finite = np.where(np.isfinite(table), table, np.nan)
    empty = np.isnan(finite).all(axis=0)
    finite[:, empty] = 0.0
    middle = np.nanmedian(finite, axis=0)
    spread = np.nanmedian(np.abs(finite - middle), axis=0)
    spread = np.maximum(spread, 1e-9 * np.abs(middle) + 1e-300)
    scaled = np.clip((np.vstack((table, row)) - middle) / spread, -FARTHEST, FARTHEST)
    found: Column = np.sqrt(((scaled[:-1] - scaled[-1]) ** 2).mean(axis=1))
    return found
