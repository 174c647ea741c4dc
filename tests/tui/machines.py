"""Hosts as tests of the screen make them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backends.machine import Disk, Gpu, Health, Process
from tests.tui.fakes import NOW
from trainboard.events import HostSeen
from trainboard.link import Link

GIB = 1 << 30


def gpu(index: int, use: float = 0.0, **fields: object) -> Gpu:
    """A GPU of 80 GiB; in use, it has a process and half of its memory."""
    usual: dict[str, Any] = {
        "utilization": use,
        "memory_used": 40 * GIB if use else 0,
        "memory_total": 80 * GIB,
        "temperature": 40.0 + use / 4,
        "power": 70.0 + 3 * use,
        "power_limit": 400.0,
        "processes": 1 if use else 0,
    }
    return Gpu(index, f"GPU-{index}", "NVIDIA A100-SXM4-80GB", **{**usual, **fields})


def health(*gpus: Gpu, at: float = NOW, **fields: object) -> Health:
    """A reading."""
    usual: dict[str, Any] = {
        "hostname": "node",
        "cpus": 64,
        "load": 12.5,
        "memory_total": 512 * GIB,
        "memory_available": 384 * GIB,
        "disks": (Disk("/home", 1000 * GIB, 250 * GIB),),
        "cpu": 30.0,
        "swap_total": 8 * GIB,
        "swap_free": 8 * GIB,
    }
    return Health(at, gpus=gpus, **{**usual, **fields})


def host(name: str, *gpus: Gpu, **fields: object) -> HostSeen:
    """A host that is up, with these GPUs."""
    read = health(*gpus)
    seen = HostSeen(name, "ssh", Link.UP, seen=NOW, health=read, running=1, pending=2)
    return replace(seen, **fields)  # type: ignore[arg-type]  # fields by name


def process(number: int, gpu: str, **fields: object) -> Process:
    """A process on a GPU."""
    usual: dict[str, Any] = {"user": "ann", "command": "python train.py", "memory": 20 * GIB, "cpu": 99.0}
    return Process(gpu, number, **{**usual, **fields})
