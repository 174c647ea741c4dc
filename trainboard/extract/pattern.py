"""What a spec's `metrics.pattern` reads: regular expressions with named groups, which win over guessing.

A group named `value` is the value of the metric that the group `name` names; groups named after an index word
(`step`, `epoch`, …) are the index; every other named group is a metric of that name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from trainboard.extract.names import INDEX_KINDS, index_word
from trainboard.extract.shape import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LINE_CAP = 4096
"""Bytes; a pattern does not look at longer lines."""
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT")
_ENDLESS = 16
"""A repeat of more than this counts as endless."""


class Match(NamedTuple):
    """What a pattern found in a line: metrics with their values, and an index word with its number."""

    fields: tuple[tuple[str, float], ...]
    place: tuple[str, float] | None


def compiled(patterns: Iterable[str]) -> tuple[re.Pattern[bytes], ...]:
    """The patterns, ready for the bytes of a line. Raises ValueError (one sentence) for one that cannot be used."""
    return tuple(_compiled(pattern) for pattern in patterns)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[bytes]:
    try:
        found = re.compile(pattern.encode())
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"no regular expression: {error}") from error
    names = set(found.groupindex)
    if not names - set(INDEX_KINDS):
        raise ValueError("names no metric: write (?P<loss>…), or (?P<name>…) and (?P<value>…)")
    if "name" in names and "value" not in names:
        raise ValueError("has a group `name` and none that is called `value`")
    if _is_explosive(pattern):
        raise ValueError("repeats a repeat, (…+)+, which may take for ever on some lines")
    return found


def match(patterns: Iterable[re.Pattern[bytes]], line: bytes) -> Match | None:
    """What the first pattern that matches anywhere in a line reads; None where none matches."""
    if len(line) > LINE_CAP:
        return None
    for pattern in patterns:
        found = pattern.search(line)
        if found:
            return _read(found)
    return None


def _read(found: re.Match[bytes]) -> Match:
    groups = {name: text.strip() for name, text in found.groupdict().items() if text is not None}
    index = next(((name, value) for name, value in _numbers(groups) if index_word(name)), None)
    if "value" in groups:
        name = groups.pop("name", b"value").decode("utf-8", "replace")
        fields = [(name, value) for key, value in _numbers(groups) if key == "value"]
    else:
        fields = []
    fields += [(name, value) for name, value in _numbers(groups) if name != "value" and not index_word(name)]
    return Match(tuple(fields), index)


def _numbers(groups: dict[str, bytes]) -> Iterator[tuple[str, float]]:
    for name, text in groups.items():
        value = number(text)
        if value is not None:
            yield name, value


def _is_explosive(pattern: str) -> bool:
    """Whether an endless repeat stands in an endless repeat: the known way to more than polynomial time."""
    parser = import_module("re._parser")  # the standard library's own, for which there are no types

    return _repeats(parser.parse(pattern), within=False)


def _repeats(node: Iterable[Any], within: bool) -> bool:
    for operation, argument in node:
        endless = str(operation) in _REPEATS and argument[1] > _ENDLESS
        if endless and within:
            return True
        if any(_repeats(part, within or endless) for part in _parts(argument)):
            return True
    return False


def _parts(argument: object) -> Iterator[Any]:
    """The parts of an operation's argument that are patterns themselves."""
    if isinstance(argument, (tuple, list)):
        for part in argument:
            yield from _parts(part)
    elif hasattr(argument, "data") and hasattr(argument, "state"):
        yield argument
