"""How soon the board is on the screen, against a bare Textual app with one table.

`python -m benchmarks.first_paint [rounds]`: each round starts both, one after the other, in a terminal of their
own, and takes the time from the start of the process until its first frame is out, by the clock and of the processor.
Python's byte code is there from a round before, as after any first start. Exit code 1 where the budget is broken by
the processor's time, which says little of what else the machine does.
"""

from __future__ import annotations

import os
import pty
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from operator import truediv

BUDGET = 1.25
ROUNDS = 11

BARE = """
from textual.app import App
from textual.widgets import DataTable

class Bare(App):
    def compose(self):
        yield DataTable()

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("state", "name")
        table.add_row("RUNNING", "one")

Bare().run()
"""

BOARD = "import sys; sys.argv[1:] = []; from trainboard.__main__ import main; main()"
"""The command as a user starts it, with no config."""


@dataclass(frozen=True, slots=True)
class Paint:
    """Seconds until a first frame."""

    clock: float
    processor: float


def first_paint(program: str, word: bytes, home: str) -> Paint:
    """From the start of the process until this word is on its terminal."""
    start = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ.update(TERM="xterm-256color", COLUMNS="200", LINES="50")
        os.environ.update(TRAINBOARD_HOME=home, PYTHONPYCACHEPREFIX=f"{home}/bytecode")
        os.execv(sys.executable, [sys.executable, "-c", program])
    seen = b""
    try:
        while word not in seen:
            seen += os.read(terminal, 65_536)
    except OSError as error:
        raise SystemExit(f"it ended without a frame: {seen[-2000:].decode(errors='replace')}") from error
    finally:
        painted = time.perf_counter() - start
        os.kill(child, signal.SIGKILL)
        used = os.wait4(child, 0)[2]
        os.close(terminal)
    return Paint(painted, used.ru_utime + used.ru_stime)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    bare, board = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(rounds + 1):
            bare.append(first_paint(BARE, b"RUNNING", home))
            board.append(first_paint(BOARD, b"Asking the hosts", home))
    del bare[0], board[0]  # they filled the disk cache
    ratios = {}
    for by, of in (("clock", lambda paint: paint.clock), ("processor", lambda paint: paint.processor)):
        plain, ours = list(map(of, bare)), list(map(of, board))
        for name, times in (("bare Textual", plain), ("board", ours)):
            print(f"{name:12} by {by:9} {statistics.median(times) * 1000:5.0f} ms, best {min(times) * 1000:5.0f} ms")
        ratios[by] = statistics.median(map(truediv, ours, plain))
        print(f"ratio by {by:9} {ratios[by]:.2f}, of the best {min(ours) / min(plain):.2f}")
    print(f"budget {BUDGET} (median of {rounds} rounds)")
    return 0 if ratios["processor"] <= BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
