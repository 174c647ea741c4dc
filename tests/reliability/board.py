"""What a board does, one look at a time: asks its backends, stores what they say, sends what can be sent."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import BackendError
from specs.load import loads
from trainboard.archive import Archives
from trainboard.dispatch import Dispatcher
from trainboard.ledger import newest_attempts
from trainboard.options import PLAIN
from trainboard.plans import Planner
from trainboard.query import query
from trainboard.reconcile import watched
from trainboard.store import Store
from trainboard.submit import submit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backends.base import Backend
    from trainboard.reconcile import Absence
    from trainboard.records import Attempt

    Newest = Mapping[str, Attempt]
    """Each run's newest attempt, by run."""


class Board:
    """A store in a folder, backends, and a file in which every run leaves a line when it starts."""

    def __init__(
        self, folder: Path, *backends: Backend, resend: float = 1.0, clock: Callable[[], float] = time.time
    ) -> None:
        """`resend`: seconds after which it sends again what nobody has seen."""
        self.folder = folder
        self.truth = folder / "truth"
        self.truth.touch()
        self.backends: dict[str, Backend] = {backend.name: backend for backend in backends}
        self.store = Store(folder / "state")
        self.archives = Archives(folder / "code")
        self.clock = clock
        planner = Planner(os.environ, self.archives)
        self.dispatcher = Dispatcher(lambda: self.backends, self.store, planner, clock, resend)
        self.troubles: dict[str, str] = {}
        """By backend, what kept it from answering the last time."""
        self._absences: dict[str, Mapping[str, Absence]] = {name: {} for name in self.backends}

    async def submit(self, *where: str, runs: int = 1, after: str = "true", name: str = "x", more: str = "") -> str:
        """An experiment whose runs leave their lines and go on with `after`; its id."""
        text = (
            f'name: {name}\ncommand: echo "$TRAINBOARD_ATTEMPT" >> {self.truth}; {after}  # {{n}}\n'
            f"sweep: {{n: {list(range(runs))}}}\n" + (more or "resources: {cpus: 1}\n")
        )
        chosen = [self.backends[each] for each in where]
        spec = loads(text, self.folder / f"{name}.yaml")
        made = await submit(spec, chosen, self.dispatcher, self.archives, os.environ, PLAIN)
        return made[0][0].experiment

    async def look(self) -> None:
        """Ask all, at the same time, then send."""
        await asyncio.gather(*(self._ask(backend) for backend in self.backends.values()))
        await self.dispatcher.step()

    async def _ask(self, backend: Backend) -> None:
        try:
            answer = await query(backend, self.store, self._absences[backend.name], self.clock)
        except BackendError as error:
            self.troubles[backend.name] = str(error)
        else:
            self.troubles.pop(backend.name, None)
            self._absences[backend.name] = answer.absences
            self.dispatcher.wake(backend.name)

    async def newest(self) -> Newest:
        """What is on record."""
        return newest_attempts(await self.store.load())

    async def until(self, when: Callable[[Newest], bool], within: float = 60) -> Newest:
        """Look until it is so."""
        try:
            async with asyncio.timeout(within):
                while True:
                    await self.look()
                    if when(newest := await self.newest()):
                        return newest
                    await asyncio.sleep(0.1)
        except TimeoutError:
            newest = await self.newest()
            seen = "\n".join(f"{run}: {each.state}: {each.reason}" for run, each in newest.items())
            raise AssertionError(f"it did not come to that:\n{seen}\n{self.troubles}") from None

    async def settled(self, within: float = 60) -> Counter[str]:
        """Look until all runs have ended; how many of them in which state."""
        newest = await self.until(lambda newest: all(each.state.ended for each in newest.values()), within)
        return Counter(each.state.value for each in newest.values())

    def starts(self) -> Counter[str]:
        """How often each run started, by the folder of its attempts."""
        return Counter(str(Path(line).parent) for line in self.truth.read_text().splitlines())

    async def each_ran_once(self) -> bool:
        """Whether every run on record started exactly once, and no other one did."""
        folders = {str(Path(each.directory).parent) for each in (await self.newest()).values()}
        return self.starts() == Counter(folders)

    async def close(self) -> None:
        """End what was left running."""
        records = await self.store.load()
        await self.dispatcher.close()
        for backend in self.backends.values():
            left = [each for each in records.attempts.values() if each.backend == backend.name and not each.unsent]
            try:
                await backend.cancel([watched(each, records.runs[each.run]) for each in left if not each.state.ended])
            finally:
                await backend.close()
        self.store.close()


def record(attempt: Attempt, name: str) -> dict[str, Any]:
    """A state file of an attempt whose host has the files of this machine."""
    return dict(json.loads(Path(attempt.directory, "state", name).read_text()))
