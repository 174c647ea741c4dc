"""What an experiment took, all its attempts together. Pure. Hours.

GPU-hours are those that its attempts held, whether they used them or not. Of an attempt that completed, what came
after the best value of the objective was for nothing; of one that did not, all of it, or, where a later attempt went
on from a checkpoint of it, what came after that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from backends.base import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.records import Attempt

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Spell:
    """One attempt, and what it held."""

    attempt: Attempt
    gpus: int
    cpus: float | None
    """None: nobody asked for a number."""
    best: float | None = None
    """When its run's objective was best, seconds since the epoch; None where nobody knows."""
    followed: bool = False
    """A later attempt of the run began, and goes on from checkpoints."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What an experiment took until now."""

    runs: int = 0
    attempts: int = 0
    gpu_hours: float = 0.0
    gpu_hours_after_best: float = 0.0
    """In attempts that completed, after the objective was best."""
    gpu_hours_unfinished: float = 0.0
    """In attempts that failed, were cancelled, preempted or ran out of time, and that nobody went on from."""
    cpu_hours: float = 0.0
    """Of processors that worked, as far as it was measured."""
    cpu_hours_held: float = 0.0
    """Of those that asked for a number of them."""
    hours: float = 0.0
    """For which its attempts ran."""
    queued_hours: float = 0.0
    unknown_best: int = 0
    """Attempts that completed, of which nobody knows when they were best."""
    running: int = 0

    def as_json(self) -> dict[str, Any]:
        """The keys that `usage --json` promises."""
        return asdict(self)


def totals(spells: Iterable[Spell], now: float) -> Totals:
    """The sums."""
    spells = list(spells)
    runs = {spell.attempt.run for spell in spells}
    ran = {spell.attempt.id: seconds(spell.attempt, now) for spell in spells}
    done = [spell for spell in spells if spell.attempt.state is JobState.COMPLETED]

    def hours(each: Iterable[float]) -> float:
        return sum(each) / HOUR

    return Totals(
        runs=len(runs),
        attempts=sum(not spell.attempt.unsent and not spell.attempt.withdrawn for spell in spells),
        gpu_hours=hours(spell.gpus * ran[spell.attempt.id] for spell in spells),
        gpu_hours_after_best=hours(spell.gpus * after_best(spell) for spell in done),
        gpu_hours_unfinished=hours(spell.gpus * lost(spell, now) for spell in spells),
        cpu_hours=hours(spell.attempt.peaks.get("cpu", 0.0) for spell in spells),
        cpu_hours_held=hours((spell.cpus or 0.0) * ran[spell.attempt.id] for spell in spells),
        hours=hours(ran.values()),
        queued_hours=hours(waited(spell.attempt, now) for spell in spells),
        unknown_best=sum(spell.best is None for spell in done),
        running=sum(not spell.attempt.state.ended and spell.attempt.started is not None for spell in spells),
    )


def seconds(attempt: Attempt, now: float) -> float:
    """For which it ran, or runs."""
    if attempt.started is None:
        return 0.0
    return max(0.0, (attempt.ended if attempt.ended is not None else now) - attempt.started)


def waited(attempt: Attempt, now: float) -> float:
    """Until it began, or ended without; here or on its backend."""
    until = attempt.started or attempt.ended or (now if not attempt.state.ended else attempt.created)
    return max(0.0, until - attempt.created)


def after_best(spell: Spell) -> float:
    """Of an attempt that completed: seconds after its run's objective was best."""
    attempt = spell.attempt
    if spell.best is None or attempt.ended is None or attempt.started is None:
        return 0.0
    return max(0.0, attempt.ended - max(attempt.started, spell.best))


def lost(spell: Spell, now: float) -> float:
    """Of an attempt that ended without completing: seconds that nobody went on from."""
    attempt = spell.attempt
    if not attempt.state.ended or attempt.state is JobState.COMPLETED:
        return 0.0
    ran = seconds(attempt, now)
    saved = max(attempt.checkpoints, default=None)
    if not spell.followed or saved is None or attempt.ended is None:
        return ran
    return min(ran, max(0.0, attempt.ended - saved))
