"""Attempt directories: how each attempt stands, and how it is ended."""

import errno
import json
import os
import signal
import time
from typing import Any, Dict, Optional

from backends.remote.files import read_json, resolve, write_whole
from backends.remote.frames import Header, Reply


def process_start(pid: int) -> Optional[int]:
    """When the process began, in clock ticks after boot (0 where there is no /proc); None: no such process."""
    if not os.path.isdir("/proc/self"):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return 0
        return 0
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (IOError, OSError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def boot_id() -> str:
    """Names this boot of the host."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except (IOError, OSError):
        return ""


def alive(started: Dict[str, Any]) -> bool:
    """Whether the runner that wrote this record is still there: same boot, same pid, same start."""
    if started.get("boot") != boot_id():
        return False
    return process_start(started["pid"]) in (started.get("start"), 0)


def attempt_state(directory: str) -> Dict[str, Any]:
    """What the attempt directory says, with whether its runner lives."""
    path = resolve(directory)
    state = os.path.join(path, "state")
    started = read_json(os.path.join(state, "started"))
    found = {
        "directory": directory,
        "present": os.path.isdir(path),
        "claimed": os.path.isdir(os.path.join(state, "claim")),
        "started": started,
        "same_boot": started is not None and started.get("boot") == boot_id(),
        "alive": started is not None and alive(started),
    }
    # Read last: a runner that ended between the two looks has left its record by now.
    found["exit"] = read_json(os.path.join(state, "exit"))
    return found


def kill_marked(token: str) -> None:
    """SIGKILL for every process of an attempt whose runner is gone."""
    mark = ("TRAINBOARD_TOKEN=%s" % token).encode()
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/environ" % name, "rb") as file:
                ours = mark in file.read().split(b"\0")
            if ours:
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue  # ended meanwhile, or another user's


def attempts(header: Header, payload: bytes) -> Reply:
    """The states of attempt directories, in the order asked for."""
    states = [attempt_state(directory) for directory in header["directories"]]
    return {}, json.dumps(states).encode("utf-8")


def cancel(header: Header, payload: bytes) -> Reply:
    """End an attempt: one that has not begun can then never begin, one that runs is told to end its tree."""
    path = resolve(header["path"])
    state = os.path.join(path, "state")
    write_whole(os.path.join(state, "cancel"), json.dumps({"time": time.time()}).encode("utf-8"))
    now = attempt_state(path)
    if now["exit"] is not None:
        return {"done": "ended before"}, b""
    if now["alive"]:
        os.kill(now["started"]["pid"], signal.SIGTERM)
        return {"done": "signalled"}, b""
    if not now["claimed"]:
        try:
            os.mkdir(os.path.join(state, "claim"))
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
            return {"done": "marked"}, b""  # it begins this moment, and finds the mark when it is signalled
        record = {"state": "CANCELLED", "code": None, "reason": "cancelled before it began", "time": time.time()}
        write_whole(os.path.join(state, "exit"), json.dumps(record).encode("utf-8"))
        return {"done": "withdrawn"}, b""
    if now["same_boot"]:
        kill_marked(header["token"])  # the runner is gone, what it ran may not be
    return {"done": "marked"}, b""
