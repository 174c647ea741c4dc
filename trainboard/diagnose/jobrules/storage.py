"""What the log of a job says of its disks, of shared memory and of its data loaders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Severity
from trainboard.diagnose.jobrules.base import ended_at, facts, near, newest, standing, told
from trainboard.diagnose.rule import Rule
from trainboard.show import clean, size

if TYPE_CHECKING:
    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.jobseen import JobSeen


def disk_full(seen: JobSeen) -> Finding | None:
    """A file system is full.

    Trigger: `No space left on device`, a checkpoint writer that failed.
    Defaults: —
    Source: errno 28; PyTorch's zip writer.
    Advice: remove old checkpoints (outputs.keep), write elsewhere.
    """
    hits = [hit for hit in standing(seen, "disk_full") if "shm" not in hit.line]
    if not hits:
        return None
    free = newest(seen, "usage/disk_free")
    left = f"; {size(free)} are free where it runs" if free is not None else ""
    return told(
        "disk_full",
        Severity.ERROR,
        "disk full",
        f"A file system is full: it could not write{left}.",
        "Delete old checkpoints (outputs.keep deletes them by itself), or write to another file system.",
        [*hits, *near(seen, hits[0])],
        facts(free_bytes=free),
        ended_at(seen),
    )


def quota_exceeded(seen: JobSeen) -> Finding | None:
    """The user's quota on a file system is used up.

    Trigger: `Disk quota exceeded`.
    Defaults: —
    Source: errno 122.
    Advice: delete files, in number too, or write to another file system.
    """
    hits = standing(seen, "quota")
    if not hits:
        return None
    return told(
        "quota_exceeded",
        Severity.ERROR,
        "quota used up",
        "Your quota on a file system is used up: it could not write.",
        "Delete files there (quotas count their number too: caches, environments), or write to another file system.",
        [*hits, *near(seen, hits[0])],
        at=ended_at(seen),
    )


def shared_memory(seen: JobSeen) -> Finding | None:
    """Shared memory ran out, through which data-loader workers hand on their batches.

    Trigger: `Bus error`, `insufficient shared memory`, a /dev/shm that is full.
    Defaults: —
    Source: messages of PyTorch and the C library.
    Advice: fewer workers, smaller batches, a larger /dev/shm, or the sharing strategy file_system.
    """
    hits = [*standing(seen, "shared_memory"), *(hit for hit in standing(seen, "disk_full") if "shm" in hit.line)]
    if not hits:
        return None
    return told(
        "shared_memory",
        Severity.ERROR,
        "shared memory full",
        "Shared memory (/dev/shm) ran out, through which data-loader workers hand on their batches.",
        "Use fewer workers, give the container more (--shm-size), or set the sharing strategy `file_system`.",
        hits,
        at=ended_at(seen),
    )


def loader_died(seen: JobSeen) -> Finding | None:
    """A worker of a data loader died.

    Trigger: `DataLoader worker (pid …) is killed by signal` or `exited unexpectedly`.
    Defaults: —
    Source: PyTorch's DataLoader.
    Advice: run it with num_workers=0 to see the exception; killed by SIGKILL means memory.
    """
    hits = [hit for hit in standing(seen, "loader_died") if "Terminated" not in str(hit.facts.get("how", ""))]
    if not hits:
        return None
    how = str(hits[0].facts.get("how", "died")).strip()
    pid = clean(str(hits[0].facts.get("pid", "")), 40).removesuffix(".0")
    return told(
        "loader_died",
        Severity.ERROR,
        "data-loader worker died",
        f"A data-loader worker (pid {pid}) {clean(how, 80)}.",
        "Killed means memory: use fewer workers or ask for more; else num_workers=0 shows the exception.",
        hits,
        at=ended_at(seen),
    )


def loader_workers(seen: JobSeen) -> Finding | None:
    """There are more data-loader workers than CPUs.

    Trigger: PyTorch's own warning.
    Defaults: —
    Source: PyTorch's DataLoader.
    Advice: as many workers as CPUs, or ask for more CPUs.
    """
    hit = next((hit for hit in seen.hits if hit.id == "loader_workers"), None)
    if hit is None:
        return None
    made, fit = (float(str(hit.facts.get(name, 0))) for name in ("workers", "suggested"))
    return told(
        "loader_workers",
        Severity.INFO,
        "more workers than CPUs",
        f"The data loader makes {made:g} workers where {fit:g} fit: they are in each other's way.",
        f"Set num_workers to {fit:g}, or ask for {made:g} CPUs (resources.cpus).",
        (hit,),
        facts(workers=made, suggested=fit),
    )


RULES = (
    Rule("disk_full", Severity.ERROR, 204, disk_full, "the log"),
    Rule("quota_exceeded", Severity.ERROR, 205, quota_exceeded, "the log"),
    Rule("shared_memory", Severity.ERROR, 206, shared_memory, "the log"),
    Rule("loader_died", Severity.ERROR, 224, loader_died, "the log", ("host_oom", "shared_memory", "disk_full")),
    Rule("loader_workers", Severity.INFO, 320, loader_workers, "the log"),
)
