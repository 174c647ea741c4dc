"""What scontrol, sinfo, squeue and sshare print of a whole cluster → types. Pure; other lines are left out."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from backends import nodestates
from backends.cluster import Crowd, Gpus, Node, Partition, Share
from backends.parse import slurm_duration, slurm_time
from backends.taskids import JOB_ID, tasks_of
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NONE = frozenset({"", "(null)", "N/A", "n/a", "n/s", "none", "None", "Unknown", "UNLIMITED"})
"""Slurm's words for nothing."""

SINFO_FORMAT = "%N|%P|%T|%c|%C|%m|%e|%G|%H|%u|%E"
"""For `sinfo -N -h`, where scontrol tells nothing of nodes: the reason, which is free text, comes last."""

CROWD_FIELDS = (
    ("JobArrayID", 40),
    ("Partition", 80),
    ("State", 16),
    ("UserName", 40),
    ("NumNodes", 12),
)
"""For `squeue -O`, each so many characters wide; behind them the GPUs."""

CROWD_TRES = (("tres-alloc", 200), ("tres", 200), ("gres", 200))
"""How a Slurm of today, of 17.11 and one without either tells the GPUs; the last of them by node."""

SHARE_FORMAT = "Account,User,RawShares,NormShares,EffectvUsage,FairShare"

_PAIR = re.compile(r"(?:^|\s)([A-Z][\w/:&]*)=(\S*)")
_REASON = re.compile(r"\sReason=(.*)\s\[([^\[\]\s@]*)@([^\[\]\s]*)\]")
_UNSIGNED = re.compile(r"\sReason=(.*?)()()(?:\s(?:Comment|Extra|InstanceId)=.*)?$")
"""A reason without who gave it, which is what Slurm itself gives now and then."""
_GRES = re.compile(r"gpu(?::([^:(),=]+))?[:=](\d{1,6})(?:\([^()]*\))?")
_TRES_GPU = re.compile(r"(?:^|,)gres/gpu(?::([^=:,]+))?[=:](\d{1,9})")
_SIZE = re.compile(r"(\d{1,15}(?:[.,]\d{1,6})?)([KMGTP]?)", re.ASCII)
_UNITS = {"": 20, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50}


def pairs(line: str) -> dict[str, str]:
    """`Key=value Key=value` → the first value of each key; a value has no white space in it."""
    found: dict[str, str] = {}
    for match in _PAIR.finditer(line):
        found.setdefault(match[1], match[2])
    return found


def something(text: str | None) -> str:
    """The text, unless it is one of Slurm's words for nothing."""
    return "" if text is None or text in NONE else text


def whole(text: str | None) -> int | None:
    """A number without a sign; `3-3` and `16+` count as the first."""
    match = re.match(r"\d{1,15}", text or "", re.ASCII)
    return int(match[0]) if match else None


def fraction(text: str) -> float | None:
    """A number with a decimal point or, where the site's language has it so, a comma."""
    text = text.strip().replace(",", ".")
    return float(text) if re.fullmatch(r"\d{1,15}(\.\d{1,15})?([eE][-+]?\d{1,3})?", text, re.ASCII) else None


def bytes_of(text: str | None) -> int | None:
    """`20000`, `400M`, `1.5G`, `1,5G`: megabytes without a unit."""
    match = _SIZE.fullmatch(text or "")
    return int(float(match[1].replace(",", ".")) * 2 ** _UNITS[match[2]]) if match else None


def tres(text: str) -> dict[str, str]:
    """`cpu=4,mem=8G,gres/gpu=2` → by name."""
    parts = (part.partition("=") for part in text.split(","))
    return {name: value for name, sign, value in parts if sign}


def tres_gpus(text: str) -> int:
    """GPUs among trackable resources; with types and without them they are told twice."""
    found = [(match[1], int(match[2])) for match in _TRES_GPU.finditer(text)]
    plain = [count for kind, count in found if not kind]
    return plain[0] if plain else sum(count for _, count in found)


def gres_gpus(text: str) -> Counter[str]:
    """`gpu:a100:4(S:0-1),gpu:2,shard:8` → how many by type."""
    found: Counter[str] = Counter()
    for match in _GRES.finditer(text):
        found[match[1] or ""] += int(match[2])
    return found


# nodes


def parse_nodes(text: str) -> tuple[Node, ...]:
    """`scontrol -d -o show node`, of 17.11 to today."""
    lines = (line[at:] for line in text.splitlines() if (at := line.find("NodeName=")) >= 0)
    return tuple(_node(line) for line in lines)


def _node(line: str) -> Node:
    reason = _REASON.search(line) or _UNSIGNED.search(line)
    known = pairs(line[: reason.start()] if reason else line)
    given = known.get("AllocTRES", known.get("AllocTres"))
    total, used = gres_gpus(known.get("Gres", "")), _used(known, given)
    kinds = list(total)
    if used is not None and set(used) - set(kinds) == {""} and len(kinds) == 1:
        used = Counter({kinds[0]: used[""]})  # the allocation names no types, and there is but one
    return Node(
        name=known["NodeName"],
        state=nodestates.state(known.get("State", "UNKNOWN")),
        partitions=tuple(filter(None, something(known.get("Partitions")).split(","))),
        cpus=whole(known.get("CPUTot")) or 0,
        cpus_used=whole(known.get("CPUAlloc")) or 0,
        memory=bytes_of(known.get("RealMemory")) or 0,
        memory_used=bytes_of(known.get("AllocMem")),
        memory_free=bytes_of(known.get("FreeMem")),
        gpus=tuple(Gpus(kind, count, min(count, used[kind] if used else 0)) for kind, count in total.items()),
        gpus_known=used is not None and set(used) <= set(kinds),
        features=something(known.get("ActiveFeatures")),
        reason=one_line(something(reason[1].strip())) if reason else "",
        by=one_line(reason[2], 40) if reason else "",
        since=slurm_time(reason[3]) if reason and reason[3] else None,
    )


