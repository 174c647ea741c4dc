"""Settings as far as a sweep's conditions can tell them from each other. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specs.alike import loosely, same

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from specs.model import Scalar

Kind = tuple[tuple[str, int], ...]
"""By name the number of a value that stands for all that fulfil the same conditions."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """What the conditions of a sweep can tell from each other."""

    looked_at: frozenset[str]
    told_apart: Collection[str]
    """Of these parameters no value stands for another."""
    wanted: Mapping[tuple[str, str | float], Sequence[tuple[int, Scalar]]]
    """By a name and, loosely, a value: the conditions that may take it, by number."""
    numbers: dict[tuple[str, object], int] = field(default_factory=dict)
    values: list[Scalar] = field(default_factory=list)
    """Those that stand for others, by their number: 1 and true are one key of a mapping, but not the same."""

    @classmethod
    def of(cls, whens: Iterable[Mapping[str, tuple[Scalar, ...]]], told_apart: Collection[str]) -> Kinds:
        conditions = {(name, repr(values)): values for when in whens for name, values in when.items()}
        wanted: dict[tuple[str, str | float], list[tuple[int, Scalar]]] = {}
        for number, ((name, _), values) in enumerate(conditions.items()):
            for value in values:
                wanted.setdefault((name, loosely(value)), []).append((number, value))
        return cls(frozenset(told_apart).union(name for name, _ in conditions), told_apart, wanted)

    def rows(self, names: Sequence[str], rows: Sequence[Mapping[str, Scalar]]) -> Counter[Kind]:
        """How many of the rows that set these names are of each kind."""
        names = [name for name in names if name in self.looked_at]
        if not names:
            return Counter({(): len(rows)})
        return Counter(tuple((name, self.stand_in(name, row[name])) for name in names) for row in rows)

    def part(self, kind: Kind) -> dict[str, Scalar]:
        """A setting of the kind, as far as conditions look at it."""
        return {name: self.values[number] for name, number in kind}

    def stand_in(self, name: str, value: Scalar) -> int:
        """The number of the first value that fulfils the same conditions."""
        may = self.wanted.get((name, loosely(value)), ())
        met = value if name in self.told_apart else frozenset(number for number, one in may if same(value, one))
        number = self.numbers.setdefault((name, met), len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number
