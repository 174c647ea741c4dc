"""This machine: the same helper and runner without SSH; readings by psutil and NVML."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from backends.host import Host
from backends.hosted import LEASES
from backends.nvml import Nvml
from backends.readings import Readings, process
from backends.remote.asking import Asked, Silent
from backends.remote.frames import GREETING, Decoder
from backends.remote.gpuapps import Describer
from backends.remote.helper import Helper
from backends.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from backends.base import Health, Policy
    from backends.command import Command

NVML_PATIENCE = 5.0
"""Seconds that the driver may take for all GPUs."""


class LocalLink:
    """The helper in this process: requests run in threads of its own, frames come back to the event loop."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[bytes] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._decoder = Decoder()
        self._helper = Helper(self._emit)
        self._greeted = False
        self._closed = False

    def _emit(self, frame: bytes) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._frames.put_nowait, frame)

    async def write(self, data: bytes) -> None:
        """The first bytes are the helper's own text, which this process has already."""
        if not self._greeted:
            self._greeted = True
            self._frames.put_nowait(GREETING)
            return
        for header, payload in self._decoder.feed(data):
            self._helper.handle(header, payload)

    async def read(self) -> bytes:
        """The next frame."""
        return b"" if self._closed else await self._frames.get()

    async def farewell(self) -> str:
        """It ends with us."""
        return ""

    async def close(self) -> None:
        """End what only we wanted."""
        self._closed = True
        self._helper.close()
        self._frames.put_nowait(b"")


async def open_local_link() -> LocalLink:
    """What `Host` opens for this machine."""
    return LocalLink()


class Local(Server):
    """Runs attempts as detached processes of this machine, in the caller's environment."""

    kind = "local"

    def __init__(
        self,
        name: str,
        root: str,
        *,
        disks: Sequence[str] = (),
        leases: str = LEASES,
        policy: Policy | None = None,
        note: Callable[[Command], None] = lambda _: None,
        readonly: bool = False,
    ) -> None:
        """`note` and `readonly`: as for `Host`."""
        super().__init__(
            name,
            Host(name, open_local_link, note=note, readonly=readonly),
            root,
            shared=True,
            python=sys.executable,
            disks=disks,
            leases=leases,
            policy=policy,
        )

    def _environment(self) -> dict[str, str]:
        """PYTHON is the interpreter that runs us: a spec can say `${PYTHON:-python3}`."""
        return {"PYTHON": sys.executable}

    async def health(self, interval: float) -> AsyncGenerator[Health]:
        """Readings of this machine."""
        readings, here = Readings(), Here(self.root)
        async with contextlib.aclosing(self._readings(interval, readings, gpus=False)) as found:
            async for health in found:
                yield await asyncio.to_thread(here.completed, health, readings.xids, readings.held)


NOBODY: Mapping[str, str] = MappingProxyType({})


class Here:
    """What psutil and NVML tell of this machine beside what the helper's code does. Its calls block for a moment."""

    def __init__(self, root: str, nvml: Nvml | None = None, patience: float = NVML_PATIENCE) -> None:
        self._nvml = nvml or Nvml()
        self._patience = patience
        self._asked = Asked()
        """A driver that hangs, hangs a thread of its own."""
        self._describer = Describer(str(Path(root).expanduser()))
        self._times = (0.0, 0.0)
        """All the time of the processors, and that of it in which they had nothing to do, at the last reading."""

    def _work(self, times: Any) -> float | None:  # noqa: ANN401 - psutil's fields differ by system
        """Percent of the processors' time since the last reading; None at the first. `psutil.cpu_percent` counts for
        each thread by itself, and threads change from reading to reading."""
        total, idle = float(sum(times)), float(times.idle + getattr(times, "iowait", 0.0))
        (before, idle_before), self._times = self._times, (total, idle)
        if not before or total <= before:
            return None
        return max(0.0, min(100.0, 100.0 * (1 - (idle - idle_before) / (total - before))))

    def completed(self, health: Health, xids: Mapping[str, int] | None, held: Mapping[str, str] = NOBODY) -> Health:
        """The reading with the GPUs of this machine, and with figures that need no /proc."""
        import psutil

        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        health = replace(
            health,
            cpus=psutil.cpu_count(),
            load=psutil.getloadavg()[0],
            memory_total=memory.total,
            memory_available=memory.available,
            swap_total=swap.total,
            swap_free=swap.free,
            cpu=health.cpu if health.cpu is not None else self._work(psutil.cpu_times()),
            clock=0.0,
        )
        try:
            seen = self._asked.ask(lambda: self._nvml.read(xids or {}, known=xids is not None), self._patience)
        except Silent:
            return replace(health, gpu_error="NVML does not answer")
        rows = self._describer.rows(seen.apps)
        return replace(
            health,
            gpus=tuple(replace(gpu, held=held.get(gpu.uuid, "")) for gpu in seen.gpus) + health.gpus,
            processes=tuple(map(process, rows)) + health.processes,
            gpu_error=seen.error or health.gpu_error,
        )
