"""This machine: the same helper and runner without SSH; readings by psutil and NVML."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING

from backends.base import Disk, Gpu, Health
from backends.host import Host
from backends.hosted import LEASES
from backends.remote.frames import GREETING, Decoder
from backends.remote.helper import Helper
from backends.remote.telemetry import read_disk
from backends.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from backends.base import Policy
    from backends.command import Command


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
        gpus = await asyncio.to_thread(NvmlGpus)
        while True:
            yield await asyncio.to_thread(read_health, self.disks, gpus)
            await asyncio.sleep(interval)


class NvmlGpus:
    """The GPUs of this machine, asked of the driver without a process."""

    def __init__(self) -> None:
        import pynvml

        self._nvml = pynvml
        self.error = ""
        try:
            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError_LibraryNotFound:
            self._handles = []  # no NVIDIA driver on this machine: nothing is wrong
        except pynvml.NVMLError as error:
            self._handles = []
            self.error = f"NVML: {error}"

    def read(self) -> tuple[Gpu, ...]:
        """One reading of each. Raises nothing: a field that the device does not tell is None."""
        return tuple(self._gpu(index, handle) for index, handle in enumerate(self._handles))

    def _gpu(self, index: int, handle: object) -> Gpu:
        nvml = self._nvml

        def ask(name: str, *more: object) -> object:
            try:
                return getattr(nvml, name)(handle, *more)
            except nvml.NVMLError:
                return None  # "not supported" differs by card

        memory = ask("nvmlDeviceGetMemoryInfo")
        rates = ask("nvmlDeviceGetUtilizationRates")
        power = ask("nvmlDeviceGetPowerUsage")
        processes = ask("nvmlDeviceGetComputeRunningProcesses")
        temperature = ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU)
        return Gpu(
            index=index,
            uuid=text(ask("nvmlDeviceGetUUID")),
            name=text(ask("nvmlDeviceGetName")),
            utilization=getattr(rates, "gpu", None),
            memory_used=getattr(memory, "used", None),
            memory_total=getattr(memory, "total", None),
            temperature=float(temperature) if isinstance(temperature, int) else None,
            power=power / 1000 if isinstance(power, int) else None,
            processes=len(processes) if isinstance(processes, list) else None,
        )


def text(value: object) -> str:
    """NVML gave bytes in older versions."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def read_health(paths: Sequence[str], gpus: NvmlGpus) -> Health:
    """One reading of this machine. Blocks for a moment."""
    import psutil

    memory = psutil.virtual_memory()
    disks = (read_disk(path) for path in paths)
    return Health(
        at=time.time(),
        hostname=os.uname()[1],
        cpus=psutil.cpu_count(),
        load=psutil.getloadavg()[0],
        memory_total=memory.total,
        memory_available=memory.available,
        gpus=gpus.read(),
        disks=tuple(Disk(*disk) for disk in disks if disk is not None),
        gpu_error=gpus.error,
    )
