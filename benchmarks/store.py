"""What the store costs: `python -m benchmarks.store [attempts]`.

For how long the event loop stands still while records are loaded and attempts are updated, by this process and by
another that shares the file, and how long that takes. The budget for the loop is 50 ms.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.records import Attempt, Run
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from specs.model import Scalar

UPDATES = 20
TICK = 0.001


def filled(attempts: int) -> list[Run | Attempt]:
    """As many runs and attempts as a busy year leaves."""
    records: list[Run | Attempt] = []
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


async def measured(name: str, work: Callable[[], Awaitable[object]], times: int) -> None:
    """One line: how long the work takes, and for how long the loop stands still meanwhile."""
    gaps: list[float] = [0.0]
    ticking = asyncio.create_task(ticks(gaps))
    took = []
    for _ in range(times):
        start = time.perf_counter()
        await work()
        took.append(time.perf_counter() - start)
    ticking.cancel()
    middle, worst = sorted(took)[len(took) // 2], max(gaps)
    print(f"{name:42} median {middle * 1e3:8.1f} ms   loop blocked at most {worst * 1e3:6.1f} ms", flush=True)


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


async def bench(folder: Path, attempts: int) -> None:
    """All measurements, on one file."""
    store = Store(folder)
    records = filled(attempts)
    await measured(f"first put of {attempts} runs and attempts", lambda: store.put(*records), 1)
    print(f"{'file':42}        {store.path.stat().st_size / 1e6:8.1f} MB")
    await measured("first load by a new process", lambda: Store(folder).load(), 5)
    await measured("load of an unchanged file", store.load, UPDATES)
    changes = updates(store)
    await measured("update of one attempt", lambda: anext(changes), UPDATES)
    many = [record for record in records if isinstance(record, Attempt)][:200]
    await measured("200 updates asked for at once", lambda: put_each(store, many), 5)
    argv = [sys.executable, "-m", "benchmarks.store", "--other", str(folder)]
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        await measured("update while another process writes", lambda: anext(changes), UPDATES)
        await measured("load while another process writes", store.load, UPDATES)
    finally:
        process.kill()
        await process.wait()


async def put_each(store: Store, attempts: list[Attempt]) -> None:
    """One put for each, at once."""
    reason = str(time.time_ns())
    await asyncio.gather(*(store.put(replace(attempt, reason=reason)) for attempt in attempts))


def main() -> None:
    """Run in a folder that is gone afterwards."""
    match sys.argv[1:]:
        case ["--other", folder]:
            asyncio.run(other(Path(folder)))
        case arguments:
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(bench(Path(folder), int(arguments[0]) if arguments else 10_000))


if __name__ == "__main__":
    main()
