"""What tickets and leases say. Another user may have written them, or another version: every value is checked."""

import json
import math
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

CPUS = 1
"""What a run counts for that declares none."""


class Needs(NamedTuple):
    """What a run asks for."""

    gpus: int = 0
    gpu_memory: Optional[int] = None
    """Bytes on each GPU, which it then shares with others; None: it wants its GPUs for itself."""
    cpus: int = CPUS
    memory: int = 0
    """Bytes; 0: not declared."""
    experiment: str = ""
    """Its folder: what the user calls it, another one of theirs may be called, too."""
    at_most: Optional[int] = None
    """So many of the experiment's runs at the same time."""
    mine: Optional[int] = None
    """So many of the user's runs on this host at the same time."""


class Ticket(NamedTuple):
    """A run that waits."""

    token: str
    uid: int
    user: str
    pid: int
    """Of its waiter."""
    name: str
    needs: Needs
    priority: int
    place: float
    since: float
    held: bool
    without: Tuple[str, ...] = ()
    """UUIDs of GPUs that it cannot take, as its own user sees it (foreign processes, no access)."""
    directory: str = ""
    """The attempt directory; none but its user can look into it."""


class Lease(NamedTuple):
    """A run that runs, or one that may be about to (`waits`), and what it has."""

    token: str
    uid: int
    user: str
    pid: int
    start: int
    """Clock ticks after boot when that process began; 0 where the system does not tell."""
    name: str
    gpus: Tuple[str, ...]
    needs: Needs
    since: float
    boot: str = ""
    at: float = 0.0
    """When it was taken, by the monotonic clock of that boot."""
    waits: bool = False
    """It is a reservation of a run that is further ahead in the queue."""


def needs_of(record: Dict[str, Any], mine: Optional[int] = None) -> Needs:
    """The needs in a ticket, a lease, or the `queue` of a plan; `mine` comes from the policy."""
    return Needs(
        gpus=whole(record.get("gpus")) or 0,
        gpu_memory=whole(record.get("gpu_memory")),
        cpus=CPUS if whole(record.get("cpus")) is None else whole(record.get("cpus")) or 0,
        memory=whole(record.get("memory")) or 0,
        experiment=plain(record.get("experiment")),
        at_most=whole(record.get("at_most")),
        mine=mine if mine is not None else whole(record.get("mine")),
    )


def ticket_of(token: str, uid: int, record: Dict[str, Any]) -> Ticket:
    """The ticket in a file of that user's."""
    return Ticket(
        token=token,
        uid=uid,
        user=plain(record.get("user")) or str(uid),
        pid=whole(record.get("pid")) or 0,
        name=plain(record.get("name")) or token,
        needs=needs_of(record),
        priority=whole(record.get("priority"), least=None) or 0,
        place=number(record.get("place")),
        since=number(record.get("since")),
        held=record.get("held") is True,
        without=tuple(plain(uuid) for uuid in sequence(record.get("without"))),
        directory=plain(record.get("directory"), 4096),
    )


def lease_of(token: str, uid: int, record: Dict[str, Any]) -> Lease:
    """The lease in a file of that user's."""
    gpus = tuple(plain(uuid) for uuid in sequence(record.get("gpus")))
    return Lease(
        token=token,
        uid=uid,
        user=plain(record.get("user")) or str(uid),
        pid=whole(record.get("pid")) or 0,
        start=whole(record.get("start")) or 0,
        name=plain(record.get("name")) or token,
        gpus=gpus,
        needs=needs_of(dict(record, gpus=len(gpus))),
        since=number(record.get("since")),
        boot=plain(record.get("boot")),
        at=number(record.get("at")),
    )


def ticket_record(ticket: Ticket) -> Dict[str, Any]:
    """The ticket as JSON."""
    record = dict(ticket._asdict())
    record.update(record.pop("needs")._asdict(), without=list(ticket.without))
    return record


def lease_record(lease: Lease) -> Dict[str, Any]:
    """The lease as JSON."""
    record = dict(lease._asdict())
    record.update(record.pop("needs")._asdict(), gpus=list(lease.gpus))
    del record["waits"]
    return record


def end_before_beginning(reason: str, withdrawn: bool = False) -> Dict[str, Any]:
    """The exit record of an attempt whose program never ran."""
    return {
        "state": "CANCELLED",
        "code": None,
        "reason": reason,
        "began": None,
        "time": time.time(),
        "withdrawn": withdrawn,
        "peak_memory": None,
        "restarts": 0,
    }


def read_record(path: str) -> Dict[str, Any]:
    """A small record; empty where there is none that can be read."""
    try:
        with open(path) as file:
            record = json.load(file)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def whole(value: object, least: Optional[int] = 0) -> Optional[int]:
    """A whole number, at least `least`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if least is None or value >= least else None


def number(value: object) -> float:
    """A finite number; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if math.isfinite(value) else 0.0


def sequence(value: object) -> List[Any]:
    """A list; empty for anything else."""
    return value if isinstance(value, list) else []


def plain(value: object, longest: int = 80) -> str:
    """A word of a person's for one line of a screen; empty for anything that is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(letter if letter.isprintable() else "?" for letter in value[:longest])


def size(count: float) -> str:
    """Bytes for a person: `512 MiB`, `21 GiB`."""
    if count < 1 << 30:
        return "%d MiB" % (count / (1 << 20))
    return "%s GiB" % (("%.1f" % (count / (1 << 30))) if count < 10 << 30 else "%d" % (count / (1 << 30)))
