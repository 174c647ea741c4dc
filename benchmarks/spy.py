"""What py-spy costs the program that it looks into, at 100 samples a second: `python -m benchmarks.spy`.

By processor time and as ratios, in one run: the rounds that a busy loop makes in so much of its own time, with and
without. Without pauses, as recordings are by default.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from backends.spy import Sampling
from backends.spybinary import installed

PAIRS = 8
BUDGET = 0.02
"""Of the speed of the program, and of a core for py-spy."""

PROGRAM = """
import time
def hot(count):
    total = 0
    for number in range(count):
        total += number * number
    return total
while True:
    begun, rounds = time.process_time(), 0
    while time.process_time() - begun < 0.6:
        hot(2000)
        rounds += 1
    print(rounds, flush=True)
"""


def main() -> int:
    """1 where py-spy is above its budget."""
    binary = installed()
    if binary is None:
        sys.stdout.write("py-spy is not installed: pip install 'trainboard[profile]'\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "py-spy"
        path.write_bytes(binary.content)
        path.chmod(0o700)
        with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as program:
            try:
                share = measured(program, path)
            finally:
                program.kill()
    return int(share > BUDGET)


def measured(program: subprocess.Popen[str], spy: Path) -> float:
    """The share of a core that py-spy takes; the program's own loss is said, but drowned by what else goes on."""
    ratios, shares = [], []
    for _ in range(PAIRS):
        alone = rounds(program)
        argv = [
            str(spy),
            "record",
            f"--pid={program.pid}",
            "--format=raw",
            "--output=/dev/null",
            *Sampling(100).words(),
        ]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as watching:
            rounds(program)  # until it has read the symbols
            begun, used = time.monotonic(), processor(watching.pid)
            ratios.append(rounds(program) / alone)
            shares.append((processor(watching.pid) - used) / (time.monotonic() - begun))
            watching.terminate()
        rounds(program)
    share, ratio = statistics.median(shares), statistics.median(ratios)
    sys.stdout.write(f"speed of the program {ratio:.3f}, py-spy {share:.1%} of a core (budget {BUDGET:.0%})\n")
    return share


def rounds(program: subprocess.Popen[str]) -> int:
    """How many it made in its next piece of time."""
    assert program.stdout is not None
    return int(program.stdout.readline())


def processor(pid: int) -> float:
    """Seconds of a processor that it has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    sys.exit(main())
