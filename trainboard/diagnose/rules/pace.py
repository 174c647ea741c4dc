"""Rules about what the run needs while it goes on: time for a step, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Finding, Severity
from trainboard.diagnose.rules.conditions import digits

if TYPE_CHECKING:
    from trainboard.diagnose.signal import Column, Signal
    from trainboard.diagnose.view import View

SAMPLES = 40
SLOWER, FALLING = 0.8, -0.6
LARGER, RISING = 1.2, 0.8
STRAIGHT_LARGER, STRAIGHT, MANY = 1.1, 0.99, 100


def throughput_drop(view: View) -> Finding | None:
    """The training gets slower and slower.

    Trigger: the median of the newest quarter of the throughput is below 0.8 of that of the oldest, the first
    twentieth aside, and it falls steadily (rank correlation with time below -0.6); or the same of the time of a step.
    Defaults: 40 samples.
    Source: runmedic.
    Advice: look for tensors that are kept over steps, a log that grows, a cache or a disk that fills, other users.
    """
    for signal, turned in ((view.throughput, False), (view.step_time, True)):
        found = None if signal is None else _ends(signal)
        if found is None or signal is None:
            continue
        values, old, new = found
        if turned and old > 0 and new > 0:
            values, ratio = -values, old / new
        else:
            ratio = new / old if old > 0 else 1.0
        if ratio < SLOWER and _rank_correlation(values) < FALLING:
            return Finding(
                "throughput_drop",
                Severity.WARNING,
                "the training gets slower",
                f"{signal.metric} was {digits(old)} and is {digits(new)}: {digits(100 * ratio)} % of its pace.",
                "Look for tensors that are kept over steps, a disk that fills, and other users of the machine.",
                {"first": old, "now": new},
                index=signal.index,
                metric=signal.metric,
            )
    return None


def memory_growth(view: View) -> Finding | None:
    """The memory in use grows all the time.

    Trigger: the newest quarter is 1.2 times the oldest one or more, the first twentieth aside, and it rises steadily
    (rank correlation with time of 0.8 or more), in the newer half too; 1.1 times where it rises in a straight line
    (correlation of 0.99).
    Defaults: 40 samples; 100 of a straight line.
    Source: runmedic; SageMaker Debugger's GPUMemoryIncrease.
    Advice: look for losses that are summed up with their graphs (use `.item()`), and lists that grow.
    """
    signal = view.memory
    found = None if signal is None else _ends(signal)
    if signal is None or found is None:
        return None
    values, old, new = found
    newer = values[len(values) // 2 :]
    if old <= 0 or new < STRAIGHT_LARGER * old or min(_rank_correlation(values), _rank_correlation(newer)) < RISING:
        return None
    if new < LARGER * old and (signal.count < MANY or min(_straightness(values), _straightness(newer)) < STRAIGHT):
        return None
    return Finding(
        "memory_growth",
        Severity.WARNING,
        "memory grows",
        f"{signal.metric} was {digits(old)} and is {digits(new)}, and still grows.",
        "Look for losses that are summed up with their graphs (use .item()), and for lists that grow.",
        {"first": old, "now": new},
        index=signal.index,
        metric=signal.metric,
    )


def _ends(signal: Signal) -> tuple[Column, float, float] | None:
    """The samples without the first twentieth, and the medians of the oldest and the newest quarter of them."""
    if signal.count < SAMPLES:
        return None
    values = signal.history.means[len(signal.history.means) // 20 :]
    quarter = max(1, len(values) // 4)
    return values, float(np.median(values[:quarter])), float(np.median(values[-quarter:]))


def _straightness(values: Column) -> float:
    """The correlation with time."""
    return float(np.corrcoef(values, np.arange(len(values)))[0, 1])


def _rank_correlation(values: Column) -> float:
    """Spearman's, with time; ties take the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    if len(counts) < 2:
        return 0.0
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])
