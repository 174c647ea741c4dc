"""What every command starts from: config, store and backends, made once and handed down."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainboard import config
from trainboard.archive import Archives
from trainboard.paths import paths, readonly
from trainboard.picture import ask_anew
from trainboard.places import Places
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

    from backends.base import Backend, Prompter
    from specs.model import Retry
    from trainboard.config import BackendConfig, Config
    from trainboard.control import Control
    from trainboard.dispatch import Dispatcher
    from trainboard.lease import Holder
    from trainboard.paths import Paths
    from trainboard.records import Experiment
    from trainboard.watch import Watch


@dataclass(frozen=True, slots=True)
class Desk:
    """The program's parts, before anything is connected."""

    paths: Paths
    config: Config
    store: Store
    places: Places
    environ: Mapping[str, str]

    @contextlib.asynccontextmanager
    async def backends(self, chosen: Sequence[BackendConfig] | None = None) -> AsyncGenerator[list[Backend]]:
        """These backends, or all of the config; closed at the end."""
        made = self.places.make_all(self.config.backends if chosen is None else chosen)
        try:
            yield made
        finally:
            await asyncio.gather(*(backend.close() for backend in made))
            await self.places.close()

    @contextlib.asynccontextmanager
    async def dispatcher(self, backends: Sequence[Backend]) -> AsyncGenerator[Dispatcher]:
        """What sends runs to these backends; closed at the end."""
        from trainboard.dispatch import Dispatcher
        from trainboard.plans import Planner

        by_name = {backend.name: backend for backend in backends}
        made = Dispatcher(lambda: by_name, self.store, Planner(self.environ, self.archives))
        try:
            yield made
        finally:
            await made.close()

    async def policies(self, experiments: Iterable[Experiment]) -> dict[str, Retry]:
        """By experiment: when its runs are tried again."""
        from trainboard.plans import Planner

        return await Planner(self.environ, self.archives).policies(experiments)

    def control(self, backends: Sequence[Backend]) -> Control:
        """What does the user's will with runs on these backends."""
        from trainboard.control import Control

        by_name = {backend.name: backend for backend in backends}
        return Control(lambda: by_name, self.store)

    @property
    def archives(self) -> Archives:
        """The code of the projects that experiments were submitted with."""
        return Archives(self.paths.code)

    async def holder(self) -> Holder | None:
        """The process that polls the hosts and places runs for this state, if one does and is not stopped."""
        from trainboard.lease import holder, silent

        found = await asyncio.to_thread(holder, self.paths.state)
        return None if found is None or silent(found, time.time()) else found

    async def poke(self) -> None:
        """Have the process that polls look at every host now."""
        if await self.holder() is not None:
            await asyncio.to_thread(ask_anew, self.paths.pictures)

    def offered_hosts(self) -> list[str]:
        """Hosts of ~/.ssh/config that are no backend yet."""
        return config.offered_hosts(self.config, self.paths)

    def watch(self, role: str = "board") -> Watch:
        """The watch over all of them; `role` is what other processes see us as."""
        from trainboard.watch import Watch

        self.places.log.called(role)
        look = self.places.readonly
        return Watch(self.config, self.paths, self.store, self.places, self.environ, Path.cwd(), role, readonly=look)


def open_desk(environ: Mapping[str, str], prompter: Prompter) -> Desk:
    """Read the config and find the store. Raises `SpecError` for a bad config."""
    where = paths(environ)
    places = Places(where, prompter, readonly=readonly(environ))
    return Desk(where, config.load(where), Store(where.state), places, environ)
