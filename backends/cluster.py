"""What only a scheduler can tell: partitions, nodes, shares, the queue of others, and why a job waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from backends.base import Backend, JobState
from backends.nodestates import AWAY

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be found out, and why, in one clean line."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Gpus:
    """GPUs of one type on a node."""

    kind: str
    """As `a100`; empty where the site names no types."""
    total: int
    used: int


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of a cluster. Bytes; None: nobody tells."""

    name: str
    state: str
    """Slurm's words in full, with `+` between: `IDLE+DRAIN`, `MIXED`, `DOWN+NOT_RESPONDING`."""
    partitions: tuple[str, ...] = ()
    cpus: int = 0
    cpus_used: int = 0
    memory: int = 0
    memory_used: int | None = None
    """What jobs have been given."""
    memory_free: int | None = None
    """What the node itself calls free."""
    gpus: tuple[Gpus, ...] = ()
    gpus_known: bool = True
    """Whether somebody tells how many are used."""
    features: str = ""
    reason: str = ""
    """Why it is out of use, in the words of who took it out; untrusted."""
    by: str = ""
    since: float | None = None
    """Seconds since the epoch, by the cluster's clock."""

    @property
    def words(self) -> tuple[str, ...]:
        """The state and its flags."""
        return tuple(self.state.split("+"))

    @property
    def away(self) -> bool:
        """Whether no jobs begin on it: it is down, draining or set aside."""
        return not AWAY.isdisjoint(self.words)


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a cluster that jobs are sent to. Seconds."""

    name: str
    default: bool = False
    state: str = "UP"
    """`UP`, `DOWN`, `DRAIN` or `INACTIVE`."""
    limit: float | None = None
    """That a job may take; None: no limit."""
    usual: float | None = None
    """That a job gets that asks for none; None: `limit`."""
    nodes: int = 0
    most_nodes: int | None = None
    tier: int | None = None
    """Jobs of a higher one go first, whatever their priority."""
    preempts: str = ""
    """What becomes of its jobs when others need the nodes (`REQUEUE`, `CANCEL`, …); empty: nothing."""
    only: str = ""
    """Whom it is for, where not for all, as `accounts dl,hpc`."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Everybody's jobs in one partition, in sum; tasks of arrays are counted one by one."""

    partition: str
    running: int = 0
    pending: int = 0
    gpus_used: int = 0
    gpus_wanted: int = 0
    """By those that wait."""
    mine_running: int = 0
    mine_pending: int = 0
    users: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What an account has granted the user, and what of it was used of late. Parts of 1; None: nobody tells."""

    account: str
    user: str
    shares: str = ""
    """As the site gave them: a number, or `parent`."""
    granted: float | None = None
    used: float | None = None
    factor: float | None = None
    """Fair share: what the priority of the user's jobs is multiplied with, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A limit on the user's jobs, and how much of it is taken."""

    name: str
    most: int
    used: int


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """One look at a cluster."""

    backend: str
    at: float
    """Seconds since the epoch, by our clock."""
    user: str = ""
    partitions: tuple[Partition, ...] = ()
    nodes: tuple[Node, ...] = ()
    crowd: tuple[Crowd, ...] = ()
    private: bool = False
    """The site hides the jobs of others: `crowd` is the user's own queue."""
    shares: tuple[Share, ...] = ()
    limits: tuple[Allowed, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    """Parts that could not be asked; what stands in them above is nothing, not zero."""

    def trouble(self, what: str) -> str:
        """Why a part (`partitions`, `nodes`, `crowd`, `shares`, `limits`) is not known; empty where it is."""
        return next((each.reason for each in self.troubles if each.what == what), "")


@dataclass(frozen=True, slots=True)
class JobAsked:
    """What a job asks its scheduler for. Bytes, seconds, seconds since the epoch."""

    job_id: str
    name: str
    user: str
    state: str
    """Slurm's own word."""
    reason: str
    partition: str
    account: str = ""
    qos: str = ""
    priority: int | None = None
    submitted: float | None = None
    eligible: float | None = None
    """From when on it may start."""
    start: float | None = None
    """When the scheduler means to start it; None: it has not thought about that."""
    on: str = ""
    """The nodes that it keeps for it."""
    limit: float | None = None
    nodes: int = 1
    cpus: int = 1
    memory: int | None = None
    """All of it together."""
    gpus: int = 0
    dependency: str = ""
    features: str = ""
    options: tuple[str, ...] = ()
    """The same for sbatch."""
    tasks: str = ""
    """Of the array that this record stands for, as `3-9%2`; empty for one job."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job stands among those that wait in its partition and may start."""

    ahead: int
    """So many go before it, the tasks of arrays one by one."""
    waiting: int
    """All of them, with this one."""
    users: int = 0
    """Whose jobs are ahead."""
    gpus_ahead: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a priority."""

    name: str
    points: float


@dataclass(frozen=True, slots=True)
class Before:
    """A job that must come to some end before another one starts."""

    kind: str
    """Slurm's word: `afterok`, `afterany`, `singleton`, …"""
    job_id: str
    state: str = ""
    """Slurm's word; empty: nobody knows it any more."""
    name: str = ""
    never: bool = False
    """It has ended in another way: what waits for it waits for ever."""
    before: tuple[Before, ...] = ()


@dataclass(frozen=True, slots=True)
class Waits:
    """All that a scheduler tells of one job that waits."""

    job: JobAsked
    now: float
    """By the scheduler's clock, when it was asked."""
    place: Place | None = None
    start: float | None = None
    """Its own estimate."""
    parts: tuple[Part, ...] = ()
    """Of the priority, the greatest first."""
    before: tuple[Before, ...] = ()
    private: bool = False
    """The jobs of others are hidden: `place` is among the user's own."""
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """The same job with one thing changed, as the scheduler would take it now."""

    what: str
    """As `2 GPUs instead of 4`; empty: as it was asked for."""
    options: tuple[str, ...]
    """What differs, for sbatch."""
    start: float | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Variants:
    """What came of asking for a job and for smaller ones."""

    now: float
    """By the scheduler's clock."""
    asked: Variant
    others: tuple[Variant, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """One job that is over, as the accounting has it."""

    job_id: str
    name: str
    state: JobState
    user: str = ""
    account: str = ""
    partition: str = ""
    nodes: str = ""
    exit_code: int | None = None
    signal: int = 0
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    elapsed: float = 0.0
    gpus: int = 0
    cpus: int = 0
    token: str = ""
    """The comment: of a run of ours its token."""

    @property
    def gpu_hours(self) -> float:
        """GPUs times hours."""
        return self.gpus * self.elapsed / 3600


@runtime_checkable
class Cluster(Backend, Protocol):
    """A backend with a scheduler of its own. Nothing of this is asked for in a loop: only when somebody looks."""

    async def look(self) -> ClusterSeen:
        """Partitions, nodes, shares and queue as they are now. Raises `BackendError` where nothing answers."""

    async def waits(self, job_id: str) -> Waits:
        """Why a job waits, and behind whom. Raises `CommandFailed` where the scheduler does not know it any more."""

    async def smaller(self, job: JobAsked, partitions: Sequence[Partition]) -> Variants:
        """When the job and smaller ones would start if they came now; none is taken. At most six questions."""

    async def finished(self, since: float, until: float) -> tuple[Finished, ...]:
        """The user's jobs that ended in this time, by the accounting.

        Raises `BackendError`: half an answer is none; `NoAccounting` where the site keeps no records.
        """
