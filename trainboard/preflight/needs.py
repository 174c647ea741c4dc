"""What a run needs: what its spec declares, or what finished attempts of the same spec have used. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.documents import Records
    from trainboard.records import Attempt

SHARE = 0.9
"""Of the attempts, this share needed no more: the largest one may have been an accident."""


@dataclass(frozen=True, slots=True)
class Need:
    """So much of something for one run."""

    amount: float
    """Bytes or seconds."""
    attempts: int = 0
    """Finished attempts that it was learnt from; 0: it is declared."""

    @property
    def source(self) -> str:
        """Where it is known from, in words."""
        if not self.attempts:
            return "declared"
        return f"learnt from {self.attempts} finished attempt{'' if self.attempts == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Learnt:
    """What finished attempts of a spec used, at the 90th percentile; None where none tells."""

    memory: Need | None = None
    gpu_memory: Need | None = None
    disk: Need | None = None
    seconds: Need | None = None


def learnt(records: Records, name: str) -> Learnt:
    """What is known of the spec of this name. Only attempts that were COMPLETED count: others may have used less."""
    experiments = {each.id for each in records.experiments.values() if each.name == name}
    runs = {each.id for each in records.runs.values() if each.experiment in experiments}
    done = [each for each in records.attempts.values() if each.state is JobState.COMPLETED and each.run in runs]
    return Learnt(*(of(done, what) for what in ("memory", "gpu_memory", "disk", "seconds")))


def of(attempts: Iterable[Attempt], what: str) -> Need | None:
    """One figure of theirs."""
    found = sorted(each.peaks[what] for each in attempts if what in each.peaks)
    if not found:
        return None
    return Need(found[math.ceil(SHARE * len(found)) - 1], len(found))


def need(declared: float | None, learnt: Need | None) -> Need | None:
    """What counts: what the user says, else what is learnt."""
    return learnt if declared is None else Need(declared)
