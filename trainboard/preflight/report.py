"""What a preflight found: one line for each thing that was looked at, on each backend. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class Level(StrEnum):
    """How a check came out."""

    PASS = "PASS"
    WARN = "WARN"
    """It may go wrong, or it could not be looked at: the text says which."""
    FAIL = "FAIL"
    """Runs would fail there; nothing is submitted to that backend unless the user insists."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a report."""

    backend: str
    runs: tuple[int, ...]
    """`Setting.index` of the runs that it is about; empty: all of them."""
    name: str
    level: Level
    text: str
    """What was found, in one clean line."""
    advice: str = ""
    """What to change, in one line; empty where there is nothing."""

    @property
    def line(self) -> str:
        """What is wrong and what to do about it, for a place that shows nothing else."""
        said = f"{self.backend}: {self.name}: {self.text}"
        return f"{said}; {self.advice}" if self.advice else said

    def as_json(self) -> dict[str, Any]:
        """The keys that `check --json` promises."""
        return {
            "backend": self.backend,
            "runs": list(self.runs),
            "name": self.name,
            "level": str(self.level),
            "text": self.text,
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one spec, backend by backend, in the order in which they were asked for."""

    checks: tuple[Check, ...] = ()

    def of(self, backend: str) -> tuple[Check, ...]:
        """The checks of one backend."""
        return tuple(check for check in self.checks if check.backend == backend)

    def failed(self, backend: str) -> bool:
        """Whether runs would fail there."""
        return any(check.level is Level.FAIL for check in self.of(backend))

    def fails(self) -> tuple[Check, ...]:
        """Those for which a submission stops."""
        return tuple(check for check in self.checks if check.level is Level.FAIL)

    def left(self, backends: Iterable[str]) -> tuple[str, ...]:
        """The backends where nothing failed, in the order given."""
        return tuple(name for name in backends if not self.failed(name))

    def as_json(self) -> list[dict[str, Any]]:
        """The checks as JSON values."""
        return [check.as_json() for check in self.checks]
