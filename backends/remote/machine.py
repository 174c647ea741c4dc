"""This machine: memory, load, how much of its CPUs is at work. By /proc; what it does not tell is None."""

import os
import time
from typing import Any, Dict, List, Optional

MEMORY = {
    "MemTotal": "memory_total",
    "MemAvailable": "memory_available",
    "SwapTotal": "swap_total",
    "SwapFree": "swap_free",
}
"""By the names in /proc/meminfo, those in a reading."""


class Machine(object):
    """Readings of it; CPUs since the last one."""

    def __init__(self, proc: str = "/proc") -> None:
        self.proc = proc
        self.before = []  # type: List[int]

    def read(self) -> Dict[str, Any]:
        """Bytes, percent, seconds since the epoch by its own clock."""
        found = machine(self.proc)
        ticks = busy_and_all(self.proc)
        found["cpu"] = share(self.before, ticks)
        found["time"] = time.time()
        self.before = ticks
        return found


def machine(proc: str = "/proc") -> Dict[str, Any]:
    """Its name, CPUs, load and memory."""
    found = dict.fromkeys(MEMORY.values())  # type: Dict[str, Any]
    load = None  # type: Optional[float]
    try:
        with open(proc + "/meminfo") as file:
            for line in file:
                key, _, rest = line.partition(":")
                if key in MEMORY:
                    found[MEMORY[key]] = int(rest.split()[0]) * 1024
        load = os.getloadavg()[0]
    except (IOError, OSError):
        pass  # not Linux: the fields stay empty, and the screen shows them so
    found.update(hostname=os.uname()[1], cpus=os.cpu_count(), load=load)
    return found


def busy_and_all(proc: str) -> List[int]:
    """Ticks of all CPUs at work, and all ticks, since the start; empty where nobody tells."""
    try:
        with open(proc + "/stat", "rb") as file:
            words = file.readline().split()[1:9]
    except (IOError, OSError):
        return []
    ticks = [int(word) for word in words]
    return [sum(ticks) - ticks[3] - ticks[4], sum(ticks)] if len(ticks) > 4 else []


def share(before: List[int], now: List[int]) -> Optional[float]:
    """Percent of the time in between that was work; to wait for a disk is none."""
    if not before or not now or now[1] <= before[1]:
        return None
    return round(100.0 * max(0, now[0] - before[0]) / (now[1] - before[1]), 1)
