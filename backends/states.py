"""The states of a job. By itself, for the screen begins with them and with nothing else of `backends.base`."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Slurm's words on every backend, and two of ours: SUBMITTING and LOST."""

    SUBMITTING = "SUBMITTING"
    """The intent is written; whether the backend took the job is not known yet."""
    PENDING = "PENDING"
    HELD = "HELD"
    RUNNING = "RUNNING"
    COMPLETING = "COMPLETING"
    UNKNOWN = "UNKNOWN"
    """A state word that we do not know. It counts as alive."""
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMEOUT = "TIMEOUT"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    NODE_FAIL = "NODE_FAIL"
    PREEMPTED = "PREEMPTED"
    LOST = "LOST"
    """Gone without evidence."""

    @property
    def ended(self) -> bool:
        """Whether the job will not run again by itself."""
        return self in ENDED


ENDED = frozenset(
    {
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.CANCELLED,
        JobState.TIMEOUT,
        JobState.OUT_OF_MEMORY,
        JobState.NODE_FAIL,
        JobState.PREEMPTED,
        JobState.LOST,
    }
)
