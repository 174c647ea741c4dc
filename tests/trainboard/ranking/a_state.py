"""A state folder with a sweep whose runs are over: what `docs/results.md` shows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.paths import paths
from trainboard.recording import series_path
from trainboard.records import Attempt, Experiment, Run
from trainboard.series import Sample
from trainboard.seriesfile import SeriesFile
from trainboard.store import Store
from trainboard.stored import Mark

if TYPE_CHECKING:
    from pathlib import Path

    from specs.model import Scalar
    from trainboard.paths import Paths

SPEC = """\
name: digits
command: python train.py --lr {lr} --opt {optim.name} --seed {seed}  # on one GPU
sweep:
  lr: [0.001, 0.003, 0.01, 0.03]  # decades
  optim.name: [adam, sgd]
  seeds: 3
resources: {gpus: 1}
metrics: {objective: val_loss}
"""
NOISE = (-0.013, 0.004, 0.011)
BEGAN = 1_790_000_000.0


def digits(folder: Path) -> Paths:
    """Twenty-four runs; one with sgd and the largest learning rate failed."""
    where = paths({"TRAINBOARD_HOME": str(folder)})
    source = folder / "digits.yaml"
    source.write_text(SPEC)
    records: list[Experiment | Run | Attempt] = [
        Experiment("digits-1", "digits", str(source), SPEC, BEGAN, objective="val_loss")
    ]
    settings = [(lr, opt, seed) for lr in (0.001, 0.003, 0.01, 0.03) for opt in ("adam", "sgd") for seed in (1, 2, 3)]
    for number, (lr, opt, seed) in enumerate(settings):
        state = JobState.FAILED if (lr, opt, seed) == (0.03, "sgd", 2) else JobState.COMPLETED
        run = f"digits-1.{number}"
        params: dict[str, Scalar] = {"lr": lr, "optim.name": opt, "seed": seed}
        records.append(Run(run, "digits-1", number, f"lr={lr},optim.name={opt},seed={seed}", params))
        times = BEGAN, BEGAN + 1, BEGAN + 600 + 60 * number
        records.append(Attempt(f"t{number}", run, 1, "gpu1", state, BEGAN, "", "1", *times))
        end = {0.001: 0.45, 0.003: 0.4, 0.01: 0.43, 0.03: 0.9}[lr] + 0.1 * (opt == "sgd") + NOISE[seed - 1] * (1 + lr)
        curve = [end + 1.0 / (1 + step) ** 2 - 0.01 for step in range(10)]
        samples = [Sample("val_loss", value, float(at), "epoch", BEGAN + at) for at, value in enumerate(curve)]
        SeriesFile(series_path(where.series, run, 1)).append("stdout", samples, Mark(1), complete=True)

    async def stored() -> None:
        store = Store(where.state)
        await store.change(lambda _: records)
        store.close()

    asyncio.run(stored())
    return where
