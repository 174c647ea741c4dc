"""When two values are one parameter value, and which settings agree with one of many entries. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs.braces import as_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from specs.model import Scalar


def same(one: Scalar, other: Scalar) -> bool:
    """Whether two values are one parameter value: the same text for the program, or the same number."""
    if as_text(one) == as_text(other):
        return True
    numbers = [value for value in (one, other) if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == 2 and one == other


def loosely(value: Scalar) -> str | float:
    """What all values that are the same have in common, to look them up by; some others have it too."""
    text = as_text(value)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if number == number else "nan"


@dataclass(frozen=True, slots=True)
class Entries:
    """Parts of settings, by their names and then by their values."""

    names: frozenset[str]
    found: Mapping[tuple[str, ...], Mapping[tuple[str | float, ...], Sequence[Mapping[str, Scalar]]]]

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Scalar]]) -> Entries:
        found: dict[tuple[str, ...], dict[tuple[str | float, ...], list[Mapping[str, Scalar]]]] = {}
        for entry in entries:
            names = tuple(sorted(entry))
            alike = found.setdefault(names, {}).setdefault(tuple(loosely(entry[name]) for name in names), [])
            alike.append(entry)
        return cls(frozenset().union(*found), found)

    def agree(self, params: Mapping[str, Scalar]) -> bool:
        """Whether a setting has all values of an entry."""
        values = {name: loosely(params[name]) for name in self.names if name in params}
        return any(
            all(same(params[name], value) for name, value in entry.items())
            for names, among in self.found.items()
            if all(name in values for name in names)
            for entry in among.get(tuple(values[name] for name in names), ())
        )
