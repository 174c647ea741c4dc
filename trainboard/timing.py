"""Where the time of a run goes, from the moments of its samples and from the times that it prints. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainboard.durations import is_evaluation, printed
from trainboard.extract.synonyms import Role, of_role
from trainboard.forecast import SCALES
from trainboard.rhythm import SKEW, Rhythm, rhythm, spent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trainboard.series import Series

    Column = NDArray[np.float64]

PARTS = ("start-up", "data", "step", "evaluation", "checkpoint", "idle", "other")
"""What the time goes to, in the order in which it is shown."""

POINTS = 100
"""Of the throughput over time."""

BINS = 24
"""Of the histogram."""

INSTANT = 1e-12
"""Seconds. No step is shorter: it is no time that was printed, and a histogram of such has no bins."""
WIDE = 100.0
"""It goes no further than so many times more or less than the median."""

SLOW, MOST = 1.3, 5
"""A stretch is slow in which steps take so many times as long as is usual; so many of them are told."""

LOST = 0.005
"""And which cost at least this share of the run: lines come in lots, and a single late one is no slow period."""

STRETCHES = 120
"""Pieces of a run that are looked at for being slow, each of a few gaps at least."""
GAPS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One of `PARTS`."""

    seconds: float
    measured: bool
    """The program prints it; else it is inferred from the moments of its lines."""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """How long steps take, in seconds a step (or an epoch, see `unit`)."""

    p50: float
    p90: float
    p99: float
    edges: tuple[float, ...]
    """Of the histogram's bins, ascending, one more than `counts`; evenly spaced logarithms."""
    counts: tuple[float, ...]
    """Steps in each bin."""
    per: float
    """Each figure is the mean of so many steps: as many as lie between two lines."""
    unit: str
    measured: bool


@dataclass(frozen=True, slots=True)
class Slow:
    """A stretch that was slower than the run is."""

    start: float
    """Seconds since the epoch, as `end`."""
    end: float
    factor: float
    """How many times as long a step took."""


@dataclass(frozen=True, slots=True)
class Times:
    """The time of a run's newest attempt, from its start until its end or now."""

    total: float
    """Seconds; what the parts sum up to."""
    parts: Mapping[str, Part]
    """By `PARTS`, in that order; only those that can be told."""
    throughput: tuple[tuple[float, float], ...]
    """(moment, `unit` a second), oldest first, a hundred at most; pauses count."""
    unit: str
    """What is counted: `step`, `epoch`, …; for a printed throughput its metric's name; empty where nothing is."""
    steps: StepTimes | None
    slow: tuple[Slow, ...]
    """The longest first."""


def times(
    series: Mapping[str, Series],
    started: float | None,
    until: float,
    checkpoints: Sequence[float] = (),
) -> Times | None:
    """The time of a run that began at `started` and ended `until`, or runs on; None where no moments are known.

    `checkpoints`: when it saved one, as far as that is known.
    """
    found = rhythm(series, started)
    if found is None:
        return None
    told = printed(series, found.begin - SKEW)
    seconds = spent(found, started, until, checkpoints)
    parts = corrected(seconds, told, found)
    rates, unit = throughput(series, found)
    return Times(
        total=sum(part.seconds for part in parts.values()),
        parts={name: parts[name] for name in PARTS if name in parts and parts[name].seconds > 0},
        throughput=rates,
        unit=unit,
        steps=step_times(told, found),
        slow=slow(found),
    )


def corrected(seconds: Mapping[str, float], told: Mapping[str, Column], found: Rhythm) -> dict[str, Part]:
    """The parts, with what the program itself says of them in the place of what the moments say; the sum stays."""
    parts = dict(seconds)
    measured = set()
    for name in ("evaluation", "checkpoint"):
        if name in told and (whole := float(told[name].sum())) <= parts[name] + parts["other"] + parts["step"]:
            more = whole - parts[name]
            taken = min(more, parts["other"]) if more > 0 else more
            parts[name], parts["other"] = whole, parts["other"] - taken
            parts["step"] -= more - taken
            measured.add(name)
    if (share := data_share(told, found)) is not None:
        parts["data"] = share * parts["step"]
        parts["step"] -= parts["data"]
        measured |= {"data"} | ({"step"} if "step" in told else set())
    return {name: Part(value, name in measured) for name, value in parts.items()}


def data_share(told: Mapping[str, Column], found: Rhythm) -> float | None:
    """How much of a step it waits for data; None where nobody says."""
    if "data" not in told:
        return None
    step = float(told["step"].mean()) if "step" in told else found.pace
    share = float(told["data"].mean()) / step if step > 0 else 0.0
    share = share / 1000 if share > 1 and "step" not in told else share  # in milliseconds
    return share if share <= 1 else None


