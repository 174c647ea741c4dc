"""A helper's frames → readings of its host. What a frame does not repeat is as the last one had it."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.amd import Seen, parse_amd
from backends.machine import Disk, Gpu, Health, Process, Quota, Slice
from backends.nvidia import parse_gpu, parse_slices, visible
from backends.remote.gputool import bus_of
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FRAMES = 20
"""So many of the last frames tell how far a host's clock is ahead: the quickest of them has the least delay."""

LONGEST = 4096
"""Characters of a path."""


class Readings:
    """The readings of one stream."""

    def __init__(self) -> None:
        self._fields: tuple[str, ...] = ()
        self._lost: dict[str, Gpu] = {}
        self._slices: Mapping[str, tuple[Slice, ...]] = {}
        self._xids: Mapping[str, int] | None = None
        self._held: Mapping[str, str] = {}
        """By GPU, the runs that hold its lease."""
        self._placed: Mapping[tuple[str, int], str] = {}
        """By GPU and process, the slice that it is on."""
        self._rows: Sequence[Sequence[Any]] | None = None
        self._made: dict[tuple[Any, ...], Process] = {}
        """Those of the last time: of many processes few have changed."""
        self._apps: tuple[Process, ...] | None = None
        self._amd = Seen()
        self._disks: tuple[Disk, ...] = ()
        self._bare: tuple[Disk, ...] = ()
        self._quotas: Mapping[str, tuple[Quota, ...]] = {}
        self._ahead: deque[float] = deque(maxlen=FRAMES)

    def take(self, frame: Mapping[str, Any], now: float) -> Health:
        """The reading that came at `now`, by our clock."""
        self._parts(frame)
        self._ahead.append(frame["time"] - now)
        lines = frame["gpus"]
        gpus, unread = self._gpus(lines)
        error = frame["gpu_error"] or self._amd.trouble or (f"nvidia-smi answers: {unread}" if unread else "")
        return Health(
            at=now,
            hostname=one_line(frame["hostname"], 64),
            cpus=frame["cpus"],
            load=frame["load"],
            memory_total=frame["memory_total"],
            memory_available=frame["memory_available"],
            gpus=gpus,
            disks=self._disks,
            gpu_error=one_line(error),
            cpu=frame["cpu"],
            swap_total=frame["swap_total"],
            swap_free=frame["swap_free"],
            processes=self._apps or (),
            clock=round(max(self._ahead), 1),
        )

    @property
    def xids(self) -> Mapping[str, int] | None:
        """Xid messages by place on the bus (`bus_of`); None: nobody knows."""
        return self._xids

    @property
    def held(self) -> Mapping[str, str]:
        """The runs that hold leases, in words, by the GPU's uuid."""
        return self._held

    def _parts(self, frame: Mapping[str, Any]) -> None:
        """Take over what changed."""
        if "fields" in frame:
            self._fields = tuple(frame["fields"])
        if "lost" in frame:
            self._lost = {uuid: _lost(index, uuid, name, why) for index, uuid, name, why in frame["lost"]}
        if "slices" in frame:
            self._take_slices(frame["slices"])
        if "xids" in frame:
            self._xids = frame["xids"]
        if "held" in frame:
            self._held = _held(frame["held"] or ())
        if "amd" in frame:
            self._amd = Seen() if frame["amd"] is None else _amd(frame["amd"])
        if "apps" in frame:
            self._rows = frame["apps"]
        if "apps" in frame or "slices" in frame or "amd" in frame:
            self._apps = None if self._rows is None else self._processes(self._rows)
        if "disks" in frame:
            self._bare = tuple(_disk(*each) for each in frame["disks"])
        if "quotas" in frame:
            self._quotas = {
                one_line(path): tuple(_quota(*each) for each in found) for path, found in frame["quotas"].items()
            }
        if "disks" in frame or "quotas" in frame:
            self._disks = tuple(replace(disk, quotas=self._quotas.get(disk.path, ())) for disk in self._bare)

    def _gpus(self, lines: Sequence[str]) -> tuple[tuple[Gpu, ...], str]:
        """All that are or were there, and a line that could not be read."""
        unread = ""
        found: dict[str, Gpu] = dict(self._lost)
        for line in lines:
            gpu = parse_gpu(line, self._fields)
            if gpu is None:
                unread = line
            else:
                found[gpu.uuid] = self._whole(gpu, line)
        nvidia = sorted(found.values(), key=lambda gpu: gpu.index)
        return (*nvidia, *(self._whole(gpu, "") for gpu in self._amd.gpus)), unread

    def _whole(self, gpu: Gpu, line: str) -> Gpu:
        """With what comes from elsewhere."""
        slices = self._slices.get(gpu.uuid, ())
        mine = {gpu.uuid, *(part.uuid for part in slices)}
        count = None if self._apps is None else sum(each.gpu in mine for each in self._apps)
        xids = None
        if self._xids is not None and "pci.bus_id" in self._fields and line:
            xids = self._xids.get(bus_of(line.split(",")[self._fields.index("pci.bus_id")].strip()), 0)
        count = visible(count, gpu.memory_used, gpu.memory_total)
        return replace(gpu, slices=slices, processes=count, xids=xids, held=self._held.get(gpu.uuid, ""))

    def _processes(self, apps: Sequence[Sequence[Any]]) -> tuple[Process, ...]:
        numbers = dict(self._amd.numbers)
        gpus = (self._placed.get((gpu, pid)) or numbers.get(gpu, gpu) for gpu, pid, *_ in apps)
        rows = [(gpu, *app[1:]) for gpu, app in zip(gpus, apps, strict=True)]
        self._made = {row: self._made.get(row) or process(row) for row in rows}
        return tuple(self._made[row] for row in rows)

    def _take_slices(self, said: Mapping[str, Any] | None) -> None:
        """Take over how GPUs are cut up, and what is in the parts."""
        found = parse_slices(said["names"]) if said else {}
        memory = {(uuid, at): (total, used) for uuid, at, total, used in (said["memory"] if said else ())}
        self._slices = {
            uuid: tuple(_filled(part, *memory.get((uuid, at), (None, None))) for at, part in enumerate(parts))
            for uuid, parts in found.items()
        }
        self._placed = {
            (uuid, pid): self._slices[uuid][at].uuid
            for uuid, at, pid in (said["places"] if said else ())
            if at < len(self._slices.get(uuid, ()))
        }


