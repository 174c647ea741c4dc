"""What a backend can tell before a run is submitted, in bytes and seconds. What it cannot tell is data too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be found out, and why, in one clean line."""

    reason: str


DISK = "disk"
"""What a space is that is no quota."""


@dataclass(frozen=True, slots=True)
class Space:
    """Room that is left on a disk, or under a quota on it."""

    what: str
    """`disk`, or whose quota it is."""
    free: int | None
    """Bytes; None: no limit on them."""
    files: int | None = None
    """So many more files; None: nobody counts them."""


@dataclass(frozen=True, slots=True)
class FolderSeen:
    """A folder that runs write to, or the one that it will be made in."""

    path: str
    exists: bool
    trouble: str
    """Why nothing can be written there; empty where it can."""
    spaces: tuple[Space, ...] = ()
    quota_trouble: str = ""
    """Why a quota that there may be is not among the spaces."""
    filesystem: int | None = None
    """The number of the file system that it is on, among those of its host; None: it is not known."""

    @property
    def tightest(self) -> Space | None:
        """The space with the fewest bytes left."""
        limited = [space for space in self.spaces if space.free is not None]
        return min(limited, key=lambda space: space.free or 0, default=None)


@dataclass(frozen=True, slots=True)
class InputSeen:
    """A file or folder that runs want to read."""

    kind: str
    """`file`, `folder`; empty where there is nothing."""
    size: int | None = None
    sha256: str = ""
    """Empty where it was not asked for, or there is `trouble`."""
    trouble: str = ""
    """Why it cannot be read."""
    late: bool = False
    """There was not enough time to sum it up."""


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU."""

    name: str
    memory: int | None


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies on a host, and what it has."""

    python: str
    """Version of the Python that the helper runs with."""
    cpus: int | None
    memory: int | None
    folders: tuple[FolderSeen, ...]
    """In the order asked for: the backend's root, then the project folder where it is shared."""
    inputs: Mapping[str, InputSeen]
    """By path, as it was asked for."""
    cards: tuple[Card, ...] | Unknown = ()
    """Where they were asked for."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a command begins, as far as its text tells. Words are shell text as the user wrote it."""

    word: str
    script: str = ""
    """The file that an interpreter is given."""
    imports: tuple[str, ...] = ()
    """Top-level modules that a Python program cannot do without."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What became of the set-up in a login shell, and what is found after it."""

    setup: int | None
    """Exit code; None: the shell ended in the midst of it and did not say how."""
    said: str
    """Its last words, without secrets."""
    where: Mapping[str, str] = field(default_factory=dict)
    """By the word of a program: where it was found; words that were not found are missing."""
    absent: frozenset[str] = frozenset()
    """Scripts that are not there."""
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the word of a Python: which imports it does not find; one that does not even run is missing."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Some nodes of a partition that are alike."""

    partition: str
    default: bool
    """Whether jobs go to this partition that name none."""
    avail: str
    """Slurm's word: `up`, `down`, `drain`, `inact`."""
    limit: float | None
    """Seconds that a job may take at most; None: no limit."""
    usual: float | None
    """Seconds that a job gets that asks for none; None: `limit`."""
    count: int
    cpus: int
    memory: int
    gpus: tuple[tuple[str, int], ...] = ()
    """Type (may be empty) and count."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a scheduler says of a job that it is only asked about."""

    partitions: tuple[Nodes, ...] | Unknown
    start: float | None = None
    """When it would start, seconds since the epoch; None: it does not say."""
    refusal: str = ""
    """Why it would not take it."""
    passing: bool = False
    """Whether the refusal is about now: a limit on the number of jobs, a scheduler that is busy."""
