"""How long a curve of a million samples takes to draw, and whether keys wait for it.

`python -m benchmarks.plot`: the chart alone (first drawing, then after a sample more, then a move of what is seen),
then the run screen, headless at 200x50, with four such metrics, one of them growing, while its keys are pressed.
Exit code 1 where a budget is broken.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from textual.events import Key

from backends.base import JobState
from benchmarks.event_loop import lateness
from benchmarks.idle import Nobody
from trainboard.events import Sampled, TableSeen
from trainboard.recording import Recording
from trainboard.rows import Row
from trainboard.series import Sample, Series
from tui.app import Board
from tui.chart import View
from tui.plotter import Plotter, Task
from tui.traces import ruler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trainboard.events import Event

COUNT = 1_000_000
DRAW_BUDGET = 0.050
BLOCK_BUDGET = 0.050
SIZE = (150, 45)
METRICS = ("loss", "val_loss", "accuracy", "grad_norm")
KEYS = ("left", "left", "plus", "plus", "comma", "full_stop", "s", "L", "o", "x", "u", "0", "2", "1")
TIMES = 9


def grown(metric: str) -> Series:
    """A noisy curve of a day."""
    rng = np.random.default_rng(len(metric))
    series, steps = Series(metric, "step"), np.arange(COUNT, dtype=np.float64)
    series.extend(steps, np.exp(-steps / 2e5) + rng.normal(0.5, 0.05, COUNT), 1.8e9 + steps * 0.0864, "step")
    return series


def drawing() -> dict[str, float]:
    """Seconds of processor for one metric, medians."""
    series = {"loss": grown("loss")}
    plotter, view = Plotter(), View()
    taken: dict[str, list[float]] = {"first": [], "one sample more": [], "a move": []}

    def draw(kind: str) -> None:
        start = time.process_time()
        by = ruler(series, view.along)
        plotter.draw(Task(plotter.snapshots(series, {"loss": 0}), by, 0.6, view, *SIZE))
        taken[kind].append(time.process_time() - start)

    for turn in range(TIMES):
        plotter, view = Plotter(), View()
        draw("first")
        series["loss"].append(Sample("loss", 0.5, COUNT + turn, "step", 1.8e9 + 86400 + turn))
        draw("one sample more")
        view = replace(view, span=(turn * 1000.0, 500_000.0 + turn))
        draw("a move")
    return {kind: statistics.median(times) for kind, times in taken.items()}


class Known(Nobody):
    """Has one recording."""

    def __init__(self) -> None:
        self.recording = Recording({metric: grown(metric) for metric in METRICS})

    async def series(self, key: str) -> Recording:
        return self.recording


async def screen() -> tuple[float, float]:
    """The longest block of the event loop, by the clock and by the processor, while keys are pressed."""
    queue: asyncio.Queue[Event] = asyncio.Queue()

    async def events() -> AsyncIterator[Event]:
        while True:
            yield await queue.get()

    row = Row("r1", "here", "1", "long", JobState.RUNNING, run="r1", started=1.8e9, objective="loss")
    queue.put_nowait(TableSeen((row,), time.time()))
    app = Board(events, Known())
    blocks: list[tuple[float, float]] = []
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.pause(0.5)
        await pilot.press("enter")
        await pilot.pause(2.0)
        await pilot.press("j", "space", "j", "space", "j", "space")
        watching = asyncio.create_task(lateness(blocks))
        for number in range(4 * len(KEYS)):
            sample = Sample("loss", 0.5, COUNT + number, "step", 1.8e9 + 86400 + number)
            queue.put_nowait(Sampled("r1", (sample,), number=number))
            key = KEYS[number % len(KEYS)]
            app.post_message(Key(key, key if len(key) == 1 else None))
            await asyncio.sleep(0.1)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return max(late for late, _ in blocks), max(used for _, used in blocks)


def main() -> int:
    """Print all figures."""
    good = True
    for kind, seconds in drawing().items():
        good = good and seconds <= DRAW_BUDGET
        print(f"{COUNT:,} samples, {kind:<16} {seconds * 1000:>6.1f} ms")
    late, used = asyncio.run(screen())
    good = good and used <= BLOCK_BUDGET
    print(f"event loop blocked for {late * 1000:.1f} ms ({used * 1000:.1f} ms of processor) at most")
    print(f"budgets: drawing {DRAW_BUDGET * 1000:.0f} ms, event loop {BLOCK_BUDGET * 1000:.0f} ms of processor")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
