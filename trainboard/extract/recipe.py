"""What was learned of a shape of lines, made ready for speed.

A shape that comes again and again gets a pattern of its own: its texts as they are, and a number in each gap. Where
that matches a line, taking the line apart would give the same, so it is not taken apart.
"""

from __future__ import annotations

import re
from itertools import repeat
from typing import TYPE_CHECKING

from trainboard.extract.plan import IDLE, Plan
from trainboard.extract.stamps import Clocks
from trainboard.extract.told import Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trainboard.extract.fields import Field
    from trainboard.extract.outlet import Outlet

TRUST = 3
"""Samples after which a metric of lines without an index needs no look at what stands around it."""
HITS = 64
"""Lines of a shape after which it is worth a pattern."""
LENGTH_CAP = 1024
"""Bytes of texts in a pattern."""
SLOTS_CAP = 48
_NUMBER = rb"[-+]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+"
_DIGITS = re.compile(rb"\d+")


class Recipe:
    """How the lines of one shape are read."""

    __slots__ = (
        "bare",
        "clock",
        "clocks",
        "confirmed",
        "crosses",
        "doubts",
        "hits",
        "is_dateless",
        "is_guest",
        "is_plain",
        "is_tabled",
        "is_watched",
        "kin",
        "looped",
        "match",
        "measured",
        "next",
        "outlet",
        "part",
        "plan",
        "ranked",
        "row",
        "stamp",
        "texts",
        "told",
        "totals",
        "trusted",
        "unique",
    )

    def __init__(self, plan: Plan, texts: tuple[bytes, ...] = (), clocks: Clocks | None = None) -> None:
        self.plan = plan
        self.texts = texts
        self.clocks = clocks or Clocks()
        # What every line asks for is kept nearer than in the plan.
        self.bare, self.row, self.stamp, self.unique = plan.bare, plan.row, plan.stamp, plan.unique
        self.looped, self.is_guest, self.is_watched = plan.looped, plan.guest, bool(plan.key)
        self.is_plain = not (plan.bare or plan.unique)
        """How many samples there were does not matter."""
        self.clock = None if plan.stamp is None or plan.stamp.is_told_apart else self.clocks.of(plan.stamp)
        """None also where it is another one for another day."""
        self.told = Told(plan)
        self.ranked = plan.rank is not None or plan.ranked is not None
        self.outlet: Outlet | None = None
        """Where its numbers go; None until that is needed."""
        self.totals: dict[bytes, Outlet] = {}
        """The same by number of batches, where the plan is `looped`."""
        self.doubts = plan.doubts
        """The numbers of which it is not known yet whether they are measurements."""
        self.confirmed: tuple[Field, ...] = ()
        """Those that are."""
        self.crosses: bool | None = None
        """Whether the lines above may name what a row measures; None until that is asked."""
        self.part = ""
        """The evaluation that these channels are of, where a heading line announced one."""
        self.is_tabled = False
        """Its tokens are many cells of a table, of which some may be empty: it pays to read them all at once."""
        fields = (*plan.fields, *plan.doubts) if plan.wanted else ()
        self.measured = tuple(plan.wanted[field.slot] for field in fields)
        """The numbers of a line that may be values."""
        self.is_dateless = not any(slot in plan.dates for slot in self.measured)
        """Where its pattern matches, they are numbers."""
        self.trusted = False
        self.hits = 0
        self.match: re.Pattern[bytes] | None = None
        self.kin: Recipe = self
        """The first recipe of the log with the same plan: their shapes differ in blanks, or in what is no number."""
        self.next: Recipe | None = None
        """The shape that came after it last time: likely to come after it again."""

    def learn(self, line: bytes, parts: Sequence[bytes]) -> None:
        """One more line of this shape; after some, its pattern is made."""
        self.hits += 1
        if self.hits != HITS or len(parts) > 2 * SLOTS_CAP or sum(map(len, self.texts)) > LENGTH_CAP:
            return
        pattern = re.compile(b"".join(self._pieces(parts)))
        found = pattern.fullmatch(line)
        if found and list(found.groups()) == [parts[2 * slot + 1] for slot in self.plan.wanted]:
            self.match = pattern

    @property
    def may_run(self) -> bool:
        """Whether many of its lines may be taken at once."""
        told = self.looped or self.ranked or self.plan.aside or self.bare or self.doubts
        return self.plan.counter is not None and not told

    def runs_with(self, other: Recipe) -> bool:
        """Whether lines of another shape may be among those of this one that are taken at once."""
        if other.kin is not self.kin or other.doubts or self.outlet is None or other.outlet is None:
            return False
        return other.outlet.fields == self.outlet.fields

    def forget(self) -> None:
        """Its channels are those of another program."""
        self.outlet, self.trusted = None, False
        self.totals.clear()

    @property
    def is_trusted(self) -> bool:
        """Whether all its metrics were printed before: then it is not source code."""
        if not self.trusted and self.outlet is not None:
            self.outlet.settle()
            self.trusted = all(channel.count >= TRUST for channel in self.outlet.channels)
        return self.trusted

    def time(self, tokens: Sequence[bytes], wall: float | None) -> float | None:
        """The time that a line prints, `wall` where it prints none."""
        stamp = self.stamp
        if stamp is None:
            return wall
        return (self.clock or self.clocks.of(stamp, tokens)).time(stamp, tokens, wall)

    def times(self, lines: Sequence[Sequence[bytes]], wall: float | None) -> Iterable[float | None]:
        """The times that many lines print."""
        return repeat(wall) if self.stamp is None else [self.time(line, wall) for line in lines]

    def rank(self, tokens: Sequence[bytes]) -> int | None:
        """Which rank printed a line; None where it does not say."""
        slot = self.plan.rank
        if slot is None:
            return self.plan.ranked
        token = tokens[slot]
        return int(token) if token.isdigit() else None

    def _pieces(self, parts: Sequence[bytes]) -> list[bytes]:
        pieces = []
        for slot, text in enumerate(self.texts):
            pieces.append(re.escape(text))
            if 2 * slot + 1 < len(parts):
                token = parts[2 * slot + 1]
                shape = _dated(token) if slot in self.plan.dates else _NUMBER
                pieces.append(b"(%s)" % shape if slot in self.plan.wanted else b"(?:%s)" % shape)
        return pieces


NOTHING = Recipe(IDLE)
"""Of lines with nothing in them."""


def _dated(token: bytes) -> bytes:
    """A pattern for tokens that are written as this one is: as many digits, but one or two in a short place."""
    pieces, end = [], 0
    for digits in _DIGITS.finditer(token):
        pieces.append(re.escape(token[end : digits.start()]))
        width = len(digits[0])
        pieces.append(rb"\d\d?" if width < 3 and not digits.start() else rb"\d{%d}" % width)
        end = digits.end()
    return b"".join(pieces) + re.escape(token[end:])
