"""The rhythm of a run's lines: how long it was silent between two of them, how much it did, and what else. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainboard.durations import is_evaluation
from trainboard.forecast import REGULAR, SCALES, kinds, usual_pace
from trainboard.pace import MOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trainboard.series import Series

    Column = NDArray[np.float64]
    Bools = NDArray[np.bool_]

SKEW = 60.0
"""Seconds that the clock of what the program prints may be wrong; beyond, it is in another time zone."""

RESOLUTION = 0.05
"""Seconds: lines that lie closer come together."""

ENOUGH = 10_000
"""Gaps, of many evenly spaced ones, that tell what is usual."""

FAR = 10.0
"""A silence is no part of the work that is so many times as long as is usual, and not at regular distances."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The gaps between lines; each array has an entry for each gap."""

    begin: float
    """When the first line came, seconds since the epoch."""
    first: float
    """Work that was done until then, as far as it was done in this attempt."""
    ends: Column
    gaps: Column
    """Seconds."""
    work: Column
    """Steps, or epochs, that were done in it; 0 where it began again."""
    evaluated: Bools
    """It ends with a result on validation data."""
    restarted: Bools
    """It ends further back than it began."""
    unit: str
    """What `work` counts; empty: lines."""
    pace: float
    """Seconds for a unit of work, usually; 0 where none was done."""
    over: Column
    """How much longer than its work usually takes each gap was; 0 where that is nothing special."""


def rhythm(series: Mapping[str, Series], started: float | None) -> Rhythm | None:
    """That of the newest attempt, which `started` then; None where there are no moments, or but one."""
    leading = leader(series, started)
    if leading is None:
        return None
    moments, steps = leading.walls, leading.steps
    known = (np.abs(moments) < MOST) & (np.abs(steps) < MOST)
    own = known & (moments >= started - SKEW) if started is not None else known
    if not own.any():  # another time zone
        own = known
    moments, steps = moments[own], steps[own]
    rising = moments >= np.maximum.accumulate(moments) if len(moments) else own[:0]
    moments, steps = moments[rising], steps[rising]
    if len(moments) < 2:
        return None
    walls = [each.walls for name, each in series.items() if is_evaluation(name) and each is not leading]
    judged = np.sort(np.concatenate(walls), kind="stable") if walls else moments[:0]
    judged = judged[(judged >= moments[0]) & (judged < MOST)]
    among = np.searchsorted(moments, judged, side="right")
    everything = np.insert(moments, among, judged)
    last = np.flatnonzero(np.append(np.diff(everything) > RESOLUTION, True))
    if len(last) < 2:
        return None
    lines = everything[last]
    reached = np.insert(steps, among, steps[among - 1])[last]
    results = np.insert(np.zeros(len(moments), np.bool_), among, True)
    evaluated = np.logical_or.reduceat(results, np.append(0, last[:-1] + 1))
    gaps, work = np.diff(lines), np.diff(reached)
    usual = float(np.median(work[work > 0])) if (work > 0).any() else 0.0
    pace, over = excess(gaps, work)
    return Rhythm(
        begin=float(lines[0]),
        first=min(float(steps[0]), usual) + float(reached[0] - steps[0]),
        ends=lines[1:],
        gaps=gaps,
        work=np.maximum(work, 0.0),
        evaluated=evaluated[1:],
        restarted=work < 0,
        unit=leading.index,
        pace=pace,
        over=over,
    )


def excess(gaps: Column, work: Column) -> tuple[float, Column]:
    """`Rhythm.pace` and `Rhythm.over`."""
    moving = np.flatnonzero(work > 0)
    if not len(moving):
        return 0.0, gaps
    some = moving[:: max(1, len(moving) // ENOUGH)]
    pace = usual_pace(gaps[some], work[some])
    over = gaps - pace * np.maximum(work, 0.0)
    usual = float(np.median(np.abs(over[some])))
    special = (work <= 0) | (over > np.maximum(SCALES * usual, gaps / 2))
    return pace, np.where(special, np.maximum(over, 0.0), 0.0)


def leader(series: Mapping[str, Series], started: float | None = None) -> Series | None:
    """The metric that tells most of when what was done: of training, with an index that is printed, often printed."""
    timed = {name: each for name, each in series.items() if len(each) and np.isfinite(each.walls[-1])}
    if not timed:
        return None
    best = max(timed, key=lambda name: (not is_evaluation(name), bool(timed[name].index), len(timed[name])))
    return timed[best]


def spent(found: Rhythm, started: float | None, until: float, checkpoints: Sequence[float]) -> dict[str, float]:
    """Seconds of each part, inferred from the moments alone; they sum up to the whole time since it `started`."""
    over, pace = found.over, found.pace
    saved = np.zeros(len(over), np.bool_)
    within = [each for each in checkpoints if found.begin < each <= found.ends[-1]]
    saved[np.searchsorted(found.ends, within)] = True
    evaluation, checkpoint = shared(over, found.evaluated, saved)
    rest = over - evaluation - checkpoint
    idle = far(found, rest)
    beginning = found.restarted.copy()
    beginning[0] |= not (found.evaluated[0] or saved[0] or idle[0])
    if found.ends[-1] > until + SKEW or found.begin < (started or 0.0) - SKEW:  # another time zone
        started, until = None, float(found.ends[-1])
    parts = {
        "start-up": float(rest[beginning].sum()),
        "step": float((found.gaps - over).sum()),
        "evaluation": float(evaluation.sum()),
        "checkpoint": float(checkpoint.sum()),
        "idle": float(rest[idle & ~beginning].sum()),
        "other": float(rest[~idle & ~beginning].sum()),
    }
    if started is not None:
        before = max(0.0, found.begin - started)
        worked = min(before, pace * found.first)
        parts["step"] += worked
        parts["start-up"] += before - worked
    silent = max(0.0, until - float(found.ends[-1]))
    usual = min(silent, pace * float(np.median(found.work[-32:])))
    end = silent - usual
    last = "checkpoint" if any(found.ends[-1] < each <= until for each in checkpoints) else "other"
    parts["step"] += usual
    parts["idle" if end > FAR * float(found.gaps.max()) else last] += end
    return parts


def shared(over: Column, evaluated: Bools, saved: Bools) -> tuple[Column, Column]:
    """Of each gap the seconds of evaluation and of saving; where both were, the first as long as it is alone."""
    evaluation, checkpoint = np.where(evaluated, over, 0.0), np.where(saved & ~evaluated, over, 0.0)
    both, alone = evaluated & saved, evaluated & ~saved & (over > 0)
    if both.any() and alone.any():
        evaluation[both] = np.minimum(over[both], np.median(over[alone]))
        checkpoint[both] = over[both] - evaluation[both]
    return evaluation, checkpoint


def far(found: Rhythm, rest: Column) -> Bools:
    """In which gaps nothing went on: far longer than usual, and not at regular distances."""
    silent = rest > FAR * float(np.median(found.gaps[:: max(1, len(rest) // ENOUGH)]))
    done = np.cumsum(found.work)
    for kind in kinds(rest, silent):
        between = np.diff(done[kind], prepend=0.0)
        if len(kind) > 2 and between.std() < REGULAR * between.mean():
            silent[kind] = False
    return silent
