"""What a report says, without a format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Text as it is in a file: a spec, a difference."""

    text: str
    title: str
    language: str = ""
    """In the words of Markdown: `yaml`, `diff`, `python`."""
    folded: bool = False
    """Seen only on request, where the format can do that."""


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text; the first column names its line."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]] = frozenset()
    """The line and the column of each cell that no other beats."""
    more: str = ""
    """What is not in it, and where that is; empty: it is whole."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing."""

    svg: str
    caption: str


Block = Text | Listing | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Page:
    """A report."""

    title: str
    made: str
    """When, of what and by which version, in one line."""
    sections: Sequence[Section] = field(default_factory=tuple)
