"""The shape of a line: the text around its numbers."""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A token is what float() takes, or a date, clock time, version or address, which float() refuses. It does not follow
# a letter, digit, dot, dash or `@`: `top5`, `acc@1` and `resnet-50` are names. The pattern begins with a plain set of
# characters, because only then does the engine skip text fast.
_TOKEN = rb"""
    ( %(first)s (?<! [\w.@\x80-\xff-] %(first)s )
      (?: (?<=[0-9])
          (?: \d*+ (?:\.\d*+)?+ (?:[eE][-+]?\d++)?+ (?! [.eE] | [-:]\d | ,\d{3} | /\d\d?/)
            | \d{3}[-/]\d\d?[-/]\d\d? (?: [T\x20-]\d\d:\d\d (?::\d\d)? (?:[.,:]\d+)? (?:\+\d\d:\d\d)? )?
            | \d?/\d\d?/\d\d(?:\d\d)?(?!\d) (?: [\x20-]\d\d:\d\d (?::\d\d)? (?:[.,]\d+)? )?
            | \d* : \d\d (?: :\d\d)? (?:[.,]\d+)?
            | \d* \.\d+ (?:\.\d+)+
            | \d{0,2} (?:,\d{3})+ (?!\d) (?:\.\d+)?
            | \d* (?:\.\d*)? (?:[eE][-+]?\d+)?
          )
        | (?<=[-+]) (?: \d+ (?:\.\d*)? | \.\d+ ) (?:[eE][-+]?\d+)?
        | (?<=\.) (?<! \d:\.) \d+ (?:[eE][-+]?\d+)?
        %(words)s
      )
    )
"""
_WORDS = rb"| (?: (?<=[nN])[aA][nN] | (?<=[iI])[nN][fF](?:inity)? | (?<=[-+])(?i:nan|inf(?:inity)?) ) (?!(?!ms\b)\w)"
FINITE = re.compile(_TOKEN % {b"first": rb"[-+.0-9]", b"words": b""}, re.VERBOSE)
ANY = re.compile(_TOKEN % {b"first": rb"[-+.0-9nNiI]", b"words": _WORDS}, re.VERBOSE)
_INFINITY = re.compile(rb"inf(?:inity)?(?!(?!ms\b)\w)")


def is_wordy(block: bytes) -> bool:
    """Whether any line may have a number in words, `nan` or `inf`: looking for those costs time in every text."""
    lower = block.lower()
    return b"nan" in lower or _INFINITY.search(lower) is not None


def splitter(wordy: bool) -> Callable[[bytes], list[bytes]]:
    """What takes lines apart: `[text, number, text, …, text]`; slot i is element 2i + 1."""
    return (ANY if wordy else FINITE).split


# What may be glued to a number: a per-cent sign or a unit, and then no further part of a word, path or version.
_UNIT = re.compile(
    rb"(%|dB|[kKMGT]?(?:i?B|b/s|B/s)|[KMGT]b|[munp]?s|min|[mhkKMGTxWJC]|it|(?:[a-zA-Z]+)/[a-zA-Z]+)?(?![\w%@]|[-./]\w|\s*/\s*$)"
)
_THOUSANDS = re.compile(rb"\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_SCALES = {b"k": 1e3, b"K": 1e3}
_PLAIN = bytes.maketrans(b"\0\1", b"  ")


REACH = 200
"""Bytes beside a number that may say what it is."""
SLOT_CAP = 256
"""Numbers of a line that are looked at, outside of records: a longer row of numbers is data."""


class Shape:
    """The texts of a line, one more than it has numbers: number i stands between texts i and i + 1."""

    def __init__(self, texts: tuple[bytes, ...], dates: frozenset[int] = frozenset()) -> None:
        self.texts = texts
        self.dates = dates
        """The slots that hold no numbers but dates, clock times, versions or addresses."""

    @cached_property
    def canon(self) -> bytes:
        """The line with a NUL in place of each number and a `\\1` in place of each date, for patterns to look at.

        A NUL of the line itself is a blank there. Ends after `SLOT_CAP` numbers.
        """
        texts = [text.translate(_PLAIN) for text in self.texts[: SLOT_CAP + 1]]
        signs = (b"\1" if slot in self.dates else b"\0" for slot in range(len(texts) - 1))
        return b"".join(part for pair in zip(texts, signs, strict=False) for part in pair) + texts[-1]

    @cached_property
    def _places(self) -> list[int]:
        return [place for place, byte in enumerate(self.canon) if byte < 2]

    def slot_at(self, at: int) -> int:
        """How many tokens stand before a place of `canon`: the slot of a token that stands there."""
        return bisect_left(self._places, at)

    def message(self, slot: int, cut: int) -> Shape:
        """What is left of a line whose first `slot` numbers, and `cut` bytes after them, are cut off."""
        rest = (self.texts[slot][cut:], *self.texts[slot + 1 :])
        return Shape(rest, frozenset(date - slot for date in self.dates if date >= slot))

    @property
    def slots(self) -> range:
        """The numbers' positions."""
        return range(len(self.texts) - 1)

    def before(self, slot: int) -> bytes:
        """The end of the text before a number, less the unit of the number before it."""
        text = self.texts[slot]
        unit = _UNIT.match(text) if slot else None
        return text[unit.end() if unit else 0 :][-REACH:]

    def after(self, slot: int) -> bytes:
        """The beginning of the text after a number, with its unit."""
        return self.texts[slot + 1][:REACH]

    def ends(self, slot: int) -> bool:
        """Whether the number ends here, with or without a unit: it is no part of a word, a path or a ratio."""
        after = self.after(slot)
        return _UNIT.match(after) is not None and not after.startswith(b"%|")

    def scale(self, slot: int) -> float:
        """What the number's unit multiplies it by: 1000 for a glued `k`, else 1."""
        unit = _UNIT.match(self.after(slot))
        return _SCALES.get(unit[1], 1.0) if unit else 1.0


def number(token: bytes) -> float | None:
    """A token's value; None for dates, times, versions and addresses."""
    try:
        return float(token)
    except ValueError:
        return float(token.replace(b",", b"")) if _THOUSANDS.fullmatch(token) else None
