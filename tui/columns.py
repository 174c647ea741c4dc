"""Which columns fit a width: the least important go first; those that stay share what is left over. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table drawn by hand."""

    name: str
    title: str
    width: int
    """The least number of cells that it is any use with."""
    most: int
    """The number of cells beyond which more is no use."""
    rank: int
    """Importance; 0 goes last."""
    right: bool = False
    """Flush right."""


def fit(columns: Sequence[Column], width: int) -> tuple[tuple[Column, int], ...]:
    """The columns to show and their widths, in the order given; one cell between neighbours."""
    kept: set[str] = set()
    room = width + GAP
    for column in sorted(columns, key=lambda c: c.rank):
        if column.width + GAP <= room or not kept:
            kept.add(column.name)
            room -= column.width + GAP
    shown = [c for c in columns if c.name in kept]
    widths = {c.name: c.width for c in shown}
    for column in sorted(shown, key=lambda c: c.rank):
        more = max(0, min(room, column.most - column.width))
        widths[column.name] += more
        room -= more
    return tuple((c, min(width, widths[c.name])) for c in shown)
