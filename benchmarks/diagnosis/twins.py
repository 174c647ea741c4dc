"""Whether a fault took hold: its training is held against the sound one of its kind, of three seeds.

Where a faulty training ends no worse than the sound ones, by nothing that it prints, there is nothing to be found:
it is listed, and not counted. No worse is: no loss, at the end or at its highest, is above that of the worst sound
one by more than the sound ones differ, or by a twentieth; no accuracy is below and no memory above by as much; and
no loss is nonsense, a twentieth of the best one or less.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.diagnosis.score import growth, without_layers
from trainboard.diagnose.roles import Use, use

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.diagnosis.blind2 import Program

LEAST, NONSENSE = 0.05, 0.05
WORSE = {
    Use.LOSS: 1,
    Use.PART: 1,
    Use.VAL_LOSS: 1,
    Use.MEMORY: 1,
    Use.ACCURACY: -1,
    Use.VAL_ACCURACY: -1,
    Use.REWARD: -1,
}
"""What of a metric is worse: more, or less."""
Ends = dict[tuple[str, str], float]
"""Of each metric with a worse side: how it ends, and how bad it was after the first tenth; the more, the worse."""


def sound_of(program: Program) -> Program:
    """The sound training that a faulty one is held against."""
    name = f"{program.program.__name__}-sound"
    return replace(program, id=name, what="", right=frozenset(), from_log=frozenset(), settings=program.sound)


def ends_of(log: str) -> Ends:
    """How a training ended, by what it printed of itself."""
    values: dict[str, list[float]] = defaultdict(list)
    for sample in next(growth(without_layers(log), 1)):
        values[sample.metric].append(sample.value)
    ends: Ends = {}
    for metric, each in values.items():
        role = use(metric)
        if role in WORSE:
            curve = WORSE[role] * np.array(each)
            newest = curve[-max(1, len(curve) // 10) :]
            ends[metric, "end"] = float(np.median(newest)) if np.isfinite(curve).all() else math.inf
            ends[metric, "worst"] = float(curve[len(curve) // 10 :].max()) if WORSE[role] > 0 else -math.inf
    return ends


def took_hold(faulty: Ends, sound: Sequence[Ends]) -> bool:
    """Whether a training is worse than the sound ones in anything that all of them print."""
    shared = [key for key in faulty if all(key in each for each in sound)]
    return not shared or any(_worse(faulty[key], [each[key] for each in sound]) for key in shared)


def _worse(value: float, sound: Sequence[float]) -> bool:
    low, high = min(sound), max(sound)
    if value == high or not math.isfinite(low):
        return False
    nonsense = low > 0 and value < NONSENSE * low
    return nonsense or not value <= high + max(high - low, LEAST * abs(high))
