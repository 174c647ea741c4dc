"""The lines in the order of the screen: alive first, newest first, what waits in the order of its queue; filtered,
folded; changed at the cost of what changed."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice
from typing import TYPE_CHECKING

from backends.states import JobState
from tui.groups import Group, Slot, group_key, move

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trainboard.rows import Row
    from tui.groups import Measure

_FIRST = (
    JobState.RUNNING,
    JobState.COMPLETING,
    JobState.UNKNOWN,
    JobState.SUBMITTING,
    JobState.PENDING,
    JobState.HELD,
)
RANK = {state: _FIRST.index(state) if state in _FIRST else len(_FIRST) for state in JobState}

WAITING = frozenset({JobState.SUBMITTING, JobState.PENDING, JobState.HELD})


def slot(row: Row) -> Slot:
    """Where a row belongs: by state; what waits as its queue goes, all else by its latest time, newest first."""
    if row.state in WAITING:
        return (RANK[row.state], -row.priority, row.place, row.submitted or 0.0, tie(row), row.key)
    when = row.ended if row.state.ended else row.started
    newest = when if when is not None else row.submitted
    return (RANK[row.state], 0, 0.0, -(newest if newest is not None else 0.0), tie(row), row.key)


def tie(row: Row) -> str:
    """What orders rows of the same moment: those of one sweep by their number, as text of one length."""
    return f"{row.experiment or row.array or row.job_name}/{row.index:012d}"


def matches(row: Row, words: Iterable[str]) -> bool:
    """Whether every word (lower case) is in the row's name, state, backend, id, reason or parameters."""
    params = " ".join(f"{name}={value}" for name, value in row.params.items())
    text = "\n".join(
        (row.name, row.experiment or "", row.state, row.backend, row.job_id, row.run or "", row.reason, params)
    ).lower()
    return all(word in text for word in words)


class Listing:
    """The visible order of the lines. New rows are offered, then settled in steps, so that no step takes long."""

    def __init__(self, measure: Callable[[Row], Measure]) -> None:
        self.rows: dict[str, Row] = {}
        self.groups: dict[str, Group] = {}
        """By the key of their line."""
        self.words: tuple[str, ...] = ()
        self.order: list[Slot] = []
        self._measure = measure
        self._slots: dict[str, Slot] = {}
        """Of every row that matches, also inside a folded line."""
        self._seen: tuple[Row, ...] = ()
        self._pending: dict[str, Row | None] = {}

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.order)

    @property
    def matching(self) -> int:
        """How many rows match the filter."""
        return len(self._slots)

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

    def measure(self, key: str) -> None:
        """The curves of this row have changed."""
        row, at = self.rows.get(key), self._slots.get(key)
        if row is not None and at is not None and (group := self.group_of(key)) is not None:
            group.remove(row, at)
            group.add(row, at, self._measure(row))

    def lists(self, group: Group, key: str | None) -> bool:
        """Whether this row belongs to this group, and matches."""
        return key in group.members and key in self._slots

    def group_of(self, key: str | None) -> Group | None:
        """The group of a row, or that of this line."""
        row = self.rows.get(key or "")
        return self.groups.get((group_key(row) or "") if row is not None else (key or ""))

    def line_of(self, key: str | None) -> str | None:
        """The line that shows this row or group: its own, that of its group, or that of the group's first row."""
        group = self.group_of(key)
        if group is not None and group.folded:
            return group.key if group.line is not None else None
        if group is not None and key == group.key:
            return group.first if len(group) else None
        return key if key in self._slots else None

    def index(self, key: str | None) -> int | None:
        """Where the line is on the screen that shows this row or group; None where there is none."""
        line = self.line_of(key)
        if line is None:
            return None
        at = group.line if (group := self.groups.get(line)) is not None else self._slots[line]
        return None if at is None else bisect_left(self.order, at)

    def at(self, index: int) -> Row | Group | None:
        """The line at a place of the screen's order."""
        return self.item(self.order[index][-1]) if 0 <= index < len(self.order) else None

    def item(self, key: str) -> Row | Group:
        """The line of this key."""
        group = self.groups.get(key)
        return group if group is not None else self.rows[key]

    def rank(self, key: str) -> tuple[int, int]:
        """Where a row stands: the place of its line, then that within its group; after all lines if it is hidden."""
        at, line = self._slots.get(key), self.index(key)
        if at is None or line is None:
            return len(self.order), 0
        group = self.group_of(key)
        return line, bisect_left(group.slots, at) if group is not None and group.folded else 0

    def fold(self, keys: Iterable[str], folded: bool) -> None:
        """Show these groups as one line each, or row by row, from now on; sorts anew, which a few moves would not."""
        gone: set[str] = set()
        come: list[Slot] = []
        for group in (self.groups[key] for key in keys):
            was = group.folded
            group.choice = folded
            if group.folded != was:
                gone.update([group.key] if was else group.keys)
                group.line = group.head()
                come += group.slots if was else [group.line] if group.line is not None else []
        self.order = sorted([at for at in self.order if at[-1] not in gone] + come)

    def _place(self, key: str, row: Row | None) -> None:
        known = self.rows.get(key)
        if known is not None and (row is None or group_key(known) != group_key(row)):
            self._remove(known)
            known = None
        if row is None:
            return
        have = self._slots.pop(key, None)
        wanted = slot(row) if not self.words or matches(row, self.words) else None
        self.rows[key] = row
        if wanted is not None:
            self._slots[key] = wanted
        if (name := group_key(row)) is None:
            move(self.order, have, wanted)
            return
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = Group(name)
        was = group.folded
        group.admit(key)
        if known is not None and have is not None:
            group.remove(known, have)
        if wanted is not None:
            group.add(row, wanted, self._measure(row))
        if not was:
            move(self.order, have, wanted)
        self._arrange(group, was)

    def _remove(self, row: Row) -> None:
        del self.rows[row.key]
        have = self._slots.pop(row.key, None)
        group = self.groups.get(group_key(row) or "")
        was = group is not None and group.folded
        if not was:
            move(self.order, have, None)
        if group is None:
            return
        group.members.discard(row.key)
        if have is not None:
            group.remove(row, have)
        self._arrange(group, was)
        if not group.members:
            del self.groups[group.key]

    def _arrange(self, group: Group, was: bool) -> None:
        """List a group as what it is now; `was`: whether it was one line before."""
        if group.folded != was:
            for at in group.slots:
                move(self.order, None if was else at, at if was else None)
        head = group.head()
        move(self.order, group.line, head)
        group.line = head
