"""Runs that never ran: when each of their lines would have come, for rhythms as real trainings have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Column = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """A run of `total` steps that is done at `end`, and its lines."""

    moments: Column
    work: Column
    total: float
    end: float

    def at(self, shares: tuple[float, ...]) -> Iterator[tuple[int, float]]:
        """How many lines there are at these shares of what it does, and the seconds that are left."""
        begin = self.work[0] - 1
        for share in shares:
            count = int(np.searchsorted(self.work, begin + share * (self.total - begin))) + 1
            if count < len(self.work):
                yield count, float(self.end - self.moments[count - 1])


def drifting(rng: np.random.Generator, count: int, memory: float, spread: float) -> Column:
    """Factors that wander about 1, as where others use the machine too."""
    keep = np.exp(-1 / memory)
    found = np.empty(count)
    found[0] = rng.normal(0, spread)
    for place, push in enumerate(rng.normal(0, spread * np.sqrt(1 - keep**2), count - 1), 1):
        found[place] = keep * found[place - 1] + push
    return np.exp(found)


def steady(rng: np.random.Generator, steps: Column) -> Column:
    """Every step takes about as long."""
    return np.zeros_like(steps)


def evaluating(rng: np.random.Generator, steps: Column) -> Column:
    """Every so many steps it evaluates."""
    every = max(1, int(len(steps) * rng.choice([0.02, 0.05, 0.1])))
    pauses = np.zeros_like(steps)
    pauses[every - 1 :: every] = every * rng.uniform(0.05, 0.4) * np.median(steps)
    return pauses * rng.lognormal(0, 0.1, len(steps))


def saving(rng: np.random.Generator, steps: Column) -> Column:
    """It evaluates, and now and then it saves too."""
    pauses = evaluating(rng, steps)
    places = np.flatnonzero(pauses)
    often = int(rng.choice([2, 5]))
    pauses[places[often - 1 :: often]] += often * places[0] * 0.2 * np.median(steps)
    return pauses * rng.lognormal(0, 0.2, len(steps))


def slow_start(rng: np.random.Generator, steps: Column) -> Column:
    """Until its caches are warm, steps take three times as long."""
    steps[: len(steps) // 30] *= 3
    return steady(rng, steps)


def wandering(rng: np.random.Generator, steps: Column) -> Column:
    """Its pace wanders, and it evaluates."""
    steps *= drifting(rng, len(steps), len(steps) * rng.uniform(0.05, 0.4), rng.uniform(0.08, 0.2))
    return evaluating(rng, steps)


def crowded(rng: np.random.Generator, steps: Column) -> Column:
    """Others come to the machine and go, and it evaluates."""
    at = 0
    while at < len(steps):
        stay = 1 + int(len(steps) * rng.exponential(0.15))
        steps[at : at + stay] *= rng.choice([1, 1, 1.5, 2])
        at += stay
    return evaluating(rng, steps)


def stepping(rng: np.random.Generator, steps: Column) -> Column:
    """Half of the runs get another pace at some moment."""
    if rng.random() < 0.5:
        steps[int(len(steps) * rng.random()) :] *= rng.uniform(0.7, 1.4)
    return steady(rng, steps)


def growing(rng: np.random.Generator, steps: Column) -> Column:
    """Steps get longer, or shorter, all the time."""
    steps *= np.linspace(1, rng.uniform(0.8, 1.3), len(steps))
    return steady(rng, steps)


def hiccups(rng: np.random.Generator, steps: Column) -> Column:
    """One step in a hundred takes long, and some of these very long."""
    return 10 * np.median(steps) * (rng.random(len(steps)) < 0.01) * rng.pareto(1.5, len(steps))


def by_the_clock(rng: np.random.Generator, steps: Column) -> Column:
    """It saves after equal times."""
    pauses, since = np.zeros_like(steps), 0.0
    for place, took in enumerate(steps):
        since += took
        if since > 0.06 * steps.sum():
            pauses[place], since = 0.01 * steps.sum() * rng.lognormal(0, 0.2), 0.0
    return pauses


RHYTHMS: tuple[Callable[[np.random.Generator, Column], Column], ...] = (
    steady, evaluating, saving, slow_start, wandering, crowded, stepping, growing, hiccups, by_the_clock,
)  # fmt: skip


def run(rng: np.random.Generator, rhythm: Callable[[np.random.Generator, Column], Column], most: int = 2000) -> Run:
    """One with this rhythm; a third are resumed, a third are seen through looks at their log every so often."""
    count = int(rng.integers(20, 80)) if rng.random() < 0.2 else int(rng.integers(most // 4, most))
    each = 1 if count < 80 else int(rng.choice([1, 5, 10]))
    steps = rng.lognormal(-0.5, 1) * rng.lognormal(-0.02, 0.2, count)
    usual = float(np.median(steps))
    pauses = rhythm(rng, steps)
    ends = usual * rng.uniform(5, 100) + np.cumsum(steps + pauses)
    lines = (ends - pauses if rng.random() < 0.5 else ends)[each - 1 :: each]
    work = np.arange(1.0, count + 1)[each - 1 :: each]
    kind = rng.integers(3)
    if kind == 0:
        resumed = int(len(work) * rng.uniform(0.1, 0.5))
        lines, work = lines[resumed:], work[resumed:]
    elif kind == 1:
        look = usual * each * rng.uniform(0.3, 3)
        lines = np.ceil(lines / look) * look
    return Run(lines, work, float(count), float(ends[-1]))
