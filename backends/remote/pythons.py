"""A program of its own: the Python processes of a job on this machine, and which py-spy could look into them.

Arguments: the words that the environment of such a process has, as `TRAINBOARD_TOKEN=…`; then `--`, and the numbers
of processes that are not meant.
"""

import json
import os
import re
import socket
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Set

from backends.queue.processes import environment, lineage, table, user_of

PAUSE = 0.3
"""Seconds over which it is measured who is busy."""

LONGEST = 400
"""Characters of a command line."""

MOST = 512
"""Processes that are told of."""

OURS = re.compile(r"\.programs/[0-9a-f]+/(runner|waiter)\.py$")
"""Our own programs that live beside the user's."""

RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "JAX_PROCESS_ID")
"""Where launchers tell a process its number; the first that is set counts."""

CACHE = "~/.cache/trainboard"
SPY = "py-spy"


def main() -> int:
    """Print what there is as JSON."""
    cut = sys.argv.index("--")
    marks, others = sys.argv[1:cut], [int(word) for word in sys.argv[cut + 1 :]]
    print(json.dumps(scene([mark.encode() for mark in marks], set(others))))
    return 0


def scene(marks: List[bytes], others: Set[int]) -> Dict[str, Any]:
    """Processes, and where a py-spy lies."""
    found = {
        "host": socket.gethostname(),
        "system": os.uname()[0],
        "machine": os.uname()[4],
        "user": user_of(os.getpid()),
        "scope": number("/proc/sys/kernel/yama/ptrace_scope"),
        "processes": [],
        "spies": [],
    }  # type: Dict[str, Any]
    if os.path.isdir("/proc/self"):
        pids = marked(marks, others)
        found["more"] = max(0, len(pids) - MOST)
        found["processes"] = measured(pids[:MOST])
        found["spies"] = list(spies(pids[:MOST]))
    return found


def marked(marks: List[bytes], others: Set[int]) -> List[int]:
    """The Python processes whose environment has all these words; not we, nor who started us, nor the runner."""
    living = table()
    aside = others | set(lineage(os.getpid(), living))
    found = []
    for pid in sorted(set(living) - aside):
        words = environment(pid)
        if all(mark in words for mark in marks) and is_python(pid) and not ours(pid):
            found.append(pid)
    return found


def is_python(pid: int) -> bool:
    """Whether an interpreter runs in it: by its program's name, or by a library that it has mapped."""
    if "python" in os.path.basename(program(pid)).lower():
        return True
    try:
        with open("/proc/%d/maps" % pid) as file:
            return any("libpython" in line for line in file)
    except (IOError, OSError, UnicodeDecodeError):
        return False


def program(pid: int) -> str:
    """The path of what runs in it; empty where that cannot be seen."""
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:
        return ""


def command(pid: int) -> List[str]:
    """Its words."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return [word.decode("utf-8", "replace") for word in file.read().split(b"\0")[:-1]]
    except (IOError, OSError):
        return []


def ours(pid: int) -> bool:
    """Whether it is the runner or the waiter, or one that it forked."""
    return any(OURS.search(word) for word in command(pid)[:4])


def measured(pids: List[int]) -> List[Dict[str, Any]]:
    """What is known of these."""
    before = {pid: ticks(pid) for pid in pids}
    began = time.time()
    time.sleep(PAUSE if pids else 0.0)
    took, hertz = max(0.01, time.time() - began), os.sysconf("SC_CLK_TCK")
    found, living = [], table()
    for pid in pids:
        first, last = before[pid], ticks(pid)
        if first is None or last is None:
            continue
        found.append(
            {
                "pid": pid,
                "parent": living[pid].parent if pid in living else 0,
                "command": " ".join(command(pid))[:LONGEST],
                "user": user_of(pid),
                "rank": rank(pid),
                "busy": round(100.0 * (last - first) / hertz / took, 1),
            }
        )
    return found


def ticks(pid: int) -> Optional[int]:
    """How long it has used processors; None for one that has ended."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (IOError, OSError, IndexError):
        return None


def rank(pid: int) -> Optional[int]:
    """Its number among the processes of a training; None where nobody gave it one."""
    words = dict(word.split(b"=", 1) for word in environment(pid) if b"=" in word)
    for name in RANKS:
        value = words.get(name.encode(), b"")
        if value.isdigit():
            return int(value)
    return None


def spies(pids: List[int]) -> Iterator[str]:
    """Every py-spy that may be run here: of the job's own PATH and interpreter first, then ours."""
    known = set()  # type: Set[str]
    for folder in folders(pids):
        path = os.path.join(folder, SPY)
        if os.path.isabs(path) and path not in known and os.access(path, os.X_OK) and os.path.isfile(path):
            yield path
        known.add(path)
    cache = os.path.expanduser(CACHE)
    for name in sorted(os.listdir(cache)) if os.path.isdir(cache) else []:
        if re.match(SPY + "-[0-9a-f]{16}$", name) and os.access(os.path.join(cache, name), os.X_OK):
            yield os.path.join(cache, name)


def folders(pids: List[int]) -> Iterator[str]:
    """Where it may lie."""
    for pid in pids[:8]:
        for word in environment(pid):
            if word.startswith(b"PATH="):
                for folder in os.fsdecode(word[5:]).split(":"):
                    yield folder
            if word.startswith((b"VIRTUAL_ENV=", b"CONDA_PREFIX=")):
                yield os.path.join(os.fsdecode(word.split(b"=", 1)[1]), "bin")
        yield os.path.dirname((command(pid) or [""])[0])  # of the environment, where its interpreter is a link
        yield os.path.dirname(program(pid))
    for folder in os.environ.get("PATH", "").split(":"):
        yield folder
    yield os.path.expanduser("~/.local/bin")


def number(path: str) -> Optional[int]:
    """A setting of the kernel; None where there is none."""
    try:
        with open(path) as file:
            return int(file.read())
    except (IOError, OSError, ValueError):
        return None
