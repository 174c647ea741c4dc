"""Submitting many runs: a thousand to Slurm through its gateway, two hundred to the queue of an SSH host.

`python -m benchmarks.submit`: real sshd and real Slurm of tests/cluster, the code of `trainboard submit`, once inside
this process, where the event loop is watched, and once as the command. Exit code 1 where a budget is broken.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState
from benchmarks.event_loop import lateness
from benchmarks.queue import report
from specs.load import load
from tests.cluster import start, stop, up_already
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter
from trainboard.options import PLAIN
from trainboard.submit import submit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BLOCK_BUDGET = 0.050
"""Seconds for which the event loop may be busy at a time."""


@dataclass(frozen=True, slots=True)
class Load:
    """A sweep, and how long its submission may take."""

    backend: str
    runs: int
    budget: float
    spec: str
    """What its runs wait for."""


LOADS = (
    Load("triton", 1000, 30.0, "resources: {cpus: 1}\nslurm: {sbatch: [--begin=now+1hour]}\n"),
    Load("gpu1", 200, 20.0, "resources: {gpus: 1}\n"),
)
HOLDER = "name: holder\ncommand: exec sleep 3600\nresources: {gpus: 4}\n"
"""Has the GPUs of gpu1, all of them."""


@contextmanager
def user() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with a project, and the environment of a user of the cluster that is up, or of one for now."""
    by_hand = up_already()
    cluster = start()
    try:
        with tempfile.TemporaryDirectory(prefix="trainboard-submit-") as name:
            folder = Path(name)
            (folder / "home").mkdir()
            (folder / "project").mkdir()
            (folder / "project/train.py").write_text("print('loss=1')\n" * 1000)
            (folder / "home/config.yaml").write_text(
                "backends:\n"
                f"  triton: {{kind: slurm, host: gateway, root: {folder}/slurm}}\n"
                f"  gpu1: {{kind: ssh, root: {folder}/gpu1, leases: {folder}/leases}}\n"
            )
            own = {"TRAINBOARD_HOME": str(folder / "home"), "TRAINBOARD_SSH_CONFIG": str(cluster.ssh_config)}
            yield folder, {**os.environ, **own}
    finally:
        if not by_hand:
            stop(cluster.dir)


def command(environ: Mapping[str, str], *words: str) -> list[dict[str, object]]:
    """What a command of the program prints as JSON."""
    argv = [sys.executable, "-m", "trainboard", *words, "--json"]
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def check(states: list[str], load: Load) -> None:
    """A fast submission that did not take place is none."""
    if states != ["PENDING"] * load.runs:
        raise SystemExit(f"{load.backend}: {len(states)} runs, of these PENDING: {states.count('PENDING')}")


async def inside(spec: Path, environ: Mapping[str, str], load_: Load) -> tuple[float, list[tuple[float, float]]]:
    """Seconds of a submission in this process, and the blocks of its event loop (by clock, by processor)."""
    desk = open_desk(environ, TerminalPrompter())
    blocks: list[tuple[float, float]] = []
    async with desk.backends() as backends, desk.dispatcher(backends) as dispatcher:
        [chosen] = [each for each in backends if each.name == load_.backend]
        await chosen.jobs([])  # a board is connected by then
        watching = asyncio.create_task(lateness(blocks))
        began = time.monotonic()
        made = await submit(load(spec), [chosen], dispatcher, desk.archives, environ, PLAIN)
        took = time.monotonic() - began
        watching.cancel()
    check([attempt.state.value for _, attempt in made if attempt.job_id], load_)
    return took, blocks


def measure(folder: Path, environ: Mapping[str, str], load_: Load) -> list[bool]:
    """One load, both ways."""
    spec = folder / "project" / f"{load_.backend}.yaml"
    spec.write_text(
        f"name: {load_.backend}\ncommand: python train.py {{n}}\n"
        f"sweep: {{n: {list(range(load_.runs))}}}\nwhere: [{load_.backend}]\n{load_.spec}"
    )
    began = time.monotonic()
    rows = command(environ, "submit", str(spec))
    took = time.monotonic() - began
    check([str(row["state"]) for row in rows if row["job_id"]], load_)
    kept = [report(f"{load_.runs} runs to {load_.backend}, as a command", took, load_.budget, "s")]
    took, blocks = asyncio.run(inside(spec, environ, load_))
    kept.append(report(f"{load_.runs} runs to {load_.backend}, inside a program", took, load_.budget, "s"))
    longest = max(used for _, used in blocks)
    kept.append(report("  its event loop busy at most, by processor", longest, BLOCK_BUDGET, "s"))
    report("  and late at most, by clock", max(late for late, _ in blocks), None, "s")
    return kept


def main() -> int:
    """Measure and print; 1 where a budget is broken."""
    with user() as (folder, environ):
        (folder / "project/holder.yaml").write_text(HOLDER)
        try:
            command(environ, "submit", str(folder / "project/holder.yaml"), "--on", "gpu1")
            while command(environ, "show", "holder-1.0")["state"] != JobState.RUNNING:  # type: ignore[call-overload]  # a dict
                time.sleep(0.2)
            kept = [measure(folder, environ, each) for each in LOADS]
            return 0 if all(each for some in kept for each in some) else 1
        finally:
            experiments = {str(row["experiment"]) for row in command(environ, "ls", "--offline") if row["experiment"]}
            command(environ, "cancel", *sorted(experiments))


if __name__ == "__main__":
    sys.exit(main())
