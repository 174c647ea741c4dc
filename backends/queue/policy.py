"""When a GPU is free for a run, and if not, why: pure, but for reading the site's choices."""

import math
from typing import Any, Dict, FrozenSet, NamedTuple, Optional, Sequence

from backends.queue.gpus import Card
from backends.queue.look import Picture, Seen
from backends.queue.records import Lease, number, plain, read_record, sequence, size, whole

IGNORED = (
    "Xorg",
    "Xwayland",
    "X",
    "gnome-shell",
    "kwin_x11",
    "kwin_wayland",
    "plasmashell",
    "cinnamon",
    "nvidia-cuda-mps-server",
    "nvidia-persistenced",
)
"""Names of processes that show the screen or serve the GPU: they are never in the way."""

SETTLE = 30.0
"""Seconds for which a GPU must be free of a foreign process: a person at work starts again soon."""

GIVEN_BACK, GIVEN_BACK_PART = 1 << 30, 0.05
"""A GPU that nobody uses may show so much memory in use, in bytes and as a part of the whole: screens, driver."""

SOON, LATER = 2.0, 10.0
"""Seconds until another look at the GPU is worth it: memory comes back quickly, foreign processes stay."""


class Rules(NamedTuple):
    """The choices of policy.json."""

    at_most: Optional[int] = None
    """So many of the user's runs on this host; None: no limit."""
    ignore: FrozenSet[str] = frozenset(IGNORED)
    share: bool = False
    """A run that declares its GPU memory may sit beside foreign processes."""
    settle: float = SETTLE


class Verdict(NamedTuple):
    """Whether a GPU is free for a run."""

    reason: str
    """Empty: it is."""
    again: float = math.inf
    """Seconds until it is worth another look by nvidia-smi; for ever, where leases decide."""
    foreign: bool = False
    """A process is in the way that the queue has not started."""


FREE = Verdict("")


def read(path: str) -> Rules:
    """The rules in a policy.json; the usual ones where it is missing or says nothing."""
    return rules(read_record(path))


def rules(record: Dict[str, Any]) -> Rules:
    """The rules in a record; the names that it ignores come on top of `IGNORED`."""
    settle = record.get("settle")
    return Rules(
        at_most=whole(record.get("at_most")),
        ignore=frozenset(IGNORED) | set(filter(None, map(plain, sequence(record.get("ignore"))))),
        share=record.get("share") is True,
        settle=SETTLE if settle is None else max(0.0, number(settle)),
    )


def verdict(
    card: Card,
    picture: Picture,
    leases: Sequence[Lease],
    need: Optional[int],
    rules: Rules,
    now: float,
    stale: bool = False,
) -> Verdict:
    """Whether a run that needs `need` bytes of the GPU (None: all of it) may have it beside these leases on it.

    `leases` are those that live and the reservations of runs further ahead; `now` is of the monotonic clock; `stale`:
    a run has come and gone since the picture was made.
    """
    if card.mig:
        return Verdict("cut into MIG instances, which are not given out")
    taken = leased(card, leases, need)
    if taken:
        return Verdict(taken)
    if stale or set(tokens(picture, card)) - {lease.token for lease in leases}:
        return Verdict("looked at anew", 0.0)  # a run has just left it: the picture is from before
    strangers = intruders(card, picture, leases, rules)
    if not (rules.share and need is not None):
        if strangers:
            return Verdict(", ".join(describe(stranger) for stranger in strangers), LATER, True)
        settling = unsettled(card, picture, rules, now)
        if settling:
            return Verdict(settling, SOON)
    return room_alone(card, picture, rules) if need is None else room_beside(card, picture, leases, need)


def leased(card: Card, leases: Sequence[Lease], need: Optional[int]) -> str:
    """What the leases leave no room for; empty: there is room."""
    alone = [lease for lease in leases if lease.needs.gpu_memory is None or need is None]
    if alone:
        real = [lease for lease in alone if not lease.waits]
        return ", ".join(holder(lease) for lease in real or alone)
    if need is None:
        return ""
    if card.total is None:
        return "does not tell its memory: no run can share it"
    declared = sum(lease.needs.gpu_memory or 0 for lease in leases)
    if declared + need > card.total:
        by = ", ".join("%s %s" % (holder(lease), size(lease.needs.gpu_memory or 0)) for lease in leases)
        return "%s of %s are declared%s" % (size(declared), size(card.total), by and ": " + by)
    return ""


def holder(lease: Lease) -> str:
    """Who has it, or for whom it is kept."""
    return "%s%s of %s" % ("kept for " if lease.waits else "", lease.name, lease.user)


def tokens(picture: Picture, card: Card) -> Sequence[str]:
    """The leases on the GPU when the picture was made."""
    return [token for uuid, token in picture.leased if uuid == card.uuid]


def basename(name: str) -> str:
    """The name of a process without its folder and arguments; empty for `[Not Found]` and its like."""
    return "" if name.startswith("[") else name.split(" ")[0].rpartition("/")[2]


def intruders(card: Card, picture: Picture, leases: Sequence[Lease], rules: Rules) -> Sequence[Seen]:
    """The processes on the GPU that belong to no lease on it and are not ignored."""
    here = {lease.token for lease in leases}
    return [
        app
        for app in picture.apps
        if app.uuid == card.uuid and app.owner not in here and basename(app.name) not in rules.ignore
    ]


def describe(app: Seen) -> str:
    """As `python of bob (pid 4711, 21 GiB)`."""
    details = ["pid %d" % app.pid] + ([] if app.used is None else [size(app.used)])
    of = " of " + app.user if app.user else ""
    return "%s%s (%s)" % (plain(basename(app.name)) or "a process", of, ", ".join(details))


def unsettled(card: Card, picture: Picture, rules: Rules, now: float) -> str:
    """The foreign process that was there a moment ago; empty: none."""
    for uuid, name, user, at in picture.foreign:
        if uuid == card.uuid and now - at < rules.settle and basename(name) not in rules.ignore:
            of = " of " + user if user else ""
            return "free for %g s first: %s%s was on it" % (rules.settle, plain(basename(name)), of)
    return ""


def room_alone(card: Card, picture: Picture, rules: Rules) -> Verdict:
    """Whether the memory has come back of a GPU that nobody is on."""
    if card.total is None or card.used is None:
        return FREE
    shown = sum(app.used or 0 for app in picture.apps if app.uuid == card.uuid)  # all of them ignored, by now
    if card.used - shown < max(GIVEN_BACK, GIVEN_BACK_PART * card.total):
        return FREE
    return Verdict("%s in use, by no process that is seen" % size(card.used - shown), SOON)


def room_beside(card: Card, picture: Picture, leases: Sequence[Lease], need: int) -> Verdict:
    """Whether the memory is there now, when those who declared theirs have taken all of it."""
    if card.total is None or card.used is None:
        return Verdict("does not tell its memory: no run can share it")
    owed = untold = known = 0
    for lease in leases:
        declared = lease.needs.gpu_memory or 0
        uses = [app.used for app in picture.apps if app.uuid == card.uuid and app.owner == lease.token]
        known += sum(used or 0 for used in uses)
        if None in uses:
            untold += declared
        else:
            owed += max(0, declared - sum(used or 0 for used in uses))
    owed += max(0, untold - max(0, card.used - known))  # where the driver tells no process's part
    free = card.total - card.used - owed
    if free >= need:
        return FREE
    return Verdict("%s free, asks for %s" % (size(max(0, free)), size(need)), LATER)
