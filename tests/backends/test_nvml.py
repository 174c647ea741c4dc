"""The driver's library: the same readings as nvidia-smi gives, devices that are lost, drivers that do not start."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pynvml
import pytest

from backends.local import Here
from backends.machine import Health, Slice
from backends.nvidia import parse_gpu
from backends.nvml import Nvml
from tests.backends.recorded import NEW, recorded

if TYPE_CHECKING:
    from collections.abc import Callable

Answers = dict[str, Any]

BUSY: Answers = {
    "nvmlDeviceGetUUID": "GPU-5f3d2a10-0b7c-4c1f-8a3e-0d1c2b3a4f50",
    "nvmlDeviceGetName": "NVIDIA A100-SXM4-80GB",
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=97),
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=40536 << 20, total=81920 << 20),
    "nvmlDeviceGetTemperature": 64,
    "nvmlDeviceGetPowerUsage": 398450,
    "nvmlDeviceGetEnforcedPowerLimit": 400000,
    "nvmlDeviceGetTotalEccErrors": 0,
    "nvmlDeviceGetCurrentClocksThrottleReasons": 4,
    "nvmlDeviceGetPciInfo": SimpleNamespace(busId=b"00000000:07:00.0"),
    "nvmlDeviceGetMigMode": [0, 0],
    "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=17, usedGpuMemory=5 << 30)],
}


class Library:
    """A driver's library with these devices; an answer that is an exception is raised."""

    def __init__(self, *devices: Answers, init: Exception | None = None) -> None:
        self.devices = list(devices)
        self.init = init
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the library: constants, errors, functions
        if not name.startswith("nvml"):
            return getattr(pynvml, name)
        special: dict[str, Callable[..., Any]] = {
            "nvmlInit": self._begin,
            "nvmlDeviceGetCount": lambda: len(self.devices),
            "nvmlDeviceGetHandleByIndex": self._handle,
            "nvmlDeviceGetMigDeviceHandleByIndex": lambda device, at: told(device.get("parts", {}).get(at)),
        }
        return special.get(name) or (lambda device, *more: told(device.get(name)))

    def _begin(self) -> None:
        self.calls.append("nvmlInit")
        if self.init is not None:
            raise self.init

    def _handle(self, index: int) -> Answers:
        if "handle" in self.devices[index]:
            raise self.devices[index]["handle"]
        return self.devices[index]


def told(answer: object) -> object:
    """The answer, or what it raises; there is none to what is not in the table."""
    if answer is None:
        raise pynvml.NVMLError_NotSupported()
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_the_same_gpu_is_the_same_reading_by_library_and_by_tool() -> None:
    [seen] = Nvml(Library(BUSY)).read({}, known=False).gpus
    by_tool = parse_gpu(recorded("nvidia-smi-550-query.csv").splitlines()[0], NEW)
    assert by_tool is not None
    assert seen == replace(by_tool, processes=1)


def test_what_a_device_does_not_support_is_none() -> None:
    bare = {name: BUSY[name] for name in ("nvmlDeviceGetUUID", "nvmlDeviceGetName", "nvmlDeviceGetTemperature")}
    seen = Nvml(Library(bare)).read({}, known=True)
    [gpu] = seen.gpus
    assert (gpu.utilization, gpu.memory_used, gpu.power, gpu.ecc, gpu.throttle) == (None, None, None, None, ())
    assert (gpu.processes, gpu.lost, gpu.xids) == (None, "", None)


@pytest.mark.parametrize("how", ["handle", "nvmlDeviceGetMemoryInfo"])
def test_a_gpu_that_is_lost_is_shown_by_its_name_and_the_others_go_on(how: str) -> None:
    other = BUSY | {"nvmlDeviceGetUUID": "GPU-2"}
    library = Library(dict(BUSY), other)
    nvml = Nvml(library)
    assert [gpu.lost for gpu in nvml.read({}, known=False).gpus] == ["", ""]
    library.devices[0][how] = pynvml.NVMLError_GpuIsLost()
    first, second = nvml.read({}, known=False).gpus
    assert (first.lost, first.uuid, first.name, first.memory_used) == (
        "GPU is lost",
        BUSY["nvmlDeviceGetUUID"],
        "NVIDIA A100-SXM4-80GB",
        None,
    )
    assert (second.lost, second.utilization) == ("", 97)


