"""What the watch tells: the one stream that the board, `trainboard watch` and tests read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trainboard.link import Link as Link  # noqa: TC001  # others take it from here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Health
    from trainboard.extract.progress import Progress
    from trainboard.lease import Holder
    from trainboard.records import Diagnosed, Mute
    from trainboard.rows import Row
    from trainboard.series import Sample, Series


@dataclass(frozen=True, slots=True)
class HostSeen:
    """The newest about a host."""

    backend: str
    kind: str
    link: Link
    reason: str = ""
    """What is wrong, in one line; empty while it is up."""
    advice: str = ""
    seen: float | None = None
    """When it last answered a query, seconds since the epoch; what is shown is that old."""
    health: Health | None = None
    running: int = 0
    pending: int = 0
    calls_per_minute: float = 0.0
    trouble: str = ""
    """Why it is sent nothing at the moment, in one line; empty while it takes what there is."""
    full: Mapping[str, float] = field(default_factory=dict)
    """By path of a disk that fills, when it will be full at the present rate; seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """Which process polls the hosts and places runs for all that share this state."""

    holder: Holder | None
    """None: nobody, for the state folder allows no locks; then each process does it for itself."""
    ours: bool
    """Whether this process does it, be it for a holder that is stopped."""


@dataclass(frozen=True, slots=True)
class TableSeen:
    """The whole merged table. Rows that did not change are the same objects as before."""

    rows: tuple[Row, ...]
    at: float


@dataclass(frozen=True, slots=True)
class LogGrew:
    """Bytes of the log that is being shown (see `Actions.show`)."""

    key: str
    offset: int
    data: bytes
    restarted: bool = False
    """Begin anew: the pane's content is not in the file any more, or this is its first piece."""
    size: int = 0
    """Of the whole file when the piece was read. Where a log grows faster than it can be sent, pieces are left out:
    then `offset` is not where the last piece ended."""


@dataclass(frozen=True, slots=True)
class LogUnavailable:
    """The log that is being shown cannot be read now, and why."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sampled:
    """New samples of one row's metrics, in the order in which they were read. The first brings what is stored."""

    key: str
    samples: Sequence[Sample]
    """Only what is new."""
    restarted: bool = False
    """Forget the earlier samples of this row: what there is is in `stored`."""
    progress: Progress | None = None
    """How far the run is, where its log or its spec tells."""
    complete: bool = False
    """The job has ended and all its sources have been read: no more samples will come."""
    stored: Mapping[str, Series] = field(default_factory=dict)
    """What is stored, where that is told at once: the objective's series, or those of all metrics; current samples,
    thinned to what a board can show. `Actions.series` gives everything."""
    number: int = 0
    """How many samples of this row's attempt came before these: see `trainboard.recording.Recording`."""
    trouble: str = ""
    """Why some of its sources are not read, in one line; empty where all are."""
    usage: Sequence[Sample] = ()
    """What the run uses, as its runner measured it (`trainboard.naming.is_usage`); such an event has no `samples`."""
    gpu_use: float | None = None
    """The newest use of its GPUs that is stored, in percent, where something stored is told."""


@dataclass(frozen=True, slots=True)
class FindingsSeen:
    """All findings that are kept, and what is muted. What did not change are the same objects as before."""

    findings: tuple[Diagnosed, ...]
    """By when they were seen first; those of muted rules too."""
    mutes: tuple[Mute, ...] = ()
    """Those that are on."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something to tell the user once."""

    severity: str
    """`information`, `warning` or `error`."""
    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """There is nothing to watch, and there will be nothing: a screen goes away."""


Event = HostSeen | EngineSeen | TableSeen | LogGrew | LogUnavailable | Sampled | FindingsSeen | Noticed | Closed
