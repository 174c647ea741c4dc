"""How fast stored samples are opened, and how long that keeps the event loop busy: `python -m benchmarks.series`.

A million samples of one, of twenty and of two hundred metrics, as a file of appended pieces. Exit code 1 where a
budget is broken.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState
from benchmarks.event_loop import BLOCK_BUDGET, lateness
from trainboard.interpreter import responsive
from trainboard.recording import series_path
from trainboard.rows import Row
from trainboard.sampler import Sampler
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.stored import Mark
from tui.curves import Curves

if TYPE_CHECKING:
    from trainboard.events import Sampled

SAMPLES = 1_000_000
PIECE = 5_000
METRICS = (1, 20, 200)
REPEATS = 7
OPEN_BUDGET = 0.100
APPENDS = 1_000
ROW = Row("r", "here", "1", "r", JobState.COMPLETED, run="r", objective="m0")


def fill(file: SeriesFile, metrics: int) -> None:
    """What a long run leaves."""
    chance = random.Random(1)
    for start in range(0, SAMPLES, PIECE):
        samples = [
            Sample(f"m{i % metrics}", chance.random(), i // metrics, "step", 1e9 + i)
            for i in range(start, start + PIECE)
        ]
        file.append("stdout", samples, Mark(start), complete=start + PIECE == SAMPLES)


def opening(path: Path) -> tuple[float, float]:
    """The least seconds by clock and by processor to open all series of a file."""
    took = []
    for _ in range(REPEATS):
        begun, used = time.perf_counter(), time.process_time()
        series = SeriesFile(path).load().series()
        took.append((time.perf_counter() - begun, time.process_time() - used))
        assert sum(map(len, series.values())) == SAMPLES
    return min(wall for wall, _ in took), min(used for _, used in took)


def appending(path: Path) -> float:
    """Seconds to append some samples to a file that grows line by line."""
    file = SeriesFile(path)
    begun = time.perf_counter()
    for step in range(APPENDS):
        file.append("stdout", [Sample(f"m{n}", 0.5, step, "step", 1e9) for n in range(4)], Mark(step))
    return (time.perf_counter() - begun) / APPENDS


async def blocking(folder: Path) -> list[tuple[float, float]]:
    """The blocks of the event loop (by clock, by processor) while a board opens a row, and shows all of it."""
    curves, blocks = Curves(), list[tuple[float, float]]()

    def tell(event: Sampled) -> None:
        curves.add(event)

    late = asyncio.create_task(lateness(blocks))
    sampler = Sampler(ROW, None, folder, tell)  # type: ignore[arg-type]  # nothing is followed
    for _ in range(REPEATS):
        await sampler.open()
        await sampler.show_all()
        await sampler.recording()
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)
    return blocks


def main() -> int:
    """Print a line per kind of file; 1 where a budget is broken."""
    held = True
    for metrics in METRICS:
        with tempfile.TemporaryDirectory() as name, responsive():
            folder = Path(name)
            path = series_path(folder, ROW.key)
            fill(SeriesFile(path), metrics)
            gc.collect()
            wall, used = opening(path)
            blocks = asyncio.run(blocking(folder))
            longest, busy = max(wall for wall, _ in blocks), max(busy for _, busy in blocks)
            print(
                f"{SAMPLES} samples of {metrics:3} metrics: opened in {wall * 1000:.0f} ms ({used * 1000:.0f} ms of "
                f"processor), loop blocked {longest * 1000:.0f} ms at most ({busy * 1000:.0f} ms of processor)"
            )
            held &= used <= OPEN_BUDGET and busy <= BLOCK_BUDGET
    with tempfile.TemporaryDirectory() as name:
        print(f"an append of 4 samples: {appending(Path(name) / 'r.samples') * 1000:.2f} ms")
    print(f"budget: open ≤ {OPEN_BUDGET * 1000:.0f} ms, block ≤ {BLOCK_BUDGET * 1000:.0f} ms, of processor")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
