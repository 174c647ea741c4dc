"""`trainboard hosts` and `config`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from backends.base import BackendError, JobState
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table, since
from trainboard.config import add_backend
from trainboard.show import busy, clean, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from backends.base import Backend, Health, Job
    from trainboard.cli.desk import Desk
    from trainboard.lease import Holder

READING = 2
"""Readings to wait for: the first may be too early for the GPU tool's first line."""


def hosts(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """One line a backend."""

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            found = await asyncio.gather(*(look(backend) for backend in backends))
        holder = await desk.holder()
        if chosen.json:
            print_json([each | {"polled_by": str(holder) if holder else None} for each in found])
        else:
            print_table(
                ("BACKEND", "STATE", "GPUS", "MEMORY", "LOAD", "DISK", "QUEUE", ""), [cells(x) for x in found]
            )
            print_table((polled_by(holder),), [])
        offer(desk)
        return 0

    return asyncio.run(run())


async def look(backend: Backend) -> dict[str, Any]:
    """The answer of one backend, with the keys that `hosts --json` promises."""
    try:
        jobs = await backend.jobs([])
        health = await reading(backend)
    except BackendError as error:
        nothing: dict[str, Any] = {"gpus": [], "disks": [], "memory": None, "queue": None, "age_s": None}
        return {"backend": backend.name, "kind": backend.kind, "state": "down", "reason": error.bare} | nothing
    return {"backend": backend.name, "kind": backend.kind, "state": "up", "reason": ""} | described(jobs, health)


async def reading(backend: Backend) -> Health:
    """A reading in which the GPU tool had time to answer."""
    count = 0
    async with contextlib.aclosing(backend.health(1.0)) as readings:
        async for health in readings:
            count += 1
            if health.gpus or health.gpu_error or count >= READING:
                return health
    raise BackendError(f"{backend.name}: no reading")


def described(jobs: tuple[Job, ...], health: Health) -> dict[str, Any]:
    """Jobs and reading as JSON."""
    states = [job.state for job in jobs]
    return {
        "age_s": round(time.time() - health.at, 1),
        "gpus": [asdict(gpu) | {"busy": busy(gpu)} for gpu in health.gpus],
        "disks": [asdict(disk) for disk in health.disks],
        "memory": {"total": health.memory_total, "available": health.memory_available},
        "load": health.load,
        "cpus": health.cpus,
        "gpu_error": health.gpu_error,
        "queue": {"running": states.count(JobState.RUNNING), "pending": states.count(JobState.PENDING)},
    }


def cells(found: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table."""
    if found["state"] != "up":
        return (found["backend"], found["state"], "-", "-", "-", "-", "-", found["reason"])
    at_work = sum(gpu["busy"] for gpu in found["gpus"])
    disk = min(found["disks"], key=lambda disk: disk["free"], default=None)
    return (
        found["backend"],
        found["state"],
        f"{at_work}/{len(found['gpus'])}" if found["gpus"] else "-",
        f"{size(found['memory']['available'])} of {size(found['memory']['total'])} free",
        "-" if found["load"] is None else f"{found['load']:.1f}/{found['cpus']}",
        f"{size(disk['free'])} free" if disk else "-",
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
