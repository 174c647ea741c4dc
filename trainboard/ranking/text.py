"""Cells of a table of results as a person reads them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.braces import as_text
from trainboard.ranking.columns import NUMBERS, Column, Source
from trainboard.ranking.spread import Spread
from trainboard.ranking.welch import shown
from trainboard.show import duration, number

if TYPE_CHECKING:
    from trainboard.ranking.columns import Cell


def title(column: Column) -> str:
    """What stands over a column: of a metric also which of its values."""
    return f"{column.name} {column.kind}".strip()


def told(value: Cell | Spread, column: Column) -> str:
    """A cell; `–` where there is no number."""
    if isinstance(value, Spread):
        return shown(value)
    if column.source is Source.PARAM:
        return as_text(value)
    if column.source is Source.METRIC or column.name in NUMBERS:
        found = float(value) if isinstance(value, int | float) else None
        return duration(found) if column.name == "took" and column.source is Source.FACT else number(found)
    return as_text(value)
