"""A table of results as it is looked at: which runs, in which order, what is folded into one line. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backends.base import JobState
from specs.braces import as_text
from trainboard.compare import Comparison, varying
from trainboard.diagnose.finding import Severity
from trainboard.ranking.columns import FACTS, NUMBERS, Column, Source, cell, is_number, usual
from trainboard.ranking.spread import Spread, spread
from trainboard.ranking.where import Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trainboard.compare import Entry
    from trainboard.ranking.columns import Cell

SEEDS = re.compile(r"(?:.*[._-])?(?:random_|rng_|manual_)?seed", re.IGNORECASE)
"""Parameters in which runs differ that are the same otherwise."""
EXPERIMENT = "[experiment]"
"""Among what is grouped by: the experiment itself."""
Place = tuple[int, float, str]
NOWHERE: Place = (9, 0.0, "")


@dataclass(frozen=True, slots=True)
class View:
    """How a table is looked at."""

    where: Where = field(default_factory=Where)
    sort: Column | None = None
    """None: as submitted; of groups, the best of the objective first."""
    reverse: bool = False
    by: tuple[str, ...] | None = None
    """Runs that agree in these parameters are one line; None: every run is one."""
    columns: tuple[Column, ...] | None = None
    """None: the usual ones."""
    kind: str = "best"
    """Of `KINDS`: what is shown of a metric where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a run, or several that are folded."""

    key: str
    members: tuple[Entry, ...]
    folded: bool = False

    @property
    def first(self) -> Entry:
        """The run, or the first of them."""
        return self.members[0]

    def spread(self, column: Column) -> Spread | None:
        """Of a metric's values; None where no member has one."""
        return spread(value for each in self.members if isinstance(value := cell(each, column), int | float))

    def cell(self, column: Column) -> Cell | Spread:
        """What stands there. Of several runs: of a metric the spread, of a parameter what all have, else how many."""
        if not self.folded:
            return cell(self.first, column)
        if column.source is Source.METRIC:
            return self.spread(column)
        if column.source is Source.FACT:
            return self._fact(column.name)
        found = {repr(each.params.get(column.name)): each.params.get(column.name) for each in self.members}
        return next(iter(found.values())) if len(found) == 1 else f"… {len(found)}"

    def _fact(self, name: str) -> Cell:
        """A fact about all of them."""
        found = [FACTS[name].of(each) for each in self.members]
        if name in NUMBERS:
            numbers = [each for each in found if isinstance(each, int | float)]
            if not numbers:
                return None
            return math.fsum(numbers) / (1 if FACTS[name].summed else len(numbers))
        if name == "finding":
            worst = (text for text in found if isinstance(text, str))
            return max(worst, key=lambda text: Severity.of(text.partition(":")[0]).level, default=None)
        counts = Counter(found)
        if name == "state" and (len(counts) > 1 or len(found) > 1):
            return " ".join(f"{number} {state}" for state, number in counts.most_common())
        return found[0] if len(counts) == 1 else f"… {len(counts)}"

    def number(self, column: Column) -> float | None:
        """What it is compared by with others: None where there is no number."""
        value = self.cell(column)
        if isinstance(value, Spread):
            value = value.mean
        return float(value) if isinstance(value, int | float) and is_number(value) and not math.isnan(value) else None


@dataclass(frozen=True, slots=True)
class Table:
    """What is seen of it."""

    found: Comparison = field(default_factory=Comparison)
    """Of the runs that are wanted; what differs is what differs among all."""
    view: View = field(default_factory=View)
    columns: tuple[Column, ...] = ()
    lines: tuple[Line, ...] = ()
    all: int = 0
    """Runs before any was left out."""
    best: dict[str, frozenset[str]] = field(default_factory=dict)
    """By metric column: the keys of the best lines, as far as they were asked for."""

    def best_of(self, column: Column) -> frozenset[str]:
        """The lines that no other beats; none where there is no other, or no better."""
        if column.source is not Source.METRIC:
            return frozenset()
        known = self.best.get(column.key)
        if known is None:
            known = self.best[column.key] = self._best_of(column)
        return known

    def _best_of(self, column: Column) -> frozenset[str]:
        goal = self.found.goals.get(column.name)
        known = {line.key: value for line in self.lines if (value := line.number(column)) is not None}
        if not goal or len(known) < 2:
            return frozenset()
        top = (max if goal == "maximize" else min)(known.values())
        return frozenset(key for key, value in known.items() if value == top)

    @property
    def objective(self) -> Column | None:
        """The metric that runs are ranked by."""
        from trainboard.ranking.columns import metric

        return metric(self.found, self.found.metrics[0], self.view.kind) if self.found.metrics else None


