"""`trainboard hosts` and `config`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from backends.base import BackendError, Health
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.machine import run_name
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table, since
from trainboard.config import add_backend
from trainboard.filling import FillFile, left
from trainboard.machines import DAY, NEXT, is_free, runs_by_directory
from trainboard.picture import PENDING, RUNNING, count
from trainboard.query import to_watch
from trainboard.show import clean, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.base import Backend, Job
    from trainboard.cli.desk import Desk
    from trainboard.config import BackendConfig
    from trainboard.documents import Records
    from trainboard.lease import Holder
    from trainboard.rows import Row

TITLES = ("BACKEND", "STATE", "GPUS", "FREE", "CPU", "MEMORY", "LOAD", "DISK", "QUEUE", "")
READING = 2
"""Readings to wait for: the first may be too early for the GPU tool's first line."""


def hosts(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """One line a backend; all about some; where GPUs are free; or all in one line."""
    if not chosen.free and (chosen.gpus is not None or chosen.memory is not None):
        raise Refused("--gpus and --memory go with --free")
    if chosen.one_line and chosen.json:
        raise Refused("-1 is one line for people: --json goes without it")
    return asyncio.run(run(chosen, environ))


async def run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """All input is checked before any host is asked."""
    from trainboard.cli import free, oneline

    desk = open_desk(environ, oneline.Nobody() if chosen.one_line else TerminalPrompter())
    wanted = select(desk, chosen.names)
    if chosen.one_line:
        return await oneline.tell(desk, wanted)
    resources = free.wanted(chosen)
    async with desk.backends(wanted) as backends:
        if chosen.free:
            return await free.tell(backends, resources, as_json=chosen.json)
        records = await desk.store.load()
        looks = await asyncio.gather(*(look(backend, records) for backend in backends))
    runs = await running(desk, looks)
    full = await asyncio.to_thread(filling, desk, wanted)
    found = [described(each, full[each.backend], runs) for each in looks]
    holder = await desk.holder()
    if chosen.json:
        print_json([each | {"polled_by": str(holder) if holder else None} for each in found])
    elif chosen.names:
        from trainboard.cli.machine import show

        for each in looks:
            show(each.backend, each.reason, each.health, full[each.backend], runs)
            if each.kind == "slurm":
                print_table((f"  its partitions and nodes: trainboard cluster {each.backend}",), [])
    else:
        print_table(TITLES, map(cells, found))
        print_table((polled_by(holder),), [])
    if not chosen.names:
        offer(desk)
    return 0


def select(desk: Desk, names: Sequence[str]) -> Sequence[BackendConfig]:
    """The backends of these names; all of them where there are none. Raises `Refused`."""
    known = {each.name: each for each in desk.config.backends}
    for name in names:
        if name not in known:
            raise Refused(f"no backend {name!r} in the config; there are: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] or desk.config.backends


@dataclass(frozen=True, slots=True)
class Look:
    """The answer of one backend."""

    backend: str
    kind: str
    reason: str = ""
    """Why there is none."""
    jobs: tuple[Job, ...] = ()
    health: Health | None = None


async def look(backend: Backend, records: Records) -> Look:
    """Ask one backend. It is told of our runs there: a server knows of no others, and arrays fall apart by them."""
    watched = to_watch(records, backend.name, time.time())
    try:
        return Look(backend.name, backend.kind, "", await backend.jobs(watched), await reading(backend))
    except BackendError as error:
        return Look(backend.name, backend.kind, error.bare)


async def reading(backend: Backend) -> Health:
    """A reading in which the GPU tool had time to answer."""
    count = 0
    async with contextlib.aclosing(backend.health(1.0)) as readings:
        async for health in readings:
            count += 1
            if health.gpus or health.gpu_error or count >= READING:
                return health
    raise BackendError(f"{backend.name}: no reading")


async def running(desk: Desk, looks: Sequence[Look]) -> Mapping[tuple[str, str], Row]:
    """Our runs that processes may be of; asked of the store only where there are such processes."""
    if not any(process.directory for look in looks if look.health is not None for process in look.health.processes):
        return {}
    from trainboard.rows import merge

    records = await desk.store.load()
    return runs_by_directory(await asyncio.to_thread(merge, records, {}))


def filling(desk: Desk, wanted: Sequence[BackendConfig]) -> dict[str, Mapping[str, float]]:
    """By backend and path, when disks will be full. What cannot be read is not told."""
    found: dict[str, Mapping[str, float]] = {}
    for each in wanted:
        try:
            found[each.name] = FillFile(desk.paths.disks, each.name).full(time.time())
        except OSError as error:
            complain(f"{error.filename}: {error.strerror}")
            found[each.name] = {}
    return found


def described(look: Look, full: Mapping[str, float], runs: Mapping[tuple[str, str], Row]) -> dict[str, Any]:
    """The answer of one backend, with the keys that `hosts --json` promises; null where it does not tell."""
    health, now = look.health or Health(0.0), time.time()
    queue = {"running": count(look.jobs, RUNNING), "pending": count(look.jobs, PENDING)}
    up = look.health is not None
    return {
        "backend": look.backend,
        "kind": look.kind,
        "state": "up" if up else "down",
        "reason": look.reason,
        "age_s": round(now - health.at, 1) if up else None,
        "gpus": [asdict(gpu) | {"busy": not is_free(gpu), "free": is_free(gpu)} for gpu in health.gpus],
        "processes": [
            asdict(process) | {"run": run_name(look.backend, process, runs)} for process in health.processes
        ],
        "disks": [
            asdict(disk) | {"left": left(disk), "full_in_days": days(full.get(disk.path), now)}
            for disk in health.disks
        ],
        "memory": {"total": health.memory_total, "available": health.memory_available} if up else None,
        "swap": {"total": health.swap_total, "free": health.swap_free} if up else None,
        "cpu": health.cpu,
        "load": health.load,
        "cpus": health.cpus,
        "clock": health.clock,
        "gpu_error": health.gpu_error,
        "queue": queue if up else None,
    }


def days(at: float | None, now: float) -> float | None:
    """How long a disk has."""
    return None if at is None else round(max(0.0, at - now) / DAY, 1)


def cells(found: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table."""
    if found["state"] != "up":
        return (found["backend"], found["state"], *["-"] * 7, found["reason"])
    gpus = found["gpus"]
    disk = min((disk for disk in found["disks"] if not disk["trouble"]), key=lambda disk: disk["left"], default=None)
    soon = min((d["full_in_days"] for d in found["disks"] if d["full_in_days"] is not None), default=None)
    full = f", full in ~{soon:.0f} days" if soon is not None and soon * DAY < NEXT else ""
    memory = found["memory"]
    return (
        found["backend"],
        found["state"],
        f"{sum(gpu['busy'] for gpu in gpus)}/{len(gpus)}" if gpus else "-",
        str(sum(gpu["free"] for gpu in gpus)) if gpus else "-",
        "-" if found["cpu"] is None else f"{found['cpu']:.0f}%",
        f"{size(memory['available'])} of {size(memory['total'])} free",
        "-" if found["load"] is None else f"{found['load']:.1f}/{found['cpus']}",
        f"{size(disk['left'])} left{full}" if disk else "-",
        f"R {found['queue']['running']} PD {found['queue']['pending']}",
        found["gpu_error"],
    )


def polled_by(holder: Holder | None) -> str:
    """Who looks at the hosts without being asked."""
    if holder is None:
        return "polled by nobody: open the board or `trainboard watch`, and what waits here goes on"
    return f"polled by {clean(str(holder))}, since {since(holder.since)}"


def offer(desk: Desk) -> None:
    """Say which hosts could be added."""
    offered = desk.offered_hosts()
    if offered:
        more = f" and {len(offered) - 5} more" if len(offered) > 5 else ""
        complain(f"in ~/.ssh/config too: {', '.join(offered[:5])}{more} (`trainboard config add HOST`)")


def config(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Show where things are, check what can be checked without a host, or add hosts."""
    desk = open_desk(environ, TerminalPrompter())
    if chosen.action != "add" and chosen.hosts:
        raise Refused(f"config {chosen.action} takes no host")
    if chosen.action == "check":
        from trainboard.cli.notify import check

        return asyncio.run(check(desk, as_json=chosen.json))
    if chosen.action == "show":
        if chosen.json:
            print_json(shown(desk))
            return 0
        rows = [(each.name, each.kind, each.host or "-", each.root) for each in desk.config.backends]
        print_table(("BACKEND", "KIND", "HOST", "ROOT"), rows)
        there = "" if desk.paths.config.exists() else " (not there: this machine is the only backend)"
        complain(f"config {desk.paths.config}{there}, state {desk.paths.state}")
        offer(desk)
        return 0
    if desk.places.readonly:
        raise Refused("`config add` changes something, which --readonly refuses")
    if not chosen.hosts:
        raise Refused("config add needs a host, as it is called in ~/.ssh/config")
    return asyncio.run(add(desk, chosen.hosts))


def shown(desk: Desk) -> dict[str, Any]:
    """The config as `config --json` promises it."""
    backends = [asdict(each) for each in desk.config.backends]
    for each in backends:
        del each["ssh_config"]
    paths = {"config": str(desk.paths.config), "state": str(desk.paths.state)}
    return paths | {"backends": backends, "offered": desk.offered_hosts()}


async def add(desk: Desk, names: list[str]) -> int:
    """Ask each host what it is, and add it."""
    for name in names:
        kind = await desk.places.detect_kind(name)
        await asyncio.to_thread(add_backend, desk.paths.config, name, kind, name)
        complain(f"{name} added, kind {kind}")
    return 0
