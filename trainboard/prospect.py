"""A submission before it is made: which runs it is of, where they may go, and what there is to ask first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.members import Choice, select
from trainboard.preflight.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from specs.model import Retry, Spec
    from trainboard.code import Taken
    from trainboard.documents import Records
    from trainboard.doubts import Doubt
    from trainboard.options import Options
    from trainboard.preflight.report import Check

TOLD = 5
"""Checks that failed, in one line; `trainboard check` shows all of them."""


class Doubtful(Refused):
    """Files that are large or look like secrets would be sent: the user has to say so (`Options.send`)."""

    def __init__(self, message: str, doubts: tuple[Doubt, ...]) -> None:
        super().__init__(message)
        self.doubts = doubts


class Unfit(Refused):
    """The runs would fail on every backend that they may go to: something has to change, or `Options.force`."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a submission would do. With other `options` of the same `again`, `only` and `send` it is still true."""

    spec: Spec
    options: Options
    choice: Choice
    """Its runs, and those that are left out."""
    backends: tuple[str, ...]
    """Where they may go by what was asked for, in order."""
    code: Taken | None
    """The project as it was taken; None where it could not be, and is not sent."""
    sends: bool
    """Whether one of these backends gets the project sent."""
    report: Report = field(default_factory=Report)
    """What the checks say; empty where they were not made: not wanted, nothing to submit, or doubts to ask first."""
    identities: Mapping[int, str] = field(default_factory=dict, repr=False)
    """By `Setting.index`, also of those left out."""
    policies: Mapping[str, Retry] = field(default_factory=dict, repr=False)
    """By experiment: what was known of retries when it was looked which runs exist."""

    @property
    def where(self) -> tuple[str, ...]:
        """The backends that no check speaks against; all of them where that is overridden."""
        return self.backends if self.options.force else self.report.left(self.backends)

    @property
    def forced(self) -> bool:
        """Whether a check that failed is overridden."""
        return self.options.force and bool(self.report.fails())

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The files that the user has to be asked about before they are sent."""
        return self.code.doubts if self.code and self.sends and not self.options.send else ()

    def objection(self) -> Refused | None:
        """Why it cannot be submitted as it is; None where it can."""
        if not self.choice.settings:
            return None  # nothing is done, and that is fine
        if self.doubts:
            some = ", ".join(doubt.path for doubt in self.doubts[:3]) + (", …" if len(self.doubts) > 3 else "")
            advice = "list them in code.exclude to keep them here, in code.allow to let them go, or say --send"
            return Doubtful(f"{self.spec.source}: not sent unasked: {some}; {advice}", self.doubts)
        if not self.where:
            return Unfit(f"{self.spec.source}: not submitted: {told(self.report.fails())}", self.report)
        return None

    def still(self, records: Records) -> Choice:
        """The choice by the records of another moment, without runs that nobody has looked at."""
        settings = self.choice.settings
        return select(settings, self.identities, self.spec.name, records, self.options, self.policies)


def told(fails: Sequence[Check]) -> str:
    """Why nothing is submitted, and what to do, in one line."""
    lines = list(dict.fromkeys(check.line for check in fails))
    more = [f"and {len(lines) - TOLD} more"] if len(lines) > TOLD else []
    force = [] if any("--force" in line for line in lines) else ["--force submits all the same"]
    return "; ".join([*lines[:TOLD], *more, *force])
