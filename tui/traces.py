"""Series as curves on an axis of the user's choice: by step, by epoch, by time. Pure."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tui.scale import Along
from tui.thinning import smooth

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from trainboard.records import Diagnosed
    from trainboard.series import Series

    Column = NDArray[np.float64]
    Columns = tuple[Column, Column, Column]
    """Steps, values, walls."""
    Curve = tuple[Column, Column]
    """Where it goes along x and y; x never falls, y is finite or nan."""

EPOCHS = frozenset({"epoch", "epochs", "epoch_num"})
"""Index words that count epochs; all others count something smaller."""

NOTHING = np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The samples of one metric as they are now; may be read in another thread while the series grows."""

    metric: str
    index: str
    current: Columns
    replaced: tuple[Columns, ...] = ()

    @staticmethod
    def of(series: Series) -> Snapshot:
        """What a series holds; what resumes replaced stands apart."""
        steps, values, walls = series.steps, series.values, series.walls
        replaced = tuple((steps[part], values[part], walls[part]) for part in series.replaced)
        return Snapshot(series.metric, series.index, series.current(), replaced)


@dataclass(frozen=True, slots=True, eq=False)
class Ruler:
    """How samples get their x."""

    along: Along
    unit: str
    """What steps or epochs are called here; empty where it is our own count."""
    words: frozenset[str] = frozenset()
    """The index words that need no conversion."""
    walls: Column = field(default_factory=lambda: NOTHING)
    counts: Column = field(default_factory=lambda: NOTHING)
    """How far the run was at these times, for metrics that count something else; as they were read."""
    start: float = 0.0
    """When time begins, seconds since the epoch."""

    def xs(self, index: str, steps: Column, walls: Column) -> Column | None:
        """Where samples stand; None where that cannot be told. What never falls in them does not fall in it."""
        if self.along is Along.WALL:
            return walls
        if self.along is Along.RELATIVE:
            with np.errstate(invalid="ignore"):
                return walls - self.start
        if index in self.words:
            return steps
        return _carried(walls, self.walls, self.counts) if len(self.walls) > 1 else None


def _carried(walls: Column, known: Column, counts: Column) -> Column:
    """How far the run was at these times, beyond the first and the last known at the mean speed.

    The newest known time is one; others may be nan.
    """
    timed = ~np.isnan(known)
    known, counts = np.maximum.accumulate(known[timed]), counts[timed]
    found: Column = np.interp(walls, known, counts)
    before, after = walls < known[0], walls > known[-1]
    with np.errstate(over="ignore", invalid="ignore"):
        elapsed = known[-1] - known[0]
        speed = (counts[-1] - counts[0]) / elapsed if elapsed > 0 else 0.0
        found[before] = counts[0] - (known[0] - walls[before]) * speed
        found[after] = counts[-1] + (walls[after] - known[-1]) * speed
    return found


def axes(series: Mapping[str, Series]) -> list[Along]:
    """The axes that there is something to draw on, steps first."""
    known = [each for each in series.values() if len(each)]
    found = []
    if any(each.index not in EPOCHS for each in known):
        found.append(Along.STEP)
    if any(each.index in EPOCHS for each in known):
        found.append(Along.EPOCH)
    if any(_timed(each) for each in known):
        found += [Along.RELATIVE, Along.WALL]
    return found or [Along.STEP]


def _timed(series: Series) -> bool:
    """Whether the newest sample has a time: all have one, or hardly any."""
    return not math.isnan(series.walls[-1])


def ruler(series: Mapping[str, Series], along: Along, started: float | None = None) -> Ruler:
    """How the samples of these series get their x; `started`: when the run began, where that is known."""
    if along in (Along.RELATIVE, Along.WALL):
        firsts = [float(each.walls[0]) for each in series.values() if len(each)]
        first = min((wall for wall in firsts if not math.isnan(wall)), default=0.0)
        return Ruler(along, along.value, start=first if started is None else min(started, first))
    counting = [each for each in series.values() if len(each) and (each.index in EPOCHS) is (along is Along.EPOCH)]
    sizes: Counter[str] = Counter()
    for each in counting:
        sizes[each.index] += len(each)
    unit = sizes.most_common(1)[0][0] if sizes else along.value
    words = EPOCHS if along is Along.EPOCH else frozenset({unit})
    longest = max((each for each in counting if each.index in words and _timed(each)), key=len, default=None)
    if longest is None:
        return Ruler(along, unit or "sample", words)
    counts, _, walls = longest.current()
    return Ruler(along, unit or "sample", words, walls, counts)


