"""What a sweep that asks for its trials waits for, in a few words. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.rows import Row
    from trainboard.trials.standing import Sweep


def waits(sweep: Sweep, rows: Iterable[Row], *, polled: bool) -> str:
    """What keeps it from going on; empty where nothing more will come, or all of it is on the way.

    `rows`: of any experiments; `polled`: whether a process asks hosts and places runs at this moment.
    """
    here = [row for row in rows if row.experiment == sweep.experiment.id and row.unsent and not row.state.ended]
    over = sweep.experiment.finished is not None or bool(sweep.experiment.halted)
    if not here and (over or not (sweep.left or sweep.paused)):
        return ""
    if not polled:
        return "for the board or `trainboard watch`: neither is running"
    if here:
        reasons = Counter(row.reason for row in here if row.reason)
        why = f": {reasons.most_common(1)[0][0]}" if reasons else ""
        return f"for {len(here)} that are not sent yet{why}"
    if sweep.left:
        return "for room on a host to ask for the next"
    return "for those on the way: who is the best then goes on" if sweep.alive else ""


def told(sweep: Sweep, rows: Iterable[Row], *, polled: bool) -> str:
    """How it stands, and what it waits for where it does."""
    waiting = waits(sweep, rows, polled=polled)
    return f"{sweep.line}; waits {waiting}" if waiting else sweep.line
