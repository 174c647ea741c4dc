"""Whether there is space on a disk for what runs will write, before they run and as they go. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.preflight.said import Said, failing, passing, warning
from trainboard.show import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from backends.base import Disk
    from trainboard.preflight.needs import Need
    from trainboard.records import Attempt

LITTLE = 1 << 30
"""Bytes. Less is little for runs of which nobody knows what they write: a log and one checkpoint."""

FREE = "free some space there, or set another `root:` for this backend in the config"


def judge(what: str, free: int, need: Need | None, runs: int, *, alone: bool) -> Said:
    """The space `free` on `what` against so many runs. `alone`: no other backend could take some of them."""
    there = f"{size(free)} left ({what})"
    if need is None:
        said = f"{there}; how much a run writes is neither declared nor learnt"
        if free < LITTLE:
            return warning(said, FREE)
        return passing(said, "say it: `resources: {disk: 5G}`")
    each = f"a run writes {size(need.amount)} ({need.source})"
    if free < need.amount:
        return failing(f"{there}, {each}", FREE)
    fit = runs if not need.amount else int(free // need.amount)
    if fit >= runs:
        return passing(f"{there}, {each}")
    few = f"{there}, {each}: space for {fit} of {runs} runs"
    if need.attempts or not alone:
        return warning(few, FREE)
    return failing(few, f"{FREE}; or submit fewer runs at a time")


def still_needed(attempts: Iterable[Attempt], needs: Mapping[str, float]) -> float:
    """Bytes that these attempts have yet to write. `needs`: by attempt, in all; others count for nothing."""
    alive = (each for each in attempts if not each.state.ended and each.id in needs)
    return sum(max(0.0, needs[each.id] - each.peaks.get("disk", 0.0)) for each in alive)


def shortage(disk: Disk, needed: float, count: int) -> str:
    """What to tell the user of a disk that will not do for `count` runs; empty where it will."""
    if disk.free >= needed:
        return ""
    runs = "1 run" if count == 1 else f"{count} runs"
    return f"{size(disk.free)} left on {disk.path}, and {runs} there may still write {size(needed)}"
