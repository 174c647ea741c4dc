"""How soon a line that a Slurm job writes is on the screen: real board, real keys, real cluster.

`python -m benchmarks.log_line` starts the test cluster if it is not up, runs a job that prints the time ten times,
and reads the terminal every 20 ms. Exit code 1 where the budget is broken.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import cluster as servers
from tests.terminal import Terminal

BUDGET = 1.0
"""Seconds."""

LINES = 10
SPEC = f"""\
name: clock
command: sleep 4; for i in $(seq {LINES}); do date +written=%s.%N; sleep 1.3; done; sleep 5
"""


def main() -> int:
    """Submit, watch the log, print how late each line was."""
    was_up = servers.up_already()
    cluster = servers.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            late = measure(cluster, Path(folder))
    finally:
        if not was_up:
            servers.stop()
    print(f"{len(late)} lines: {min(late):.2f} to {max(late):.2f} s after they were written; budget {BUDGET:g} s")
    return 0 if len(late) == LINES and max(late) <= BUDGET else 1


def measure(cluster: servers.Cluster, folder: Path) -> list[float]:
    """Seconds from the writing of each line until it was read off the screen."""
    root = folder / "runs"
    (folder / "config.yaml").write_text(f"backends: {{triton: {{kind: slurm, host: gateway, root: {root}}}}}\n")
    (folder / "clock.yaml").write_text(SPEC)
    environ = {"TRAINBOARD_HOME": str(folder), "TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)}
    command = [sys.executable, "-m", "trainboard"]
    subprocess.run([*command, "submit", "clock.yaml"], cwd=folder, env=os.environ | environ, check=True)
    terminal = Terminal(folder, command, environ, (120, 40))
    seen: dict[str, float] = {}
    try:
        terminal.until("clock-1")
        terminal.press("l")
        deadline = time.monotonic() + 60
        while len(seen) < LINES and time.monotonic() < deadline:
            for stamp in re.findall(r"written=([\d.]+)", terminal.screen()):
                seen.setdefault(stamp, time.time())
            time.sleep(0.02)
    finally:
        terminal.close()
    return [at - float(stamp) for stamp, at in seen.items()]


if __name__ == "__main__":
    sys.exit(main())
