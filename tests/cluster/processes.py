"""The processes of a cluster: which are ours, and how they end. Linux only: it reads /proc."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.cluster.layout import Cluster, ClusterError

TOKEN = "CLUSTER_TOKEN"


def spawn(cluster: Cluster, name: str, argv: Sequence[str], environment: dict[str, str]) -> None:
    """Start a daemon in a session of its own and write its pid file; its output goes to its log."""
    with cluster.log(name).open("ab") as log:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, **environment, TOKEN: cluster.token},
        )
    pid_file(cluster, name).write_text(f"{process.pid} {started_at(process.pid)}")


def pid_file(cluster: Cluster, name: str) -> Path:
    """Return the file that holds the pid of a service, and when the kernel started it."""
    return cluster.dir / "run" / f"{name}.pid"


def pid_of(cluster: Cluster, name: str) -> int | None:
    """Return the pid of a service that we started and that lives; a reused pid is not ours."""
    try:
        pid, started = pid_file(cluster, name).read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if started_at(int(pid)) == started else None


def started_at(pid: int) -> str:
    """Return the start time of a live process in clock ticks since boot; empty where it is gone or a zombie."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] not in "ZX" else ""


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; the name before may hold blanks and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def family(cluster: Cluster) -> set[int]:
    """Return the pids of all that lives by this cluster: daemons, sessions, jobs, and what these left running.

    A process is ours by its pid file, by the cluster's token in its environment, or by an ancestor that is.
    """
    parents = {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    children: dict[int, list[int]] = {}
    for pid, fields in parents.items():
        if fields:
            children.setdefault(int(fields[1]), []).append(pid)
    named = (pid_of(cluster, file.stem) for file in (cluster.dir / "run").glob("*.pid"))
    mark = f"{TOKEN}={cluster.token}".encode()
    queue = [pid for pid in named if pid] + [pid for pid in parents if mark in _environment(pid)]
    found: set[int] = set()
    while queue:
        pid = queue.pop()
        if pid not in found:
            found.add(pid)
            queue += children.get(pid, [])
    return {pid for pid in found - _ancestors(os.getpid()) if started_at(pid)}


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):  # gone, or another user's
        return []


def _ancestors(pid: int) -> set[int]:
    """Return this process and those above it: `down` may itself be called from a session on the cluster."""
    line = set()
    while pid and (fields := _stat(pid)):
        line.add(pid)
        pid = int(fields[1])
    return line


def end(pids: Iterable[int], *, grace: float) -> None:
    """Ask processes to end, and kill those that live after `grace` seconds; ClusterError if one survives that."""
    living = {pid: started_at(pid) for pid in pids}
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 60.0)):
        living = {pid: started for pid, started in living.items() if started and started_at(pid) == started}
        for pid in living:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(started_at(pid) == at for pid, at in living.items()):
            _reap(living)
            time.sleep(0.02)
    left = [pid for pid, started in living.items() if started_at(pid) == started]
    if left:
        raise ClusterError(f"processes {left} survived SIGKILL")


def _reap(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
