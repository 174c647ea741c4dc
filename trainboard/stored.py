"""What is stored of an attempt: samples in columns, what their numbers stand for, how far each source was read."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from trainboard.naming import names_of
from trainboard.series import Sample, Series, join
from trainboard.thinning import outline

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trainboard.samples import Samples


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one source was read."""

    offset: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)
    """All that is needed to go on from there; JSON values."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What the numbers in cells stand for."""

    metrics: tuple[tuple[str, str], ...] = ()
    """Source, and the metric's name in it."""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """Many samples."""

    metrics: NDArray[np.uint32]
    words: NDArray[np.uint32]
    numbers: NDArray[np.float64]
    """Three rows: steps, values, walls."""

    @classmethod
    def room(cls, count: int) -> Columns:
        """So many samples that are still to be written."""
        import numpy as np

        return cls(np.empty(count, np.uint32), np.empty(count, np.uint32), np.empty((3, count)))

    @classmethod
    def of(cls, samples: Samples) -> Columns:
        """Samples as a log gives them; metrics and index words by their numbers in its `metrics` and `words`."""
        import numpy as np

        names = {name: number for number, name in enumerate(samples.metrics)}
        words = {word: number for number, word in enumerate(samples.words)}
        printed = [line[0] for line in samples.lines]
        kinds = {metrics: [names[name] for name in metrics] for metrics in set(printed)}
        numbers = list(map(kinds.__getitem__, printed))
        counts = np.fromiter(map(len, numbers), np.intp, len(numbers))
        table = np.empty((3, len(samples)))
        table[0] = np.repeat([line[1][1] for line in samples.lines], counts)
        table[1] = samples.values
        table[2] = np.repeat([math.nan if line[2] is None else line[2] for line in samples.lines], counts)
        spoken = np.array([words[line[1][0]] for line in samples.lines], np.uint32)
        metrics = np.fromiter(chain.from_iterable(numbers), np.uint32, len(samples))
        return cls(metrics, np.repeat(spoken, counts), table)

    def numbered(self, metrics: Sequence[int], words: Sequence[int]) -> Columns:
        """The same with other numbers: `metrics` and `words` give the new one of each."""
        import numpy as np

        return Columns(
            np.array(metrics, np.uint32)[self.metrics], np.array(words, np.uint32)[self.words], self.numbers
        )

    def __len__(self) -> int:
        return len(self.metrics)

    def __getitem__(self, chosen: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Columns:
        return Columns(self.metrics[chosen], self.words[chosen], self.numbers[:, chosen])

    @classmethod
    def joined(cls, pieces: Sequence[Columns]) -> Columns | None:
        """Pieces in a row; None where there is none."""
        if len(pieces) < 2:
            return pieces[0] if pieces else None
        import numpy as np

        metrics, words = (np.concatenate(each) for each in ([p.metrics for p in pieces], [p.words for p in pieces]))
        return cls(metrics, words, np.concatenate([piece.numbers for piece in pieces], axis=1))


@dataclass(frozen=True, slots=True)
class Stored:
    """Samples as they are stored: all, or those after the first `start`."""

    columns: Columns | None = None
    """None: none."""
    tables: Tables = field(default_factory=Tables)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    """By source."""
    complete: bool = False
    """All sources of a run that has ended have been read."""
    start: int = 0
    left_out: int = 0
    """Samples in between that were thinned away."""

    @property
    def count(self) -> int:
        """Samples in the whole file."""
        return self.start + self.left_out + (0 if self.columns is None else len(self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """What each metric of the table is called in the run."""
        return names_of(self.tables.metrics)

    def first(self, count: int) -> Stored:
        """The same without what comes after so many samples of the file."""
        columns = None if self.columns is None else self.columns[: max(0, count - self.start)]
        return replace(self, columns=columns)

    def after(self, count: int) -> Stored:
        """The same without the first samples of the file."""
        columns = None if self.columns is None else self.columns[count - self.start :]
        return replace(self, columns=columns, start=count)

    def thinned(self, points: int) -> Stored:
        """The same with about so many samples: of each metric its peaks and where its steps go back."""
        columns = self.columns
        if columns is None or len(columns) <= points:
            return self
        import numpy as np

        order, stretches = grouped(columns.metrics, len(self.tables.metrics))
        own = [order[stretch] for _, stretch in stretches]
        each = points // len(own)
        kept = np.sort(np.concatenate([places[_shape(columns.numbers[:, places], each)] for places in own]))
        return replace(self, columns=columns[kept], left_out=self.left_out + len(columns) - len(kept))

    def without(self, source: str) -> Stored:
        """The same without a source's samples and its mark."""
        marks = {name: mark for name, mark in self.marks.items() if name != source}
        if self.columns is None or not len(self.columns):
            return replace(self, marks=marks)
        import numpy as np

        others = np.array([of != source for of, _ in self.tables.metrics])
        return replace(self, marks=marks, columns=self.columns[others[self.columns.metrics]])

    def samples(self, source: str | None = None) -> list[Sample]:
        """One by one; all, or those of one source by their names there."""
        if self.columns is None:
            return []
        words, metrics, names = self.tables.words, self.tables.metrics, self.names
        if source is not None:
            names = tuple(name for _, name in metrics)
        rows = zip(
            self.columns.metrics.tolist(), self.columns.words.tolist(), *self.columns.numbers.tolist(), strict=True
        )
        return [
            Sample(names[metric], value, step, words[word], None if math.isnan(wall) else wall)
            for metric, word, step, value, wall in rows
            if source is None or metrics[metric][0] == source
        ]

    def series(self, wanted: Collection[str] | None = None) -> dict[str, Series]:
        """By metric, in the order of their first samples; all, or those that are wanted.

        What several files write one after the other is joined as attempts are, in the order of their names.
        """
        if self.columns is None or not len(self.columns):
            return {}
        import numpy as np

        names, numbers = self.names, self.columns.numbers
        order, stretches = grouped(self.columns.metrics, len(names))
        together: defaultdict[str, list[tuple[str, Series]]] = defaultdict(list)
        if len(stretches) > 1 and wanted is None:
            numbers = np.take(numbers, order, axis=1)
        for metric, stretch in stretches:
            if wanted is None or names[metric] in wanted:
                own = numbers
                if len(stretches) > 1:
                    own = numbers[:, stretch] if wanted is None else np.take(numbers, order[stretch], axis=1)
                word = self.tables.words[int(self.columns.words[order[stretch.stop - 1]])]
                made = Series.of(names[metric], word, own)
                together[names[metric]].append((self.tables.metrics[metric][0], made))
        return {name: _one(several) for name, several in together.items()}


def _shape(numbers: NDArray[np.float64], points: int) -> NDArray[np.intp]:
    """The places that make the same curve, and are replaced by a resume as all are."""
    import numpy as np

    steps, values, _ = numbers
    back = np.flatnonzero(steps[1:] < steps[:-1])
    return np.unique(np.concatenate((outline(values, points), back, back + 1)))


def _one(several: list[tuple[str, Series]]) -> Series:
    """The series of a metric, by source, as one."""
    if len(several) == 1:
        return several[0][1]
    name = several[0][1].metric
    return join([{name: series} for _, series in sorted(several, key=lambda each: each[0])])[name]


def grouped(metrics: NDArray[np.uint32], count: int) -> tuple[NDArray[np.intp], list[tuple[int, slice]]]:
    """An order of samples in which those of a metric stand together, and where; metrics as they first appeared."""
    import numpy as np

    # The shorter the numbers are, the fewer passes it takes to sort them.
    short = metrics.astype(np.min_scalar_type(count), copy=False)
    order = np.argsort(short, kind="stable")
    edges = np.searchsorted(metrics, np.arange(count + 1), sorter=order).tolist()
    found = [(metric, slice(*edges[metric : metric + 2])) for metric in range(count)]
    there = [(metric, stretch) for metric, stretch in found if stretch.start < stretch.stop]
    return order, sorted(there, key=lambda each: int(order[each[1].start]))
