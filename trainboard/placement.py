"""Where waiting attempts go, and which move from a busy host to a free one. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Room
    from specs.model import Resources, SlurmOptions

    Needs = tuple[Resources, SlurmOptions]
    Rooms = Mapping[tuple[str, Needs], Room]
    """By backend and size of run."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An attempt that may be sent, or moved."""

    token: str
    where: tuple[str, ...]
    """Backends in the order of preference."""
    needs: Needs
    backend: str = ""
    """Where it waits now; empty for one that waits here."""


@dataclass(slots=True)
class Taken:
    """What was given away since the rooms were seen."""

    now: Counter[str] = field(default_factory=Counter)
    queue: Counter[str] = field(default_factory=Counter)

    def starts(self, backend: str, room: Room) -> bool:
        """Whether one more would start there at once, or a scheduler takes it and decides."""
        return self.queues(backend, room) and (room.now is None or room.now > self.now[backend])

    def queues(self, backend: str, room: Room) -> bool:
        """Whether one more may wait there."""
        return room.queue is None or room.queue > self.queue[backend]

    def take(self, backend: str) -> None:
        """One more goes there."""
        self.now[backend] += 1
        self.queue[backend] += 1


@dataclass(frozen=True, slots=True)
class Placement:
    """Where attempts go."""

    chosen: Mapping[str, str]
    """Token → backend, in the order of the candidates."""
    reasons: Mapping[str, str]
    """Token → why it goes nowhere now, in one line; those that wait for a host's answer have none."""
    taken: Taken


def place(candidates: Sequence[Candidate], rooms: Rooms, queued: Mapping[str, int]) -> Placement:
    """Give each candidate, in order, the first backend where it would start; else the shortest queue that takes it.

    One of whose backends the room is not known yet is left for later. `queued`: how many of ours wait on each.
    """
    taken, chosen, reasons = Taken(), dict[str, str](), dict[str, str]()
    nowhere: dict[tuple[tuple[str, ...], Needs], str] = {}
    for each in candidates:
        kind = each.where, each.needs
        if kind not in nowhere:
            backend = _first(each, rooms, queued, taken)
            if backend:
                chosen[each.token] = backend
                taken.take(backend)
                continue
            # Rooms only get smaller here: who comes after with the same needs finds nothing either.
            nowhere[kind] = "" if backend is None else _reason(each, rooms)
        if nowhere[kind]:
            reasons[each.token] = nowhere[kind]
    return Placement(chosen, reasons, taken)


def _first(each: Candidate, rooms: Rooms, queued: Mapping[str, int], taken: Taken) -> str | None:
    """The backend; None: not to be said yet; empty: none has room."""
    found = [(name, rooms.get((name, each.needs))) for name in each.where]
    if not all(room is not None for _, room in found):
        return None
    known = [(name, room) for name, room in found if room is not None]
    for name, room in known:
        if taken.starts(name, room):
            return name
    waiting = [name for name, room in known if taken.queues(name, room)]
    return min(waiting, key=lambda name: queued.get(name, 0) + taken.queue[name], default="")


def _reason(each: Candidate, rooms: Rooms) -> str:
    said = {name: rooms[name, each.needs].reason or "no room now" for name in each.where}
    if len(said) == 1:
        return next(iter(said.values()))
    return "; ".join(said[name] if said[name].startswith(f"{name}:") else f"{name}: {said[name]}" for name in said)


def moves(
    waiting: Sequence[Candidate], looks: Sequence[Rooms], servers: Sequence[str], taken: Taken
) -> dict[str, str]:
    """Token → server, for those that would start there now by every one of the looks (two: once may be chance).

    `taken`: what was given away already; it is counted on here.
    """
    found: dict[str, str] = {}
    for each in waiting:
        for name in each.where:
            if name == each.backend or name not in servers:
                continue
            free = min((_now(look.get((name, each.needs))) for look in looks), default=-inf)
            if free > taken.now[name]:
                found[each.token] = name
                taken.take(name)
                break
    return found


def _now(room: Room | None) -> float:
    return room.now if room is not None and room.now is not None and room.queue != 0 else -inf
