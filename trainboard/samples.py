"""Many samples as a log gives them: line by line, several metrics at one place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias, overload

from trainboard.series import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainboard.stored import Columns

Line: TypeAlias = tuple[tuple[str, ...], tuple[str, float], float | None]
"""The metrics that one line tells, with index and step, and wall, as in `Sample`.
A plain tuple, because a log that grows fast has hundreds of thousands of lines in a second."""
_sample = tuple.__new__


class Samples(Sequence[Sample]):
    """Samples in the order in which they were read; single ones and columns are made when they are asked for, once.

    `values` are those of all metrics of the first line, then of the next…; a whole one may be an `int`.
    """

    __slots__ = ("_columns", "_single", "lines", "values")

    def __init__(self, lines: Sequence[Line] = (), values: Sequence[float] = ()) -> None:
        self.lines = lines
        self.values = values
        self._single: list[Sample] | None = None
        self._columns: Columns | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._all())

    @overload
    def __getitem__(self, place: int) -> Sample: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Sample]: ...

    def __getitem__(self, place: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(place, int):
            if place == -1 and self.lines:
                metrics, (index, step), wall = self.lines[-1]
                return Sample(metrics[-1], float(self.values[-1]), step, index, wall)
            return self._all()[place]
        return self if place.indices(len(self)) == (0, len(self), 1) else self._all()[place]

    def __eq__(self, other: object) -> bool:
        return self._all() == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def __repr__(self) -> str:
        return f"Samples({self._all()!r})"

    @property
    def metrics(self) -> list[str]:
        """Their names, as they first appear."""
        return list(dict.fromkeys(chain.from_iterable(dict.fromkeys([line[0] for line in self.lines]))))

    @property
    def words(self) -> list[str]:
        """What their steps count, as it first appears."""
        return list(dict.fromkeys([line[1][0] for line in self.lines]))

    @property
    def columns(self) -> Columns:
        """The same in columns: metrics and index words by their numbers in `metrics` and `words`."""
        if self._columns is None:
            from trainboard.stored import Columns

            self._columns = Columns.of(self)
        return self._columns

    def _all(self) -> list[Sample]:
        if self._single is None:
            values = iter(self.values)
            self._single = [
                _sample(Sample, (metric, float(next(values)), step, index, wall))
                for metrics, (index, step), wall in self.lines
                for metric in metrics
            ]
        return self._single

    def seen_at(self, wall: float, then: float | None) -> Samples:
        """The same with another time where it was that one."""
        return Samples([(*line[:2], then) if line[2] == wall else line for line in self.lines], self.values)

    def renamed(self, name: Callable[[str], str]) -> Samples:
        """The same with other names of the metrics."""
        names = {metrics: tuple(map(name, metrics)) for metrics in {line[0] for line in self.lines}}
        return Samples([(names[line[0]], *line[1:]) for line in self.lines], self.values)
