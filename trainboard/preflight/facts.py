"""All that the checks of one backend go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.base import Plan, Room
    from backends.checks import Forecast, Rehearsal, Survey, Unknown
    from specs.model import Input, Resources, Spec
    from trainboard.preflight.needs import Learnt
    from trainboard.preflight.programs import Commands
    from trainboard.preflight.sent import Sent


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about, the same for every backend."""

    spec: Spec
    plan: Plan
    """Of the first run; what it needs, they all need."""
    runs: int
    commands: Commands
    inputs: Mapping[Input, tuple[int, ...]]
    """With the runs that read them."""
    learnt: Learnt
    alone: bool
    """Whether one backend only could take the runs."""
    now: float
    sent: Sent | None = None
    """What goes to a backend that does not have the project folder; None: not known."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The question and one backend's answers."""

    question: Question
    kind: str
    shared: bool
    survey: Survey | Unknown
    rehearsal: Rehearsal | Unknown
    forecast: Forecast | Unknown | None
    """None: there is no scheduler."""
    room: Room | Unknown

    @property
    def resources(self) -> Resources:
        """What each run asks for."""
        return self.question.plan.resources
