"""What an attempt uses at the moment: processes, memory, CPUs, disks, GPUs. Bytes, seconds, percent.

What a system does not tell is left out, and nothing here raises.
"""

import os
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from backends.runner.files import read_text

_SHORT = "index,uuid,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw"
_MORE = ",power.limit,clocks.sm,clocks.max.sm,ecc.errors.uncorrected.volatile.total,clocks_%s_reasons.active"

CARD_FIELDS = (_SHORT + _MORE % "event", _SHORT + _MORE % "throttle", _SHORT)
"""What nvidia-smi is asked for: newer drivers, older ones, and those that refuse one of the others."""

NAMES = ("util", "memory", "memory_total", "temperature", "power", "power_limit", "clock", "clock_max", "ecc")
"""Of what stands behind index and uuid."""

SLOWED = 0x8 | 0x20 | 0x40 | 0x80
"""Reasons for a lower clock: hardware slowdown, heat (by software, by hardware), power brake. Not: the power cap."""

Process = Tuple[float, int, int]
"""Seconds of CPU, bytes read, bytes written."""


def reading(
    pids: Iterable[int], before: Dict[str, Any], now: float, cgroup: str, folders: List[str]
) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """What these processes use; and what the next reading needs to know, which is its `before`. `now`: seconds."""
    known = before.get("processes", {})
    passed = now - before.get("now", now)
    found, resident, waiting = {}, 0, 0  # type: Dict[str, Process], int, int
    for pid in pids:
        process = one(pid)
        if process is not None:
            found[str(pid)], memory, waits = process
            resident += memory
            waiting += waits
    said = {"processes": len(found), "rss": resident, "waiting": waiting}  # type: Dict[str, Any]
    if passed > 0:
        spent = [since(known.get(pid), process) for pid, process in found.items()]
        for at, name in enumerate(("cpu", "read", "write")):
            said[name] = round(sum(each[at] for each in spent) / passed, 3)
    said["cpus"] = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    ticks = machine_ticks()
    said.update(iowait(before.get("ticks"), ticks))
    said.update(memory_of(cgroup, resident))
    said.update(disk_of(folders))
    return said, {"now": now, "processes": found, "ticks": ticks}


def one(pid: int) -> Optional[Tuple[Process, int, int]]:
    """A process's counters, its resident memory, and 1 where it waits for a disk; None: it has ended."""
    fields = read_text("/proc/%d/stat" % pid).rpartition(")")[2].split()
    if len(fields) < 22 or fields[0] in ("Z", "X"):
        return None
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    counters = dict(line.partition(": ")[::2] for line in read_text("/proc/%d/io" % pid).splitlines())
    read, written = number(counters.get("read_bytes", "")), number(counters.get("write_bytes", ""))
    cpu = (int(fields[11]) + int(fields[12])) / tick
    return (cpu, read, written), int(fields[21]) * page, int(fields[0] == "D")


def since(before: Optional[Process], process: Process) -> Process:
    """What a process used since then; a new one, all that it has."""
    if before is None or any(process[at] < before[at] for at in range(3)):
        return process
    return process[0] - before[0], process[1] - before[1], process[2] - before[2]


def machine_ticks() -> List[int]:
    """All ticks of the machine's CPUs so far, and those in which they waited for disks; empty where nobody tells."""
    fields = read_text("/proc/stat").partition("\n")[0].split()[1:]
    return [sum(map(int, fields[:8])), int(fields[4])] if len(fields) >= 8 else []


def iowait(before: Optional[List[int]], ticks: List[int]) -> Dict[str, float]:
    """The share of the machine's CPU time in which it waited for disks."""
    if not before or not ticks or ticks[0] <= before[0]:
        return {}
    return {"iowait": round(max(0, ticks[1] - before[1]) / (ticks[0] - before[0]), 4)}


def memory_of(cgroup: str, resident: int) -> Dict[str, int]:
    """Memory that cannot be given back, and what the attempt may have: of its own cgroup, else of the machine."""
    machine = dict(line.partition(":")[::2] for line in read_text("/proc/meminfo").splitlines())
    total, free = (number(machine.get(name, "").replace("kB", "")) * 1024 for name in ("MemTotal", "MemAvailable"))
    said = {"memory": resident}
    if free:
        said["host_available"] = free
    if total:
        said["memory_limit"] = total
    if not cgroup:
        return said
    stat = dict(line.partition(" ")[::2] for line in read_text(os.path.join(cgroup, "memory.stat")).splitlines())
    held = number(stat.get("anon", "")) + number(stat.get("shmem", "")) or number(stat.get("total_rss", ""))
    if held:
        said["memory"] = held
    limit = limit_of(cgroup)
    if limit and (not total or limit < total):
        said["memory_limit"] = limit
    return said


def limit_of(cgroup: str) -> int:
    """The least limit of a cgroup and of those around it; 0 where there is none."""
    found = []  # type: List[int]
    while len(cgroup) > 1 and len(found) < 32:
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = number(read_text(os.path.join(cgroup, name)))
            if 0 < limit < 1 << 60:
                found.append(limit)
        cgroup, before = os.path.dirname(cgroup), cgroup
        if cgroup == before or not os.path.exists(os.path.join(cgroup, "cgroup.procs")):
            break
    return min(found) if found else 0


def disk_of(folders: List[str]) -> Dict[str, int]:
    """What is free on the fullest of the file systems of these folders, and its size."""
    found = []  # type: List[Tuple[int, int]]
    for folder in folders:
        try:
            status = os.statvfs(folder)
        except OSError:
            continue
        found.append((status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize))
    if not found:
        return {}
    free, total = min(found)
    return {"disk_free": free, "disk_total": total}


def cards(lines: List[str]) -> List[Dict[str, Any]]:
    """What nvidia-smi says to one of `CARD_FIELDS`, of the GPUs that the attempt has."""
    mine = visible()
    rows = [[word.strip() for word in line.split(",")] for line in lines]
    rows = [words for words in rows if len(words) >= 5 and words[0].isdigit()]
    # Where a job sees its own GPUs alone, they are counted anew, whatever it was told.
    own = [words for words in rows if mine & {words[0], words[1]}] or rows
    return [card(words) for words in own]


def card(words: List[str]) -> Dict[str, Any]:
    """One of them."""
    said = {"index": int(words[0])}  # type: Dict[str, Any]
    for at, name in enumerate(NAMES[: len(words) - 2]):
        value = real(words[at + 2])
        if value is not None:
            said[name] = int(value * (1 << 20)) if name.startswith("memory") else value
    reasons = bits(words[-1]) if len(words) == len(NAMES) + 3 else None
    if reasons is not None:
        said["throttled"] = int(bool(reasons & SLOWED))
    return said


def visible() -> Set[str]:
    """Indices or UUIDs of the GPUs that the attempt has, as nvidia-smi tells them; empty: all that are seen."""
    words = {word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")}
    return words - {""}


def number(text: str) -> int:
    """A whole number; 0 where it is none."""
    text = text.strip()
    return int(text) if text.isdigit() else 0


def real(text: str) -> Optional[float]:
    """A number; None for `[N/A]` and its like."""
    try:
        return float(text)
    except ValueError:
        return None


def bits(text: str) -> Optional[int]:
    """A number as 0x0000000000000001; None where it is none."""
    try:
        return int(text, 16)
    except ValueError:
        return None