def is_seed(name: str) -> bool:
    """Whether a parameter is the seed of what is drawn by lot."""
    return SEEDS.fullmatch(name) is not None


def without_seeds(found: Comparison) -> tuple[str, ...]:
    """What to group by so that runs which differ in their seeds alone are one line."""
    several = len({entry.experiment for entry in found.entries}) > 1
    return (*([EXPERIMENT] if several else ()), *(name for name in found.params if not is_seed(name)))


def arrange(found: Comparison, view: View) -> Table:
    """The table of these runs as they are looked at."""
    wanted = tuple(entry for entry in found.entries if view.where.holds(entry))
    kept = replace(found, entries=wanted)
    lines = folded(wanted, view.by) if view.by is not None else [Line(entry.key, (entry,)) for entry in wanted]
    columns = view.columns if view.columns is not None else usual(found, view.kind)
    if view.columns is None and view.by is not None:
        columns = for_groups(columns, kept, view.by)
    table = Table(kept, view, columns, (), len(found.entries))
    sort, reverse = view.sort, view.reverse
    if sort is None and view.by is not None:
        sort = table.objective
    return replace(table, lines=tuple(lines if sort is None else ordered(lines, sort, found, reverse=reverse)))


def for_groups(columns: Iterable[Column], kept: Comparison, by: Sequence[str]) -> tuple[Column, ...]:
    """The usual columns less the parameters in which a line's runs differ."""
    return tuple(
        column
        for column in columns
        if (column.source is not Source.PARAM or column.name in by) and (column.key != EXPERIMENT or EXPERIMENT in by)
    )


def folded(entries: Iterable[Entry], by: Sequence[str]) -> list[Line]:
    """Runs that agree in these, as one line each, in the order of the first of each."""
    together: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = tuple(entry.experiment if name == EXPERIMENT else repr(entry.params.get(name)) for name in by)
        together.setdefault(key, []).append(entry)
    return [Line("\x1f".join(("", *key)), tuple(several), folded=True) for key, several in together.items()]


def ordered(lines: Iterable[Line], column: Column, found: Comparison, *, reverse: bool = False) -> list[Line]:
    """By a column, of a metric the best first; those without a value come last either way."""
    down = column.source is Source.METRIC and found.goals.get(column.name) == "maximize"
    places = [(_place(line, column), line) for line in lines]
    known = [each for each in places if each[0] is not NOWHERE]
    known.sort(key=lambda each: each[0], reverse=down is not reverse)
    return [*(line for _, line in known), *(line for place, line in places if place is NOWHERE)]


def _place(line: Line, column: Column) -> Place:
    """Numbers by size, before words."""
    value = line.cell(column)
    if isinstance(value, Spread):
        value = value.mean
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOWHERE
    if isinstance(value, int | float) and is_number(value):
        return 0, float(value), ""
    if column.key == "[finding]":
        return 0, -Severity.of(str(value).partition(":")[0]).level, str(value)
    return 1, 0.0, as_text(value)


def title_of(line: Line, by: Sequence[str]) -> str:
    """What a line is called: the run, or what its runs agree in."""
    if not line.folded:
        return line.first.key
    told = (
        line.first.experiment if name == EXPERIMENT else f"{name}={as_text(line.first.params.get(name))}"
        for name in by
    )
    return " ".join(told) or f"all {len(line.members)}"


def finished(line: Line) -> int:
    """How many of its runs are COMPLETED."""
    return sum(each.state is JobState.COMPLETED for each in line.members)


def differing(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The parameters in which these differ."""
    return varying([entry.params for entry in entries])
