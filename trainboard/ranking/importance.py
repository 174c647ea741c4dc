"""Which parameters a random forest needs to tell runs apart that it has not seen. Blocks, for seconds.

Needs scikit-learn, an extra. The forest learns from four fifths of the runs, and is judged by how much worse it tells
the last fifth when the values of one parameter are shuffled there; and so for each fifth. Runs that differ in their
seeds alone are in the same fifth: else it would know what it is asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainboard.actions import Refused
from trainboard.ranking.effects import encoded, sample
from trainboard.ranking.table import is_seed

if TYPE_CHECKING:
    from trainboard.compare import Comparison
    from trainboard.ranking.columns import Column

LEAST = 10
"""Runs from which a forest learns anything."""
MOST = 2000
"""Runs that it learns from: more take longer and tell the same."""
TREES = 100
PARTS = 5
SHUFFLES = 5
EXTRA = "importance needs scikit-learn: pip install 'trainboard[importance]'"


@dataclass(frozen=True, slots=True)
class Important:
    """One parameter."""

    param: str
    share: float
    """Of the importance of all; 0 where shuffling it does no harm."""
    drop: float
    """By how much the explained share of the variance falls when it is shuffled."""
    spread: float
    """The standard deviation of that over the parts."""


@dataclass(frozen=True, slots=True)
class Importance:
    """All parameters, the most important first."""

    params: tuple[Important, ...]
    explained: float
    """Share of the variance of held-out settings that the forest explains (R²); where it is not above 0 the rest says
    nothing."""
    runs: int
    left_out: int

    @property
    def caveat(self) -> str:
        """What is to be kept in mind."""
        if not self.explained > 0:
            return f"the forest explains nothing that it has not seen (R² {self.explained:.2f}): do not rely on it"
        told = f"the forest explains {self.explained:.0%} of settings it has not seen"
        return told + ("; that is little" if self.explained < 0.3 else "")

    def as_json(self) -> dict[str, Any]:
        """The keys that `results --importance --json` promises."""
        return {
            "r2": self.explained,
            "runs": self.runs,
            "params": [{"param": e.param, "share": e.share, "drop": e.drop, "spread": e.spread} for e in self.params],
        }


def importance(found: Comparison, column: Column) -> Importance:
    """Of the parameters that differ, but the seeds. Raises `Refused` with what is missing."""
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError as error:
        raise Refused(EXTRA) from error
    import numpy as np

    params = [name for name in found.params if not is_seed(name)]
    if not params:
        raise Refused("importance: no parameter differs")
    counted = sample(found.entries, column)
    if len(counted.entries) < LEAST:
        raise Refused(
            f"importance needs {LEAST} runs with a value of {column.name}; there are {len(counted.entries)}"
        )
    chance = np.random.default_rng(0)
    chosen = np.sort(chance.permutation(len(counted.entries))[:MOST])
    entries = [counted.entries[place] for place in chosen]
    values, (table, owners) = counted.values[chosen], encoded(entries, params)
    scale = float(np.abs(values).max()) or 1.0
    values = values / scale
    if not float(values.var()) > 0:
        raise Refused(f"importance: {column.name} is the same in all runs")
    errors, baseline = np.zeros(len(values)), np.zeros(len(values))
    drops: dict[str, list[float]] = {name: [] for name in params}
    settings, setting_of = np.unique(table, axis=0, return_inverse=True)
    setting_of = setting_of.reshape(-1)
    if len(settings) < PARTS:
        raise Refused(f"importance needs {PARTS} settings of the parameters; there are {len(settings)}")
    # Seeds of one setting are all learnt from, or all held out.
    for part in np.array_split(chance.permutation(len(settings)), PARTS):
        apart = np.isin(setting_of, part)
        learnt, held = np.flatnonzero(~apart), np.flatnonzero(apart)
        forest = RandomForestRegressor(TREES, random_state=0, n_jobs=1).fit(table[learnt], values[learnt])
        missed = (forest.predict(table[held]) - values[held]) ** 2
        errors[held] = missed
        baseline[held] = (values[held] - values[learnt].mean()) ** 2
        for name in params:
            mine = [place for place, owner in enumerate(owners) if owner == name]
            worse = []
            for _ in range(SHUFFLES):
                shuffled = table[held].copy()
                shuffled[:, mine] = shuffled[chance.permutation(len(held))][:, mine]
                worse.append(float(((forest.predict(shuffled) - values[held]) ** 2).mean() - missed.mean()))
            drops[name].append(sum(worse) / SHUFFLES / float(values.var()))
    means = {name: sum(each) / len(each) for name, each in drops.items()}
    total = sum(max(0.0, each) for each in means.values())
    ranked = [
        Important(
            name, max(0.0, means[name]) / total if total > 0 else 0.0, means[name], float(np.std(drops[name], ddof=1))
        )
        for name in sorted(params, key=lambda name: -means[name])
    ]
    explained = 1.0 - float(errors.sum()) / float(baseline.sum()) if baseline.sum() > 0 else math.nan
    return Importance(tuple(ranked), explained, len(entries), counted.left_out)
