"""Samples and series. (Types; files and reduction follow.)"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric."""

    metric: str
    """The name as it was printed."""
    value: float
    """May be nan or infinite."""
    step: float
    """The index: step or epoch as the program printed it, else the count of this metric's samples from 0."""
    index: str
    """What `step` counts, in the program's word (`step`, `epoch`, `iteration`, …); empty where it is our count."""
    wall: float | None = None
    """Seconds since the epoch when we saw it, None where it was read from a file later."""
