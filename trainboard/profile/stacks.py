"""Stacks that were sampled, and how often: read from py-spy's raw format and from speedscope files."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FRAME = re.compile(r"(.*) \((.*?)(?::(\d+))?\)", re.DOTALL)
"""`name (file:line)`; native code has no line."""

EMPTY = re.compile(r"\s*\d*\s*")
"""A thread without any call on its stack, which py-spy counts, too; or nothing at all."""

LIBRARY = re.compile(r"(site|dist)-packages/|/lib(64)?/python[\d.]+/|\.so(\.[\d.]+)?$|^<frozen |^<__array_function__")

SHOWN = 48
"""Characters of a path that are shown."""


@dataclass(frozen=True, slots=True)
class Function:
    """Something that was seen on a stack. Both texts are untrusted."""

    name: str
    file: str = ""
    """Empty where nobody tells."""

    @property
    def own(self) -> bool:
        """Whether it is the user's: not Python's, of an installed package, or native."""
        return bool(self.file) and is_own(self.file)


@lru_cache(maxsize=4096)
def is_own(file: str) -> bool:
    """Whether a file is none of a library."""
    return LIBRARY.search(file) is None and (file.startswith(("/", "<ipython", "<string")) or file.endswith(".py"))


@dataclass(frozen=True, slots=True)
class Profile:
    """What was sampled. Weights are samples, or the unit of the file that it was read from."""

    functions: Sequence[Function]
    stacks: Mapping[tuple[int, ...], float]
    """By the functions on it, the outermost first, as places in `functions`."""
    lines: Mapping[tuple[int, int], float]
    """How often a function stood at a line of its own: (function, line)."""
    left: int = 0
    """Lines of the source that could not be read."""

    @property
    def total(self) -> float:
        """Of all stacks."""
        return sum(self.stacks.values())


class Builder:
    """Makes a profile, stack by stack."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], int] = {}
        self._functions: list[Function] = []
        self._stacks: Counter[tuple[int, ...]] = Counter()
        self._lines: Counter[tuple[int, int]] = Counter()
        self.left = 0

    def place(self, name: str, file: str) -> int:
        """Where a function is in `functions`."""
        place = self._places.setdefault((name, file), len(self._functions))
        if place == len(self._functions):
            self._functions.append(Function(name, file))
        return place

    def add(self, stack: tuple[int, ...], weight: float, line: int | None = None) -> None:
        """A stack was seen so often; `line`: where its innermost function stood."""
        self._stacks[stack] += weight  # type: ignore[assignment]  # counters are typed for whole numbers only
        if line is not None:
            self._lines[stack[-1], line] += weight  # type: ignore[assignment]  # as above

    def done(self) -> Profile:
        """All of them."""
        return Profile(tuple(self._functions), dict(self._stacks), dict(self._lines), self.left)


def parse_raw(text: str) -> Profile:
    """`frame;frame;frame COUNT` in each line; what is no such line is counted and left out."""
    builder = Builder()
    known: dict[str, tuple[int, int | None]] = {}
    for row in text.split("\n"):
        stack, _, count = row.rpartition(" ")
        if not stack or not (count.isascii() and count.isdigit()):
            builder.left += not (row.startswith("# ") or EMPTY.fullmatch(row))
            continue
        frames = []
        for word in stack.split(";"):
            frame = known.get(word)
            if frame is None:
                frame = known[word] = _frame(builder, word)
            frames.append(frame)
        builder.add(tuple([place for place, _ in frames]), int(count), frames[-1][1])
    return builder.done()


def _frame(builder: Builder, word: str) -> tuple[int, int | None]:
    match = FRAME.fullmatch(word)
    if match is None:
        return builder.place(word, ""), None
    name, file, line = match.groups()
    return builder.place(name, file), int(line) if line and len(line) < 10 else None


def parse_speedscope(text: str) -> Profile:
    """All profiles of a speedscope file together. Raises `ValueError`."""
    told: Any = json.loads(text)
    try:
        builder = Builder()
        frames = told["shared"]["frames"]
        places = [builder.place(str(each["name"]), str(each.get("file") or "")) for each in frames]
        lines = [each.get("line") if isinstance(each.get("line"), int) else None for each in frames]
        for profile in told["profiles"]:
            for stack, weight in _sampled(profile):
                if stack and weight > 0:
                    builder.add(tuple([places[at] for at in stack]), weight, lines[stack[-1]])
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"not a speedscope file: {error!r}") from error
    return builder.done()


def _sampled(profile: Mapping[str, Any]) -> Iterable[tuple[Sequence[int], float]]:
    if profile["type"] == "sampled":
        weights = profile.get("weights") or [1] * len(profile["samples"])
        yield from zip(profile["samples"], weights, strict=True)
        return
    stack: list[int] = []
    since = float(profile.get("startValue", 0))
    for event in profile["events"]:
        yield tuple(stack), float(event["at"]) - since
        since = float(event["at"])
        if event["type"] == "O":
            stack.append(event["frame"])
        elif stack:
            stack.pop()


def place_of(file: str, line: int | None = None, limit: int = SHOWN) -> str:
    """A file and a line for people: the end of a long path says more."""
    short = shortened(file)
    short = short if len(short) <= limit else f"…{short[1 - limit :]}"
    return f"{short}:{line}" if line is not None else short


def shortened(file: str) -> str:
    """A path without what is the same for every package."""
    for mark in ("site-packages/", "dist-packages/"):
        if mark in file:
            return file.partition(mark)[2]
    match = re.search(r"/lib(?:64)?/python[\d.]+/", file)
    return file[match.end() :] if match else file
