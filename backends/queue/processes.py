"""Processes of the host: which live, who began them, whose they are."""

import os
import pwd
from typing import Dict, Iterator, List, NamedTuple, Optional, Set

PROC = "/proc"

BOOT = "/proc/sys/kernel/random/boot_id"


class Process(NamedTuple):
    """One line of /proc."""

    parent: int
    resident: int
    """Bytes in memory; pages that are shared count for everybody who has them."""


def start_time(pid: int, proc: str = PROC) -> Optional[int]:
    """When the process began, in clock ticks after boot (0 where there is no /proc); None: no such process."""
    if not os.path.isdir(proc + "/self"):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return 0
        return 0
    fields = _fields(pid, proc)
    return None if fields is None else int(fields[19])


def boot_id(path: str = BOOT) -> str:
    """Names this boot of the host; empty where the system does not tell."""
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def table(proc: str = PROC) -> Dict[int, Process]:
    """Every process that can be seen."""
    page = os.sysconf("SC_PAGE_SIZE")
    found = {}  # type: Dict[int, Process]
    for name in os.listdir(proc) if os.path.isdir(proc) else []:
        fields = _fields(int(name), proc) if name.isdigit() else None
        if fields is not None:
            found[int(name)] = Process(int(fields[1]), int(fields[21]) * page)
    return found


def _fields(pid: int, proc: str) -> Optional[List[bytes]]:
    """What follows the name in /proc/<pid>/stat; None for one that has ended."""
    try:
        with open("%s/%d/stat" % (proc, pid), "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if len(fields) < 22 or fields[0] in (b"Z", b"X") else fields


def lineage(pid: int, processes: Dict[int, Process]) -> Iterator[int]:
    """The process, its parent, and so on, as far as they can be seen."""
    known = set()  # type: Set[int]
    while pid > 0 and pid not in known:
        yield pid
        known.add(pid)
        process = processes.get(pid)
        pid = 0 if process is None else process.parent


def resident(root: int, processes: Dict[int, Process]) -> int:
    """Bytes in memory of a process and of all below it."""
    return sum(process.resident for pid, process in processes.items() if root in lineage(pid, processes))


def hidden(proc: str = PROC) -> bool:
    """Whether /proc keeps the processes of others from us (hidepid)."""
    return not os.access(proc + "/1/stat", os.R_OK)


def user_of(pid: int, proc: str = PROC) -> str:
    """Whose process it is; empty where that cannot be seen."""
    try:
        return user_name(os.stat("%s/%d" % (proc, pid)).st_uid)
    except OSError:
        return ""


def user_name(uid: int) -> str:
    """The login name, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def environment(pid: int, proc: str = PROC) -> List[bytes]:
    """The words of a process's environment; none where they cannot be read."""
    try:
        with open("%s/%d/environ" % (proc, pid), "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def token_of(pid: int, proc: str = PROC) -> str:
    """The attempt that one of our own processes belongs to, by its environment; empty where that cannot be read."""
    mark = b"TRAINBOARD_TOKEN="
    words = environment(pid, proc)
    return next((word[len(mark) :].decode("ascii", "replace") for word in words if word.startswith(mark)), "")
