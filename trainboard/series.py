"""Samples, and the series of one metric in memory: its columns, their reduction, and what a resume replaced."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from trainboard.thinning import decimate, outline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trainboard.samples import Samples

    Column = NDArray[np.float64]
    Table = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ROOM = 64
"""Samples that a new series has room for."""


class Sample(NamedTuple):
    """One value of one metric. A tuple, because a log that grows fast makes hundreds of thousands in a second."""

    metric: str
    """The name as it was printed; unique within a run (see `trainboard.extract.names.printed`)."""
    value: float
    """May be nan or infinite."""
    step: float
    """The index: step or epoch as the program printed it, else the count of this metric's samples from 0."""
    index: str  # type: ignore[assignment]  # of a tuple: nobody looks for a value in a sample
    """What `step` counts, in the program's word (`step`, `epoch`, `iteration`, …); empty where it is our count."""
    wall: float | None = None
    """Seconds since the epoch that the line itself tells, else when we saw it; None where nobody knows."""


class Series:
    """The samples of one metric, in the order in which they were read, in 24 bytes each.

    `steps`, `values` and `walls` are read-only arrays of float64 that stay as they are when samples are added.
    """

    __slots__ = ("_begins", "_count", "_current", "_table", "index", "max", "metric", "min")

    def __init__(self, metric: str, index: str = "") -> None:
        self.metric = metric
        self.index = index
        """What the newest step counts; empty where it is our count."""
        self.min = math.nan
        """The smallest value that is not nan; nan where there is none."""
        self.max = math.nan
        """The largest value that is not nan; nan where there is none."""
        self._table: Table | None = None
        """Three rows: steps, values, walls; its columns beyond `_count` are room."""
        self._count = 0
        self._begins: tuple[int, ...] = ()
        """Where the attempts after the first begin, in a series that was joined of several."""
        self._current: tuple[int, Bools] | None = None
        """Which samples are current, for so many of them."""

    @classmethod
    def of(cls, metric: str, index: str, table: Table) -> Series:
        """A series of three rows: steps, values, walls; they are not copied, and nobody writes to them any more."""
        import numpy as np

        made = cls(metric, index)
        made._table, made._count = table, table.shape[1]
        if made._count:
            made.min, made.max = float(np.fmin.reduce(table[1])), float(np.fmax.reduce(table[1]))
        return made

    def __len__(self) -> int:
        return self._count

    @property
    def steps(self) -> Column:
        """What `index` counts, for each sample."""
        return self._column(0)

    @property
    def values(self) -> Column:
        """The values; they may be nan or infinite."""
        return self._column(1)

    @property
    def walls(self) -> Column:
        """Seconds since the epoch; nan where nobody knows."""
        return self._column(2)

    @property
    def newest(self) -> int:
        """Where the newest attempt begins, in a series that was joined of several; else 0."""
        return self._begins[-1] if self._begins else 0

    @property
    def first(self) -> float | None:
        """The oldest value; None where there is none."""
        return float(self.values[0]) if self._count else None

    @property
    def last(self) -> float | None:
        """The newest value; None where there is none."""
        return float(self.values[-1]) if self._count else None

    def best(self, goal: str) -> float | None:
        """The best current value by a goal, `minimize` or `maximize`; None where no value is a number."""
        import numpy as np

        reduce = np.fmax.reduce if goal == "maximize" else np.fmin.reduce
        value = float(reduce(self.current()[1], initial=math.nan))
        return None if math.isnan(value) else value

    def append(self, sample: Sample) -> None:
        """Add the newest sample."""
        table, at = self._with_room(1), self._count
        table[0, at] = sample.step
        table[1, at] = value = sample.value
        table[2, at] = math.nan if sample.wall is None else sample.wall
        self._count += 1
        self.index = sample.index
        # Written so that a nan replaces nothing and is replaced by any number.
        if not (value >= self.min or math.isnan(value)):
            self.min = value
        if not (value <= self.max or math.isnan(value)):
            self.max = value

    def extend(self, steps: Column, values: Column, walls: Column, index: str) -> None:
        """Add many samples, the oldest first; the arrays are copied."""
        import numpy as np

        count = len(values)
        if not count:
            return
        table, room = self._with_room(count), slice(self._count, self._count + count)
        table[0, room], table[1, room], table[2, room] = steps, values, walls
        self._count += count
        self.index = index
        self.min = float(np.fmin(self.min, np.fmin.reduce(values)))
        self.max = float(np.fmax(self.max, np.fmax.reduce(values)))

    def current(self) -> tuple[Column, Column, Column]:
        """Steps, values and walls without what a later resume replaced.

        Where the steps go back, all before that stands at the new step or beyond it is replaced; so is what an
        earlier attempt has at the first step of a later one or beyond it. The steps of what is left never fall.
        """
        kept = self._kept()
        table = self._table_view() if kept.all() else self._table_view()[:, kept]
        table.flags.writeable = False
        return table[0], table[1], table[2]

    @property
    def replaced(self) -> tuple[slice, ...]:
        """The stretches of samples that `current` leaves out, in order."""
        import numpy as np

        edges = np.flatnonzero(np.diff(~self._kept(), prepend=False, append=False)).tolist()
        return tuple(slice(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True))

    def decimate(self, points: int) -> list[tuple[float, float]]:
        """Some of its current (step, value) pairs, with every peak: see `decimate`."""
        steps, values, _ = self.current()
        return decimate(steps, values, points)

    def thinned(self, points: int) -> Series:
        """Its current samples with every peak, at most so many."""
        if self._count <= points and not self.replaced:
            return self
        columns = self.current()
        places = outline(columns[1], points)
        thin = Series(self.metric)
        thin.extend(columns[0][places], columns[1][places], columns[2][places], self.index)
        return thin

    def _column(self, row: int) -> Column:
        view: Column = self._table_view()[row]
        view.flags.writeable = False
        return view

    def _table_view(self) -> Table:
        return self._with_room(0)[:, : self._count]

    def _with_room(self, more: int) -> Table:
        """The table, with room for so many more; it grows by half, so that adding costs the same on the whole."""
        import numpy as np

        if self._table is None:
            self._table = np.empty((3, max(ROOM, more + more // 2)))  # room that is not used takes no memory
        elif self._count + more > self._table.shape[1]:
            grown = np.empty((3, max(self._count + more, self._table.shape[1] * 3 // 2)))
            grown[:, : self._count] = self._table[:, : self._count]
            self._table = grown
        return self._table

    def _kept(self) -> Bools:
        """Of each sample, whether it is current."""
        if self._current is None or self._current[0] != self._count:
            self._current = self._count, kept(self.steps, self._begins)
        return self._current[1]


def kept(steps: Column, begins: Sequence[int] = ()) -> Bools:
    """Which samples no later one replaced; `begins`: where attempts after the first begin."""
    import numpy as np

    found = np.empty(len(steps), np.bool_)
    replaced_from = math.inf
    for start, end in reversed(list(zip((0, *begins), (*begins, len(steps)), strict=True))):
        own = steps[start:end]
        found[start:end] = _rising(own) & (own < replaced_from)
        replaced_from = min(replaced_from, float(np.fmin.reduce(own, initial=math.inf)))
    return found


def _rising(steps: Column) -> Bools:
    """Which samples of one attempt are still there after all its steps back."""
    import numpy as np

    if not (steps[1:] < steps[:-1]).any():
        return np.ones(len(steps), np.bool_)
    # No later step is smaller…
    found = steps <= np.minimum.accumulate(steps[::-1])[::-1]
    # …and none is equal with greater ones in between: then the equal one came after a step back.
    places = np.flatnonzero(found)
    if not len(places):  # no step is a number
        return found
    same = steps[places][:-1] == steps[places][1:]
    apart = np.concatenate((same & (np.diff(places) > 1), [False]))
    ends = np.concatenate((~same, [True]))
    before = np.concatenate(([0], np.cumsum(apart)))[:-1]
    group = np.concatenate(([0], np.cumsum(ends)[:-1]))
    until = np.cumsum(apart)[np.flatnonzero(ends)][group]
    found[places[until > before]] = False
    return found


def join(attempts: Sequence[Mapping[str, Series]]) -> dict[str, Series]:
    """The series of a run's attempts as one: of each metric, all samples of the first attempt, then of the next…

    What a later attempt has replaces what the earlier ones have from its first step on: see `Series.current`.
    """
    joined: dict[str, Series] = {}
    for series in attempts:
        for name, found in series.items():
            whole = joined.setdefault(name, Series(name, found.index))
            begins = tuple(len(whole) + start for start in (0, *found._begins) if len(whole) + start)
            whole.extend(found.steps, found.values, found.walls, found.index)
            whole._begins += begins
    return joined


def by_metric(samples: Iterable[Sample], series: dict[str, Series] | None = None) -> dict[str, Series]:
    """The series of each metric, in the order of their first samples; those that are given are continued."""
    import numpy as np

    from trainboard.samples import Samples

    series = {} if series is None else series
    if isinstance(samples, Samples):
        _extend(series, samples)
        return series
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample[0]].append(sample)
    for name, group in groups.items():
        found = series.get(name)
        if found is None:
            found = series[name] = Series(name)
        _, values, steps, words, walls = zip(*group, strict=True)
        known = [math.nan if wall is None else wall for wall in walls]
        found.extend(np.array(steps), np.array(values), np.array(known), words[-1])
    return series


def _extend(series: dict[str, Series], samples: Samples) -> None:
    """The same with samples that are in columns already."""
    from trainboard.stored import grouped

    names, spoken, columns = samples.metrics, samples.words, samples.columns
    order, stretches = grouped(columns.metrics, len(names))
    numbers = columns.numbers[:, order]
    for metric, stretch in stretches:
        found = series.get(names[metric])
        if found is None:
            found = series[names[metric]] = Series(names[metric])
        word = spoken[int(columns.words[order[stretch.stop - 1]])]
        steps, values, walls = numbers[:, stretch]
        found.extend(steps, values, walls, word)
