"""Findings of many runs: whose they are, and which is the worst. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.records import Diagnosed
    from trainboard.rows import Row


def spec_of(row: Row) -> str:
    """The name of the spec that a row came from: its experiment's id without the number."""
    return (row.experiment or "").rpartition("-")[0]


def worst(findings: Iterable[Diagnosed]) -> Diagnosed | None:
    """The worst of these that go on: of the most severe the root cause, then the oldest; None where none goes on."""
    going = [each for each in findings if not each.over]
    return min(going, key=lambda each: (-Severity.of(each.severity).level, bool(each.root), each.first), default=None)