def test_slices_have_their_memory_and_their_processes() -> None:
    part = {
        "nvmlDeviceGetUUID": "MIG-1",
        "nvmlDeviceGetName": "NVIDIA A100-SXM4-80GB MIG 1g.10gb",
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=5, total=9),
        "nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=18, usedGpuMemory=None)],
    }
    cut = BUSY | {"nvmlDeviceGetMigMode": [1, 1], "nvmlDeviceGetMaxMigDeviceCount": 7, "parts": {2: part}}
    seen = Nvml(Library(cut)).read({}, known=False)
    assert seen.gpus[0].slices == (Slice("MIG-1", "1g.10gb", 5, 9),)
    assert seen.apps == (("MIG-1", 18, None),)
    assert seen.gpus[0].processes == 1


def test_no_driver_is_no_gpu_and_no_error() -> None:
    for error in (pynvml.NVMLError_LibraryNotFound(), pynvml.NVMLError_DriverNotLoaded()):
        seen = Nvml(Library(init=error)).read({}, known=False)
        assert (seen.gpus, seen.error) == ((), "")


def test_a_library_of_another_version_is_an_error_and_not_tried_at_each_reading() -> None:
    library = Library(init=pynvml.NVMLError_LibRmVersionMismatch())
    nvml = Nvml(library)
    errors = {nvml.read({}, known=False).error for _ in range(3)}
    assert errors == {"NVML: RM has detected an NVML/RM version mismatch."}
    assert library.calls == ["nvmlInit"]


def test_processes_that_cannot_be_seen_are_not_none() -> None:
    hidden = BUSY | {"nvmlDeviceGetComputeRunningProcesses": []}
    assert Nvml(Library(hidden)).read({}, known=False).gpus[0].processes is None
    idle = hidden | {"nvmlDeviceGetMemoryInfo": SimpleNamespace(used=3 << 20, total=81920 << 20)}
    assert Nvml(Library(idle)).read({}, known=False).gpus[0].processes == 0


def test_xids_are_those_of_the_gpus_place() -> None:
    nvml = Nvml(Library(BUSY))
    assert nvml.read({"0000:07:00": 2}, known=True).gpus[0].xids == 2
    assert nvml.read({}, known=True).gpus[0].xids == 0
    assert nvml.read({}, known=False).gpus[0].xids is None


def test_a_driver_that_hangs_leaves_the_rest_of_the_reading() -> None:
    go = threading.Event()
    library = Library(BUSY)
    library.nvmlInit = lambda: go.wait(30)  # type: ignore[attr-defined]  # the library's own name for it
    here = Here("/runs", Nvml(library), patience=0.05)
    first, second = (here.completed(Health(1.0), None) for _ in range(2))
    go.set()
    assert first.gpu_error == second.gpu_error == "NVML does not answer"
    assert first.memory_total
    assert (first.cpu, second.cpu is None) == (None, False)


def test_where_the_share_of_the_cpus_is_known_already_it_is_that_one() -> None:
    here = Here("/runs", Nvml(Library()))
    assert [here.completed(Health(1.0, cpu=42.0), None).cpu for _ in range(2)] == [42.0, 42.0]


def test_processes_on_the_gpus_of_this_machine_are_described() -> None:
    library = Library(BUSY | {"nvmlDeviceGetComputeRunningProcesses": [SimpleNamespace(pid=1, usedGpuMemory=7)]})
    health = Here("/runs", Nvml(library)).completed(Health(1.0), None)
    [process] = health.processes
    assert (process.pid, process.gpu, process.memory) == (1, BUSY["nvmlDeviceGetUUID"], 7)
    assert process.user == "root"


def test_a_real_gpu_tells_itself() -> None:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        pytest.skip(f"there is no NVIDIA GPU here: {error}")
    seen = Nvml().read({}, known=False)
    assert seen.error == ""
    assert len(seen.gpus) == pynvml.nvmlDeviceGetCount()
    for gpu in seen.gpus:
        assert gpu.uuid.startswith("GPU-")
        assert gpu.memory_total
        assert not gpu.lost
