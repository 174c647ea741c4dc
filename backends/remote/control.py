"""What is done to attempts from outside: cancel, take back, hold, release, order.

Every operation takes many attempts as [directory, token] and answers for each, in order.
"""

import errno
import json
import os
import shutil
import signal
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from backends.queue import tickets
from backends.queue.folder import Folder
from backends.queue.processes import boot_id
from backends.queue.records import end_before_beginning
from backends.remote.attempts import attempt_state, marked, taken_back
from backends.remote.files import make_folder, read_json, resolve, write_whole
from backends.remote.folders import RESERVED
from backends.remote.frames import Header, Reply, described

KILLING = 5.0
"""Seconds that processes may take to be gone after SIGKILL."""


def each(header: Header, do: Callable[[str, str], str]) -> Reply:
    """Do it to every attempt, by its directory and token; trouble with one is none with the next."""
    outcomes = []  # type: List[Dict[str, Any]]
    for directory, token in header["attempts"]:
        try:
            outcomes.append({"done": do(resolve(directory), token)})
        except Exception as error:  # the next is done all the same
            outcomes.append(described(error))
    poke([resolve(directory) for directory, _ in header["attempts"]])
    return {}, json.dumps(outcomes).encode("utf-8")


def cancel(header: Header, payload: bytes) -> Reply:
    """End attempts: one that has not begun can then never begin, one that runs is told to end its tree."""
    return each(header, cancel_one)


def cancel_one(path: str, token: str) -> str:
    """End one attempt."""
    if not os.path.isdir(path) and reserve(path, token):
        return "reserved"
    write_state(path, "cancel", {"time": time.time()})
    now = attempt_state(path, boot_id())
    if now["exit"] is not None:
        return "ended before"
    if now["alive"]:
        os.kill(now["started"]["pid"], signal.SIGTERM)
        return "signalled"
    if now["started"] is None:
        return "withdrawn" if take_back(path, "cancelled") else "marked"
    if now["same_boot"] and not now["guarded"]:
        end_orphans(path, token, now["started"])
    return "marked"


def withdraw(header: Header, payload: bytes) -> Reply:
    """Take back attempts that have not begun: `withdrawn` for those that can now never start."""
    return each(header, withdraw_one)


def withdraw_one(path: str, token: str) -> str:
    """Take back one attempt, unless its runner was first."""
    if not os.path.isdir(path) and reserve(path, token, "withdrawn"):
        return "withdrawn"
    return "withdrawn" if take_back(path, "withdrawn") else "begun"


def take_back(path: str, why: str) -> bool:
    """Take the claim for good, in one step that also says why; whether it is ours. The rest may be done again."""
    state = os.path.join(path, "state")
    claim = os.path.join(state, "claim")
    make_folder(os.path.join(state, why))
    try:
        os.symlink(why, claim)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        before = taken_back(claim)
        if before == "" or (why == "withdrawn" and before != why):
            return False
    if read_json(os.path.join(state, "exit")) is None:
        write_state(path, "exit", taken_back_record(taken_back(claim)))
    return True


def taken_back_record(why: str) -> Dict[str, Any]:
    """The exit record of what was taken back."""
    withdrawn = why == "withdrawn"
    return end_before_beginning("withdrawn" if withdrawn else "cancelled before it began", withdrawn)


def reserve(path: str, token: str, why: str = "cancelled") -> bool:
    """Take the place of an attempt that was never published: should it come yet, it finds itself ended."""
    draft = "%s.%s.%d.%d.tmp" % (path, token, os.getpid(), threading.get_ident())
    try:
        make_folder(os.path.join(draft, "state", why))
        write_whole(os.path.join(draft, "plan.json"), json.dumps({"token": token, RESERVED: True}).encode("utf-8"))
        os.symlink(why, os.path.join(draft, "state", "claim"))
        write_state(draft, "exit", taken_back_record(why))
        os.rename(draft, path)
        return True
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not os.path.isdir(path):
            raise
        return False  # it came this moment, and took the draft away with what it found beside its place


def end_orphans(path: str, token: str, started: Dict[str, Any]) -> None:
    """Kill what an attempt left whose runner is gone, and write the record that the runner cannot write."""
    deadline = time.time() + KILLING
    left = marked(token)
    while left and time.time() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # ended meanwhile
        time.sleep(0.05)
        left = marked(token)
    if not left:
        record = dict(end_before_beginning("cancelled; its runner was gone"), began=started.get("time"))
        write_state(path, "exit", record)


def hold(header: Header, payload: bytes) -> Reply:
    """Keep attempts from starting."""

    def hold_one(path: str, token: str) -> str:
        if not os.path.isdir(path):
            return "absent"
        write_state(path, "hold", {"time": time.time()})
        return "held"

    return each(header, hold_one)


def release(header: Header, payload: bytes) -> Reply:
    """Let attempts start again."""

    def release_one(path: str, token: str) -> str:
        try:
            os.unlink(os.path.join(path, "state", "hold"))
        except FileNotFoundError:
            return "not held"
        return "released"

    return each(header, release_one)


def priority(header: Header, payload: bytes) -> Reply:
    """Give attempts a new priority; their place among those of one priority stays."""

    def change(path: str, token: str) -> str:
        return order(path, header["priority"], None)

    return each(header, change)


def top(header: Header, payload: bytes) -> Reply:
    """Put attempts, in this order, before all others of the user's that wait on this host."""
    greatest, smallest = extremes(header["leases"])
    tokens = [token for _, token in header["attempts"]]

    def change(path: str, token: str) -> str:
        return order(path, greatest, smallest - len(tokens) + tokens.index(token))

    return each(header, change)


def order(path: str, rank: int, place: Optional[float]) -> str:
    """Write down priority and place of one attempt, and let its waiter see them."""
    if not os.path.isdir(path):
        return "absent"
    plan = read_json(os.path.join(path, "plan.json")) or {}
    before = read_json(os.path.join(path, "state", "priority")) or plan.get("queue") or {}
    kept = float(before.get("place") or 0.0)
    write_state(path, "priority", {"priority": rank, "place": kept if place is None else place})
    return "ordered"


def extremes(path: str) -> Tuple[int, float]:
    """The greatest priority and the smallest place among the user's own that wait in this shared folder."""
    folder = Folder(path)
    if not os.path.isdir(folder.path):
        return 0, 0.0
    with folder.gate():
        own = [tickets.current(ticket) for ticket in tickets.waiting(folder) if ticket.uid == os.getuid()]
    return (
        max((ticket.priority for ticket in own), default=0),
        min((ticket.place for ticket in own), default=0.0),
    )


def write_state(path: str, name: str, record: Dict[str, Any]) -> None:
    """One state file, whole."""
    write_whole(os.path.join(path, "state", name), json.dumps(record).encode("utf-8"))


def poke(paths: List[str]) -> None:
    """Let the waiters of these attempts look at their state folders at once."""
    tokens = {}  # type: Dict[str, Set[str]]
    for path in paths:
        plan = read_json(os.path.join(path, "plan.json")) or {}
        leases = (plan.get("queue") or {}).get("leases")
        if leases:
            tokens.setdefault(leases, set()).add(plan["token"])
    for leases, some in tokens.items():
        try:
            tickets.poke(leases, some)
        except OSError:
            continue  # the folder is not to be had this moment: they look by themselves before long
