"""Names of nodes as Slurm writes many of them, `gpu[01-03,07],big1`, and back. Pure."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST = 100_000
"""Names that one list may stand for: more is a mistake, or malice."""

_RANGE = re.compile(r"(\d{1,12})(?:-(\d{1,12}))?", re.ASCII)
_PIECE = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_NUMBERED = re.compile(r"(.*?)(\d{1,12})", re.ASCII | re.DOTALL)


def expand(text: str) -> list[str]:
    """Every name, in the order of the list, as `scontrol show hostnames` prints them.

    Raises `ValueError` for what is no such list, and for more than `MOST` names.
    """
    found: list[str] = []
    for word in words(text):
        found += _names(word, MOST - len(found))
    return found


def words(text: str) -> Iterator[str]:
    """The parts between the commas outside of brackets. Raises `ValueError`."""
    word, inside = "", False
    for char in text.strip():
        if char == "," and not inside:
            if word:
                yield word
            word = ""
            continue
        if char in "[]":
            if inside is (char == "["):
                raise ValueError(f"not a list of nodes: {text[:80]!r}")
            inside = char == "["
        elif char.isspace():
            raise ValueError(f"not a list of nodes: {text[:80]!r}")
        word += char
    if inside:
        raise ValueError(f"not a list of nodes: {text[:80]!r}")
    if word:
        yield word


def _names(word: str, room: int) -> list[str]:
    choices = [_range(match[1], room) if match[2] is None else [match[2]] for match in _PIECE.finditer(word)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > room:
        raise ValueError(f"more than {MOST:,} nodes: {word[:80]!r}")
    return ["".join(parts) for parts in product(*choices)]


def _range(text: str, room: int) -> list[str]:
    """What stands in brackets: `01-03,07`; numbers keep the zeros in front of the first."""
    found: list[str] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(f"not a range of nodes: {text[:80]!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first >= room - len(found):
            raise ValueError(f"not a range of nodes, or too many: {text[:80]!r}")
        width = len(match[1])
        found += [f"{number:0{width}d}" for number in range(first, last + 1)]
    return found


def compress(names: Iterable[str]) -> str:
    """The same names, each once and those of one stem together, in as few characters as a person would write."""
    stems: dict[str, set[str]] = {}
    alone: dict[str, None] = {}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match is None:
            alone[name] = None
        else:
            stems.setdefault(match[1], set()).add(match[2])
    return ",".join([*(f"{stem}{_ranges(numbers)}" for stem, numbers in stems.items()), *alone])


def _ranges(numbers: Iterable[str]) -> str:
    runs: list[tuple[str, str]] = []
    for text in sorted(numbers, key=lambda text: (int(text), len(text))):
        if runs and int(text) == int(runs[-1][1]) + 1 and f"{int(text):0{len(runs[-1][0])}d}" == text:
            runs[-1] = runs[-1][0], text
        else:
            runs.append((text, text))
    parts = [first if first == last else f"{first}-{last}" for first, last in runs]
    return parts[0] if len(runs) == 1 and runs[0][0] == runs[0][1] else f"[{','.join(parts)}]"
