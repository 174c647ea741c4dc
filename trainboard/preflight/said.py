"""What one check says, before it is known for which backend. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from trainboard.preflight.report import Level


@dataclass(frozen=True, slots=True)
class Said:
    """How a check came out."""

    level: Level
    text: str
    advice: str = ""
    runs: tuple[int, ...] = ()
    """`Setting.index` of those that it is about; empty: all."""


def passing(text: str, advice: str = "") -> Said:
    """All is well."""
    return Said(Level.PASS, text, advice)


def warning(text: str, advice: str = "", runs: tuple[int, ...] = ()) -> Said:
    """It may go wrong."""
    return Said(Level.WARN, text, advice, runs)


def failing(text: str, advice: str = "", runs: tuple[int, ...] = ()) -> Said:
    """It would go wrong."""
    return Said(Level.FAIL, text, advice, runs)
