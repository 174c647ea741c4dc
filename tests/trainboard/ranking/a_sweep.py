"""Runs with values, as a sweep leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.compare import Comparison, Entry, compare
from trainboard.records import Experiment
from trainboard.results import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specs.model import Scalar

EXPERIMENT = Experiment("x-1", "x", "/x.yaml", "", 0.0, objective="val_loss")


def an_entry(
    number: int,
    params: Mapping[str, Scalar],
    loss: float | None = None,
    state: JobState = JobState.COMPLETED,
    experiment: str = "x-1",
    **metrics: float,
) -> Entry:
    """A run with its loss; the last value is a tenth worse than the best."""
    values = {} if loss is None else {"val_loss": a_value(loss, state)}
    values |= {name: a_value(value, state) for name, value in metrics.items()}
    key = f"{experiment}.{number}"
    return Entry(key, f"name-{number}", state, params, 60.0 * (number + 1), values, experiment, gpu_hours=0.5)


def a_value(best: float, state: JobState) -> Value:
    last = best * 1.1
    return Value(last, best, last if state is JobState.COMPLETED else None)


def compared(*entries: Entry, aim: Experiment = EXPERIMENT) -> Comparison:
    return compare(entries, [aim])


def a_sweep() -> Comparison:
    """Three learning rates with four seeds each: 0.003 is best, 0.03 worst."""
    centres = {0.001: 0.45, 0.003: 0.41, 0.03: 0.8}
    noise = (-0.01, 0.004, 0.012, -0.002)
    return compared(
        *(
            an_entry(
                4 * at + seed, {"lr": lr, "optim.name": "adam" if seed % 2 else "sgd", "seed": seed}, y + noise[seed]
            )
            for at, (lr, y) in enumerate(centres.items())
            for seed in range(4)
        )
    )
