"""How many more runs of an experiment would start now, where its runs are made as there is room for them. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from trainboard.ledger import WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.ledger import Ledger
    from trainboard.placement import Needs, Rooms

ENDLESS = 256
"""A host says at most so many: it has no limit for runs like these, and no answer to how many are too many."""

TOGETHER = 4
"""On such a host so many of an experiment at the same time, where its spec does not say it (`sweep.at_most`)."""

PART = 2
"""In a scheduler's queue one run waits for each so many of the experiment that run there, and one at least: it is
never short of one to start, and few are made long before they start, with what was known then."""


def openings(ledger: Ledger, name: str, where: Sequence[str], needs: Needs, rooms: Rooms, at_most: int | None) -> int:
    """How many more runs of an experiment would start now, or may wait where a scheduler decides.

    None where one of it waits here, be it for room: that one goes first; but one that the user holds keeps nobody
    waiting. `rooms`: as far as they are known.
    """
    if any(not ledger.run_of(each).held for each in ledger.unsent.get(name, ())):
        return 0
    waits, runs = Counter[str](), Counter[str]()
    for attempt in ledger.newest.values():
        run = ledger.records.runs.get(attempt.run)
        if run is not None and run.experiment == name and not attempt.state.ended:
            (waits if attempt.state in WAITING else runs)[attempt.backend] += 1
    found = 0
    for backend in where:
        room = rooms.get((backend, needs))
        if room is None:
            continue
        if room.now is None:
            free = max(1, runs[backend] // PART) - waits[backend]
        elif room.now >= ENDLESS and at_most is None:
            free = TOGETHER - runs[backend] - waits[backend]
        else:
            free = room.now
        found += max(0, free if room.queue is None else min(free, room.queue))
    alive = sum(runs.values()) + sum(waits.values())
    return found if at_most is None else max(0, min(found, at_most - alive))