def where_found(finding: Diagnosed, series: Mapping[str, Series], by: Ruler) -> float | None:
    """Where a finding stands on the axis; None where that cannot be told."""
    if finding.step is None:
        return None
    wall = math.nan if finding.at is None else finding.at
    own = series.get(finding.metric)
    if own is not None and len(own):
        steps, _, walls = own.current()
        wall = float(walls[min(int(np.searchsorted(steps, finding.step)), len(walls) - 1)])
    xs = by.xs(finding.index, np.array([finding.step]), np.array([wall]))
    return float(xs[0]) if xs is not None and math.isfinite(xs[0]) else None


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One metric on one axis."""

    metric: str
    index: str
    """What its steps count; empty where it is our own count."""
    steps: Column
    values: Column
    walls: Column
    """As they were read, in the order of `raw`; values may be nan or infinite."""
    raw: Curve
    smoothed: Curve | None
    """None where it is not smoothed."""
    replaced: tuple[Curve, ...]
    odd: tuple[Column, Column]
    """Where values are that are not finite, and these."""
    number: int = 0
    """Tells its colour and its letter."""

    @property
    def shown(self) -> Curve:
        """What is read off it: the smoothed curve where there is one."""
        return self.smoothed or self.raw

    def near(self, x: float, xs: Column | None = None) -> int | None:
        """The place of the sample next to an x; None without samples. `xs`: another curve's."""
        xs = self.raw[0] if xs is None else xs
        after = int(np.searchsorted(xs, x))
        near = [place for place in (after - 1, after) if 0 <= place < len(xs)]
        return min(near, key=lambda place: (abs(float(xs[place]) - x), -place)) if near else None


def trace(snapshot: Snapshot, by: Ruler, weight: float, number: int = 0) -> Trace | None:
    """A metric's curve; `weight` between 0 and 1: how much it is smoothed. None where it has no place on the axis."""
    placed = _placed(snapshot.index, snapshot.current, by)
    if placed is None or not len(placed[0]):
        return None
    xs, (steps, values, walls) = placed
    finite = np.isfinite(values)
    if finite.all():
        raw, odd = (xs, values), (NOTHING, NOTHING)
    else:
        raw, odd = (xs, np.where(finite, values, np.nan)), (xs[~finite], values[~finite])
    replaced = [_placed(snapshot.index, part, by) for part in snapshot.replaced]
    return Trace(
        snapshot.metric,
        snapshot.index,
        steps,
        values,
        walls,
        raw,
        smooth(*raw, weight) if 0 < weight < 1 and len(xs) > 2 else None,
        tuple((x, np.where(np.isfinite(part[1]), part[1], np.nan)) for x, part in filter(None, replaced)),
        odd,
        number,
    )


def _placed(index: str, columns: Columns, by: Ruler) -> tuple[Column, Columns] | None:
    """Samples and their x, without those that have no place on the axis."""
    xs = by.xs(index, columns[0], columns[2])
    if xs is None:
        return None
    known = np.isfinite(xs)
    if not known.all():
        xs, columns = xs[known], (columns[0][known], columns[1][known], columns[2][known])
    if (xs[1:] < xs[:-1]).any():
        xs = np.maximum.accumulate(xs)
    return xs, columns


def extent(traces: Iterable[Trace], *, above: float = -math.inf) -> tuple[float, float] | None:
    """The least and greatest x beyond a bound; None where there is none."""
    low, high = math.inf, -math.inf
    for each in traces:
        xs = each.raw[0]
        first = int(np.searchsorted(xs, above, "right"))
        if first < len(xs):
            low, high = min(low, float(xs[first])), max(high, float(xs[-1]))
    return (low, high) if low <= high else None
