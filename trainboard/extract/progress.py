"""How much of a training is done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    done: float
    """In units; may be fractional within an epoch."""
    total: float
    unit: str
    """The index word: `epoch`, `step`, …"""

    @property
    def fraction(self) -> float:
        """From 0 to 1."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0
