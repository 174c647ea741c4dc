"""What typing into a large spec costs: `python -m benchmarks.editor [lines]`.

Headless, 200x50: keys go into the text of a spec while it is checked, its words offered and its runs shown. Exit code
1 where the event loop or a key's frame is kept waiting for longer than the budget.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from textual.events import Key

from benchmarks.event_loop import BLOCK_BUDGET, FRAME_BUDGET, lateness
from benchmarks.idle import Nobody, nothing
from trainboard.interpreter import responsive
from tui.app import Board
from tui.screens.specs import SpecsScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES = 500
TYPED = "weight_decay: 0.001\n"
TIMES = 6
PERIOD = 0.06
"""Seconds between two keys: a fast typist."""


class Files(Nobody):
    """Offers one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def spec_files(self) -> Sequence[Path]:
        return (self._path,)


def spec_of(lines: int) -> str:
    """A spec of so many lines, with blocks, comments, flow, 30 parameters and 200 runs."""
    part = lines // 3
    return "".join(
        [
            "name: large\ncommand: python train.py {args}\nsetup: |\n",
            *(f"  export STEP_{i}=$((STEP_{i} + 1))  # step {i}\n" for i in range(part)),
            "env:\n",
            *(f'  VARIABLE_{i}: "{i}"  # of {i}\n' for i in range(part)),
            "sweep:\n  lr: [0.1, 0.2, 0.3, 0.4, 0.5]\n  batch: [16, 32, 64, 128]\n  seeds: 10\n",
            *(f"# what was tried before, and why it was given up: {i}\n" for i in range(lines - 2 * part - 24)),
            "params:\n",
            *(f"  layer_{i}: {{width: {i}, name: 'l{i}'}}\n" for i in range(15)),
        ]
    )


async def measure(path: Path) -> tuple[list[tuple[float, float]], list[float], list[float]]:
    """Blocks of the loop (by clock, by processor), key-to-frame times, and from the last key to what the text is."""
    app = Board(nothing, Files(path))
    blocks: list[tuple[float, float]] = []
    frames: list[float] = []
    checks: list[float] = []
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.press("n")
        screen = app.screen
        assert isinstance(screen, SpecsScreen)
        await screen.settled()
        await pilot.press("e")
        screen.editor.move_cursor((screen.editor.document.line_count - 1, 0))
        await pilot.pause(0.5)
        watching = asyncio.create_task(lateness(blocks))
        for _ in range(TIMES):
            for letter in f"  {TYPED}":
                frames.append(await key_to_frame(app, screen, letter))
                await asyncio.sleep(PERIOD)
            began = time.perf_counter()
            await screen.settled()
            checks.append(time.perf_counter() - began)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return blocks, frames, checks


async def key_to_frame(app: Board, screen: SpecsScreen, letter: str) -> float:
    """Seconds from a key to the frame that has it."""
    before, painted = screen.editor.text, asyncio.Event()
    name = {"\n": "enter", " ": "space"}.get(letter, letter)
    start = time.perf_counter()
    app.post_message(Key(name, None if name == "enter" else letter))
    while screen.editor.text == before and time.perf_counter() < start + 1:  # noqa: ASYNC110 - the frame is timed
        await asyncio.sleep(0)
    screen.editor.call_after_refresh(painted.set)
    await painted.wait()
    return time.perf_counter() - start


def main() -> int:
    lines = int(sys.argv[1]) if sys.argv[1:] else LINES
    with tempfile.TemporaryDirectory() as folder, responsive():
        path = Path(folder) / "large.yaml"
        path.write_text(spec_of(lines))
        blocks, frames, checks = asyncio.run(measure(path))
    late, used = sorted(block[0] for block in blocks), max(block[1] for block in blocks)
    frames.sort()
    p50, p99 = frames[len(frames) // 2], frames[int(len(frames) * 0.99)]
    print(f"{lines} lines, {len(frames)} keys")
    print(f"event loop blocked: p99.9 {late[int(len(late) * 0.999)] * 1000:.1f} ms, longest {late[-1] * 1000:.1f} ms")
    print(f"  of it this thread at work: {used * 1000:.1f} ms (budget {BLOCK_BUDGET * 1000:.0f} ms)")
    print(f"key to frame: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms (budget {FRAME_BUDGET * 1000:.0f} ms)")
    print(f"last key to runs or errors: at most {max(checks) * 1000:.0f} ms, in a thread of its own")
    return 0 if used <= BLOCK_BUDGET and p99 <= FRAME_BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
