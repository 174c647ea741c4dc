"""Findings: what a rule saw, why it matters, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(StrEnum):
    """How bad it is."""

    INFO = "info"
    """Worth knowing."""
    WARNING = "warning"
    """The result or the machine time suffers if nothing is done."""
    ERROR = "error"
    """The run is broken, or over: going on is a waste."""

    @property
    def level(self) -> int:
        """For comparisons: the worse, the higher."""
        return tuple(Severity).index(self)

    @classmethod
    def of(cls, word: str) -> Severity:
        """That of a stored word; one that only a later version knows is a warning."""
        return cls(word) if word in tuple(cls) else cls.WARNING


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule saw of one attempt of a run."""

    id: str
    """The rule's id: stable, `snake_case`; a row of `docs/findings.md`."""
    severity: Severity
    cause: str
    """The class of the cause, in a few words that do not vary with the numbers: `learning rate too high`."""
    message: str
    """One plain sentence with the numbers, for somebody who did not look."""
    advice: str
    """One sentence: what to change."""
    evidence: Mapping[str, float | str] = field(default_factory=dict)
    """The numbers that it follows from, by name."""
    step: float | None = None
    """Where it was seen first."""
    index: str = ""
    """What `step` counts."""
    metric: str = ""
    """The metric that shows it best; empty where none does."""
    lines: tuple[str, ...] = ()
    """Lines of the log that prove it: at most ten, cut at 400 characters, without control characters."""
    offset: int | None = None
    """Of the first of these lines in the log, in bytes."""
    at: float | None = None
    """When what it tells happened, seconds since the epoch; None where nobody knows."""
    over: bool = False
    """It was true, and is not any more."""

    def as_json(self) -> dict[str, Any]:
        """The keys that `diagnose --json` promises, and more."""
        return {
            "id": self.id,
            "severity": str(self.severity),
            "cause": self.cause,
            "step": self.step,
            "index": self.index or None,
            "message": self.message,
            "evidence": dict(self.evidence),
            "advice": self.advice,
            "metric": self.metric or None,
            "lines": list(self.lines),
            "over": self.over,
        }
