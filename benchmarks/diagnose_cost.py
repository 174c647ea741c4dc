"""What the rules over the training cost: `python -m benchmarks.diagnose_cost [samples] [runs]`.

One run of 100,000 samples of 20 metrics, taken step by step with a look at the findings after each: the budget is 1 %
of a core at 10 samples a second, 1 ms of processor time for a step. Then 1,000 runs of 2,000 samples each that are
there already, 4 metrics: the budget is 30 s.
"""

from __future__ import annotations

import random
import sys
import time
from typing import TYPE_CHECKING

from trainboard.diagnose.training import Diagnosis
from trainboard.series import Sample, Series, by_metric

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_STEP, REPLAY = 1e-3, 30.0
LAYERS = ("conv1.weight", "conv2.weight", "fc1.weight", "head.weight")
SAMPLES_OF_A_RUN = 2_000


def step(at: int, chance: random.Random) -> list[Sample]:
    """One step of a sound training: 8 metrics of the whole, 12 of its layers."""
    fall = (1 + at / 50) ** -0.5
    values = {
        "train_loss": 0.2 + 2.1 * fall + chance.gauss(0, 0.05),
        "val_loss": 0.3 + 2.0 * fall + chance.gauss(0, 0.01),
        "train_acc": 1 - 0.9 * fall,
        "val_acc": 0.95 - 0.85 * fall,
        "lr": 1e-3,
        "grad_norm": 1 + chance.random(),
        "samples_per_second": 900 + chance.gauss(0, 20),
        "gpu_memory": 12.0,
    }
    for layer in LAYERS:
        values[f"{layer}.norm"] = 5 + at * 1e-5
        values[f"{layer}.grad_norm"] = 0.1 + 0.1 * chance.random()
        values[f"{layer}.update_ratio"] = 1e-3 + 1e-4 * chance.random()
    return [Sample(name, value, float(at), "step") for name, value in values.items()]


def incremental(count: int) -> float:
    """Seconds of processor time for each step."""
    chance, diagnosis, used = random.Random(0), Diagnosis(), 0.0
    for at in range(count):
        samples = step(at, chance)
        before = time.process_time()
        diagnosis.take(samples)
        findings = diagnosis.findings()
        used += time.process_time() - before
        if findings:
            raise SystemExit(f"a sound training is said to have {findings[0].id} at step {at}")
    return used / count


def replay(runs: int) -> float:
    """Seconds of processor time for all of them."""
    series = list(_runs(min(runs, 10)))
    before = time.process_time()
    for at in range(runs):
        diagnosis = Diagnosis()
        diagnosis.take_series(series[at % len(series)])
        diagnosis.findings()
    return time.process_time() - before


def _runs(count: int) -> Iterator[dict[str, Series]]:
    for seed in range(count):
        chance = random.Random(seed)
        samples = (each for at in range(SAMPLES_OF_A_RUN) for each in step(at * 50, chance)[:4])
        yield by_metric(samples)


def main() -> int:
    """Print both; 1 where a budget does not hold."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    each = incremental(samples)
    share = each * 10 * 100
    print(
        f"{samples} steps of 20 metrics   {each * 1e6:8.1f} µs a step   {share:6.3f} % of a core at 10 steps a second"
    )
    whole = replay(runs)
    print(
        f"{runs} runs of {SAMPLES_OF_A_RUN} samples      {whole:8.2f} s in all   {whole / runs * 1e3:6.2f} ms a run"
    )
    return 0 if each <= PER_STEP and whole <= REPLAY else 1


if __name__ == "__main__":
    sys.exit(main())
