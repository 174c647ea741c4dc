"""A host with claims, in memory, and dispatchers that die at any step of theirs."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backends.base import HostUnreachable, Job, JobState, NoRoom, Rejected, Room, Unclear
from tests.trainboard.fakes import FakeBackend
from trainboard.documents import TABLES, Records

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from backends.base import Plan, Watched
    from specs.model import Resources, SlurmOptions
    from trainboard.documents import Record


class Dead(Exception):
    """The process was killed."""


@dataclass
class Life:
    """How many more steps a process lives; None: for ever."""

    left: int | None = None

    async def step(self) -> None:
        """One step further; others get their turn."""
        await asyncio.sleep(0)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Dead


class MemoryStore:
    """What all processes share, with the promises of the store. Each has its own view of it, which dies with it."""

    def __init__(self, shared: list[Records], life: Life, folder: Path) -> None:
        self.path = folder / "state.json"
        self._shared = shared
        self._life = life

    async def load(self) -> Records:
        await self._life.step()
        return self._shared[0]

    async def change(self, change: Callable[[Records], Iterable[Record]]) -> tuple[Record, ...]:
        await self._life.step()
        before = self._shared[0]
        made = tuple(change(before))
        tables = {name: dict(getattr(before, name)) for name in TABLES.values()}
        for record in made:
            tables[TABLES[type(record)]][record.id] = record
        if made:
            self._shared[0] = Records(**tables)
        await self._life.step()
        return made


@dataclass
class Place:
    """An attempt on the host."""

    plan: Plan
    launched: bool = False
    started: bool = False
    held: bool = False
    end: JobState | None = None
    withdrawn: bool = False


@dataclass
class Machine:
    """What is on the host: it outlives every process of ours."""

    name: str
    places: dict[str, Place] = field(default_factory=dict)
    claims: set[str] = field(default_factory=set)
    starts: Counter[str] = field(default_factory=Counter)
    """How often each run began, by `experiment/run`."""
    faults: list[str] = field(default_factory=list)
    """What happens to the next submissions."""
    room: Room = Room(0)  # noqa: RUF009  # frozen
    down: bool = False

    def work(self) -> None:
        """Begin whatever may begin."""
        for token, place in self.places.items():
            if place.launched and not place.held and token not in self.claims:
                self.claims.add(token)
                place.started = True
                self.starts[place.plan.job_name] += 1

    def finish(self, state: JobState = JobState.COMPLETED) -> None:
        """Everything that runs ends like this."""
        for place in self.places.values():
            if place.started and place.end is None:
                place.end = state

    def reboot(self) -> None:
        """What ran is gone, and nothing moves on what waits."""
        self.finish(JobState.NODE_FAIL)
        for place in self.places.values():
            place.launched = False

    def alive(self) -> list[str]:
        """The runs of which an attempt runs, or may begin by itself."""
        return [
            place.plan.job_name
            for token, place in self.places.items()
            if (place.started and place.end is None) or (place.launched and token not in self.claims)
        ]


class HostView(FakeBackend):
    """The machine as one process of ours reaches it."""

    def __init__(self, machine: Machine, life: Life) -> None:
        super().__init__(machine.name)
        self._machine = machine
        self._life = life

    async def submit(self, plans: Sequence[Plan]) -> Mapping[str, str | Rejected | Unclear]:
        await self._life.step()
        answers: dict[str, str | Rejected | Unclear] = {}
        fault = self._machine.faults.pop() if self._machine.faults else ""
        if self._machine.down or fault == "unreachable":
            refused = Rejected("not submitted: no connection")
            refused.__cause__ = HostUnreachable("no connection")
            return dict.fromkeys((plan.token for plan in plans), refused)
        for plan in plans:
            if fault == "no room":
                answers[plan.token] = NoRoom("8 jobs of 8")
                continue
            self._machine.places.setdefault(plan.token, Place(plan))
            await self._life.step()
            if fault != "lost before":
                self._machine.places[plan.token].launched = True
            await self._life.step()
            lost = fault in ("lost before", "lost after")
            answers[plan.token] = Unclear("no answer") if lost else plan.token
        return answers

    async def jobs(self, watched: Collection[Watched]) -> tuple[Job, ...]:
        await self._reach()
        found = []
        for each in watched:
            place = self._machine.places.get(each.token)
            if place is not None:
                found.append(self._job(each.token, place))
        return tuple(found)

    def _job(self, token: str, place: Place) -> Job:
        state = place.end or (JobState.RUNNING if place.started else JobState.PENDING)
        if state is JobState.PENDING and place.held:
            state = JobState.HELD
        stranded = not place.launched and not place.started and place.end is None
        return Job(self.name, token, place.plan.job_name, state, token, stranded=stranded, withdrawn=place.withdrawn)

    async def cancel(self, attempts: Sequence[Watched]) -> None:
        await self._reach()
        for each in attempts:
            self._end(each.token, withdrawn=False)

    async def withdraw(self, attempts: Sequence[Watched]) -> frozenset[str]:
        await self._reach()
        taken = frozenset(each.token for each in attempts if each.token not in self._machine.claims)
        for token in taken:
            self._end(token, withdrawn=True)
        await self._life.step()
        return taken

    def _end(self, token: str, *, withdrawn: bool) -> None:
        place = self._machine.places.get(token)
        self._machine.claims.add(token)
        if place is not None and place.end is None:
            place.end, place.withdrawn = JobState.CANCELLED, withdrawn

    async def hold(self, attempts: Sequence[Watched]) -> None:
        await self._set(attempts, held=True)

    async def release(self, attempts: Sequence[Watched]) -> None:
        await self._set(attempts, held=False)

    async def _set(self, attempts: Sequence[Watched], *, held: bool) -> None:
        await self._reach()
        for each in attempts:
            if each.token in self._machine.places:
                self._machine.places[each.token].held = held

    async def room(self, resources: Resources, slurm: SlurmOptions) -> Room:
        await self._reach()
        return self._machine.room

    async def _reach(self) -> None:
        await self._life.step()
        if self._machine.down:
            raise HostUnreachable(f"{self.name}: no connection")
