"""The functions in which a program spends its time, and how two profiles differ in that."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.profile.stacks import Function, Profile


@dataclass(frozen=True, slots=True)
class Hot:
    """One function's share. 1 is all of the time that was sampled."""

    function: Function
    alone: float
    """In itself."""
    total: float
    """In itself and in what it called; once, however often it is on a stack."""
    line: int | None = None
    """Where in it most of its own time was spent."""


def hottest(profile: Profile) -> tuple[Hot, ...]:
    """All functions, those first that take most in themselves."""
    alone: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for stack, weight in profile.stacks.items():
        alone[stack[-1]] += weight  # type: ignore[assignment]  # counters are typed for whole numbers only
        for place in set(stack):
            total[place] += weight  # type: ignore[assignment]  # as above
    best: dict[int, tuple[float, int]] = {}
    for (place, line), weight in profile.lines.items():
        best[place] = max(best.get(place, (0.0, 0)), (weight, line))
    whole = profile.total or 1.0
    found = [
        Hot(
            profile.functions[place],
            alone[place] / whole,
            weight / whole,
            best[place][1] if place in best else None,
        )
        for place, weight in total.items()
    ]
    return tuple(sorted(found, key=lambda hot: (-hot.alone, -hot.total, hot.function.name, hot.function.file)))


@dataclass(frozen=True, slots=True)
class Change:
    """How a function's share of itself differs between two profiles."""

    function: Function
    before: float
    after: float


def changes(before: Profile, after: Profile) -> Sequence[Change]:
    """Of all functions that take something in one of them, the greatest difference first."""
    old, new = ({hot.function: hot.alone for hot in hottest(each)} for each in (before, after))
    found = [Change(each, old.get(each, 0.0), new.get(each, 0.0)) for each in {**old, **new}]
    found = [each for each in found if each.before or each.after]
    return sorted(found, key=lambda each: (-abs(each.after - each.before), each.function.name, each.function.file))
