"""The table of the rules: a new one is a function, a line here, and its numbers in `specs.earlystop`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from specs import earlystop
from trainboard.diagnose.hopeless.comparison import median, patience, percentile, threshold
from trainboard.diagnose.hopeless.extrapolation import extrapolation
from trainboard.diagnose.hopeless.history import history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trainboard.diagnose.hopeless.curve import Cohort, Curve
    from trainboard.diagnose.hopeless.verdict import Verdict

    Judge = Callable[[Curve, Cohort, Mapping[str, float]], Verdict | None]

JUDGES: Mapping[str, Judge] = {
    "median": median,
    "percentile": percentile,
    "patience": patience,
    "threshold": threshold,
    "extrapolation": extrapolation,
    "history": history,
}
"""By the names that specs use."""


def numbers(rule: str, given: Mapping[str, float]) -> dict[str, float]:
    """A rule's numbers: those that are given, else its defaults."""
    known = earlystop.RULES[rule].options
    usual = {name: option.default for name, option in known.items() if option.default is not None}
    return {**usual, **{name: value for name, value in given.items() if name in known}}


def judge(rule: str, run: Curve, others: Cohort, given: Mapping[str, float]) -> Verdict | None:
    """What a rule says of a run as it is now; None: nothing, for it is too early or there is too little to go by.

    Hopeless only where it was so at the last `looks` values, all of them after the `grace`.
    """
    options = numbers(rule, given)
    with np.errstate(all="ignore"):  # a curve may have any numbers; what comes of it is compared and never trusted
        return _judge(rule, run, others, options)


def _judge(rule: str, run: Curve, others: Cohort, options: Mapping[str, float]) -> Verdict | None:
    found: Verdict | None = None
    for back in range(int(options.get("looks", 1))):
        before = run.first(len(run) - back)
        if not len(before) or early(before, others, options["grace"]):
            return None if found is None else hopeful(found)
        verdict = JUDGES[rule](before, others, options)
        if verdict is None or not verdict.hopeless:
            return verdict if found is None else hopeful(found)
        found = found or verdict
    return found


def early(run: Curve, others: Cohort, grace: float) -> bool:
    """Whether so great a part of the run is not done yet; also where nobody knows how long it is."""
    if grace <= 0:
        return False
    length = run.length or others.length
    return not length or float(run.steps[-1]) < grace * length


def hopeful(verdict: Verdict) -> Verdict:
    """The same, which a single value is not enough for."""
    return replace(verdict, hopeless=False)
