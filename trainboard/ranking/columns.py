"""The columns of a table of results: facts about a run, its parameters, its metrics. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from specs import cells
from specs.tree import nearest, quoted
from trainboard.layernames import of_a_layer
from trainboard.results import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from specs.model import Scalar
    from trainboard.compare import Comparison, Entry

Cell = str | int | float | bool | None


class Source(Enum):
    """What a column is about."""

    FACT = auto()
    PARAM = auto()
    METRIC = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    source: Source
    name: str
    kind: str = ""
    """Of a metric: one of `KINDS`."""

    @property
    def key(self) -> str:
        """What tells it from the others of its table: as it is typed."""
        if self.source is Source.FACT:
            return f"[{self.name}]"
        return f"{self.name}:{self.kind}" if self.kind else self.name

    @property
    def header(self) -> str:
        """Its title in a sheet, as `specs.cells` has them: what is no parameter is told from one."""
        if self.source is Source.FACT:
            return cells.result(self.name)
        return cells.result(self.kind, self.name) if self.kind else self.name


@dataclass(frozen=True, slots=True)
class Fact:
    """What is told of a run beside its parameters and metrics."""

    of: Callable[[Entry], Cell]
    summed: bool = False
    """Whether it is added up where runs are folded; else it is their mean."""


FACTS: Mapping[str, Fact] = {
    "run": Fact(lambda entry: entry.key),
    "experiment": Fact(lambda entry: entry.experiment),
    "name": Fact(lambda entry: entry.name),
    "state": Fact(lambda entry: str(entry.state)),
    "took": Fact(lambda entry: entry.seconds),
    "gpu-hours": Fact(lambda entry: entry.gpu_hours, summed=True),
    "finding": Fact(lambda entry: entry.finding or None),
}
"""By their names; `took` is in seconds."""
NUMBERS = ("took", "gpu-hours")
"""Facts that are numbers."""


class Unknown(ValueError):
    """No such column; `str()` says which and what is near."""


def metric(found: Comparison, name: str, kind: str) -> Column:
    """A metric's column; where no value is better than another the best is the last."""
    return Column(Source.METRIC, name, "last" if kind == "best" and not found.goals.get(name) else kind)


def usual(found: Comparison, kind: str = "best", metrics: int | None = None) -> tuple[Column, ...]:
    """The columns that a table has where nobody has chosen any: metrics but those of single layers, or so many."""
    several = len({entry.experiment for entry in found.entries}) > 1
    facts = ["state", "took"] + ["gpu-hours"] * any(entry.gpu_hours for entry in found.entries)
    facts += ["finding"] * any(entry.finding for entry in found.entries)
    names = [name for at, name in enumerate(found.metrics) if not at or not of_a_layer(name)]
    told = [metric(found, name, kind) for name in names[:metrics]]
    return (
        *([Column(Source.FACT, "experiment")] * several),
        *told[:1],
        *(Column(Source.PARAM, name) for name in found.params),
        *(Column(Source.FACT, name) for name in facts),
        *told[1:],
    )


def every(found: Comparison) -> tuple[Column, ...]:
    """All columns that there are."""
    params = dict.fromkeys(name for entry in found.entries for name in entry.params)
    return (
        *(Column(Source.FACT, name) for name in FACTS),
        *(Column(Source.PARAM, name) for name in params),
        *(Column(Source.METRIC, name, kind) for name in found.metrics for kind in KINDS),
    )


class Words:
    """What is typed for columns: a parameter's or a metric's name, `loss:final`, a fact's name; `[state]` is the
    fact also where a parameter is called so."""

    def __init__(self, found: Comparison, kind: str = "best") -> None:
        self._known: dict[str, Column] = {}
        every_one = every(found)
        for column in every_one:
            if column.source is Source.METRIC:
                self._known.setdefault(column.name, metric(found, column.name, kind))
                self._known.setdefault(f"{column.name}:{column.kind}", column)
                self._known.setdefault(column.header, column)
        for column in every_one:
            if column.source is Source.FACT:
                self._known.setdefault(column.name, column)
                self._known[column.key] = column
        for column in every_one:
            if column.source is Source.PARAM and column.name not in found.metrics:
                self._known[column.name] = column

    def __getitem__(self, word: str) -> Column:
        """Raises `Unknown`."""
        found = self._known.get(word)
        if found is None:
            raise Unknown(f"no column {quoted(word)}{nearest(word, self._known)}")
        return found

    def __contains__(self, word: str) -> bool:
        return word in self._known

    def all(self, words: Iterable[str]) -> tuple[Column, ...]:
        """Each once. Raises `Unknown`."""
        return tuple(dict.fromkeys(self[word] for word in words))


def cell(entry: Entry, column: Column) -> Cell:
    """What a run has there; None where it has nothing."""
    if column.source is Source.METRIC:
        value = entry.metrics.get(column.name)
        found: float | None = getattr(value, column.kind) if value is not None else None
        return found
    return entry.params.get(column.name) if column.source is Source.PARAM else FACTS[column.name].of(entry)


def is_number(value: Scalar) -> bool:
    """Whether it can be reckoned with: a truth value cannot, nor an integer beyond what a float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 or (isinstance(value, float) and not math.isfinite(value))
