"""The NVIDIA GPUs of this machine, asked of the driver without a process. What a device does not tell is None."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.machine import Gpu, Slice
from backends.nvidia import reasons, visible
from backends.remote.gputool import bus_of

if TYPE_CHECKING:
    from collections.abc import Mapping

RETRY = 60.0
"""Seconds until a driver that did not start is tried again."""

REASONS = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
"""As newer and as older libraries call it."""

App = tuple[str, int, int | None]
"""GPU or slice, process, bytes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading of all of them."""

    gpus: tuple[Gpu, ...] = ()
    apps: tuple[App, ...] = ()
    error: str = ""


class Nvml:
    """The library, loaded when it is first asked. Its calls block; one at a time."""

    def __init__(self, library: Any = None) -> None:  # noqa: ANN401 - a module has no type
        """`library`: what to use in place of `pynvml`."""
        self._nvml = library
        self._running = False
        self._error = ""
        self._not_before = 0.0
        self._known: dict[int, tuple[str, str]] = {}
        """Of each GPU that was seen: its uuid and name."""

    def read(self, xids: Mapping[str, int], *, known: bool) -> Seen:
        """All of them now. `xids` by place on the bus; not `known`: nobody may read them. Raises nothing."""
        if not self._started():
            return Seen(error=self._error)
        nvml = self._nvml
        try:
            count = nvml.nvmlDeviceGetCount()
        except nvml.NVMLError as error:
            self._running, self._not_before = False, time.monotonic() + RETRY
            self._error = f"NVML: {error}"
            return Seen(error=self._error)
        found = [self._gpu(index, xids, known=known) for index in range(count)]
        return Seen(tuple(gpu for gpu, _ in found), tuple(app for _, apps in found for app in apps))

    def _started(self) -> bool:
        """Whether the driver answers."""
        if self._running or time.monotonic() < self._not_before:
            return self._running
        if self._nvml is None:
            import pynvml

            self._nvml = pynvml
        nvml = self._nvml
        try:
            nvml.nvmlInit()
        except (nvml.NVMLError_LibraryNotFound, nvml.NVMLError_DriverNotLoaded):
            self._error, self._not_before = "", time.monotonic() + RETRY  # no NVIDIA driver: nothing is wrong
        except nvml.NVMLError as error:
            self._error, self._not_before = f"NVML: {error}", time.monotonic() + RETRY
        else:
            self._running, self._error = True, ""
        return self._running

    def _gpu(self, index: int, xids: Mapping[str, int], *, known: bool) -> tuple[Gpu, list[App]]:
        """One of them, and the processes on it."""
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:
            uuid, name = self._known.get(index, (f"GPU {index}", ""))
            return Gpu(index, uuid, name, None, None, None, lost=str(error)), []
        ask = Device(nvml, handle)
        memory, rates = ask("nvmlDeviceGetMemoryInfo"), ask("nvmlDeviceGetUtilizationRates")
        uuid, name = text(ask("nvmlDeviceGetUUID")), text(ask("nvmlDeviceGetName"))
        temperature = number(ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU))
        ecc = number(
            ask("nvmlDeviceGetTotalEccErrors", nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC)
        )
        slices, apps = self._parts(ask, uuid)
        bus = bus_of(text(getattr(ask("nvmlDeviceGetPciInfo"), "busId", "")))
        bits = next((bits for name in REASONS if (bits := number(ask(name))) is not None), 0)
        if uuid:
            self._known[index] = (uuid, name)
        uuid, name = self._known.get(index, (f"GPU {index}", name))
        gpu = Gpu(
            index=index,
            uuid=uuid,
            name=name,
            utilization=number(getattr(rates, "gpu", None)),
            memory_used=getattr(memory, "used", None),
            memory_total=getattr(memory, "total", None),
            temperature=temperature,
            power=watts(ask("nvmlDeviceGetPowerUsage")),
            processes=visible(
                None if apps is None else len(apps), getattr(memory, "used", None), getattr(memory, "total", None)
            ),
            power_limit=watts(ask("nvmlDeviceGetEnforcedPowerLimit")),
            throttle=reasons(int(bits)),
            ecc=None if ecc is None else int(ecc),
            xids=xids.get(bus, 0) if known and bus else None,
            slices=slices,
            lost=ask.lost or ("" if memory or rates or temperature is not None else "it tells nothing"),
        )
        return gpu, apps or []

    def _parts(self, ask: Device, uuid: str) -> tuple[tuple[Slice, ...], list[App] | None]:
        """The slices of a GPU that is cut up, and the processes on it; None: nobody knows."""
        mode = ask("nvmlDeviceGetMigMode")
        if not isinstance(mode, list | tuple) or mode[0] != 1:
            return (), ask.apps(uuid)
        slices: list[Slice] = []
        apps: list[App] = []
        for at in range(int(number(ask("nvmlDeviceGetMaxMigDeviceCount")) or 0)):
            handle = ask("nvmlDeviceGetMigDeviceHandleByIndex", at)
            if handle is None:
                continue  # so many there may be, not so many are
            part = Device(self._nvml, handle)
            name, memory = text(part("nvmlDeviceGetName")), part("nvmlDeviceGetMemoryInfo")
            slices.append(
                Slice(
                    uuid=text(part("nvmlDeviceGetUUID")),
                    profile=name.rpartition("MIG ")[2],
                    memory_used=getattr(memory, "used", None),
                    memory_total=getattr(memory, "total", None),
                )
            )
            apps += part.apps(slices[-1].uuid) or []
        return tuple(slices), apps


class Device:
    """One device: asked by the name of a function; None for what it does not tell."""

    def __init__(self, nvml: Any, handle: object) -> None:  # noqa: ANN401 - a module has no type
        self._nvml = nvml
        self._handle = handle
        self.lost = ""

    def __call__(self, name: str, *more: object) -> object:
        """What that function says of it."""
        function = getattr(self._nvml, name, None)
        if function is None or self.lost:
            return None
        try:
            found: object = function(self._handle, *more)
        except (self._nvml.NVMLError_GpuIsLost, self._nvml.NVMLError_ResetRequired) as error:
            self.lost = str(error)
            return None
        except self._nvml.NVMLError:
            return None  # "not supported" differs by card
        return found

    def apps(self, uuid: str) -> list[App] | None:
        """The compute processes on it."""
        found = self("nvmlDeviceGetComputeRunningProcesses")
        return [(uuid, each.pid, each.usedGpuMemory) for each in found] if isinstance(found, list) else None


def text(value: object) -> str:
    """NVML gave bytes in older versions."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def number(value: object) -> float | None:
    """A figure."""
    return float(value) if isinstance(value, int | float) else None


def watts(value: object) -> float | None:
    """It tells thousandths."""
    return value / 1000 if isinstance(value, int) else None
