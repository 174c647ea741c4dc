"""The space on hosts as runs go: told once where it may not do for what they have yet to write."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from specs.model import SpecError
from trainboard.events import Noticed
from trainboard.preflight.needs import learnt
from trainboard.preflight.space import disk_of, shortage, still_needed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trainboard.documents import Records
    from trainboard.events import Event
    from trainboard.place import Place
    from trainboard.plans import Planner
    from trainboard.records import Attempt, Experiment

INTERVAL = 30.0
"""Seconds between two looks; nothing is asked of any host for it."""


class Spaces:
    """Compares the newest readings of hosts with what the attempts there need."""

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
            text = self._shortage(place, alive.get(name, []), needs)
            if text and name not in self._short:
                self._tell(Noticed("warning", f"{name}: {text}"))
            if text is not None:
                (self._short.add if text else self._short.discard)(name)

    def _shortage(self, place: Place, attempts: list[Attempt], needs: Mapping[str, float]) -> str | None:
        """What is short there; empty where nothing is, None where nobody knows."""
        known = [each for each in attempts if each.id in needs and each.directory]
        if place.health is None or not known:
            return None if known else ""
        disk = disk_of(place.health.disks, known[0].directory)
        return None if disk is None else shortage(disk, still_needed(known, needs), len(known))

    async def _needs(self, records: Records, attempts: list[Attempt]) -> dict[str, float]:
        """By attempt, what its spec declares of the disk, or what finished attempts of that spec used."""
        of_experiment: dict[str, float | None] = {}
        for attempt in attempts:
            experiment = records.experiments.get(records.runs[attempt.run].experiment)
            if experiment is not None and experiment.id not in of_experiment:
                of_experiment[experiment.id] = await self._need(records, experiment)
        found = ((each.id, of_experiment.get(records.runs[each.run].experiment)) for each in attempts)
        return {key: amount for key, amount in found if amount is not None}

    async def _need(self, records: Records, experiment: Experiment) -> float | None:
        try:
            declared = (await self._planner.spec(experiment)).resources.disk
        except SpecError:
            declared = None
        if declared is not None:
            return float(declared)
        known = (await asyncio.to_thread(learnt, records, experiment.name)).disk
        return None if known is None else known.amount
