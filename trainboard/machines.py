"""What is free on machines, what is wrong with them, and whose processes are on them, in words and figures. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.queue.policy import GIVEN_BACK, GIVEN_BACK_PART
from trainboard.filling import left
from trainboard.show import clean, duration, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backends.machine import Disk, Gpu, Health, Process
    from trainboard.events import HostSeen
    from trainboard.rows import Row

CLOCK = 5.0
"""Seconds of a clock being off that are worth a word: less is within what can be told over a slow line."""
WORKING = 10
"""Percent of its time that a GPU works, where nobody can tell its processes: less is the driver's own."""
DAY = 86400.0
SOON, NEXT = 3 * DAY, 14 * DAY
"""Seconds until a disk is full: to be seen to now, and before long."""

Trouble = tuple[str, bool]
"""What is wrong, and whether it is worse than a hint."""


def is_free(gpu: Gpu) -> bool:
    """Whether nobody uses it, and it could be used.

    As in the queue of a server, memory in use tells of processes that nobody sees: those of a container.
    """
    if gpu.lost or gpu.processes or gpu.held:
        return False
    if gpu.processes is None and (gpu.utilization or 0) >= WORKING:
        return False
    if gpu.memory_used is None or gpu.memory_total is None:
        return True
    return gpu.memory_used < max(GIVEN_BACK, GIVEN_BACK_PART * gpu.memory_total)


def state(gpu: Gpu) -> str:
    """In a word: what holds a GPU that nothing runs on yet is a lease."""
    if gpu.lost:
        return "lost"
    if is_free(gpu):
        return "free"
    return "held" if gpu.held and not gpu.processes else "busy"


def free(host: HostSeen) -> int:
    """GPUs that nobody uses."""
    return 0 if host.health is None else sum(map(is_free, host.health.gpus))


def share(part: float | None, whole: float | None) -> int | None:
    """Percent."""
    return None if part is None or not whole else round(100 * part / whole)


def filled(health: Health) -> int | None:
    """Percent of the main memory that is in use."""
    if health.memory_available is None or not health.memory_total:
        return None
    return share(health.memory_total - health.memory_available, health.memory_total)


def troubles(gpu: Gpu) -> list[Trouble]:
    """What is wrong with a GPU."""
    if gpu.lost:
        return [(f"lost: {clean(gpu.lost)}", True)]
    found: list[Trouble] = []
    if gpu.ecc:
        found.append((f"ECC errors {gpu.ecc}", True))
    if gpu.xids:
        found.append((f"Xid {gpu.xids}×", True))
    if gpu.throttle:
        found.append((clean(", ".join(gpu.throttle)), False))
    return found


def short(disk: Disk, full: Mapping[str, float], now: float) -> list[Trouble]:
    """What is wrong with a disk; `full`: when disks will be full, by path."""
    if disk.trouble:
        return [(clean(disk.trouble), True)]
    if left(disk) == 0:
        return [("is full", True)]
    at = full.get(disk.path)
    if at is None or at - now > NEXT:
        return []
    return [(f"full in {until(at, now)}", at - now < SOON)]


def until(at: float, now: float) -> str:
    """How long a disk has, roughly: it is a forecast."""
    days = max(0.0, at - now) / DAY
    return f"~{days:.0f} days" if days >= 2 else f"~{days * 24:.0f} h"


def clock(health: Health) -> list[Trouble]:
    """A clock that is off."""
    off = health.clock
    if off is None or abs(off) < CLOCK:
        return []
    return [(f"clock {duration(abs(off))} {'ahead' if off > 0 else 'behind'}", False)]


def quotas(disk: Disk) -> str:
    """What quotas grant on a disk, in one line; empty where there are none."""
    parts = (
        f"{clean(quota.whose, 12)} {size(quota.used)}{'' if quota.limit is None else f' of {size(quota.limit)}'}"
        for quota in disk.quotas
    )
    return ", ".join(parts)


def by_gpu(health: Health) -> Mapping[str, Sequence[Process]]:
    """By GPU or slice, the processes on it; who has most memory first."""
    found: dict[str, list[Process]] = {}
    for process in health.processes:
        found.setdefault(process.gpu, []).append(process)
    for processes in found.values():
        processes.sort(key=lambda process: (-(process.memory or 0), process.pid))
    return found


def short_command(process: Process) -> str:
    """A command without the folder of its program."""
    program, space, rest = process.command.partition(" ")
    return f"{program.rpartition('/')[2] or program}{space}{rest}"


def tail(directory: str) -> str:
    """What tells one attempt directory of a backend from another, however the way to it is written."""
    return "/".join(directory.rstrip("/").split("/")[-3:])


def runs_by_directory(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """The rows of ours that may have processes, by backend and `tail`."""
    return {(row.backend, tail(row.directory)): row for row in rows if row.directory and not row.state.ended}
