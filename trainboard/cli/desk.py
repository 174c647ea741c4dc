"""What every command starts from: config, store and backends, made once and handed down."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainboard import config
from trainboard.paths import paths
from trainboard.places import Places
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from backends.base import Backend, Prompter
    from trainboard.config import Config
    from trainboard.paths import Paths
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
    async def backends(self) -> AsyncGenerator[list[Backend]]:
        """All backends of the config; closed at the end."""
        made = self.places.make_all(self.config.backends)
        try:
            yield made
        finally:
            await asyncio.gather(*(backend.close() for backend in made))

    def offered_hosts(self) -> list[str]:
        """Hosts of ~/.ssh/config that are no backend yet."""
        return config.offered_hosts(self.config, self.paths)

    def watch(self) -> Watch:
        """The watch over all of them."""
        from trainboard.watch import Watch

        return Watch(self.config, self.paths, self.store, self.places, self.environ, Path.cwd())


def open_desk(environ: Mapping[str, str], prompter: Prompter) -> Desk:
    """Read the config and find the store. Raises `SpecError` for a bad config."""
    where = paths(environ)
    return Desk(where, config.load(where), Store(where.state), Places(where, prompter), environ)
