"""What of a line matches a query, to mark it on screen; what could take long is not even tried. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.base import Wanted

MOST_CHOICES = 16
REPEAT, OPTION = 8, 2
"""What a repetition and what an option of a pattern count: each multiplies the time that it may take, the first by
the length of the line, a few hundred."""

CONTEXT = 64
"""Characters before and behind what is seen to which a match may reach."""

_HARD = re.compile(r"\)[*+?{]|\\[1-9]|\(\?[P(]")
"""Repeated groups, and references to groups: of these the time may double with every character."""
_CERTAIN = re.compile(r"\\[dw][*+](?=[ :=,/%-]|\\[^\w\s])|\\S[*+](?= |\\s)|[*+]$|\{\d+\}")
"""Repetitions that end at one place only: what follows them cannot be one more of them."""
_REPEATS = re.compile(r"(?<!\\)[*+]\??|\{\d*,\d*\}\??")
_OPTIONS = re.compile(r"(?<![\\(])\?|\|")


@dataclass(frozen=True, slots=True)
class Marks:
    """Finds a query in what is seen of lines."""

    pattern: re.Pattern[str] | None
    """None: only the host looks for it, which may take its time."""

    @classmethod
    def of(cls, wanted: Wanted | None) -> Marks:
        """For a pattern that can be read."""
        if wanted is None or _HARD.search(wanted.pattern) or choices(wanted.pattern) > MOST_CHOICES:
            return cls(None)
        return cls(re.compile(wanted.pattern, re.I if wanted.ignore_case else 0))

    def found(self, text: str, start: int, end: int) -> list[tuple[int, int]]:
        """Where the matches in this stretch begin and end, though they may begin a bit before it."""
        if self.pattern is None:
            return []
        matches = self.pattern.finditer(text, max(0, start - CONTEXT), end + CONTEXT)
        return [match.span() for match in matches if match.end() > start and match.start() < end]


def choices(pattern: str) -> int:
    """How much a pattern may have to try at one place of a line, roughly as the logarithm of the time."""
    rest, repeats = _REPEATS.subn("", _CERTAIN.sub("", pattern))
    options = [option for option in _OPTIONS.findall(rest) if option == "?" or "(" in rest]
    return REPEAT * repeats + OPTION * len(options)
