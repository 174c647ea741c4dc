"""What runs came to, and how far they had come at each rung: from their stored series. Blocks: it reads files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from specs.model import Unit
from trainboard.extract.names import Kind, index_word, kind, objective
from trainboard.recording import MOST, recorded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from specs.model import Asha
    from trainboard.recording import Recording
    from trainboard.records import Attempt, Experiment, Run
    from trainboard.series import Series

WORDS: Mapping[Unit, Kind] = {Unit.EPOCHS: Kind.EPOCH, Unit.STEPS: Kind.STEP}
"""Which index words each unit stands for."""


def objective_in(series: Mapping[str, Series], experiment: Experiment) -> Series | None:
    """The objective's series; None where it was not printed."""
    name = objective(list(series), experiment.objective)
    return series[name] if name is not None and len(series[name]) else None


def value_of(folder: Path, experiment: Experiment, run: Run, attempt: Attempt) -> tuple[float | None, Recording]:
    """The best value of a run's objective, None where it has none or the last one is no number; and all it told.

    Raises `OSError`.
    """
    recording = recorded(folder, run.id, attempt.number, most=MOST)
    series = objective_in(recording, experiment)
    if series is None:
        return None, recording
    last, best = series.last, series.best(experiment.goal)
    good = last is not None and best is not None and math.isfinite(last) and math.isfinite(best)
    return best if good else None, recording


def rungs_of(folder: Path, experiment: Experiment, run: Run, attempt: Attempt, asha: Asha) -> list[float | None]:
    """The best value until each rung that a run has reached; None where there is no number. Raises `OSError`."""
    series = objective_in(recorded(folder, run.id, attempt.number, most=MOST), experiment)
    return [] if series is None else reached(series, experiment.goal, asha, attempt.started)


def reached(series: Series, goal: str, asha: Asha, started: float | None = None) -> list[float | None]:
    """The best value until each rung of `asha` that a series has reached. Pure."""
    import numpy as np

    steps, values, walls = series.current()
    if asha.unit is Unit.SECONDS:
        known = walls[~np.isnan(walls)]
        if not len(known):
            return []
        places = walls - (known[0] if started is None else min(started, known[0]))
    elif counts(series.index, asha.unit):
        places = steps
    else:
        return []
    if not len(places):
        return []
    far, found = float(np.fmax.reduce(places)), list[float | None]()
    reduce = np.fmax.reduce if goal == "maximize" else np.fmin.reduce
    for rung in asha.rungs:
        if far < rung:
            break
        until = values[places <= rung]
        best = float(reduce(until if len(until) else values[:1], initial=math.nan))
        found.append(best if math.isfinite(best) else None)
    return found


def counts(index: str, unit: Unit) -> bool:
    """Whether an index word counts in a unit; one that the program does not print counts in none."""
    if not index:
        return False
    return index in (unit, str(unit).removesuffix("s")) or kind(index_word(index) or index) is WORDS.get(unit)
