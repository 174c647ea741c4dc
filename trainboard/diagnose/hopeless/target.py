"""What a run has to come to, so that it is worth its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainboard.diagnose.hopeless.curve import Cohort, Curve

LEAST = 4
"""Completed runs of which there is a best quarter."""


def aim(run: Curve, others: Cohort, options: Mapping[str, float]) -> float | None:
    """The loss that is to be reached: what is given, else what the best quarter of the completed runs reached.

    None where neither is known: of fewer than four runs there is no quarter.
    """
    given = options.get("target")
    if given is not None:
        return run.sign * given
    return others.target() if others.count >= LEAST else None
