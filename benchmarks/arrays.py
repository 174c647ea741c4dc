"""How long 1,000 runs take to a Slurm cluster through its gateway: `python -m benchmarks.arrays [runs]`.

On the test cluster (`tests/cluster`), over SSH, as arrays: the attempt directories, their logs' links and sbatch. The
budget is 30 s. Then one look at the queue with all of them in it: what it costs, and for how long the event loop
stands still.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backends.slurm import Slurm
from specs.model import Resources, SlurmOptions
from tests.backends.conftest import Desk, over_ssh
from tests.cluster import Cluster, start, stop, unavailable, up_already

if TYPE_CHECKING:
    from backends.base import Plan

BUDGET = 30.0
TICK = 0.001


def plans(desk: Desk, count: int) -> list[Plan]:
    """A sweep that waits: nothing of it starts meanwhile."""
    later = SlurmOptions(sbatch=("--begin=now+1hour",))
    return desk.plans(count, "python train.py --lr 0.003", slurm=later, resources=Resources(cpus=1))


async def ticks(gaps: list[float]) -> None:
    """Note by how much every tick comes late."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        gaps.append(time.perf_counter() - before - TICK)


async def bench(cluster: Cluster, folder: Path, count: int) -> float:
    """Submit, look, cancel; the seconds of the first."""
    backend = Slurm("triton", over_ssh(cluster, "gateway"), str(folder / "runs"), shared=True)
    desk = Desk(backend, folder)
    gaps: list[float] = [0.0]
    ticking = asyncio.create_task(ticks(gaps))
    began = time.perf_counter()
    attempts = await desk.start_all(plans(desk, count))
    took = time.perf_counter() - began
    arrays = len({attempt.job_id.partition("_")[0] for attempt in attempts})
    print(
        f"{count} runs submitted in {arrays} arrays  {took:8.2f} s   loop blocked at most {max(gaps) * 1e3:6.1f} ms"
    )
    gaps[:] = [0.0]
    began, used = time.perf_counter(), time.process_time()
    jobs = await backend.jobs(attempts)
    looked, used = time.perf_counter() - began, time.process_time() - used
    seen = sum(1 for job in jobs if job.token)
    print(
        f"one look at {seen} of them           {looked:8.2f} s   of it ours {used * 1e3:6.1f} ms   "
        f"loop blocked at most {max(gaps) * 1e3:6.1f} ms"
    )
    began = time.perf_counter()
    await backend.cancel(attempts)
    print(f"all cancelled                      {time.perf_counter() - began:8.2f} s")
    ticking.cancel()
    await backend.close()
    return took


def main() -> int:
    """On a cluster that is up, or on one for the occasion; 1 where the budget does not hold."""
    reason = unavailable()
    if reason:
        print(f"arrays: {reason}")
        return 0
    by_hand = up_already()
    cluster = start()
    try:
        with tempfile.TemporaryDirectory(prefix=f"arrays-{secrets.token_hex(2)}-") as folder:
            took = asyncio.run(bench(cluster, Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
    finally:
        if not by_hand:
            stop(cluster.dir)
    return 0 if took <= BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
