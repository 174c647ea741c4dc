"""What the store costs: `python -m benchmarks.store [attempts]`.

How long it takes to load records and to update attempts, in this process and in another that shares the files, and
for how long the event loop stands still meanwhile. The budgets: 5 ms for an update, 50 ms for the loop.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.interpreter import responsive
from trainboard.merging import Merging
from trainboard.records import Attempt, Experiment, Run
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from specs.model import Scalar

UPDATES = 300
TICK = 0.001


def filled(attempts: int) -> list[Experiment | Run | Attempt]:
    """As many runs and attempts as a busy year leaves."""
    records: list[Experiment | Run | Attempt] = [
        Experiment(f"char-rnn-{n}", "char-rnn", "/home/somebody/char-rnn.yaml", "name: char-rnn\n", 1.7e9 + n)
        for n in range(attempts // 50 + 1)
    ]
    for n in range(attempts):
        params: dict[str, Scalar] = {"lr": 0.003, "hidden": 64, "seed": n, "optim.name": "adam"}
        records.append(Run(f"r{n}", f"char-rnn-{n // 50}", n % 50, f"lr=0.003-hidden=64-seed={n}", params))
        folder = f"/scratch/work/somebody/trainboard/char-rnn-{n // 50}/r{n}/1"
        times = (1.7e9 + n, 1.7e9 + n + 0.25, 1.7e9 + n + 100.5)
        token = f"{n:032x}"
        records.append(
            Attempt(token, f"r{n}", 1, "triton", JobState.RUNNING, times[0], folder, str(10**6 + n), *times)
        )
    return records


async def ticks(gaps: list[float]) -> None:
    """Note by how much every tick comes late."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(TICK)
        gaps.append(time.perf_counter() - before - TICK)


def shown(name: str, took: list[float], blocked: float | None = None) -> None:
    """One line: how long something took, in milliseconds, and for how long the loop stood still meanwhile."""
    took = sorted(took)
    middle, slow, worst = (1e3 * took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.99, 1.0))
    loop = "" if blocked is None else f"   loop blocked at most {blocked * 1e3:5.1f} ms"
    print(f"{name:44} p50 {middle:7.1f}  p99 {slow:7.1f}  max {worst:7.1f} ms{loop}", flush=True)


async def measured(name: str, work: Callable[[], Awaitable[object]], times: int) -> None:
    """Do it so many times."""
    gaps: list[float] = [0.0]
    ticking = asyncio.create_task(ticks(gaps))
    took = []
    for _ in range(times):
        start = time.perf_counter()
        await work()
        took.append(time.perf_counter() - start)
    ticking.cancel()
    shown(name, took, max(gaps))


async def updates(store: Store) -> AsyncIterator[Attempt]:
    """Change one attempt after the other."""
    ids = list((await store.load()).attempts)
    number = 0
    while True:
        number += 1
        yield await store.update(
            Attempt, ids[number % len(ids)], lambda old: replace(old, reason=f"{time.time_ns()}")
        )


async def other(folder: Path) -> None:
    """The other process: writes until it is ended."""
    async for _ in updates(Store(folder)):
        print("written", flush=True)


async def reader(folder: Path) -> None:
    """The other process: loads whenever it is told, and says how long that took."""
    store = Store(folder)
    while await asyncio.to_thread(sys.stdin.readline):
        start = time.perf_counter()
        await store.load()
        print(time.perf_counter() - start, flush=True)


@asynccontextmanager
async def process(*argv: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """This benchmark in another process, which is ended in the end."""
    argv = (sys.executable, "-m", "benchmarks.store", *argv)
    running = await asyncio.create_subprocess_exec(*argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield running
    finally:
        running.kill()
        await running.wait()


async def told(reader: asyncio.subprocess.Process) -> float:
    """How long a load took the reader."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(b"\n")
    return float(await reader.stdout.readline())


async def while_folding(store: Store, change: Callable[[], Awaitable[object]]) -> None:
    """Update as fast as it goes, from the beginning of a fold to its end."""
    took = []

    async def fold() -> None:
        folding = asyncio.create_task(store.fold())
        while not folding.done():
            start = time.perf_counter()
            await change()
            took.append(time.perf_counter() - start)
        await folding

    await measured("fold", fold, 10)
    shown(f"update while folding ({len(took)})", took)


async def merging(store: Store, change: Callable[[], Awaitable[object]]) -> None:
    """Make the table of a board anew after each change."""
    table, took = Merging(), []
    for _ in range(UPDATES // 10):
        records = await store.load()
        start = time.perf_counter()
        table.merge(records, {})
        took.append(time.perf_counter() - start)
        await change()
    shown("the merged table, first", took[:1])
    shown("the merged table, after one change", took[1:])


async def bench(folder: Path, attempts: int) -> None:
    """All measurements, on one state."""
    store = Store(folder)
    records = filled(attempts)
    await measured(f"first put of {attempts} runs and attempts", lambda: store.put(*records), 1)
    print(f"{'state.json':44} {store.path.stat().st_size / 1e6:11.1f} MB")
    fresh = [Store(folder) for _ in range(2)]  # kept: what letting go of them costs is no part of a load
    unread = iter(fresh)
    await measured("first load by a new process", lambda: next(unread).load(), len(fresh))
    await measured("load, nothing changed", store.load, UPDATES)
    changes = updates(store)
    await anext(changes)
    await measured("update of one attempt", lambda: anext(changes), UPDATES)
    await while_folding(store, lambda: anext(changes))
    await merging(store, lambda: anext(changes))
    many = [record for record in records if isinstance(record, Attempt)][:200]
    await measured("200 updates asked for at once", lambda: put_each(store, many), 5)
    async with process("--reader", str(folder)) as loading:
        shown("first load in another process", [await told(loading)])
        took = []
        for _ in range(UPDATES):
            await anext(changes)
            took.append(await told(loading))
        shown("load in another process after one change", took)
        await store.fold()
        shown("load in another process after a fold", [await told(loading)])
    async with process("--other", str(folder)) as writing:
        assert writing.stdout is not None
        await writing.stdout.readline()
        await measured("update while another process writes", lambda: anext(changes), UPDATES)
        await measured("load while another process writes", store.load, UPDATES)


async def put_each(store: Store, attempts: list[Attempt]) -> None:
    """One put for each, at once."""
    reason = str(time.time_ns())
    await asyncio.gather(*(store.put(replace(attempt, reason=reason)) for attempt in attempts))


def main() -> None:
    """Run in a folder that is gone afterwards."""
    match sys.argv[1:]:
        case ["--other", folder]:
            asyncio.run(other(Path(folder)))
        case ["--reader", folder]:
            asyncio.run(reader(Path(folder)))
        case arguments:
            with tempfile.TemporaryDirectory() as folder, responsive():  # as where a watch runs
                asyncio.run(bench(Path(folder), int(arguments[0]) if arguments else 10_000))


if __name__ == "__main__":
    main()
