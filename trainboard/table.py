"""The table: the rows of what is stored and what the backends show."""

from __future__ import annotations

import asyncio
import operator
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.events import Link
from trainboard.merging import Merging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trainboard.documents import Records
    from trainboard.place import Place
    from trainboard.rows import Row


class Table:
    """The rows as they were last merged."""

    def __init__(self, places: Mapping[str, Place], changed: Callable[[tuple[Row, ...]], None]) -> None:
        """`changed` hears of rows that are different from those before; `places` may get more."""
        self._places = places
        self._changed = changed
        self.rows: dict[str, Row] = {}
        """By key; another one, never the same with other rows."""
        self._merging = Merging()
        self._one_merges = asyncio.Lock()
        self._merged: tuple[object, ...] = ()
        """What the rows were merged from."""
        self._away: frozenset[str] = frozenset()
        """The backends that did not answer then."""

    def row(self, key: str) -> Row:
        """A row that is there. Raises `Refused`."""
        try:
            return self.rows[key]
        except KeyError:
            raise Refused("this job is not in the table any more") from None

    async def merge(self, newest: Callable[[], Records]) -> None:
        """Merge, in a thread, if anything is new; tell if anything is different.

        `newest` is asked when it is this merge's turn: another one may be going on.
        """
        async with self._one_merges:
            records = newest()
            jobs = {name: place.jobs for name, place in self._places.items()}
            away = frozenset(name for name, place in self._places.items() if place.link in (Link.DOWN, Link.STALE))
            sources = (records, *jobs.values())
            same = len(sources) == len(self._merged) and all(map(operator.is_, sources, self._merged))
            if same and away == self._away:
                return
            self._away = away
            rows = await asyncio.to_thread(self._merging.merge, records, jobs, away)
            first, self._merged = not self._merged, sources
            if not first and len(rows) == len(self.rows) and all(self.rows.get(row.key) is row for row in rows):
                return
            self.rows = {row.key: row for row in rows}
            self._changed(rows)
