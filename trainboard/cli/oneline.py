"""`trainboard hosts -1`: all hosts in one plain line, for the status line of a terminal multiplexer."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from trainboard.link import Link
from trainboard.machines import free
from trainboard.show import duration

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from backends.base import Backend, Question
    from trainboard.cli.desk import Desk
    from trainboard.config import BackendConfig
    from trainboard.documents import Records
    from trainboard.events import HostSeen

LONG = 60
"""Characters; where the hosts do not fit one by one, they are told in sum."""
PATIENCE = 3.0
"""Seconds for all hosts together, where they must be asked."""
FRESH = 60.0
"""Seconds for which the picture that another process left is as good as a new one."""
LATE = 30.0
"""Seconds after which a picture is marked as old."""


class Nobody:
    """Nobody is there to ask: a status line is drawn behind the user's back."""

    async def ask(self, question: Question) -> str | None:
        """No answer."""
        return None


async def tell(desk: Desk, chosen: Sequence[BackendConfig]) -> int:
    """Print the line. Where a process polls, nothing is asked of any host: what it sees is in the state folder."""
    pictures = await asyncio.to_thread(glances, desk, chosen)
    now = time.time()
    stale = [each for each in chosen if not is_fresh(pictures.get(each.name), now)]
    if stale and await desk.holder() is None:
        pictures |= await ask(desk, stale, pictures)
    known = [pictures[each.name] for each in chosen if each.name in pictures]
    sys.stdout.write(line(known, time.time()) + "\n")
    return 0


def glances(desk: Desk, chosen: Sequence[BackendConfig]) -> dict[str, HostSeen]:
    """What the pictures in the state folder show."""
    from trainboard.picture import glance

    found = ((each.name, glance(desk.paths.pictures, each.name, each.kind)) for each in chosen)
    return {name: seen for name, seen in found if seen is not None}


def is_fresh(seen: HostSeen | None, now: float) -> bool:
    """Whether a picture is as good as a new one."""
    return seen is not None and seen.seen is not None and now - seen.seen < FRESH


async def ask(desk: Desk, stale: Collection[BackendConfig], known: Mapping[str, HostSeen]) -> dict[str, HostSeen]:
    """Ask these hosts themselves; of one that does not answer, what was seen last, as old."""
    from trainboard.events import HostSeen

    makers = desk.places
    backends = [makers.make(each) for each in stale]
    try:
        records = await desk.store.load()
        answers = await asyncio.gather(*(one(backend, records) for backend in backends))
    finally:
        await asyncio.gather(*(shut(backend) for backend in backends))
    found = {}
    for each, answer in zip(stale, answers, strict=True):
        before = known.get(each.name) or HostSeen(each.name, each.kind, Link.DOWN)
        found[each.name] = answer or replace(before, link=Link.STALE if before.seen is not None else Link.DOWN)
    return found


async def one(backend: Backend, records: Records) -> HostSeen | None:
    """What one host answers in time; None: nothing."""
    from trainboard.cli.hosts import look
    from trainboard.events import HostSeen
    from trainboard.picture import PENDING, RUNNING, count

    try:
        async with asyncio.timeout(PATIENCE):
            seen = await look(backend, records)
    except TimeoutError:
        return None
    if seen.health is None:
        return None
    health, counts = seen.health, (count(seen.jobs, RUNNING), count(seen.jobs, PENDING))
    return HostSeen(backend.name, backend.kind, Link.UP, "", "", time.time(), health, *counts)


async def shut(backend: Backend) -> None:
    """Drop the connection, however long the host takes to hear of it."""
    try:
        async with asyncio.timeout(1.0):
            await backend.close()
    except TimeoutError:
        return  # the process ends in a moment, and the connection with it


def line(hosts: Sequence[HostSeen], now: float) -> str:
    """All of them, each by itself where that fits: free GPUs of all, or jobs of a cluster; then how old it is."""
    if not hosts:
        return "no host seen yet"
    ages = [now - host.seen for host in hosts if host.seen is not None and not is_late(host, now)]
    end = [duration(max(ages))] if ages else []
    each = " | ".join([*(part(host, now) for host in hosts), *end])
    return each if len(each) <= LONG else together(hosts, now, end)


def is_late(host: HostSeen, now: float) -> bool:
    """Whether it says itself how old it is."""
    return host.link is not Link.UP or host.seen is None or now - host.seen > LATE


def part(host: HostSeen, now: float) -> str:
    """One host."""
    if host.seen is None:
        return f"{host.backend} {host.link}"
    old = f" ?{duration(now - host.seen)}" if is_late(host, now) else ""
    return f"{host.backend} {figure(host)}{old}"


def figure(host: HostSeen) -> str:
    """The one figure of a host."""
    if host.kind == "slurm":
        return f"R{host.running} PD{host.pending}"
    health = host.health
    if health is None or health.gpu_error:
        return "?"
    if health.gpus:
        return f"{free(host)}/{len(health.gpus)}"
    return "up" if health.cpu is None else f"cpu {health.cpu:.0f}%"


def together(hosts: Sequence[HostSeen], now: float, end: Sequence[str]) -> str:
    """All hosts in sum; what does not fit of the names of those that are away is left out."""
    gpus = sum(len(host.health.gpus) for host in hosts if host.health is not None)
    parts = [f"{sum(map(free, hosts))}/{gpus} GPUs free", f"{len(hosts)} hosts"]
    queues = [host for host in hosts if host.kind == "slurm"]
    if queues:
        parts.append(f"R{sum(host.running for host in queues)} PD{sum(host.pending for host in queues)}")
    away = [host.backend for host in hosts if is_late(host, now)]
    if away:
        told = f"away: {' '.join(away)}"
        room = LONG - len(" | ".join([*parts, *end])) - 3
        parts.append(told if len(told) <= room else f"{len(away)} away")
    return " | ".join([*parts, *end])
