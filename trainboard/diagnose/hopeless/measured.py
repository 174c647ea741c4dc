"""How often a rule stopped a run that would have come to something: what is said beside its warning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.diagnose.hopeless.replay import Replay

ENOUGH = 20
"""Runs of the user's own from which a rate is told instead of the shipped one."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a rule did in a replay."""

    stopped: int
    lost: int
    """Of these, runs that ended among the best quarter."""
    source: str

    def __str__(self) -> str:
        if not self.stopped:
            return f"this rule stopped none of {self.source}"
        part = self.lost / self.stopped
        return f"this rule was wrong in {self.lost} of {self.stopped} stops ({part:.0%}) of {self.source}"


SOURCE = "1,149 runs of the AlgoPerf competition"
SHIPPED: Mapping[str, Rate] = {
    "median": Rate(59, 0, SOURCE),
    "percentile": Rate(64, 0, SOURCE),
    "patience": Rate(101, 3, SOURCE),
    "extrapolation": Rate(129, 3, SOURCE),
    "history": Rate(112, 2, SOURCE),
}
"""With the defaults and no target given, the runs of a submission in the order of their studies, as
`python -m benchmarks.curves FILE` measures it. A threshold depends on what is given: there is no rate of it."""


def own(replayed: Replay) -> Rate | None:
    """The rate on the user's own runs; None where there are too few to tell."""
    if replayed.runs < ENOUGH:
        return None
    return Rate(len(replayed.stops), replayed.lost, f"your {replayed.runs} past runs of this spec")
