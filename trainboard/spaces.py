"""The space on hosts as runs go: told once where it may not do for what they have yet to write."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import BackendError
from specs.model import SpecError
from trainboard.events import Noticed
from trainboard.preflight.needs import learnt
from trainboard.preflight.space import shortage, still_needed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backends.base import Disk
    from trainboard.documents import Records
    from trainboard.events import Event
    from trainboard.place import Place
    from trainboard.plans import Planner
    from trainboard.records import Attempt, Experiment

INTERVAL = 30.0
"""Seconds between two looks. A host is asked once for all of its folders, and no process begins there for it."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run writes."""

    amount: float
    """Bytes: what its spec declares, or what finished attempts of that spec used."""
    project: str
    """The project folder; empty where the spec cannot be read."""


class Spaces:
    """Compares what is left on the disks of hosts with what the attempts there need."""

    def __init__(self, places: Mapping[str, Place], planner: Planner, tell: Callable[[Event], None]) -> None:
        self._places = places
        self._planner = planner
        self._tell = tell
        self._short: set[str] = set()
        """Backends of which it was told."""

    async def watch(self, records: Callable[[], Records]) -> None:
        """Look now and then, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look(records())

    async def look(self, records: Records) -> None:
        """Tell what has become short; once it does again, a new shortage is news."""
        alive: dict[str, list[Attempt]] = {}
        for attempt in records.attempts.values():
            if not attempt.state.ended and not attempt.unsent and attempt.run in records.runs:
                alive.setdefault(attempt.backend, []).append(attempt)
        needs = await self._needs(records, [each for attempts in alive.values() for each in attempts])
        for name, place in self._places.items():
            text = await self._shortage(place, alive.get(name, []), needs)
            if text and name not in self._short:
                self._tell(Noticed("warning", f"{name}: {text}"))
            if text is not None:
                (self._short.add if text else self._short.discard)(name)

    async def _shortage(self, place: Place, attempts: list[Attempt], needs: Mapping[str, Demand]) -> str | None:
        """What is short there; empty where nothing is, None where nobody knows."""
        known = [each for each in attempts if each.id in needs and each.directory]
        if not known:
            return ""
        if place.health is None:
            return None  # it has not answered yet
        amounts = {each.id: needs[each.id].amount for each in known}
        found = [
            shortage(disk, still_needed(those, amounts), len(those))
            for disk, those in await self._disks(place, known, needs)
        ]
        return next(filter(None, found), "") if found else None

    async def _disks(
        self, place: Place, known: list[Attempt], needs: Mapping[str, Demand]
    ) -> list[tuple[Disk, list[Attempt]]]:
        """The disks that attempts write to: of their own folders, and of the projects that the host shares."""
        writers = {place.backend.folders[0]: known}
        if place.backend.shared:
            for each in known:
                if project := needs[each.id].project:
                    writers.setdefault(project, []).append(each)
        try:
            return [(disk, writers[disk.path]) for disk in await place.backend.space(tuple(writers))]
        except BackendError:
            return []  # what is wrong with the host is told by whoever polls it

    async def _needs(self, records: Records, attempts: list[Attempt]) -> dict[str, Demand]:
        """By attempt, what is known of it."""
        of_experiment: dict[str, Demand | None] = {}
        for attempt in attempts:
            experiment = records.experiments.get(records.runs[attempt.run].experiment)
            if experiment is not None and experiment.id not in of_experiment:
                of_experiment[experiment.id] = await self._need(records, experiment)
        found = ((each.id, of_experiment.get(records.runs[each.run].experiment)) for each in attempts)
        return {key: demand for key, demand in found if demand is not None}

    async def _need(self, records: Records, experiment: Experiment) -> Demand | None:
        declared, project = None, ""
        try:
            spec = await self._planner.spec(experiment)
            declared, project = spec.resources.disk, str(spec.workdir)
        except SpecError:
            pass  # what finished attempts used is known all the same
        if declared is not None:
            return Demand(float(declared), project)
        known = (await asyncio.to_thread(learnt, records, experiment.name)).disk
        return None if known is None else Demand(known.amount, project)
