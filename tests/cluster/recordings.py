"""What the hosts' `nvidia-smi` says at first. Written by hand from the documented format, recorded on no machine."""

from typing import TypedDict
from uuid import NAMESPACE_DNS, uuid5

UUID_SPACE = uuid5(NAMESPACE_DNS, "cluster.trainboard.example")


class Recording(TypedDict):
    """The content of a gpus.json: field name of `--query-gpu` → value, by GPU; and the same by compute process."""

    gpus: list[dict[str, str | int | float]]
    apps: list[dict[str, str | int | float]]


def recording(name: str, count: int) -> Recording:
    """Return `count` idle A100 cards whose UUIDs belong to this host or node alone, and no process on them."""
    return Recording(gpus=[_idle_gpu(name, index) for index in range(count)], apps=[])


def _idle_gpu(name: str, index: int) -> dict[str, str | int | float]:
    return {
        "index": index,
        "uuid": f"GPU-{uuid5(UUID_SPACE, f'{name}/{index}')}",
        "name": "NVIDIA A100-SXM4-80GB",
        "driver_version": "550.54.15",
        "count": 4,
        "pci.bus_id": f"00000000:{0x07 + 8 * index:02X}:00.0",
        "serial": 1320000000000 + index,
        "fan.speed": "[N/A]",
        "pstate": "P0",
        "temperature.gpu": 31 + index,
        "temperature.memory": 35 + index,
        "utilization.gpu": 0,
        "utilization.memory": 0,
        "memory.total": 81920,
        "memory.reserved": 615,
        "memory.used": 3,
        "memory.free": 81302,
        "power.draw": 61.27 + index,
        "power.limit": 400.0,
        "clocks.current.sm": 210,
        "clocks.max.sm": 1410,
        "compute_mode": "Default",
        "persistence_mode": "Enabled",
        "mig.mode.current": "Disabled",
        "ecc.errors.uncorrected.volatile.total": 0,
        "clocks_throttle_reasons.active": "0x0000000000000001",
    }
