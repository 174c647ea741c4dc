"""The names of classes, and the levels of categories, as numbers."""

import re
from typing import Any, Dict, List, Optional, Sequence, Tuple

from backends.predictions.plain import EMPTY, Cell

WHOLE = re.compile(r"^[-+]?\d+\.0*$")

LONGEST = 60
"""Characters of a name."""


def canonical(cell: Cell) -> str:
    """A class's name: `3.0` and `3` are the same, `True` and `true` too; empty for no value."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = str(cell).strip()
    if cell is None or text.lower() in EMPTY:
        return ""
    if WHOLE.match(text):
        text = str(int(float(text)))
    elif text in ("True", "False", "TRUE", "FALSE"):
        text = text.lower()
    return text


class Labels(object):
    """Names in the order in which they came. Cells with one text have one number; -1: no value."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.names = []  # type: List[str]
        self.known = {}  # type: Dict[str, int]
        self.cells = {}  # type: Dict[Any, int]
        self.full = False
        """Whether there are more than so many: the rest are told apart no more."""

    def codes(self, cells: Sequence[Any]) -> List[int]:
        """Their numbers."""
        known = self.cells
        labelled = getattr(cells, "labelled", None)
        if labelled is not None:
            return list(labelled(self.code))
        try:
            return [known[cell] for cell in cells]
        except (KeyError, TypeError):
            return [self.code(cell) for cell in cells]

    def code(self, cell: Cell) -> int:
        """The number of one; a list or the like is its text."""
        key = cell if isinstance(cell, str) else (type(cell).__name__, str(cell))
        found = self.cells.get(key)
        if found is None:
            found = self.place(canonical(cell))
            if len(self.cells) < 4 * self.most:
                self.cells[key] = found
        return found

    def place(self, name: str) -> int:
        """The number of a name."""
        if not name:
            return -1
        found = self.known.get(name)
        if found is None:
            if len(self.names) >= self.most:
                self.full = True
                return -1
            found = self.known[name] = len(self.names)
            self.names.append(name)
        return found


def order(names: Sequence[str]) -> List[int]:
    """Their positions in the order for the reader: numbers by size, then words."""
    return sorted(range(len(names)), key=lambda at: by_size(names[at]))


def by_size(name: str) -> Tuple[int, float, str]:
    """What names are sorted by."""
    try:
        value = float(name)
    except ValueError:
        return 1, 0.0, name
    return (0, value, name) if value == value else (1, 0.0, name)