def _used(known: Mapping[str, str], given: str | None) -> Counter[str] | None:
    """GPUs that jobs have, by type; None where this Slurm does not tell."""
    if (text := known.get("GresUsed")) is not None:
        return gres_gpus(text)
    if given is None:
        return None
    found = Counter({match[1] or "": int(match[2]) for match in _TRES_GPU.finditer(given)})
    if len(found) > 1:
        del found[""]  # the sum of those with a type
    return found


def parse_sinfo_nodes(text: str) -> tuple[Node, ...]:
    """`sinfo -N -h -o SINFO_FORMAT`: a line for each node and partition; nothing of how many GPUs are used."""
    found: dict[str, Node] = {}
    for line in text.splitlines():
        fields = line.strip().split("|", SINFO_FORMAT.count("|"))
        if len(fields) != SINFO_FORMAT.count("|") + 1 or fields[4].count("/") != 3:
            continue
        name, partition, word, cpus, shared, memory, free, gres, since, by, reason = fields
        known = found.get(name)
        found[name] = Node(
            name=name,
            state=nodestates.state(word),
            partitions=(*(known.partitions if known else ()), partition.rstrip("*")),
            cpus=whole(cpus) or 0,
            cpus_used=whole(shared) or 0,
            memory=bytes_of(memory.rstrip("+")) or 0,
            memory_free=bytes_of(free),
            gpus=tuple(Gpus(kind, count, 0) for kind, count in gres_gpus(gres).items()),
            gpus_known=False,
            reason=one_line(something(reason)),
            by=one_line(something(by), 40),
            since=slurm_time(since),
        )
    return tuple(found.values())


# partitions


def parse_partitions(text: str) -> tuple[Partition, ...]:
    """`scontrol -o show partition`."""
    lines = (line[at:] for line in text.splitlines() if (at := line.find("PartitionName=")) >= 0)
    return tuple(_partition(pairs(line)) for line in lines)


def _partition(known: Mapping[str, str]) -> Partition:
    preempts = something(known.get("PreemptMode"))
    return Partition(
        name=known["PartitionName"],
        default=known.get("Default") == "YES",
        state=known.get("State", "UP"),
        limit=slurm_duration(known.get("MaxTime", "")),
        usual=slurm_duration(known.get("DefaultTime", "")),
        nodes=whole(known.get("TotalNodes")) or 0,
        most_nodes=whole(known.get("MaxNodes")),
        tier=whole(known.get("PriorityTier", known.get("Priority"))),
        preempts="" if preempts.upper() == "OFF" else preempts,
        only=", ".join(_only(known)),
    )


def _only(known: Mapping[str, str]) -> Iterator[str]:
    for key, noun in (("AllowAccounts", "accounts"), ("AllowGroups", "groups"), ("AllowQos", "QOS")):
        if (value := something(known.get(key))) and value != "ALL":
            yield f"{noun} {one_line(value, 80)}"
    for key, noun in (("DenyAccounts", "accounts"), ("DenyQos", "QOS")):
        if value := something(known.get(key)):
            yield f"not {noun} {one_line(value, 80)}"
    if known.get("RootOnly") == "YES":
        yield "root"


# the queue of all


def crowd_format(tres_field: tuple[str, int]) -> str:
    """The -O option for which `parse_crowd` reads the answer."""
    return ",".join(f"{name}:{width}" for name, width in (*CROWD_FIELDS, tres_field))


def parse_crowd(text: str, user: str, *, by_node: bool) -> tuple[Crowd, ...]:
    """`squeue -h -t pending,running -O crowd_format(…)`; `by_node`: the GPUs are told for each node.

    A job that waits in several partitions counts in each.
    """
    sums: dict[str, Counter[str]] = {}
    users: dict[str, set[str]] = {}
    for line in text.splitlines():
        job_id, partitions, state, owner, nodes, gres = _columns(line)
        if not JOB_ID.fullmatch(job_id) or state not in ("PENDING", "RUNNING"):
            continue
        tasks = sum(map(len, tasks_of(job_id))) or 1
        gpus = sum(gres_gpus(gres).values()) * (whole(nodes) or 1) if by_node else tres_gpus(gres)
        word = state.lower()
        for partition in partitions.split(","):
            counted = sums.setdefault(partition, Counter())
            counted[word] += tasks
            counted[f"{word} gpus"] += gpus * tasks
            counted[f"{word} mine"] += tasks if owner == user else 0
            users.setdefault(partition, set()).add(owner)
    return tuple(
        Crowd(
            partition,
            counted["running"],
            counted["pending"],
            counted["running gpus"],
            counted["pending gpus"],
            counted["running mine"],
            counted["pending mine"],
            len(users[partition]),
        )
        for partition, counted in sums.items()
    )


def _columns(line: str) -> list[str]:
    """The fields of a line of fixed widths."""
    found, at = [], 0
    for _, width in CROWD_FIELDS:
        found.append(line[at : at + width].strip())
        at += width
    return [*found, line[at:].strip()]


# shares


def parse_shares(text: str) -> tuple[Share, ...]:
    """`sshare -n -P -U -o SHARE_FORMAT`."""
    rows = (line.split("|") for line in text.splitlines())
    return tuple(_share(row) for row in rows if len(row) >= 6 and row[1].strip())


def _share(row: Iterable[str]) -> Share:
    account, user, shares, granted, used, factor, *_ = (field.strip() for field in row)
    return Share(account, user, shares, fraction(granted), fraction(used), fraction(factor))