def step_times(told: Mapping[str, Column], found: Rhythm) -> StepTimes | None:
    """As the program prints them, else by the lines without pauses."""
    if "step" in told:
        return distribution(told["step"], np.ones(len(told["step"])), 1.0, "step", True)
    moving = (found.work > 0) & (found.over == 0)
    if not moving.any():
        return None
    work = found.work[moving]
    return distribution(found.gaps[moving] / work, work, float(np.median(work)), found.unit, False)


def distribution(values: Column, weights: Column, per: float, unit: str, measured: bool) -> StepTimes | None:
    """Of times that each hold for so many steps."""
    p50, p90, p99 = quantiles(values, weights)
    least, most = max(float(values.min()), p50 / WIDE), min(float(values.max()), p50 * WIDE)
    if not INSTANT <= least <= most < np.inf:
        return None
    edges = np.geomspace(least, max(most, least * 1.1), BINS + 1)
    place = (np.log(np.clip(values, least, most) / least) / np.log(edges[1] / edges[0])).astype(np.int64)
    counts = np.bincount(np.minimum(place, BINS - 1), weights, BINS)
    return StepTimes(p50, p90, p99, tuple(edges.tolist()), tuple(counts.tolist()), per, unit, measured)


def quantiles(values: Column, weights: Column) -> tuple[float, float, float]:
    """The median, and what 90 and 99 of a hundred do not exceed."""
    shares = np.array((0.5, 0.9, 0.99))
    if (weights == weights[0]).all():  # no need to sort
        found = np.quantile(values, shares)
    else:
        order = np.argsort(values)
        below = np.cumsum(weights[order])
        found = values[order][np.searchsorted(below, shares * below[-1])]
    p50, p90, p99 = found.tolist()
    return p50, p90, p99


def throughput(series: Mapping[str, Series], found: Rhythm) -> tuple[tuple[tuple[float, float], ...], str]:
    """As the program prints it, else work by time; and what it counts."""
    names = [name for name in of_role(list(series), Role.THROUGHPUT) if not is_evaluation(name)]
    for name in names:
        known = np.isfinite(series[name].walls) & np.isfinite(series[name].values)
        moments, values = series[name].walls[known], series[name].values[known]
        if len(values) > 1:
            pieces = min(POINTS, len(values))
            edges = np.arange(pieces + 1) * len(values) // pieces
            means = np.add.reduceat(values, edges[:-1]) / np.diff(edges)
            return tuple(zip(moments[edges[1:] - 1].tolist(), means.tolist(), strict=True)), name
    done = np.concatenate(([0.0], np.cumsum(found.work)))
    moments = np.concatenate(([found.begin], found.ends))
    if done[-1] <= 0:
        return (), ""
    edges = np.linspace(moments[0], moments[-1], min(POINTS, len(found.gaps)) + 1)
    rates = np.diff(np.interp(edges, moments, done)) / np.diff(edges)
    return tuple(zip(edges[1:].tolist(), rates.tolist(), strict=True)), found.unit or "line"


def slow(found: Rhythm) -> tuple[Slow, ...]:
    """Where steps took longer, pauses left aside."""
    moving = (found.work > 0) & (found.over == 0)
    gaps, work, ends = found.gaps[moving], found.work[moving], found.ends[moving]
    pieces = min(STRETCHES, len(gaps) // GAPS)
    if pieces < 2 * GAPS:
        return ()
    at = np.arange(pieces) * len(gaps) // pieces
    last = np.append(at[1:], len(gaps)) - 1
    paces = np.add.reduceat(gaps, at) / np.add.reduceat(work, at)
    usual = float(np.median(paces))
    usually = SCALES * float(np.median(np.abs(paces - usual)))
    over = paces > max(SLOW * usual, usual + usually)
    edges = np.flatnonzero(np.diff(over, prepend=False, append=False))
    stretches = []
    for first, end in zip(at[edges[::2]].tolist(), last[edges[1::2] - 1].tolist(), strict=True):
        pace = gaps[first : end + 1].sum() / work[first : end + 1].sum()
        stretches.append(Slow(float(ends[first] - gaps[first]), float(ends[end]), float(pace / usual)))
    worth = float(ends[-1] - found.begin) * LOST
    told = [each for each in stretches if (each.end - each.start) * (1 - 1 / each.factor) >= worth]
    return tuple(sorted(told, key=lambda each: each.start - each.end)[:MOST])
