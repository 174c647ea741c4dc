"""How fast the results of ten thousand runs are a table, and are sorted: `python -m benchmarks.results`.

Real records and a real series file for each run. `python -m benchmarks.results FOLDER RUNS` leaves such a state in a
folder, to be looked at with `TRAINBOARD_HOME=FOLDER trainboard`,
and `python -m benchmarks.results FOLDER` measures it. Exit code 1 where a budget is broken.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.interpreter import responsive
from trainboard.paths import paths
from trainboard.ranking.columns import Column, Source, Words
from trainboard.ranking.standing import Standings
from trainboard.ranking.table import View, arrange, without_seeds
from trainboard.ranking.where import read
from trainboard.recording import series_path
from trainboard.records import Attempt, Experiment, Run
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.store import Store
from trainboard.stored import Mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from specs.model import Scalar
    from trainboard.documents import Records
    from trainboard.paths import Paths

RUNS = 10_000
STEPS = 20
OPEN_BUDGET = 1.0
SORT_BUDGET = 0.1
REPEATS = 3
BEGAN = 1_790_000_000.0
SPEC = """\
name: sweep
command: python train.py --lr {lr} --width {width} --opt {opt} --seed {seed}   # the network of the paper
sweep:
  method: random
  samples: 2000
  lr: {min: 1.0e-5, max: 0.1, distribution: log_uniform}   # decades
  width: [64, 128, 256, 512]
  opt: [adam, sgd, lion]
  dropout: {min: 0.0, max: 0.6}
  seeds: 5
resources: {gpus: 1, time: 2h}
metrics: {objective: val_loss}
"""


def made(folder: Path, count: int) -> Paths:
    """A state with one experiment of so many runs."""
    where, lot = paths({"TRAINBOARD_HOME": str(folder)}), random.Random(7)
    experiment = Experiment("sweep-1", "sweep", str(folder / "sweep.yaml"), SPEC, BEGAN, objective="val_loss")
    records: list[Experiment | Run | Attempt] = [experiment]
    for number in range(count):
        if not number % 5:
            lr, dropout = 10 ** lot.uniform(-5, -1), lot.uniform(0, 0.6)
            width, opt = lot.choice((64, 128, 256, 512)), lot.choice(("adam", "sgd", "lion"))
            centre = 0.3 + 0.15 * (math.log10(lr) + 2.7) ** 2 + 0.2 * (opt == "sgd") + 30 / width * 0.2
        params: dict[str, Scalar] = {
            "lr": float(f"{lr:.4g}"),
            "width": width,
            "opt": opt,
            "dropout": round(dropout, 3),
            "seed": number % 5 + 1,
        }
        state = JobState.FAILED if lot.random() < 0.03 else JobState.COMPLETED
        run = f"sweep-1.{number}"
        records.append(Run(run, "sweep-1", number, f"lr={params['lr']},seed={params['seed']}", params))
        started = BEGAN + 60 * number
        ended = started + lot.uniform(600, 6000)
        records.append(
            Attempt(
                f"t{number}",
                run,
                1,
                "gpu1",
                state,
                BEGAN,
                "",
                "1",
                BEGAN,
                started,
                ended,
                int(state is JobState.FAILED),
            )
        )
        end = centre + lot.gauss(0, 0.02)
        samples = []
        for step in range(STEPS):
            loss = end + 2 * math.exp(-step / 4)
            samples.append(Sample("train_loss", loss * 0.9, float(step), "epoch", started + step))
            samples.append(Sample("val_loss", loss, float(step), "epoch", started + step))
            samples.append(Sample("accuracy", max(0.0, 1 - loss / 3), float(step), "epoch", started + step))
        SeriesFile(series_path(where.series, run, 1)).append("stdout", samples, Mark(1), complete=True)
    (folder / "sweep.yaml").write_text(SPEC)
    asyncio.run(stored(where, records))
    return where


async def stored(where: Paths, records: list[Experiment | Run | Attempt]) -> None:
    """Put these into the store."""
    store = Store(where.state)
    await store.change(lambda _: records)
    store.close()


def least(work: Callable[[], object]) -> tuple[float, float]:
    """The least seconds of some tries, by clock and by processor."""
    took = []
    for _ in range(REPEATS):
        begun, used = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - begun, time.process_time() - used))
    return min(wall for wall, _ in took), min(used for _, used in took)


async def measured(where: Paths) -> int:
    """Print what each takes; 1 where it is too much, by processor time."""
    store = Store(where.state)
    records: Records = await store.load()
    begun = time.process_time()
    await Standings(where).of(records, ["sweep"])
    print(f"the first time, every series file read: {time.process_time() - begun:6.2f} s")
    used = []
    for _ in range(REPEATS):
        begun = time.process_time()
        standing = await Standings(where).of(records, ["sweep"])  # as another process does
        table = arrange(standing.found, View())
        used.append(time.process_time() - begun)
    found = standing.found
    assert len(table.lines) == len(records.runs)
    print(f"the table, in a new process:            {min(used):6.2f} s (budget {OPEN_BUDGET})")
    broken = min(used) > OPEN_BUDGET
    loss, lr = Column(Source.METRIC, "val_loss", "best"), Column(Source.PARAM, "lr")
    for name, view in (
        ("sorted by a metric", View(sort=loss)),
        ("sorted by a parameter", View(sort=lr)),
        ("filtered by a condition and sorted", View(read("lr>0.001 state=COMPLETED", Words(found)), sort=loss)),
    ):
        wall, spent = least(lambda view=view: arrange(found, view))  # type: ignore[misc]  # the view of this turn
        print(f"{name + ':':39} {spent * 1000:6.1f} ms (budget {SORT_BUDGET * 1000:.0f}; {wall * 1000:.1f} by clock)")
        broken |= spent > SORT_BUDGET
    _, spent = least(lambda: arrange(found, View(by=without_seeds(found))))
    print(f"seeds folded into {len(found.entries) // 5} lines:             {spent * 1000:6.1f} ms")
    return int(broken)


def main() -> int:
    """Measure in a folder that goes, or leave a state in one."""
    if len(sys.argv) == 3:
        made(Path(sys.argv[1]).absolute(), int(sys.argv[2]))
        return 0
    if len(sys.argv) == 2:
        with responsive():
            return asyncio.run(measured(paths({"TRAINBOARD_HOME": sys.argv[1]})))
    with tempfile.TemporaryDirectory() as folder:
        where = made(Path(folder), RUNS)
        with responsive():
            return asyncio.run(measured(where))


if __name__ == "__main__":
    sys.exit(main())
