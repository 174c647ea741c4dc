"""What is known of a job, for the rules over job and machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Health, JobState
    from trainboard.diagnose.messages import Hit
    from trainboard.progress import Estimate
    from trainboard.rows import Row
    from trainboard.series import Series


@dataclass(frozen=True, slots=True)
class JobSeen:
    """One row, or one log file, at one moment. What is not known is left out: the rules that need it are silent."""

    now: float
    """Seconds since the epoch."""
    row: Row | None = None
    """None: of a log file nothing else is known."""
    hits: Sequence[Hit] = ()
    """`Scanner.hits`: what its log says, in order."""
    series: Mapping[str, Series] = field(default_factory=dict)
    """Its metrics, and what it uses as the runner measured it: `usage/…` (see `trainboard.sources.usage`)."""
    estimate: Estimate | None = None
    health: Sequence[Health] = ()
    """Readings of its host, the oldest first: those of the last hours, thinned."""
    outcome: str = ""
    """How its log ends: one of `trainboard.outcome.OUTCOMES`; empty where nobody looked."""
    log_at: float | None = None
    """When its log last grew."""
    tail: bytes = b""
    """The end of its log."""

    @property
    def state(self) -> JobState | None:
        """Of the job."""
        return None if self.row is None else self.row.state

    @property
    def ended(self) -> bool:
        """Whether the job is over, or its log says so."""
        if self.row is not None:
            return self.row.state.ended
        return self.outcome not in ("", "running", "unknown")

    @property
    def failed(self) -> bool:
        """Whether it is over, and did not complete."""
        if self.row is not None:
            return self.row.state.ended and self.row.state != "COMPLETED"
        return self.ended and self.outcome != "completed"
