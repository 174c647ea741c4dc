"""Keeps how the disks of all backends fill, as long as the watch runs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from trainboard.filling import FillFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from backends.machine import Disk
    from trainboard.events import Event
    from trainboard.place import Place
    from trainboard.tasks import Troubles

INTERVAL = 60.0
"""Seconds between two looks whether an hour is over."""


class Fillings:
    """One file per backend; only the process that polls adds to them, all read them."""

    def __init__(
        self,
        places: Mapping[str, Place],
        folder: Path,
        driving: asyncio.Event,
        tell: Callable[[Event], None],
        troubles: Troubles,
    ) -> None:
        """`driving`: set while this process polls."""
        self._places = places
        self._folder = folder
        self._driving = driving
        self._tell = tell
        self._troubles = troubles
        self._files: dict[str, FillFile] = {}

    async def watch(self) -> None:
        """Look now and then, for ever."""
        while True:
            await self.look(time.time())
            await asyncio.sleep(INTERVAL)

    async def look(self, now: float) -> None:
        """Keep what is free, and tell what will be full and when."""
        for name, place in list(self._places.items()):
            disks = place.health.disks if place.health is not None and self._driving.is_set() else ()
            try:
                full = await asyncio.to_thread(self._look, name, disks, now)
            except OSError as error:
                self._troubles.meet(
                    "disks", f"{error.filename or self._folder}: {error.strerror or error}; going on without"
                )
                continue
            self._troubles.over("disks")
            if full != place.full:
                place.full = full
                self._tell(place.event())

    def _look(self, name: str, disks: tuple[Disk, ...], now: float) -> dict[str, float]:
        file = self._files.setdefault(name, FillFile(self._folder, name))
        file.add(disks, now)
        return file.full(now)
