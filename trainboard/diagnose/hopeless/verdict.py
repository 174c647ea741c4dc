"""What a rule says of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a run as it is now."""

    hopeless: bool
    why: str
    """One plain clause with the numbers."""
    evidence: Mapping[str, float] = field(default_factory=dict)
    """The numbers by name, as they would be printed."""
    chance: float | None = None
    """Of reaching the target, by the rule; None where it knows no chances."""
