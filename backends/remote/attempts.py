"""Attempt directories: how each attempt stands."""

import json
import os
import socket
import time
from typing import Any, Dict, List, Optional

from backends.queue.processes import boot_id, start_time, table, token_of
from backends.remote.files import read_json, resolve
from backends.remote.frames import Header, Reply

TAKEN_BACK = ("withdrawn", "cancelled")
"""What a claim is called that nobody starts with: it is then a link to a folder of this name, made in one step."""


def attempts(header: Header, payload: bytes) -> Reply:
    """The states of attempt directories, in the order asked for, and the time by this host's clock."""
    boot = boot_id()
    states = [attempt_state(directory, boot) for directory in header["directories"]]
    return {"now": time.time()}, json.dumps(states).encode("utf-8")


def attempt_state(directory: str, boot: str) -> Dict[str, Any]:
    """What the attempt directory says, with whether its waiter or its runner lives; `boot` names this boot."""
    path = resolve(directory)
    state = os.path.join(path, "state")
    claim = os.path.join(state, "claim")
    found = {
        "directory": directory,
        "present": os.path.isdir(path),
        "held": os.path.exists(os.path.join(state, "hold")),
        "cancelled": os.path.exists(os.path.join(state, "cancel")),
    }  # type: Dict[str, Any]
    # In the order in which they come to be: of what ends between two looks, its successor is seen.
    waiting = found["waiting"] = read_json(os.path.join(state, "waiting"))
    found["waits"] = waiting is not None and alive(waiting, boot)
    found["claimed"] = os.path.lexists(claim)
    found["taken_back"] = taken_back(claim)
    started = found["started"] = read_json(os.path.join(state, "started"))
    began = started or waiting or {}
    found["same_boot"] = began.get("boot") == boot
    found["same_host"] = began.get("host") == socket.gethostname()
    found["alive"] = started is not None and alive(started, boot)
    found["guarded"] = started is not None and guarded(started, boot)
    found["exit"] = read_json(os.path.join(state, "exit"))
    found["peaks"] = peaks(state, found["exit"]) if started is not None else {}
    found["saved"] = read_json(os.path.join(state, "saved")) if started is not None else None
    found["restarts"] = restarts(state, found["exit"]) if started is not None else 0
    found["orphans"] = 0
    cared_for = found["alive"] or found["guarded"] or found["exit"] is not None
    if started is not None and found["same_boot"] and not cared_for:
        plan = read_json(os.path.join(path, "plan.json")) or {}
        found["orphans"] = len(marked(str(plan.get("token"))))
    return found


def alive(record: Dict[str, Any], boot: str) -> bool:
    """Whether the process that wrote this record is still there: same boot, same pid, same start."""
    if record.get("boot") != boot:
        return False
    return start_time(record["pid"]) in (record.get("start"), 0)


def guarded(started: Dict[str, Any], boot: str) -> bool:
    """Whether the runner's guard lives, which ends what a runner leaves that was killed, and tells it."""
    if started.get("boot") != boot or not started.get("guard"):
        return False
    return start_time(started["guard"]) in (started.get("guard_start"), 0)


def restarts(state: str, ended: Optional[Dict[str, Any]]) -> int:
    """How often a scheduler has started the attempt again: so many lives have ended before the last one."""
    if ended is not None:
        return int(ended.get("restarts") or 0)
    try:
        with open(os.path.join(state, "ends.jsonl")) as file:
            return sum(1 for _ in file)
    except (IOError, OSError):
        return 0  # there is none


def peaks(state: str, ended: Optional[Dict[str, Any]]) -> Dict[str, Any]:
    """The most that the attempt has used so far, or in all."""
    known = read_json(os.path.join(state, "peaks")) if ended is None else ended.get("peaks")
    return known if isinstance(known, dict) else {}


def taken_back(claim: str) -> str:
    """Which of `TAKEN_BACK` a claim is; empty for one of a runner, and where there is none."""
    try:
        word = os.readlink(claim)
    except OSError:
        return ""
    return word if word in TAKEN_BACK else ""


def marked(token: str) -> List[int]:
    """The living processes of the user that carry the attempt's token in their environment."""
    return [pid for pid in table() if token_of(pid) == token]
