"""Which runs go on at a rung, and which of those that have paused go on after all (Li et al. 2020). Pure.

Where a run can go on from its checkpoint, one of so many (`reduction`) at a rung goes on, and the others pause until
more of them have come there. Where it cannot, a run that pauses is over, so the best at a rung always goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.trials.standing import paused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from trainboard.records import Attempt, Run


def ranked(runs: Iterable[Run], rung: int, goal: str) -> list[Run]:
    """The runs that have reached a rung, the best first; of equals the earlier, those without a number last."""
    sign = -1 if goal == "maximize" else 1

    def key(run: Run) -> tuple[bool, float, int]:
        value = run.rungs[rung]
        return value is None, 0.0 if value is None else sign * value, run.index

    return sorted((run for run in runs if len(run.rungs) > rung), key=key)


def best(runs: Iterable[Run], rung: int, goal: str, reduction: int, *, least: int = 0) -> list[Run]:
    """Those of them that go on; `least`: so many at any rate, if they told a number."""
    found = ranked(runs, rung, goal)
    return [run for run in found[: max(least, len(found) // reduction)] if run.rungs[rung] is not None]


def may_pass(run: Run, runs: Sequence[Run], goal: str, reduction: int, *, resumes: bool) -> bool:
    """Whether a run goes on beyond the rung that it has reached last; `runs`: all, it itself among them."""
    rung = len(run.rungs) - 1
    return any(run.id == other.id for other in best(runs, rung, goal, reduction, least=0 if resumes else 1))


def promotable(
    runs: Sequence[Run], newest: Mapping[str, Attempt], goal: str, reduction: int, *, last: bool
) -> list[Run]:
    """The paused runs that go on now, those at the highest rung first.

    `last`: nothing else is on the way or will come, so that at every rung the best goes on, and one comes to its end.
    """
    found = []
    for rung in reversed(range(max((len(run.rungs) for run in runs), default=0))):
        some = best(runs, rung, goal, reduction, least=1 if last else 0)
        found += [run for run in some if len(run.rungs) == rung + 1 and paused(run, newest[run.id])]
    return found


def told(run: Run, runs: Sequence[Run], goal: str, at: str) -> str:
    """Why a run pauses, in words; `at`: how far it is, `3 epochs`."""
    found = ranked(runs, len(run.rungs) - 1, goal)
    place = next(number for number, other in enumerate(found, 1) if other.id == run.id)
    value = run.rungs[-1]
    came = "it told no number" if value is None else f"its {value:.4g} is number {place} of the {len(found)} there"
    return f"pauses at {at}: {came}"
