"""How we stand with a host."""

from __future__ import annotations

from enum import StrEnum


class Link(StrEnum):
    """How we stand with a host."""

    CONNECTING = "connecting"
    UP = "up"
    STALE = "stale"
    """The last query failed; what is shown is from before."""
    DOWN = "down"
    """It never answered since we started, or refuses us."""
