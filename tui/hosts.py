"""The lines of the hosts screen: one a host, and what is unfolded below it; in which order, and which hosts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trainboard.machines import by_gpu, free

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backends.machine import Gpu, Health, Process
    from trainboard.events import HostSeen
    from trainboard.rows import Row


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; it stays the same one while its figures change."""

    backend: str
    kind: str = "host"
    """`host`, `note`, `gpu`, `slice`, `process`, `machine` or `disk`."""
    at: int = 0
    """Which one of its kind: its place in the reading; of a note its number, of a process its pid."""
    of: str = ""
    """The uuid of the GPU, or of its slice, that a process is on; of a slice, that of its GPU."""


def work(host: HostSeen) -> float:
    """How much its GPUs do, in percent on average; without GPUs, its processors."""
    health = host.health
    if health is None:
        return 0.0
    told = [gpu.utilization for gpu in health.gpus if gpu.utilization is not None]
    return sum(told) / len(told) if told else health.cpu or 0.0


Order = tuple[str, "Callable[[HostSeen], tuple[object, ...]]"]

ORDERS: tuple[Order, ...] = (
    ("as in the config", lambda host: ()),
    ("by name", lambda host: (host.backend,)),
    ("by free GPUs", lambda host: (-free(host), host.backend)),
    ("by use", lambda host: (-work(host) // 5, host.backend)),
)
"""What `o` goes through. Use counts in steps of five percent: lines that change places with each reading cannot be
read."""


@dataclass(slots=True)
class Hosts:
    """What is listed and how."""

    hosts: dict[str, HostSeen] = field(default_factory=dict)
    """By backend, in the order of the config."""
    open: set[str] = field(default_factory=set)
    """The hosts that are unfolded."""
    order: int = 0
    words: tuple[str, ...] = ()
    """What a host must match, all of them."""
    run_of: Callable[[str, Process], Row | None] = lambda backend, process: None

    @property
    def most_gpus(self) -> int:
        """The most that a host has."""
        return max((len(host.health.gpus) for host in self.hosts.values() if host.health is not None), default=0)

    def entries(self) -> list[Entry]:
        """All lines."""
        key = ORDERS[self.order][1]
        shown = sorted((host for host in self.hosts.values() if self.matches(host)), key=key)
        return [entry for host in shown for entry in (Entry(host.backend), *self.inside(host))]

    def inside(self, host: HostSeen) -> Iterator[Entry]:
        """The lines below a host's own, where it is unfolded."""
        if host.backend not in self.open:
            return
        name, health = host.backend, host.health
        yield from (Entry(name, "note", at) for at in range(len(notes(host))))
        if health is None:
            return
        on = by_gpu(health)
        for at, gpu in enumerate(health.gpus):
            yield Entry(name, "gpu", at)
            yield from (Entry(name, "process", each.pid, gpu.uuid) for each in on.get(gpu.uuid, ()))
            for number, part in enumerate(gpu.slices):
                yield Entry(name, "slice", number, gpu.uuid)
                yield from (Entry(name, "process", each.pid, part.uuid) for each in on.get(part.uuid, ()))
        known = {uuid for gpu in health.gpus for uuid in (gpu.uuid, *(part.uuid for part in gpu.slices))}
        yield from (Entry(name, "process", each.pid, uuid) for uuid in on if uuid not in known for each in on[uuid])
        yield Entry(name, "machine")
        yield from (Entry(name, "disk", at) for at in range(len(health.disks)))

    def matches(self, host: HostSeen) -> bool:
        """Whether all words of the filter are in what is known of a host."""
        if not self.words:
            return True
        text = "\n".join(self.told(host)).lower()
        return all(word in text for word in self.words)

    def told(self, host: HostSeen) -> Iterator[str]:
        """What a filter looks at: names, models, owners, commands, runs; `free` where a GPU is."""
        yield from (host.backend, host.kind, str(host.link), *notes(host))
        if free(host):
            yield "free"
        if host.health is None:
            return
        yield host.health.hostname
        for gpu in host.health.gpus:
            yield from (gpu.name, gpu.vendor, gpu.uuid, *gpu.throttle, "lost" if gpu.lost else "")
        for process in host.health.processes:
            row = self.run_of(host.backend, process)
            yield from (process.user, process.command, row.name if row is not None else "")


def notes(host: HostSeen) -> tuple[str, ...]:
    """What is wrong with a host, and what to do."""
    said = (host.reason, host.advice, host.trouble, host.health.gpu_error if host.health is not None else "")
    return tuple(filter(None, said))


def process_of(health: Health, entry: Entry) -> Process | None:
    """The process of a line."""
    return next((each for each in health.processes if (each.pid, each.gpu) == (entry.at, entry.of)), None)


def gpu_of(health: Health, entry: Entry) -> Gpu | None:
    """The GPU that a line is of or about."""
    if entry.kind == "gpu":
        return health.gpus[entry.at] if entry.at < len(health.gpus) else None
    return next((gpu for gpu in health.gpus if entry.of in (gpu.uuid, *(part.uuid for part in gpu.slices))), None)
