"""A log of 1 GB in the board: how soon it is seen, what it costs in memory, how fast its host finds something in it.

Then it grows by 20 MB/s: how long that holds up the event loop.

`python -m benchmarks.log_view`: headless, 140x40, this machine's own files. Exit code 1 where a budget is broken.
Linux only: it reads /proc.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState
from backends.local import Local
from benchmarks.idle import Nobody
from trainboard.errors import ERROR
from trainboard.events import TableSeen
from trainboard.logs import Logs
from trainboard.place import Place
from trainboard.rows import Row
from trainboard.seeking import wanted
from tui.app import Board

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from backends.base import Chunk, Sought, Wanted
    from trainboard.events import Event

SIZE = 1_000_000_000
LINE = (
    b"2026-11-23 08:%02d:%02d INFO train: epoch %d step %d loss=0.%05d lr=1.0e-03 \x1b[32mgrad_norm\x1b[0m=0.%03d\n"
)
RATE = 20_000_000
SECONDS = 8.0
TICK = 0.001
OPEN_BUDGET = 1.0
"""Seconds until the end of the log is on screen, and until its beginning is."""
MEMORY_BUDGET = 100 << 20
BLOCK_BUDGET = 0.050


class Reading(Nobody):
    """`Actions` with one row, whose log is a file of this machine."""

    def __init__(self, logs: Logs, row: Row) -> None:
        self._logs, self._row = logs, row
        self.steps = 0

    async def read_log(self, key: str, offset: int, limit: int) -> Chunk:
        return await self._logs.read(self._row, offset, limit)

    async def search_log(self, key: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        self.steps += 1
        return await self._logs.search(self._row, wanted, offset, backwards=backwards)


def write(path: Path) -> None:
    """A log of a gigabyte, with one line in its middle that is nowhere else."""
    piece = b"".join(LINE % (i // 60 % 60, i % 60, i // 1000, i, i * 7919 % 99999, i % 1000) for i in range(20_000))
    with path.open("wb") as file:
        while file.tell() < SIZE:
            if SIZE // 2 <= file.tell() < SIZE // 2 + len(piece):
                file.write(b"RuntimeError: a needle in the haystack\n")
            file.write(piece)


def resident() -> int:
    """Bytes of this process in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


def size_of(path: Path) -> int:
    """Bytes of a file."""
    return path.stat().st_size


async def grow(path: Path) -> None:
    """Add `RATE` bytes a second, as a program does: in small writes."""
    piece = b"".join(LINE % (i // 60 % 60, i % 60, i // 1000, i, i * 7919 % 99999, i % 1000) for i in range(2_000))
    with path.open("ab", buffering=0) as file:
        written, start = 0, time.perf_counter()
        while True:
            while written < (time.perf_counter() - start) * RATE:
                written += await asyncio.to_thread(file.write, piece)
            await asyncio.sleep(0.005)


async def lateness(blocks: list[tuple[float, float]]) -> None:
    """How much later than asked for the loop comes back, and how much of that time it had a processor."""
    while True:
        asked, used = time.perf_counter(), time.thread_time()
        await asyncio.sleep(TICK)
        blocks.append((time.perf_counter() - asked - TICK, time.thread_time() - used))


async def measure(path: Path) -> bool:
    """All of it; whether the budgets hold."""
    backend = Local("here", str(path.parent / "runs"))
    place = Place(backend, 60.0)
    row = Row("r1", "here", "1", "run", JobState.RUNNING, run="r1", log=str(path))
    queue: asyncio.Queue[Event] = asyncio.Queue()
    logs = Logs({"here": place}, queue.put_nowait)
    actions = Reading(logs, row)

    async def events() -> AsyncIterator[Event]:
        yield TableSeen((row,), time.time())
        while True:
            yield await queue.get()

    app = Board(events, actions)
    good = True

    def told(what: str, seconds: float, budget: float | None = None) -> bool:
        limit = f"  budget {budget * 1000:g} ms" if budget else ""
        print(f"{what:<58} {seconds * 1000:>9.1f} ms{limit}")
        return budget is None or seconds <= budget

    async with app.run_test(size=(140, 40)) as pilot:
        while app.board.table.row is None:
            await pilot.pause(0.05)
        log = app.board.log_view
        await pilot.pause(0.5)
        before = resident()
        start = time.perf_counter()
        showing = asyncio.create_task(logs.show(row))
        while not log.text.count:  # noqa: ASYNC110 - what is timed is when it is there
            await asyncio.sleep(0.001)
        good &= told("1 GB: its end is here after", time.perf_counter() - start, OPEN_BUDGET)
        start = time.perf_counter()
        log.action_top()
        while log.text.start:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        good &= told("1 GB: its beginning is here after", time.perf_counter() - start, OPEN_BUDGET)
        for name, what in (("text", wanted("needle in")), ("pattern", wanted("[n]eedle (in|of)")), ("error", ERROR)):
            start = time.perf_counter()
            at, done = 0, False
            while not done:
                sought = await actions.search_log("r1", what, at)
                at, done = sought.at, sought.done
            assert sought.line.startswith(b"RuntimeError")
            seconds = time.perf_counter() - start
            told(f"1 GB: a {name} is found in its middle ({SIZE / 2e6 / seconds:.0f} MB/s)", seconds)
        for _ in range(400):
            log.move(500)
            await pilot.pause(0.005)
        memory = resident() - before
        good &= memory <= MEMORY_BUDGET
        print(f"{'1 GB: memory after 200,000 lines were gone through':<58} {memory / 1e6:>9.1f} MB  budget +100 MiB")
        log.action_bottom()
        blocks: list[tuple[float, float]] = []
        tasks = [asyncio.create_task(grow(path)), asyncio.create_task(lateness(blocks))]
        size = size_of(path)
        await asyncio.sleep(SECONDS)
        behind, rate = size_of(path) - log.text.end, (size_of(path) - size) / SECONDS
        for task in (*tasks, showing):
            task.cancel()
        await asyncio.gather(*tasks, showing, return_exceptions=True)
    longest, used = max(each[0] for each in blocks), max(each[1] for each in blocks)
    good &= told(f"+{rate / 1e6:.0f} MB/s: the loop was blocked for (processor)", used, BLOCK_BUDGET)
    told("         by the clock", longest)
    print(f"{'         what is shown was behind the file by':<58} {behind / 1e6:>9.1f} MB")
    await backend.close()
    return good


def main() -> int:
    """Write the log, measure, tell."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.log"
        write(path)
        return 0 if asyncio.run(measure(path)) else 1


if __name__ == "__main__":
    sys.exit(main())
