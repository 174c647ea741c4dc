"""A machine as it is now: its GPUs and who is on them, memory, disks. Bytes and percent; None: it does not tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a GPU that is given out as if it were one (NVIDIA's MIG)."""

    uuid: str
    profile: str
    """As `1g.10gb`."""
    memory_used: int | None = None
    memory_total: int | None = None


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as it is now."""

    index: int
    uuid: str
    name: str
    utilization: float | None
    memory_used: int | None
    memory_total: int | None
    temperature: float | None = None
    """Celsius."""
    power: float | None = None
    """Watts."""
    processes: int | None = None
    """Compute processes on it."""
    power_limit: float | None = None
    throttle: tuple[str, ...] = ()
    """Why its clocks are held down, as `thermal slowdown`, `power cap`; nothing where it idles."""
    ecc: int | None = None
    """Memory errors that could not be corrected, since its driver was loaded."""
    xids: int | None = None
    """Xid messages of the kernel about it since the host was started."""
    slices: tuple[Slice, ...] = ()
    vendor: str = "nvidia"
    """`nvidia` or `amd`."""
    lost: str = ""
    """Why it does not answer any more, in one line: it has fallen off the bus."""
    held: str = ""
    """The runs that hold its lease in the queue of a server, as `train-1/000-run of ann`, also before they use it."""


@dataclass(frozen=True, slots=True)
class Process:
    """One compute process on a GPU."""

    gpu: str
    """The uuid of the GPU, or of its slice."""
    pid: int
    user: str
    """Empty: not known."""
    command: str
    """Untrusted, in one line."""
    memory: int | None = None
    """On that GPU."""
    directory: str = ""
    """The attempt directory of ours that it belongs to, by its environment; empty: not ours, or nobody may look."""
    cpu: float | None = None
    """Percent of one core."""
    resident: int | None = None
    """Main memory."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What a user may have on a file system."""

    whose: str
    """`user`, `group` or `project`."""
    used: int
    limit: int | None = None
    """None: no limit."""
    files_used: int | None = None
    files_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system, by a path on it."""

    path: str
    total: int
    free: int
    quotas: tuple[Quota, ...] = ()
    trouble: str = ""
    """Why it cannot be asked now (a dead mount does not answer), in one line; the figures are 0 then, or old."""


@dataclass(frozen=True, slots=True)
class Health:
    """One reading of a host. Load as /proc/loadavg's first figure."""

    at: float
    """When it was read, by our clock."""
    hostname: str = ""
    cpus: int | None = None
    load: float | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    gpus: tuple[Gpu, ...] = ()
    disks: tuple[Disk, ...] = ()
    gpu_error: str = ""
    """Why there are no GPU readings, where a GPU tool is there but fails; empty where there is none to ask."""
    cpu: float | None = None
    """Percent of all its cores that are at work."""
    swap_total: int | None = None
    swap_free: int | None = None
    processes: tuple[Process, ...] = ()
    clock: float | None = None
    """Seconds by which its clock is ahead of ours, as well as can be told: a few may be the way that it came."""

    @property
    def answering(self) -> tuple[Disk, ...]:
        """The disks whose figures are of now."""
        return tuple(disk for disk in self.disks if not disk.trouble)