def _held(rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """By GPU, all that hold it: some share it."""
    found: dict[str, str] = {}
    for uuid, who in rows:
        found[uuid] = one_line(f"{found[uuid]}, {who}" if uuid in found else who)
    return found


def process(row: Sequence[Any]) -> Process:
    """What the helper describes (`backends.remote.gpuapps.Row`), in our words."""
    gpu, pid, used, user, command, directory, cpu, resident = row
    return Process(
        gpu=one_line(gpu, 80),
        pid=pid,
        user=one_line(user, 40),
        command=one_line(command, 160),
        memory=used,
        directory=directory if one_line(directory, LONGEST) == directory else "",
        cpu=cpu,
        resident=resident,
    )


def _amd(said: Mapping[str, Any]) -> Seen:
    return Seen(trouble=said["trouble"]) if said["trouble"] else parse_amd(said["texts"])


def _lost(index: int, uuid: str, name: str, why: str) -> Gpu:
    return Gpu(index, one_line(uuid, 64), one_line(name, 64), None, None, None, lost=one_line(why, 100) or "is lost")


def _filled(part: Slice, total: int | None, used: int | None) -> Slice:
    return replace(
        part,
        memory_total=None if total is None else total << 20,
        memory_used=None if used is None else used << 20,
    )


def _disk(path: str, total: int, free: int, trouble: str) -> Disk:
    return Disk(one_line(path), total, free, trouble=one_line(trouble))


def _quota(whose: str, used: int, limit: int, files: int, files_limit: int) -> Quota:
    return Quota(whose, used, limit or None, files, files_limit or None)
