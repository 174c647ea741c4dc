"""Rows that belong together, an experiment or an array of Slurm, and what is known of all of them at once."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from backends.states import JobState

if TYPE_CHECKING:
    from trainboard.rows import Row

MANY = 8
"""A group of more rows than this starts as one line."""

PARTS = 1_000_000
"""Of a run: shares are added up in whole parts, which leave nothing behind when they are taken away again."""

Entry = TypeVar("Entry", bound="tuple[Any, ...]")

Slot = tuple[int, int, float, float, str, str]
"""Where a line belongs: rank of its state, two places in a queue, time, name, key."""

Valued = tuple[float, str]
"""A number and the key of the row whose it is."""


class Measure(NamedTuple):
    """What the curves of one row say."""

    best: float | None = None
    """The best finite value of its objective so far."""
    share: float = 0.0
    """How much of its work is done, between 0 and 1."""
    end: float | None = None
    """When it will be done at the speed that it had at its newest sample, seconds since the epoch."""


NOTHING, WHOLE = Measure(), Measure(share=1.0)


def plain(row: Row) -> Measure:
    """What is known of a row without curves."""
    return WHOLE if row.state is JobState.COMPLETED else NOTHING


class Group:
    """Its members that are listed, in order, and sums over them that cost nothing to read."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.members: set[str] = set()
        """All of its rows, also those that the filter hides."""
        self.choice: bool | None = None
        """Whether it is one line: as the user wants it, or as it began; None while it has always been small."""
        self.line: Slot | None = None
        """Where its one line is listed; None where it is not."""
        self.slots: list[Slot] = []
        self.states: Counter[JobState] = Counter()
        self.backends: Counter[str] = Counter()
        self.ends: list[Valued] = []
        """When what runs will be done, the last first."""
        self.bests: list[Valued] = []
        """Of the objective, smaller is better, whatever the goal."""
        self._parts = 0
        self._measures: dict[str, Measure] = {}
        """Of the rows that have curves: twenty thousand objects more would be seen in every garbage collection."""

    def __len__(self) -> int:
        """How many of its rows are listed."""
        return len(self.slots)

    @property
    def folded(self) -> bool:
        """Whether it is shown as one line; a single row never is."""
        return bool(self.choice) and len(self.members) > 1

    @property
    def share(self) -> float:
        """How much of its work is done, in runs."""
        return self._parts / PARTS

    @property
    def keys(self) -> list[str]:
        """Its listed rows, in order."""
        return [slot[-1] for slot in self.slots]

    @property
    def first(self) -> str:
        """Its liveliest row."""
        return self.slots[0][-1]

    @property
    def oldest(self) -> str | None:
        """Of its running rows the one that began first."""
        place = bisect_left(self.slots, (1,)) - 1
        return self.slots[place][-1] if place >= 0 else None

    def admit(self, key: str) -> None:
        """This row belongs to it."""
        self.members.add(key)
        if self.choice is None and len(self.members) > MANY:
            self.choice = True

    def add(self, row: Row, slot: Slot, measure: Measure) -> None:
        """List this row."""
        if measure is not plain(row):
            self._measures[row.key] = measure
        insort(self.slots, slot)
        self._sum(row, measure, 1)
        move(self.bests, None, _best(row, measure))
        move(self.ends, None, _end(row, measure))

    def remove(self, row: Row, slot: Slot) -> None:
        """Do not list this row any more; it and its place as they were when it was added."""
        measure = self._measures.pop(row.key, plain(row))
        del self.slots[bisect_left(self.slots, slot)]
        self._sum(row, measure, -1)
        move(self.bests, _best(row, measure), None)
        move(self.ends, _end(row, measure), None)

    def _sum(self, row: Row, measure: Measure, sign: int) -> None:
        self.states[row.state] += sign
        self.backends[row.backend] += sign
        self._parts += sign * round(measure.share * PARTS)

    def head(self) -> Slot | None:
        """Where its one line belongs: where its liveliest row would stand; None where it has none to show."""
        return (*self.slots[0][:-1], self.key) if self.folded and self.slots else None


def move(order: list[Entry], old: Entry | None, new: Entry | None) -> None:
    """Take one entry out of a sorted list and put one in, at the cost of finding their places."""
    if old == new:
        return
    if old is not None:
        del order[bisect_left(order, old)]
    if new is not None:
        insort(order, new)


def group_key(row: Row) -> str | None:
    """The key of the line that a row is folded into; no row's own key begins like this."""
    if row.experiment is not None:
        return f"▸{row.experiment}"
    return f"▸{row.backend}:{row.array}" if row.array else None


def _best(row: Row, measure: Measure) -> Valued | None:
    if measure.best is None:
        return None
    return (-measure.best if row.goal == "maximize" else measure.best, row.key)


def _end(row: Row, measure: Measure) -> Valued | None:
    return None if measure.end is None or row.state is not JobState.RUNNING else (-measure.end, row.key)
