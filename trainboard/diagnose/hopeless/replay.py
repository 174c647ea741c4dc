"""What a rule would have done to runs that are over: compute saved against good runs lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trainboard.diagnose.hopeless.curve import Cohort
from trainboard.diagnose.hopeless.table import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trainboard.diagnose.hopeless.curve import Curve, Places
    from trainboard.diagnose.hopeless.verdict import Verdict

LOOKS = 32
"""Values of a run that the rule looks at, evenly over it."""
GOOD = 0.25
"""The part of the runs that counts as good where no target is given."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A run that the rule would have stopped."""

    name: str
    step: float
    part: float
    """How much of the run was done."""
    good: bool
    """It came to what was wanted, as the rest of its curve shows."""
    why: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a group of runs, and would have become of it under a rule."""

    group: str
    runs: int
    good: int
    stops: tuple[Stop, ...]
    saved: float
    """The part of the compute that the stopped runs had still before them."""
    best_kept: bool
    """The best run of all was not stopped."""

    @property
    def lost(self) -> int:
        """Good runs that were stopped."""
        return sum(stop.good for stop in self.stops)

    def as_json(self) -> dict[str, Any]:
        """The keys that `replay --json` promises."""
        return {
            "group": self.group,
            "runs": self.runs,
            "good": self.good,
            "stopped": len(self.stops),
            "lost": self.lost,
            "false_stop_rate": self.lost / len(self.stops) if self.stops else None,
            "saved": self.saved,
            "best_kept": self.best_kept,
            "stops": [
                {"run": each.name, "step": each.step, "part": each.part, "good": each.good} for each in self.stops
            ],
        }


def replay(group: str, curves: Sequence[Curve], rule: str, options: Mapping[str, float]) -> Replay:
    """Run the rule over runs in the order in which they were started.

    Each is compared with those before it that were not stopped. The compute of a run is its seconds where they are
    known of all, else its steps.
    """
    curves = [each for each in curves if len(each)]
    wanted = goal_of(curves, options)
    costs = [each.seconds or 0.0 for each in curves]
    if not all(costs):
        costs = [float(each.steps[-1]) for each in curves]
    others = Cohort()
    stops: list[Stop] = []
    spared = 0.0
    for curve, cost in zip(curves, costs, strict=True):
        found = stopped(curve, others, rule, options)
        if found is None:
            others.add(curve)
            continue
        place, verdict = found
        part = float(curve.steps[place]) / float(curve.steps[-1] or 1)
        spared += (1 - part) * cost
        came = bool(curve.best[-1] <= wanted)
        stops.append(Stop(curve.name, float(curve.steps[place]), part, came, verdict.why))
    finals = np.array([each.best[-1] for each in curves])
    names = {stop.name for stop in stops}
    winner = curves[int(finals.argmin())].name if curves else ""
    good = int((finals <= wanted).sum()) if curves else 0
    return Replay(group, len(curves), good, tuple(stops), spared / (sum(costs) or 1), winner not in names)


def goal_of(curves: Sequence[Curve], options: Mapping[str, float]) -> float:
    """The loss that a good run reaches: the target where one is given, else what the best quarter did."""
    given = options.get("target")
    if given is not None and curves:
        return curves[0].sign * given
    found = Cohort(curves).target(GOOD)
    return -np.inf if found is None else found


def stopped(curve: Curve, others: Cohort, rule: str, options: Mapping[str, float]) -> tuple[int, Verdict] | None:
    """The place of the value at which the rule stops a run, and what it says; None: it never does."""
    for place in places(len(curve)).tolist():
        verdict = judge(rule, curve.first(place + 1), others, options)
        if verdict is not None and verdict.hopeless:
            return place, verdict
    return None


def places(count: int) -> Places:
    """The values that are looked at: at most `LOOKS`, and never the last, after which there is nothing to save."""
    return np.unique(np.linspace(0, count - 1, min(LOOKS, count) + 1)[1:-1].astype(np.intp))


def total(replays: Iterable[Replay]) -> dict[str, float]:
    """All groups together: runs, good, stopped, lost; and the mean of what was saved, by runs."""
    found = list(replays)
    runs = sum(each.runs for each in found)
    return {
        "runs": runs,
        "good": sum(each.good for each in found),
        "stopped": sum(len(each.stops) for each in found),
        "lost": sum(each.lost for each in found),
        "saved": sum(each.saved * each.runs for each in found) / (runs or 1),
    }
