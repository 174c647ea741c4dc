"""How soon the board is on the screen, against a bare Textual app with one table.

`python -m benchmarks.first_paint [rounds]`: each round starts both, one after the other, in a terminal of their
own, and takes the time from the start of the process until its first frame is out. Exit code 1 where the budget is
broken.
"""

from __future__ import annotations

import os
import pty
import signal
import statistics
import sys
import tempfile
import time

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


def first_paint(program: str, word: bytes, home: str) -> float:
    """Seconds from the start of the process until this word is on its terminal."""
    start = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="200", LINES="50", TRAINBOARD_HOME=home)
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
        os.waitpid(child, 0)
        os.close(terminal)
    return painted


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    bare, board = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(rounds + 1):
            bare.append(first_paint(BARE, b"RUNNING", home))
            board.append(first_paint(BOARD, b"Asking the hosts", home))
    del bare[0], board[0]  # they filled the disk cache
    ratio = statistics.median(board) / statistics.median(bare)
    print(f"{'':12}  median    best")
    for name, times in (("bare Textual", bare), ("board", board)):
        print(f"{name:12}  {statistics.median(times) * 1000:5.0f} ms  {min(times) * 1000:5.0f} ms")
    best = min(board) / min(bare)
    print(f"ratio of the medians {ratio:.2f}, of the best {best:.2f}; budget {BUDGET} ({rounds} rounds)")
    return 0 if ratio <= BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
