"""Which rank kept the others waiting. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.diagnose.messages import Hit


@dataclass(frozen=True, slots=True)
class Culprit:
    """Who did not come to a collective operation."""

    rank: int | None
    """None: the messages do not tell it apart."""
    told: int
    """How many ranks have told of the time-out."""
    sentence: str


def culprit(hits: Sequence[Hit]) -> Culprit:
    """The rank that is silent, where the others tell and it is the only one; else the one that came least far.

    Ranks that wait say how far they are (`SeqNum`, `last enqueued work`): who waits for the others has the highest
    number, and who did not come has a lower one, or says nothing at all.
    """
    reached: dict[int, float] = {}
    tellers: set[int] = set()
    world = 0
    for hit in hits:
        world = max((world, *(int(_number(hit, name)) for name in ("world", "processes", "members"))))
        if "rank" not in hit.facts:
            continue
        rank = int(_number(hit, "rank"))
        world = max(world, rank + 1)
        if hit.id == "nccl_timeout":
            tellers.add(rank)
            if number := max(_number(hit, "enqueued"), _number(hit, "seq")):
                reached[rank] = max(number, reached.get(rank, number))
    failed = [hit for hit in hits if hit.id == "traceback" and "rank" in hit.facts and "secondary" not in hit.facts]
    if failed and not failed[0].passed:
        rank = int(_number(failed[0], "rank"))
        return Culprit(rank, len(tellers), f"rank {rank} had failed before, with {failed[0].facts['error']}")
    silent = sorted(set(range(world)) - tellers)
    if tellers and len(silent) == 1:
        return Culprit(silent[0], len(tellers), f"rank {silent[0]} is the only one of {world} that says nothing")
    lowest = min(reached.values(), default=0.0)
    behind = sorted(rank for rank, number in reached.items() if number == lowest)
    if reached and lowest < max(reached.values()) and len(behind) == 1:
        ahead = max(reached.values())
        return Culprit(
            behind[0], len(tellers), f"rank {behind[0]} is behind, at {lowest:g} where others are at {ahead:g}"
        )
    some = f", say {len(tellers)} of {world}" if tellers else ""
    return Culprit(None, len(tellers), f"not all ranks came to it{some}")


def _number(hit: Hit, name: str) -> float:
    """A number of a message; 0 where it has none."""
    found = hit.facts.get(name)
    return found if isinstance(found, float) else 0.0
