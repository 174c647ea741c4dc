"""What a large sweep costs the board's event loop: `python -m benchmarks.sweep [runs]`.

Ten thousand runs are submitted in the board's process to a backend that takes them at once, and are seen to wait,
start and end there. Exit code 1 where the loop is kept waiting for longer than the budget.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import Job, JobState
from benchmarks.event_loop import TICK
from benchmarks.queue import report
from specs.load import loads
from tests.trainboard.fakes import FakeBackend, config_of
from trainboard.config import Config
from trainboard.events import TableSeen
from trainboard.options import PLAIN
from trainboard.paths import paths
from trainboard.store import Store
from trainboard.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from backends.base import Plan, Rejected, Unclear, Watched
    from trainboard.config import BackendConfig

BLOCK_BUDGET = 0.050
"""Seconds for which the event loop may be kept waiting at a time."""


class Taker(FakeBackend):
    """Takes every run, and keeps nothing of it but its token."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[str] = []
        self.state = JobState.PENDING

    async def submit(self, plans: Sequence[Plan]) -> Mapping[str, str | Rejected | Unclear]:
        self.tokens += (plan.token for plan in plans)
        return {plan.token: plan.token for plan in plans}

    async def jobs(self, watched: Collection[Watched]) -> tuple[Job, ...]:
        def seen() -> tuple[Job, ...]:
            return tuple(Job(self.name, each, "x", self.state, each, submitted=5.0) for each in self.tokens)

        return await asyncio.to_thread(seen)


@dataclass
class Makers:
    """Hands out the one backend."""

    backend: Taker = field(default_factory=Taker)

    def make(self, _: BackendConfig) -> Taker:
        return self.backend


async def late(found: list[float]) -> None:
    """How much later than asked for the loop comes back, as far as this process, in whichever thread, was at work."""
    while True:
        asked, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(TICK)
        found.append(min(time.perf_counter() - asked, time.process_time() - used) - TICK)


@contextlib.asynccontextmanager
async def blocks(what: str, kept: list[bool]) -> AsyncIterator[None]:
    """Time what is done in it, and the loop meanwhile."""
    found: list[float] = [0.0]
    watching = asyncio.create_task(late(found))
    began = time.perf_counter()
    yield
    report(what, time.perf_counter() - began, None, "s")
    watching.cancel()
    kept.append(report("  its event loop late at most", max(found), BLOCK_BUDGET, "s"))


async def bench(folder: Path, runs: int) -> bool:
    """Submit, then see what becomes of them."""
    where, makers, kept = paths({"TRAINBOARD_HOME": str(folder)}), Makers(), list[bool]()
    config = Config(where.config, (config_of(makers.backend, 1.0),))
    watch = Watch(config, where, Store(where.state), makers, {}, folder)  # type: ignore[arg-type]  # in its place
    spec = loads(f"name: x\ncommand: train\nsweep: {{lr: [0], seeds: {runs}}}\n", folder / "x.yaml")
    table: dict[str, JobState] = {}
    seen = asyncio.Event()

    async def read() -> None:
        async for event in watch.events():
            if isinstance(event, TableSeen):
                table.clear()
                table.update((row.key, row.state) for row in event.rows)
                seen.set()

    async def until(state: JobState) -> None:
        while len(table) < runs or any(each is not state for each in table.values()):
            seen.clear()
            await seen.wait()

    reading = asyncio.create_task(read())
    gc.freeze()  # as the board does with its first frame
    async with blocks(f"{runs} runs submitted", kept):
        await watch.submit(spec, None, PLAIN)
    for state in (JobState.RUNNING, JobState.COMPLETED):
        makers.backend.state = state
        async with blocks(f"all of them seen as {state}", kept):
            watch.refresh()
            await until(state)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return all(kept)


def main() -> int:
    """Run in a folder that is gone afterwards; 1 where a budget is broken."""
    with tempfile.TemporaryDirectory() as folder:
        runs = int(sys.argv[1]) if sys.argv[1:] else 10_000
        return 0 if asyncio.run(bench(Path(folder), runs)) else 1


if __name__ == "__main__":
    sys.exit(main())
