"""The rules that judge whether a run is hopeless, as a spec names them: what each says, and its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Option:
    """One number of a rule."""

    default: float | None
    """None: it holds only where it is given."""
    least: float
    most: float
    meaning: str
    whole: bool = False
    """Whether it counts something."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a run counts as hopeless."""

    meaning: str
    options: Mapping[str, Option]
    needs: str = ""
    """What there has to be besides the objective."""


_GRACE = Option(0.3, 0, 1, "It says nothing before so great a part of the run is done.")
_RUNS = Option(5, 1, 1000, "Completed runs of the same spec that there must be.", whole=True)
_TARGET = Option(None, -1e300, 1e300, "What is to be reached; else what the best quarter of those runs reached.")
_LOOKS = Option(2, 1, 100, "Values in a row at which it must say the same.", whole=True)

RULES: Mapping[str, Rule] = {
    "median": Rule(
        "Its best value is worse than the median of what the completed runs had on average until then.",
        {"grace": _GRACE, "runs": _RUNS, "looks": _LOOKS},
        "completed runs of the same spec",
    ),
    "percentile": Rule(
        "Its best value is not among the best `keep` of what the completed runs had reached then, and its own curve "
        "does not lead to where half of them ended.",
        {
            "keep": Option(0.9, 0, 1, "The part of the runs that goes on; 0.5 is the median."),
            "chance": Option(0.2, 0, 1, "What the chance by its own curve must be below; with 1 that is not asked."),
            "grace": _GRACE,
            "runs": _RUNS,
            "looks": _LOOKS,
        },
        "completed runs of the same spec",
    ),
    "patience": Rule(
        "It has not become better by `gain` for so long a part of the run.",
        {
            "patience": Option(0.4, 0, 1, "The part of the run without an improvement."),
            "gain": Option(0, 0, 1e300, "What counts as one, in the objective's own units."),
            "grace": _GRACE,
        },
    ),
    "threshold": Rule(
        "It has left the given bounds, or is no number.",
        {
            "lower": Option(None, -1e300, 1e300, "The objective stays at or above it."),
            "upper": Option(None, -1e300, 1e300, "The objective stays at or below it."),
            "grace": Option(0, 0, 1, "It says nothing before so great a part of the run is done."),
            "looks": _LOOKS,
        },
    ),
    "extrapolation": Rule(
        "By its own curve it reaches the target with a chance below `chance`.",
        {
            "chance": Option(0.05, 0, 1, "Below it the run is hopeless."),
            "target": _TARGET,
            "grace": _GRACE,
            "looks": _LOOKS,
        },
        "`target`, or completed runs of the same spec",
    ),
    "history": Rule(
        "By how the completed runs that were most like it went on, it reaches the target with a chance below "
        "`chance`, and its own curve does not lead there.",
        {
            "chance": Option(0.05, 0, 1, "Below it the run is hopeless."),
            "target": _TARGET,
            "grace": _GRACE,
            "runs": Option(10, 2, 1000, "Completed runs of the same spec that there must be.", whole=True),
            "looks": _LOOKS,
        },
        "completed runs of the same spec",
    ),
}
"""By name; the defaults are those that `benchmarks/curves.py` measures."""
