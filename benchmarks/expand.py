"""What a large sweep costs before it is sent: `python -m benchmarks.expand [runs]`.

Specs of ten thousand runs are read, checked and expanded: a grid, samples by lot, conditions, and one with everything
that a run can have. Exit code 1 where one takes longer than the budget, or where counting a sweep that is far too
large is not done at once.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.queue import report
from specs.expand import expand
from specs.load import errors, loads

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET = 1.0
"""Seconds for reading, checking and expanding."""
AT_ONCE = 0.1
"""Seconds for refusing what is too large."""
TRIES = 3
"""The best of so many counts: what else the machine does is no cost of ours."""

HEAD = "name: x\ncommand: python train.py --lr {lr} --hidden {hidden} {--momentum} --seed {seed}\n"
PARAMS = "params: {hidden: 64, data.name: wiki, data.path: '/data/${data.name}'}\n"
GRID = "sweep: {lr: {logspace: [1.0e-5, 1, 50]}, hidden: {range: [8, 168, 8]}, momentum: [0.9], seeds: %d}\n"
RANDOM = """\
sweep:
  method: random
  lr: {min: 1.0e-5, max: 1, distribution: log_uniform}
  hidden: {min: 8, max: 512, distribution: log_int}
  momentum: {values: [0.9, 0.99], when: {opt: sgd}}
  opt: {choice: [sgd, adam], weights: [1, 3]}
  seeds: 2
  samples: %d
"""
WHEN = """\
sweep:
  lr: {linspace: [0.001, 0.1, 50]}
  opt: [sgd, adam, rmsprop]
  momentum: {values: [0.5, 0.9, 0.99], when: {opt: sgd}}
  decay: {mean: 0.1, std: 0.01}
  exclude: [{opt: rmsprop, seed: 1}]
  seeds: %d
  shuffle: true
"""
MUCH = """\
env: {OMP_NUM_THREADS: 4, OUT: "/scratch/{run}/${data.name}"}
outputs: {checkpoint: "ckpt/{run}/*.pt", collect: ["out/{run}.csv"]}
inputs: ["/data/{data.name}"]
"""
HUGE = """\
sweep: {lr: {range: [0, 1000]}, hidden: {range: [0, 1000]}, depth: {range: [0, 1000]}, momentum: [0.9], seeds: 10}
"""


def best(work: Callable[[], object]) -> float:
    """Seconds of this process that it takes."""
    took = []
    for _ in range(TRIES):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def bench(name: str, text: str, runs: int) -> bool:
    """Read, check and expand a text."""
    found = len(expand(loads(text, Path("x.yaml"))))
    took = best(lambda: expand(loads(text, Path("x.yaml"))))
    return report(f"{name}: {found:,} runs of {runs:,} checked, read and expanded", took, BUDGET, "s")


def refused() -> bool:
    """Count a sweep of ten thousand millions."""
    said = [error.message for error in errors(HEAD + HUGE, Path("x.yaml"))]
    took = best(lambda: errors(HEAD + HUGE, Path("x.yaml")))
    name = "10,000,000,000 runs counted and refused"
    return report(name, took, AT_ONCE, "s") and any("10,000,000,000 runs" in each for each in said)


def main() -> int:
    """1 where a budget is broken."""
    runs = int(sys.argv[1]) if sys.argv[1:] else 10_000
    kept = [
        bench("grid", HEAD + PARAMS + GRID % (runs // 1000), runs),
        bench("samples by lot", HEAD + PARAMS + RANDOM % (runs // 2), runs),
        bench("conditions", HEAD + PARAMS + WHEN % (runs // 250), runs),
        bench(
            "everything",
            HEAD.replace("train.py", "train.py {params_file} --yaml {params_file.yaml} {args}")
            + PARAMS
            + MUCH
            + GRID % (runs // 1000),
            runs,
        ),
        refused(),
    ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
