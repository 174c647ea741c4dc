"""How a submission deals with what exists, with doubts and with checks that fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Only(StrEnum):
    """Which members of an experiment are submitted once more; each is known by its parameters, whatever the code."""

    FAILED = "failed"
    """Those whose newest run failed: any end but COMPLETED and CANCELLED, and no retry comes."""
    MISSING = "missing"
    """Those that have no run that is COMPLETED, failed or alive: never submitted, or cancelled."""


@dataclass(frozen=True, slots=True)
class Options:
    """The user's answers; with none of them a submission is careful."""

    again: bool = False
    """Runs that exist already are submitted once more."""
    only: Only | None = None
    force: bool = False
    """Checks that fail stop nothing; that they did is kept with the experiment."""
    send: bool = False
    """Files that are large or look like secrets are sent."""
    check: bool = True
    """Ask the backends whether the runs can run there; False where the caller has done it just now, or cannot."""


CAREFUL = Options()
"""What a person submits with who has said nothing else."""

PLAIN = Options(again=True, check=False)
"""Every run of the spec, at once: what the demo submits with."""
