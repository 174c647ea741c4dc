"""What the hosts screen costs: 40 hosts of 8 GPUs with 20 processes each, a reading of every host every 3 seconds.

`python -m benchmarks.hosts`: headless, 160x50; folded, then with all hosts unfolded. Exit code 1 where a budget is
broken.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backends.machine import Disk, Gpu, Health, Process
from benchmarks.event_loop import BLOCK_BUDGET, lateness
from benchmarks.idle import Nobody
from trainboard.events import HostSeen, Link
from tui.app import Board
from tui.widgets.host_list import HostList

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trainboard.events import Event

HOSTS, GPUS, PROCESSES = 40, 8, 20
INTERVAL, SECONDS = 3.0, 9.0
SHARE_BUDGET = 0.15
"""Of a core, all hosts unfolded; folded, half of that."""
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Cost:
    """What showing the readings took."""

    share: float
    """Of a core."""
    readings: int
    painted: float
    """Lines drawn, a reading."""
    longest: float
    """Seconds of processor for which nothing else could run."""


def reading(number: int, step: int) -> Health:
    """As a busy server tells it; every figure changes a little."""
    chance = random.Random(number * 1000 + step)
    gpus = tuple(
        Gpu(
            index=at,
            uuid=f"GPU-{number}-{at}",
            name="NVIDIA A100-SXM4-80GB",
            utilization=float(chance.randrange(101)) if at % 3 else 0.0,
            memory_used=chance.randrange(80) * GIB if at % 3 else 0,
            memory_total=80 * GIB,
            temperature=float(chance.randrange(30, 85)),
            power=float(chance.randrange(60, 400)),
            power_limit=400.0,
            processes=2 if at % 3 else 0,
            throttle=("power cap",) if at == 5 else (),
        )
        for at in range(GPUS)
    )
    processes = tuple(
        Process(gpus[at % GPUS].uuid, 1000 + at, "ann", f"python train.py --seed {at}", at * GIB, "", 99.0)
        for at in range(PROCESSES)
    )
    return Health(
        at=time.time(),
        hostname=f"gpu{number}",
        cpus=128,
        load=chance.uniform(1, 100),
        memory_total=1024 * GIB,
        memory_available=chance.randrange(1024) * GIB,
        gpus=gpus,
        disks=(Disk("/home", 1000 * GIB, 300 * GIB), Disk("/scratch", 9000 * GIB, 2000 * GIB)),
        cpu=chance.uniform(0, 100),
        processes=processes,
    )


def seen(number: int, step: int) -> HostSeen:
    """A host with a new reading."""
    return HostSeen(f"gpu{number:02}", "ssh", Link.UP, seen=time.time(), health=reading(number, step), running=2)


async def measure(*, unfolded: bool, readings: bool = True) -> Cost:
    """Show the hosts for a while."""
    prepared = [seen(number, step) for step in range(int(SECONDS / INTERVAL) + 3) for number in range(HOSTS)]
    go = asyncio.Event()

    async def events() -> AsyncIterator[Event]:
        for host in prepared[:HOSTS]:
            yield host
        await go.wait()
        begun = time.perf_counter()
        for number, host in enumerate(prepared[HOSTS:] if readings else ()):
            now = time.time()
            assert host.health is not None
            yield replace(host, seen=now, health=replace(host.health, at=now))
            await asyncio.sleep(max(0.0, begun + (number + 1) * INTERVAL / HOSTS - time.perf_counter()))
        await asyncio.Event().wait()

    blocks: list[tuple[float, float]] = []
    app = Board(events, Nobody())
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause(0.5)
        await pilot.press("H")
        await pilot.pause(0.5)
        if unfolded:
            await pilot.press("Z")
        shown = app.screen.query_one(HostList)
        await pilot.pause(0.5)
        task = asyncio.create_task(lateness(blocks))
        go.set()
        painted, used, begun = shown.painted, time.process_time(), time.perf_counter()
        await asyncio.sleep(SECONDS)
        used, passed = time.process_time() - used, time.perf_counter() - begun
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        count = int(passed / INTERVAL * HOSTS) if readings else 0
        return Cost(used / passed, count, (shown.painted - painted) / max(1, count), max(b[1] for b in blocks))


def main() -> int:
    print(f"{HOSTS} hosts x {GPUS} GPUs, {PROCESSES} processes each, a reading of each every {INTERVAL:.0f} s")
    still = asyncio.run(measure(unfolded=False, readings=False))
    print(f"no readings: {still.share:.1%} of a core, the measuring of blocks included")
    good = True
    for unfolded, budget in ((False, SHARE_BUDGET / 2), (True, SHARE_BUDGET)):
        cost = asyncio.run(measure(unfolded=unfolded))
        share = cost.share - still.share
        good = good and share <= budget and cost.longest <= BLOCK_BUDGET
        print(
            f"{'unfolded' if unfolded else 'folded':<9} {share:>6.1%} of a core (budget {budget:.1%})"
            f"  {cost.painted:.1f} of 47 lines drawn a reading  longest block {cost.longest * 1000:.1f} ms"
        )
    print(f"budget: no block above {BLOCK_BUDGET * 1000:.0f} ms of processor")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
