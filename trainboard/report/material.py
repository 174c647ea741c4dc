"""What a report is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specs.model import Spec
    from trainboard.compare import Comparison
    from trainboard.predictions.sections import Section as Told
    from trainboard.records import Diagnosed, Experiment
    from trainboard.report.drawing import Line
    from trainboard.results import Member
    from trainboard.use.totals import Totals


@dataclass(frozen=True, slots=True)
class Code:
    """What the runs ran with."""

    facts: Sequence[tuple[str, str]]
    """A word or two, and what is known of it."""
    difference: str = ""
    """What was not committed, as git tells it; empty where all was, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Material:
    """One experiment, gathered."""

    experiment: Experiment
    spec: Spec | None
    """None where the kept text cannot be read any more."""
    members: Sequence[Member]
    """Its runs, each with its newest attempt."""
    comparison: Comparison
    totals: Totals
    findings: Sequence[Diagnosed]
    """Of its runs, those that hold and are not muted."""
    code: Code
    curves: Mapping[str, Sequence[Line]] = field(default_factory=dict)
    """By metric, the curves of the runs, the best first; thinned."""
    axes: Mapping[str, str] = field(default_factory=dict)
    """By metric, what its curves are over."""
    places: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By run, what its runner wrote down when it began (`host`, `gpus`, …); of those that could be asked."""
    errors: Sequence[Told] = ()
    """What the predictions of the best run say; none where there are none."""
    missing: Sequence[str] = ()
    """What could not be had, and why, a line each."""
