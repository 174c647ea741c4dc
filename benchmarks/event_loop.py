"""How long the board keeps the event loop busy, and how soon a key is on the screen, under load.

`python -m benchmarks.event_loop`: headless, 200x50; the table changes every 0.2 s while the log grows. Exit code 1
where a budget is broken.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.events import Key

from backends.base import JobState
from benchmarks.idle import Nobody
from trainboard.events import HostSeen, Link, LogGrew, Sampled, TableSeen
from trainboard.rows import Row
from trainboard.series import Sample
from tui.app import Board

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trainboard.events import Event

BLOCK_BUDGET = 0.050
FRAME_BUDGET = 0.050
PERIOD = 0.2
SECONDS = 8.0
LOG_PIECE = 65_536
TICK = 0.001


@dataclass(frozen=True, slots=True)
class Load:
    """What the board has to bear."""

    rows: int
    changes: int
    """Rows that change in one refresh."""
    log_rate: int
    """Bytes a second."""
    folded: bool = True
    """Whether experiments and arrays are one line each, as they begin, or every row has its own."""


LOADS = (
    Load(1_000, 50, 1_000_000, folded=False),
    Load(1_000, 50, 20_000_000, folded=False),
    Load(20_000, 200, 1_000_000, folded=False),
    Load(20_000, 200, 1_000_000),
)


def first_rows(count: int) -> list[Row]:
    """Rows in all states, a few alive; every second one is a run of an experiment, the others tasks of arrays."""
    now = time.time()
    states = (JobState.RUNNING, JobState.PENDING, JobState.COMPLETED, JobState.FAILED)
    return [
        Row(
            f"r{i}",
            "here",
            str(i),
            f"lr={i % 7}-seed={i}",
            states[min(3, i * 8 // count)],
            run=None if i % 2 else f"r{i}",
            experiment=None if i % 2 else f"exp-{i % 40}",
            array=str(i % 40) if i % 2 else "",
            params={"lr": i % 7, "seed": i},
            started=now - i,
            ended=now - i / 2 if i * 8 // count > 1 else None,
            objective="loss",
            total={"steps": 100},
        )
        for i in range(count)
    ]


async def tables(load: Load, queue: asyncio.Queue[Event]) -> None:
    """The table anew every period: some rows changed, some of them in another state."""
    rows, chance, step = first_rows(load.rows), random.Random(0), 0
    while True:
        for i in chance.sample(range(load.rows), load.changes):
            state = chance.choice((rows[i].state, rows[i].state, JobState.RUNNING, JobState.COMPLETED))
            ended = time.time() if state.ended else None
            rows[i] = dataclasses.replace(rows[i], state=state, ended=ended, reason=f"change {step}")
        queue.put_nowait(TableSeen(tuple(rows), time.time()))
        for i in range(0, 40, 2):
            queue.put_nowait(Sampled(f"r{i}", (Sample("loss", chance.random(), step, "step"),)))
        step += 1
        await asyncio.sleep(PERIOD)


async def log(load: Load, queue: asyncio.Queue[Event], key: str) -> None:
    """Lines with colours and progress bars, at the given rate; no faster than they are taken."""
    line = b"\x1b[32mepoch\x1b[0m %d loss=0.%04d\r 50%%|#####     |\r100%%|##########| done\n"
    piece = b"".join(line % (i, i) for i in range(LOG_PIECE // 70))
    offset = 0
    while True:
        if queue.qsize() < 20:
            queue.put_nowait(LogGrew(key, offset, piece, offset == 0))
            offset += len(piece)
        await asyncio.sleep(len(piece) / load.log_rate)


async def lateness(blocks: list[tuple[float, float]]) -> None:
    """How much later than asked for the loop comes back, and how much of that time this process had a processor."""
    while True:
        asked, used = time.perf_counter(), time.thread_time()
        await asyncio.sleep(TICK)
        blocks.append((time.perf_counter() - asked - TICK, time.thread_time() - used))


async def measure(load: Load) -> tuple[list[tuple[float, float]], list[float], float]:
    """Blocks of the loop (by clock, by processor) and key-to-frame times in seconds; the log's bytes a second."""
    queue: asyncio.Queue[Event] = asyncio.Queue()
    taken = 0

    async def events() -> AsyncIterator[Event]:
        nonlocal taken
        yield HostSeen("here", "local", Link.UP, seen=time.time())
        while True:
            event = await queue.get()
            if isinstance(event, LogGrew):
                taken += len(event.data)
            yield event

    app = Board(events, Nobody())
    blocks: list[tuple[float, float]] = []
    frames: list[float] = []
    async with app.run_test(size=(200, 50)) as pilot:
        tasks = [asyncio.create_task(tables(load, queue))]
        await pilot.pause(1.0)
        if not load.folded:
            await pilot.press("Z")
        row = app.board.table.row
        assert row is not None
        tasks += [asyncio.create_task(log(load, queue, row.key))]
        await pilot.pause(0.5)
        tasks += [asyncio.create_task(lateness(blocks))]
        end = time.perf_counter() + SECONDS
        keys = ("j", "k", "ctrl+d", "ctrl+u", "G", "g", "z", "z")
        while time.perf_counter() < end:
            frames.append(await key_to_frame(app, keys[len(frames) % len(keys)]))
            await asyncio.sleep(0.03)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return blocks, frames, taken / (SECONDS + 0.5)


async def key_to_frame(app: Board, key: str) -> float:
    """Seconds from a key to the frame with the cursor in its new place; what is folded there is unfolded by `z`."""
    table, painted = app.board.table, asyncio.Event()
    before = table.cursor
    start = time.perf_counter()
    app.post_message(Key(key, key if len(key) == 1 else None))
    while table.cursor == before and time.perf_counter() < start + 1:  # noqa: ASYNC110 - the frame is what is timed
        await asyncio.sleep(0)
    table.call_after_refresh(painted.set)
    await painted.wait()
    return time.perf_counter() - start


def main() -> int:
    print("rows            log asked  log taken  blocked p99.9  longest (processor)   key to frame p50  p99")
    good = True
    for load in LOADS:
        blocks, frames, rate = asyncio.run(measure(load))
        late, used = sorted(b[0] for b in blocks), max(b[1] for b in blocks)
        frames.sort()
        p50, p99 = frames[len(frames) // 2], frames[int(len(frames) * 0.99)]
        good = good and used <= BLOCK_BUDGET and p99 <= FRAME_BUDGET
        lines = "folded" if load.folded else ""
        print(
            f"{load.rows:<6} {lines:<6}   {load.log_rate / 1e6:>4.0f} MB/s  {rate / 1e6:>5.1f} MB/s"
            f"  {late[int(len(late) * 0.999)] * 1000:>9.1f} ms  {late[-1] * 1000:>6.1f} ms ({used * 1000:>5.1f} ms)"
            f"  {p50 * 1000:>14.1f} ms  {p99 * 1000:.1f} ms"
        )
    print(f"budget: longest ≤ {BLOCK_BUDGET * 1000:.0f} ms of processor, key to frame ≤ {FRAME_BUDGET * 1000:.0f} ms")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
