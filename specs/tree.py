"""The tree of a YAML document: values that know where they stand, and typed readers for them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from specs.model import Scalar, SpecError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

Default = TypeVar("Default")

MOST_COMPARED = 300
"""Words among which a near one is looked for: it takes some microseconds each."""
MOST_LISTED = 24
"""Words that are all told where none is near."""
NOWHERE: Mapping[str, str] = MappingProxyType({})

BOOLEANS = {"yes": True, "no": False, "on": True, "off": False}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; line and column from 1, None for what is in no file (an override)."""

    source: str
    line: int | None = None
    column: int | None = None

    def error(self, message: str) -> SpecError:
        """An error at this place."""
        return SpecError(self.source, self.line, message, self.column)


@dataclass(frozen=True, slots=True)
class Value:
    """One value: a scalar, a list or a section. Its readers raise `SpecError` where it is of another type."""

    place: Place
    path: str
    """Dotted keys from the top, `resources.gpus` or `where[2]`; empty for the whole document."""
    content: Scalar | tuple[Value, ...] | Mapping[str, Entry]
    written: str = ""
    """A scalar as it was written, without quotes."""
    literal: bool = False
    """A `|` block: its text begins on the line after `place` and keeps its lines."""
    inset: int | None = None
    """Columns that its text stands behind `place`, or behind the margin for a `|` block; None where lines are folded
    or characters escaped, so that its text does not lie in the file as it is."""

    def error(self, problem: str) -> SpecError:
        """`"resources.gpus" must be …`, at this place."""
        return self.place.error(f"{quoted(self.path)} {problem}" if self.path else problem)

    def at(self, line: int, column: int | None = None) -> Place:
        """Where a character of its text stands in the file; line and column of the text, from 0."""
        if self.place.line is None or self.inset is None:
            return self.place
        if self.literal:
            behind = None if column is None else self.inset + column + 1
            return Place(self.place.source, self.place.line + 1 + line, behind)
        return Place(self.place.source, self.place.line, (self.place.column or 1) + self.inset + (column or 0))

    def wrong(self, wanted: str) -> SpecError:
        """The error for a value that is not what is wanted."""
        return self.error(f"must be {wanted}, not {self.shown}")

    @property
    def shown(self) -> str:
        """What it is, for a message."""
        match self.content:
            case tuple():
                return "a list"
            case None:
                return "empty"
            case str(text):
                return quoted(text)
            case bool() | int() | float():
                return self.written
            case _:
                return "a mapping"

    def text(self) -> str:
        """Text; a number counts, as it was written."""
        if isinstance(self.content, bool) or not isinstance(self.content, str | int | float):
            raise self.wrong("text")
        return self.written

    def integer(self, least: int | None = None) -> int:
        """A whole number, of at least `least`."""
        if isinstance(self.content, bool) or not isinstance(self.content, int):
            raise self.wrong("a whole number")
        if least is not None and self.content < least:
            raise self.wrong(f"at least {least}")
        return self.content

    def number(self, least: float | None = None) -> float:
        """A finite number, of at least `least`."""
        number = self.content
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < float("inf"):
            raise self.wrong("a number")
        if least is not None and number < least:
            raise self.wrong(f"at least {least:g}")
        return float(number)

    def boolean(self) -> bool:
        """`true` or `false`; `yes`, `no`, `on` and `off` as well, which YAML 1.2 takes for text."""
        found = BOOLEANS.get(self.content.lower()) if isinstance(self.content, str) else self.content
        if not isinstance(found, bool):
            raise self.wrong("true or false")
        return found

    def scalar(self) -> Scalar:
        """A single value of any type."""
        if not isinstance(self.content, Scalar):
            raise self.wrong("a single value")
        return self.content

    def items(self) -> tuple[Value, ...]:
        """The values of a list."""
        if not isinstance(self.content, tuple):
            raise self.wrong("a list")
        return self.content

    def strings(self) -> tuple[str, ...]:
        """A list of texts; one text is a list of one."""
        values = self.content if isinstance(self.content, tuple) else (self,)
        return tuple(value.text() for value in values)

    def section(self) -> Section:
        """A mapping."""
        if isinstance(self.content, tuple | str | int | float | None):
            raise self.wrong("a mapping of keys to values")
        return Section(self.place, self.path, self.content)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping and what it holds."""

    place: Place
    """Of the key."""
    value: Value


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping, with a typed reader for each kind of value. A key that is not there, or is null, gives the default.

    All readers raise `SpecError` where the value is of another type.
    """

    place: Place
    path: str = ""
    entries: Mapping[str, Entry] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __getitem__(self, key: str) -> Value:
        return self.entries[key].value

    def get(self, key: str) -> Value | None:
        """The value of a key that is there and not null."""
        entry = self.entries.get(key)
        return None if entry is None or entry.value.content is None else entry.value

    def need(self, key: str) -> Value:
        """The value of a key that must be there."""
        value = self.get(key)
        if value is None:
            place = self.entries[key].place if key in self.entries else self.place
            raise place.error(f"{quoted(self._path(key))} is missing")
        return value

    def text(self, key: str, default: Default) -> str | Default:
        """Text; a number counts, as it was written."""
        value = self.get(key)
        return default if value is None else value.text()

    def integer(self, key: str, default: Default, least: int | None = None) -> int | Default:
        """A whole number, of at least `least`."""
        value = self.get(key)
        return default if value is None else value.integer(least)

    def number(self, key: str, default: Default, least: float | None = None) -> float | Default:
        """A finite number, of at least `least`."""
        value = self.get(key)
        return default if value is None else value.number(least)

    def boolean(self, key: str, default: Default) -> bool | Default:
        """`true` or `false`."""
        value = self.get(key)
        return default if value is None else value.boolean()

    def strings(self, key: str, default: Default) -> tuple[str, ...] | Default:
        """A list of texts; one text is a list of one."""
        value = self.get(key)
        return default if value is None else value.strings()

    def items(self, key: str) -> tuple[Value, ...]:
        """The values of a list; none where it is not there."""
        value = self.get(key)
        return () if value is None else value.items()

    def each(self, key: str) -> tuple[Value, ...]:
        """The values of a list; a single value is a list of one."""
        value = self.get(key)
        if value is None:
            return ()
        return value.content if isinstance(value.content, tuple) else (value,)

    def section(self, key: str) -> Section:
        """A mapping within; an empty one where it is not there."""
        value = self.get(key)
        if value is not None:
            return value.section()
        place = self.entries[key].place if key in self.entries else self.place
        return Section(place, self._path(key))

    def unknown(self, known: Collection[str], others: Mapping[str, str] = NOWHERE) -> Iterator[SpecError]:
        """An error for every key that is not known, with the nearest that is.

        `others`: the paths of keys of other sections by their last words, for a key that is in the wrong place.
        """
        for key, entry in self.entries.items():
            if key not in known:
                near = _did_you_mean(others[key]) if key in others else nearest(key, known, self._path(""))
                yield entry.place.error(f"unknown key {quoted(self._path(key))}{near or _all_of(known)}")

    def only(self, known: Collection[str]) -> None:
        """Raise the first of `unknown`."""
        for error in self.unknown(known):
            raise error

    def with_value(self, keys: Sequence[str], value: Value) -> Section:
        """This section with one value set, in sections within sections; those that are missing are made."""
        key, *rest = keys
        path = self._path(key)
        if rest:
            within = self.section(key).with_value(rest, value)
            value = Value(within.place, path, within.entries)
        old = self.entries.get(key)
        entry = Entry(old.place if old and rest else value.place, replace(value, path=path))
        return replace(self, entries={**self.entries, key: entry})

    def without(self, key: str) -> Section:
        """This section without a key."""
        return replace(self, entries={name: entry for name, entry in self.entries.items() if name != key})

    def _path(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def quoted(text: str, longest: int = 60) -> str:
    """Text of unknown origin in double quotes, on one line, without anything that a terminal would obey."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short) + '"'


def nearest(word: str, known: Collection[str], prefix: str = "") -> str:
    """` (did you mean "…"?)` with the prefix before the word, or nothing where no known word is near."""
    near = difflib.get_close_matches(word[:80], known, n=1) if len(known) <= MOST_COMPARED else []
    return _did_you_mean(prefix + near[0]) if near else ""


def _did_you_mean(known: str) -> str:
    return f" (did you mean {quoted(known)}?)"


def _all_of(known: Collection[str]) -> str:
    return f"; known here: {', '.join(known)}" if len(known) <= MOST_LISTED else ""
