"""The GPUs as one user saw them last: nvidia-smi is asked once for all of that user's runs, not by each of them."""

import errno
import fcntl
import json
import os
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from backends.queue import gpus
from backends.queue.folder import Folder
from backends.queue.gpus import App, Card
from backends.queue.processes import (
    PROC,
    Process,
    boot_id,
    hidden,
    lineage,
    start_time,
    table,
    token_of,
    user_of,
)
from backends.queue.records import Lease

APART = 2.0
"""Seconds between two questions to nvidia-smi."""

HUNG = 30.0
"""Seconds until one that failed is asked again: each try may leave a process that cannot be killed."""

MEMORY = 3600.0
"""Seconds for which a process that was seen is remembered, for the settle time."""

Ask = Callable[[], Tuple[List[Card], List[App]]]


class Seen(NamedTuple):
    """One compute process."""

    uuid: str
    """Of the GPU."""
    pid: int
    used: Optional[int]
    """Bytes of the GPU's memory."""
    name: str
    user: str
    """Empty where that cannot be seen."""
    owner: str
    """Token of the lease that it runs under; empty: foreign."""


class Picture(NamedTuple):
    """The GPUs at one moment. Times are of the monotonic clock, which all processes of a boot share."""

    boot: str
    at: float
    """When nvidia-smi was asked."""
    cards: Tuple[Card, ...] = ()
    apps: Tuple[Seen, ...] = ()
    error: str = ""
    """Why nothing is known; then there are no cards."""
    leased: Tuple[Tuple[str, str], ...] = ()
    """GPU and token of every lease at that moment."""
    foreign: Tuple[Tuple[str, str, str, float], ...] = ()
    """GPU, process name, user, when: foreign processes that were seen of late, the newest look at each."""


def private(folder: Folder) -> Folder:
    """The user's own folder in the shared one: what changes in it wakes nobody. Raises OSError."""
    own = Folder(folder.at("look.%d" % os.getuid()))
    try:
        os.mkdir(own.path, 0o700)
    except FileExistsError:
        if os.stat(own.path, follow_symlinks=False).st_uid != os.getuid():
            raise PermissionError(errno.EACCES, "another user has made it", own.path) from None
    return own


def latest(folder: Folder) -> Optional[Picture]:
    """The last picture of this user's in this boot; None: there is none. Raises OSError."""
    try:
        with open(private(folder).at("picture"), "rb") as file:
            picture = decoded(json.loads(file.read().decode("utf-8")))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return picture if picture.boot == boot_id() and picture.at <= time.monotonic() else None


def due(picture: Optional[Picture]) -> float:
    """Seconds until nvidia-smi may be asked again; 0: now."""
    if picture is None:
        return 0.0
    return max(0.0, picture.at + (HUNG if picture.error else APART) - time.monotonic())


def look(folder: Folder, leases: Sequence[Lease], ask: Ask = gpus.ask) -> Optional[Picture]:
    """A picture that is as new as it may be; None where somebody of this user's makes one this moment.

    `leases` are those of a moment ago. Not to be called behind the gate: nvidia-smi takes its time. Raises OSError.
    """
    picture = latest(folder)
    if picture is not None and due(picture) > 0:
        return picture
    own = private(folder)
    asking = own.lock("asking", fcntl.LOCK_EX)
    if asking is None:
        return None
    try:
        picture = latest(folder)
        if picture is None or due(picture) <= 0:
            picture = develop(picture, leases, ask)
            os.close(own.create("picture", encoded(picture), replace=True))
        return picture
    finally:
        os.close(asking)


def develop(before: Optional[Picture], leases: Sequence[Lease], ask: Ask, proc: str = PROC) -> Picture:
    """Ask, and find out whose the processes are."""
    at = time.monotonic()
    foreign = {} if before is None else {(row[0], row[1]): row for row in before.foreign if at - row[3] < MEMORY}
    leased = tuple((uuid, lease.token) for lease in leases for uuid in lease.gpus)
    try:
        cards, apps = ask()
    except gpus.Unreadable as trouble:
        return Picture(boot_id(), at, (), (), str(trouble), leased, tuple(foreign.values()))
    processes = table(proc) if apps else {}
    seen = tuple(identify(app, leases, processes, proc) for app in apps)
    for each in seen:
        # What has ended already leaves no trace for the settle time: it may be of a run that is just over.
        if not each.owner and (each.pid in processes or hidden(proc)):
            foreign[(each.uuid, each.name)] = (each.uuid, each.name, each.user, at)
    return Picture(boot_id(), at, tuple(cards), seen, "", leased, tuple(foreign.values()))


def identify(app: App, leases: Sequence[Lease], processes: Dict[int, Process], proc: str) -> Seen:
    """Whose process it is: by its ancestors, by its environment, or else, where it cannot be seen, by the GPU."""
    by_pid = {lease.pid: lease.token for lease in leases}
    owner = next((by_pid[pid] for pid in lineage(app.pid, processes) if pid in by_pid), "")
    owner = owner or token_of(app.pid, proc)
    if owner not in {lease.token for lease in leases}:
        owner = ""
    if not owner:
        here = [lease for lease in leases if app.uuid in lease.gpus]
        if app.pid in processes and not hidden(proc):
            # An orphan keeps the lease of a runner that was killed: then the lease's process is gone, its lock not.
            here = [lease for lease in here if start_time(lease.pid, proc) is None]
        owner = here[0].token if here else ""
    return Seen(app.uuid, app.pid, app.used, app.name, user_of(app.pid, proc), owner)


def encoded(picture: Picture) -> Dict[str, Any]:
    """The picture as JSON."""
    return dict(picture._asdict())


def decoded(record: Dict[str, Any]) -> Picture:
    """The picture in JSON. Raises TypeError, KeyError."""
    return Picture(
        boot=record["boot"],
        at=float(record["at"]),
        cards=tuple(Card(*row) for row in record["cards"]),
        apps=tuple(Seen(*row) for row in record["apps"]),
        error=str(record["error"]),
        leased=tuple((uuid, token) for uuid, token in record["leased"]),
        foreign=tuple((uuid, name, user, float(at)) for uuid, name, user, at in record["foreign"]),
    )
