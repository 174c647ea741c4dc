"""What is kept of the rows until all are read: errors and inputs; of very many rows, of some by lot."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from backends.predictions.labels import Labels
from backends.predictions.plain import Column, Plain

CELLS = 28 << 20
"""Numbers that are kept: 224 MB."""

LEVELS = 10000
"""Different words of an input; one that has more tells rows apart, and explains nothing."""

LOOKED = 2000
"""Cells by which it is seen what an input is."""

ODD = 0.05
"""The share of words among the first cells of a column of numbers, at most."""


class Kept(object):
    """One column: numbers, or words as codes."""

    def __init__(self, name: str, numeric: bool) -> None:
        self.name = name
        self.numeric = numeric
        self.labels = Labels(LEVELS)
        self.parts = []  # type: List[Any]
        self.odd = 0
        """Cells that are no numbers though the first were."""


class Store(object):
    """Columns of equal length, in parts."""

    def __init__(self, kernel: Plain, cells: int = CELLS) -> None:
        self.kernel = kernel
        self.cells = cells
        self.part = 1
        """One of so many rows is kept."""
        self.count = 0
        self.fixed = {}  # type: Dict[str, List[Any]]
        """Columns of ours: the error, the residual, …"""
        self.inputs = []  # type: List[Kept]
        self.notes = []  # type: List[str]

    def meet(self, names: Sequence[str], cells: Mapping[str, Sequence[Any]]) -> None:
        """See from the first cells which inputs are numbers."""
        for name in names:
            column = cells[name]
            if len(column) > LOOKED:
                column = self.kernel.cells(column, self.kernel.ints(range(LOOKED)))
            numbers, bad = self.kernel.numbers(column)
            filled = len(self.kernel.present(numbers)) + bad
            self.inputs.append(Kept(name, filled > 0 and bad <= ODD * filled))

    def add(
        self, first: int, size: int, at: Column, fixed: Mapping[str, Any], cells: Mapping[str, Sequence[Any]]
    ) -> None:
        """One more piece: `size` rows from `first` on, of which those at some positions (None: all) count.

        `fixed` has only those, `cells` all.
        """
        kernel = self.kernel
        lots = kernel.lots(first, size)
        if at is not None:
            lots = kernel.take(lots, at)
        columns = dict(fixed, lots=lots)
        kept = kernel.level(lots, self.part) if self.part > 1 else None
        if kept is not None:
            columns = {name: kernel.take(column, kept) for name, column in columns.items()}
            at = kept if at is None else kernel.take(at, kept) if kernel.fast else [at[each] for each in kept]
        for name, column in columns.items():
            self.fixed.setdefault(name, []).append(column)
        for each in self.inputs:
            values = cells[each.name]  # type: Sequence[Any]
            if at is not None:
                values = kernel.cells(values, at)
            if each.numeric:
                numbers, bad = kernel.numbers(values)
                each.odd += bad
            else:
                numbers = kernel.ints(each.labels.codes(values))
            each.parts.append(numbers)
        self.count += len(columns["lots"])
        self.drop()
        while self.count * (len(self.inputs) + len(self.fixed)) > self.cells:
            self.thin()

    def drop(self) -> None:
        """Let go of inputs that tell rows apart."""
        for each in [each for each in self.inputs if each.labels.full]:
            self.notes.append("%s has more than %d different values: it is left aside" % (each.name, LEVELS))
            self.inputs.remove(each)

    def thin(self) -> None:
        """Keep half of it."""
        self.part *= 2
        kernel = self.kernel
        kept = [kernel.level(lots, self.part) for lots in self.fixed["lots"]]
        for parts in list(self.fixed.values()) + [each.parts for each in self.inputs]:
            parts[:] = [kernel.take(part, at) for part, at in zip(parts, kept)]
        self.count = sum(len(part) for part in self.fixed["lots"])

    def column(self, name: str) -> Column:
        """One of ours, whole; None where there is none."""
        parts = self.fixed.get(name)
        return self.kernel.join(parts) if parts else None
