"""How long a board with many stored runs takes to its first table, and how long it keeps the event loop busy.

`python -m benchmarks.start`: a state folder with 10,000 ended runs and series, and this machine. Exit code 1 where a
budget is broken.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import tempfile
import time
from pathlib import Path

from backends.base import JobState
from benchmarks.event_loop import BLOCK_BUDGET, lateness
from trainboard.config import load
from trainboard.events import Sampled, TableSeen
from trainboard.paths import Paths, paths
from trainboard.places import Places
from trainboard.recording import series_path
from trainboard.records import Attempt, Experiment, Run
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.store import Store
from trainboard.stored import Mark
from trainboard.watch import Watch

RUNS = 10_000
SAMPLES = 500
SERIES = 400
"""Runs with a stored series: more than are opened by themselves."""
SECONDS = 12.0
TABLE_BUDGET = 2.0


class NoPrompter:
    """There is nobody to ask."""

    async def ask(self, question: object) -> None:
        return None


async def fill(where: Paths) -> None:
    """A state folder as years leave it."""
    experiments = [Experiment(f"x-{n}", "x", "/x.yaml", "name: x\ncommand: 'true'\n", 1.0, "loss") for n in range(50)]
    runs, attempts = [], []
    for n in range(RUNS):
        run = Run(f"x-{n % 50}.{n}", f"x-{n % 50}", n, f"lr={n}", {"lr": n, "seed": n})
        runs.append(run)
        attempts.append(
            Attempt(
                f"{n:016x}", run.id, 1, "local", JobState.COMPLETED, float(n), f"/nowhere/{n}", job_id=str(n),
                submitted=float(n), started=n + 1.0, ended=n + 2.0, exit_code=0, sent=float(n),
            )
        )  # fmt: skip
    await Store(where.state).put(*experiments, *runs, *attempts)
    for run in runs[-SERIES:]:
        samples = [Sample("loss", 1 / (step + 1), step, "step", 0.0) for step in range(SAMPLES)]
        SeriesFile(series_path(where.series, run.id)).append("stdout", samples, Mark(10_000), complete=True)


async def measure(where: Paths) -> tuple[float, int, list[tuple[float, float]]]:
    """Seconds to the table, series opened, and the blocks of the loop (by clock, by processor)."""
    watch = Watch(load(where), where, Store(where.state), Places(where, NoPrompter()), {}, where.state)
    blocks: list[tuple[float, float]] = []
    late = asyncio.create_task(lateness(blocks))
    begun, table, opened = time.perf_counter(), 0.0, 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS), contextlib.aclosing(watch.events()) as events:
            async for event in events:
                if isinstance(event, TableSeen) and not table:
                    table = time.perf_counter() - begun
                opened += isinstance(event, Sampled)
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    return table, opened, blocks


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        where = paths({"TRAINBOARD_HOME": folder})
        Path(folder).chmod(0o700)
        asyncio.run(fill(where))
        gc.collect()
        gc.freeze()  # as the board does
        table, opened, blocks = asyncio.run(measure(where))
    longest, used = max(b[0] for b in blocks), max(b[1] for b in blocks)
    print(f"{RUNS} stored runs: table after {table:.2f} s, {opened} series opened")
    print(f"event loop: longest block {longest * 1000:.1f} ms ({used * 1000:.1f} ms of processor)")
    print(f"budget: table ≤ {TABLE_BUDGET:g} s, block ≤ {BLOCK_BUDGET * 1000:.0f} ms of processor")
    return 0 if table <= TABLE_BUDGET and used <= BLOCK_BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
