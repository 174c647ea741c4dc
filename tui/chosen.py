"""Which of a run's metrics are drawn to begin with; and names with a filter, a cursor and a scroll position. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainboard.extract.names import objective as likeliest
from trainboard.layernames import of_a_layer, of_a_spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trainboard.rows import Row
    from trainboard.series import Series

_PHASES = frozenset(("train", "training", "trainer", "val", "valid", "validation", "eval", "dev", "test"))
_WORDS = re.compile(r"[a-z]+|[0-9]+")


def objective(series: Mapping[str, Series], row: Row | None) -> str | None:
    """What to show first: the objective, else the likeliest metric, else the first; None where there are none."""
    known = [name for name in series if len(series[name])]
    wanted = likeliest(known, row.objective) if row is not None else None
    return wanted or likeliest(known) or next(iter(known), None)


def family(series: Mapping[str, Series], first: str) -> list[str]:
    """A metric and those that are the same in another phase of training: `val_loss` and `train/loss`."""
    own = _without_phase(first)
    return [first, *(name for name in series if name != first and _without_phase(name) == own)]


def _without_phase(name: str) -> tuple[str, ...]:
    return tuple(word for word in _WORDS.findall(name.lower()) if word not in _PHASES)


def matching(names: Iterable[str], text: str) -> list[str]:
    """The names that hold all words of a filter, whatever their case."""
    words = text.lower().split()
    return [name for name in names if all(word in name.lower() for word in words)]


class Names:
    """The metrics to go through. The cursor belongs to a name, not to a place."""

    def __init__(self) -> None:
        self.known: Mapping[str, Series] = {}
        self.words = ""
        """The filter."""
        self._at: str | None = None
        self._top = 0

    @property
    def listed(self) -> list[str]:
        """Those that the filter leaves, in the order in which they appeared; those of single layers at the end."""
        curves = (name for name, series in self.known.items() if len(series) and not of_a_spread(name))
        names = matching(curves, self.words)
        return sorted(names, key=of_a_layer)

    @property
    def at(self) -> str | None:
        """The name under the cursor."""
        listed = self.listed
        return self._at if self._at in listed else next(iter(listed), None)

    @at.setter
    def at(self, name: str) -> None:
        self._at = name

    def go(self, by: int) -> None:
        """Move the cursor, as far as that goes."""
        listed, at = self.listed, self.at
        if at is not None:
            self._at = listed[max(0, min(len(listed) - 1, listed.index(at) + by))]

    def window(self, rows: int, across: int = 1) -> tuple[int, list[str]]:
        """How many are above what is seen, and what is: so many rows, the cursor's among them."""
        listed, at = self.listed, self.at
        row = listed.index(at) // across if at is not None else 0
        last = max(0, -(-len(listed) // across) - rows)
        self._top = max(0, min(max(self._top, row - rows + 1), row, last))
        return self._top * across, listed[self._top * across : (self._top + rows) * across]
