"""The rows in the order of the screen: alive first, newest first; filtered; changed at the cost of what changed."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import islice
from typing import TYPE_CHECKING

from backends.base import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainboard.rows import Row

Slot = tuple[int, float, str]

_FIRST = (
    JobState.RUNNING,
    JobState.COMPLETING,
    JobState.UNKNOWN,
    JobState.SUBMITTING,
    JobState.PENDING,
    JobState.HELD,
)
RANK = {state: _FIRST.index(state) if state in _FIRST else len(_FIRST) for state in JobState}


def slot(row: Row) -> Slot:
    """Where a row belongs: by state, then by its latest time, newest first."""
    when = row.ended if row.state.ended else row.started
    newest = when if when is not None else row.submitted
    return (RANK[row.state], -(newest if newest is not None else 0.0), row.key)


def matches(row: Row, words: Iterable[str]) -> bool:
    """Whether every word (lower case) is in the row's name, state, backend, id, reason or parameters."""
    params = " ".join(f"{name}={value}" for name, value in row.params.items())
    text = "\n".join(
        (row.name, row.experiment or "", row.state, row.backend, row.job_id, row.run or "", row.reason, params)
    ).lower()
    return all(word in text for word in words)


class Listing:
    """The visible order of the rows. New rows are offered, then settled in steps, so that no step takes long."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.words: tuple[str, ...] = ()
        self.order: list[Slot] = []
        self._slots: dict[str, Slot] = {}
        self._seen: tuple[Row, ...] = ()
        self._pending: dict[str, Row | None] = {}

    def __len__(self) -> int:
        return len(self.order)

    @property
    def pending(self) -> int:
        """How many rows are still to be settled."""
        return len(self._pending)

    def offer(self, rows: tuple[Row, ...]) -> None:
        """The whole table anew; rows that are the same objects as before cost next to nothing."""
        before = self._seen
        self._seen = rows
        if len(before) == len(rows):
            changed = [(old, new) for old, new in zip(before, rows, strict=True) if old is not new]
            if all(old.key == new.key for old, new in changed):
                self._pending.update({new.key: new for _, new in changed})
                return
        here = {row.key: row for row in rows}
        self._pending.update(dict.fromkeys(self.rows.keys() - here.keys()))
        self._pending = {key: here.get(key) for key in self._pending}
        self._pending.update({key: row for key, row in here.items() if self.rows.get(key) is not row})

    def filter(self, text: str) -> None:
        """Show only rows that match all words."""
        words = tuple(text.lower().split())
        if words != self.words:
            self.words = words
            self._pending = {**self.rows, **self._pending}

    def settle(self, count: int) -> set[str]:
        """Take in at most `count` pending rows; the keys of those that were."""
        batch = list(islice(self._pending.items(), count))
        for key, row in batch:
            del self._pending[key]
            self._place(key, row)
        return {key for key, _ in batch}

    def index(self, key: str | None) -> int | None:
        """Where the row is on the screen; None where it is not."""
        at = self._slots.get(key) if key is not None else None
        return None if at is None else bisect_left(self.order, at)

    def at(self, index: int) -> Row | None:
        """The row at a place of the screen's order."""
        return self.rows[self.order[index][2]] if 0 <= index < len(self.order) else None

    def _place(self, key: str, row: Row | None) -> None:
        if row is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = row
        wanted = slot(row) if row is not None and (not self.words or matches(row, self.words)) else None
        have = self._slots.get(key)
        if wanted == have:
            return
        if have is not None:
            del self.order[bisect_left(self.order, have)]
            del self._slots[key]
        if wanted is not None:
            insort(self.order, wanted)
            self._slots[key] = wanted
