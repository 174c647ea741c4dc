"""The records of the store: experiments, runs, attempts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.base import JobState
    from specs.model import Scalar


@dataclass(frozen=True, slots=True)
class Experiment:
    """One submission of a spec."""

    id: str
    """The spec's name and a number: `char-rnn-2`. Unique in the store."""
    name: str
    source: str
    """Path of the spec file."""
    text: str
    created: float
    objective: str | None = None
    goal: str = "minimize"
    total: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One setting of an experiment's parameters."""

    id: str
    """Short and unique in the store; what the user types."""
    experiment: str
    index: int
    name: str
    params: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a run on one backend."""

    id: str
    """The token."""
    run: str
    number: int
    backend: str
    state: JobState
    created: float
    directory: str
    """On the backend's files."""
    job_id: str = ""
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    reason: str = ""
