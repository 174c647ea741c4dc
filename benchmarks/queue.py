"""The queue of a host without a scheduler: what waiting costs, and how soon a freed GPU is taken.

`python -m benchmarks.queue`: four GPUs by a replayed nvidia-smi, 200 waiting runs, real waiters. Exit code 1 where a
budget is broken.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.backends.queues import Server, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.backends.queues import Run

WAITING = 200
SECONDS = 30.0
SETTLED = 65.0
"""By then even the last one has taken note of the others."""
CORE_BUDGET = 0.02
"""Of one core, for all that wait together."""
LAUNCH_BUDGET = 20.0
TAKEN_BUDGET = 3.0
ROUNDS = 4


def processor_time(runs: Sequence[Run]) -> float:
    """Seconds that the waiters have used."""
    ticks = 0
    for run in runs:
        fields = Path(f"/proc/{run.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def private_memory(runs: Sequence[Run]) -> float:
    """MiB that the waiters have for themselves, on the average."""
    total = 0
    for run in runs:
        for line in Path(f"/proc/{run.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_"):
                total += int(line.split()[1])
    return total / 1024 / len(runs)


def report(name: str, value: float, budget: float | None, unit: str) -> bool:
    """Print one result; whether it keeps its budget."""
    kept = budget is None or value <= budget
    limit = "" if budget is None else f"   (budget {budget:g}{'' if kept else ': BROKEN'})"
    sys.stdout.write(f"{name:<58}{value:8.3f} {unit}{limit}\n")
    sys.stdout.flush()
    return kept


def taken(freed: Sequence[Run], waiting: Sequence[Run]) -> float:
    """End these runs by a signal; seconds until as many of those that wait have begun."""
    before = {run.token for run in waiting if run.begun}
    at = time.monotonic()
    for run in freed:
        run.kill()
    fresh: list[Run] = []

    def all_taken() -> bool:
        fresh[:] = [run for run in waiting if run.token not in before and run.begun]
        return len(fresh) >= len(freed)

    until(all_taken, within=60)
    return max(float(run.record("started")["time"]) for run in fresh) - at


def main() -> int:
    """Measure and print; 1 where a budget is broken."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), gpus=4)
        try:
            return measure(server)
        finally:
            server.close()


def measure(server: Server) -> int:
    """All of it, on a server that is ready."""
    busy = [server.began(f"busy{n}") for n in range(4)]
    waiting = [server.run(f"w{n:03d}") for n in range(WAITING)]
    begun = time.monotonic()
    server.launch(*waiting)
    kept = [report(f"{WAITING} runs come into the queue", time.monotonic() - begun, LAUNCH_BUDGET, "s")]
    until(lambda: all("GPU 3" in run.reason for run in waiting), within=60)
    time.sleep(SETTLED)
    before = processor_time(waiting), time.monotonic()
    time.sleep(SECONDS)
    used = (processor_time(waiting) - before[0]) / (time.monotonic() - before[1])
    kept.append(report(f"{WAITING} wait while nothing changes", used, CORE_BUDGET, "cores"))
    report("private memory of one that waits", private_memory(waiting), None, "MiB")
    running = list(busy)
    worst = 0.0
    for _ in range(ROUNDS):
        worst = max(worst, taken(running[:1], waiting))
        running = [run for run in (*busy, *waiting) if run.begun and run.living]
    kept.append(report(f"until a freed GPU is taken, worst of {ROUNDS}", worst, TAKEN_BUDGET, "s"))
    worst = 0.0
    for _ in range(ROUNDS):
        worst = max(worst, taken(running, waiting))
        running = [run for run in waiting if run.begun and run.living]
    kept.append(report(f"until four freed at once are all taken, worst of {ROUNDS}", worst, TAKEN_BUDGET, "s"))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
