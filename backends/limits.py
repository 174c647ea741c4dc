"""How many jobs a user may have: Slurm's configuration and accounting → limits. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import JobState, Room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from backends.squeue import QueueEntry
    from specs.model import SlurmOptions

ARRAY_SIZE = 1001
"""Slurm's default of MaxArraySize, where nobody tells: the indices of an array are below it."""

ASSOC_FIELDS = ("Cluster", "Account", "Partition", "MaxSubmitJobs", "GrpSubmitJobs", "DefaultQOS")
QOS_FIELDS = ("Name", "MaxSubmitPU", "MaxSubmitPA", "GrpSubmit")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many jobs of ours in the queue."""

    name: str
    """Slurm's word for it, and whose it is."""
    most: int
    account: str = ""
    """Only jobs of this account count; empty: of all. So with the others."""
    qos: str = ""
    partition: str = ""

    def counts(self, entry: QueueEntry) -> bool:
        """Whether jobs of this line of squeue count: those in several partitions in each, those that end no more."""
        return (
            not (entry.state.ended or entry.state is JobState.COMPLETING)
            and self.account in ("", entry.account)
            and self.qos in ("", entry.qos)
            and (not self.partition or self.partition in entry.partition.split(","))
        )


@dataclass(frozen=True, slots=True)
class Association:
    """What the accounting grants the user in an account, what the account hands down to them too."""

    account: str
    partition: str
    most: int | None
    group: int | None
    qos: str


@dataclass(frozen=True, slots=True)
class Site:
    """What a cluster says about itself."""

    cluster: str = ""
    array_size: int = ARRAY_SIZE
    most_jobs: int | None = None
    """MaxJobCount, of all users together."""
    enforced: bool = False
    """Whether the limits of the accounting hold."""
    associations: tuple[Association, ...] = ()
    default_account: str = ""
    qos: tuple[tuple[str, int | None, int | None, int | None], ...] = ()
    """Name, and the limits per user, per account and of all together."""
    partitions: tuple[tuple[str, str, bool], ...] = ()
    """Name, its own QOS, and whether it is the default."""
    private: frozenset[str] = frozenset()
    """What users may not see of others (PrivateData): `jobs`, `usage`, `nodes`, …"""

    def limits(self, own: SlurmOptions) -> tuple[Limit, ...]:
        """Those that a job with these options counts against."""
        defaults = [name for name, _, default in self.partitions if default]
        partition = chosen(own, "partition") or next(iter(defaults), "")
        account = chosen(own, "account") or self.default_account
        here = [each for each in self.associations if each.account == account and each.partition in ("", partition)]
        qos = chosen(own, "qos") or next((each.qos for each in here if each.qos), "")
        found = [Limit("MaxJobCount of the cluster", self.most_jobs)] if self.most_jobs is not None else []
        for each in here:
            for word, most in (("MaxSubmitJobs", each.most), ("GrpSubmitJobs", each.group)):
                if most is not None:
                    found.append(Limit(f"{word} in account {account}", most, account, partition=each.partition))
        attached = next((own_qos for name, own_qos, _ in self.partitions if name == partition), "")
        return (*found, *self._of_qos(qos, account, ""), *self._of_qos(attached, account, partition))

    def _of_qos(self, wanted: str, account: str, partition: str) -> Iterator[Limit]:
        """The limits of a QOS; that of a partition counts all jobs there, whatever QOS they have of their own."""
        qos = "" if partition else wanted
        for name, per_user, per_account, all_together in self.qos:
            if not wanted or name != wanted:
                continue
            if per_user is not None:
                yield Limit(f"MaxSubmitJobsPerUser of QOS {name}", per_user, "", qos, partition)
            if per_account is not None:
                yield Limit(f"MaxSubmitJobsPerAccount of QOS {name}", per_account, account, qos, partition)
            if all_together is not None:
                yield Limit(f"GrpSubmitJobs of QOS {name}", all_together, "", qos, partition)


def room(limits: Iterable[Limit], entries: Sequence[QueueEntry]) -> Room:
    """How many more jobs fit, by the tightest limit."""
    left = [(max(0, limit.most - taken(limit, entries)), limit) for limit in limits]
    if not left:
        return Room(now=None)
    fewest, limit = min(left, key=lambda each: each[0])
    return Room(now=None, queue=fewest, reason=f"{limit.name}: {limit.most}")


def taken(limit: Limit, entries: Sequence[QueueEntry]) -> int:
    """How many jobs count against a limit."""
    return sum(entry.count for entry in entries if limit.counts(entry))


def chosen(own: SlurmOptions, option: str) -> str:
    """What a job asks for; of several the last, as sbatch does it."""
    further = [word.partition("=")[2] for word in own.sbatch if word.startswith(f"--{option}=")]
    return further[-1] if further else str(getattr(own, option) or "")


def parse_config(text: str) -> dict[str, str]:
    """`scontrol show config` → its lines."""
    lines = (line.partition("=") for line in text.splitlines())
    return {name.strip(): value.strip() for name, sign, value in lines if sign}


def parse_site(text: str) -> Site:
    """`scontrol show config` → what a cluster tells without its accounting."""
    config = parse_config(text)
    return Site(
        config.get("ClusterName", ""),
        number(config.get("MaxArraySize", "")) or ARRAY_SIZE,
        number(config.get("MaxJobCount", "")),
        enforces_limits(config),
        private=frozenset(re.split(r"[,\s]+", config.get("PrivateData", ""))) - {"", "none"},
    )


def enforces_limits(config: Mapping[str, str]) -> bool:
    """Whether the accounting's limits hold; `safe` means them too."""
    words = re.split(r"[,\s]+", config.get("AccountingStorageEnforce", ""))
    return not {"limits", "safe", "all"}.isdisjoint(words)


def parse_associations(text: str, cluster: str) -> tuple[Association, ...]:
    """`sacctmgr -n -P show assoc format=ASSOC_FIELDS` → those of one cluster."""
    rows = rows_of(text, len(ASSOC_FIELDS))
    return tuple(
        Association(account, partition, number(most), number(group), qos)
        for where, account, partition, most, group, qos in rows
        if where == cluster
    )


def parse_qos(text: str) -> tuple[tuple[str, int | None, int | None, int | None], ...]:
    """`sacctmgr -n -P show qos format=QOS_FIELDS`."""
    rows = rows_of(text, len(QOS_FIELDS))
    return tuple((name, number(user), number(account), number(group)) for name, user, account, group in rows)


def parse_partitions(text: str) -> tuple[tuple[str, str, bool], ...]:
    """`scontrol -o show partition`: name, QOS, default."""
    lines = (dict(word.partition("=")[::2] for word in line.split()) for line in text.splitlines())
    return tuple(
        (line["PartitionName"], line.get("QoS", "N/A").replace("N/A", ""), line.get("Default") == "YES")
        for line in lines
        if "PartitionName" in line
    )


def rows_of(text: str, width: int) -> list[list[str]]:
    """The lines of `-P` output that are whole."""
    rows = [line.split("|") for line in text.splitlines()]
    return [row for row in rows if len(row) == width]


def number(text: str) -> int | None:
    """A limit; None where there is none."""
    return int(text) if text.isascii() and text.isdigit() else None
