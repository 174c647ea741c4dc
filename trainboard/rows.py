"""The merged table: runs of ours and jobs that we did not start, as one kind of row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.base import JobState
    from specs.model import Scalar


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Times are seconds since the epoch."""

    key: str
    """Stable for the life of the row: the run's id, or `backend:job_id` for a job that is not ours."""
    backend: str
    job_id: str
    name: str
    state: JobState
    run: str | None = None
    """The run's id; None for a job that is not ours."""
    experiment: str | None = None
    token: str = ""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    reason: str = ""
    partition: str = ""
    nodes: str = ""
    time_limit: float | None = None
    directory: str = ""
    log: str | None = None
    objective: str | None = None
    goal: str = "minimize"
    total: Mapping[str, float] = field(default_factory=dict)
    attempt: int | None = None

    @property
    def ours(self) -> bool:
        """Whether we started it."""
        return self.run is not None

    def as_json(self) -> dict[str, Any]:
        """The keys that `ls --json` and `submit --json` promise."""
        return {
            "run": self.run,
            "experiment": self.experiment,
            "backend": self.backend,
            "job_id": self.job_id or None,
            "state": str(self.state),
            "name": self.name,
            "params": dict(self.params),
            "submitted": self.submitted,
            "started": self.started,
            "ended": self.ended,
            "exit_code": self.exit_code,
            "reason": self.reason,
        }
