"""The times that lines print, as seconds since the epoch.

A time without a zone is of the zone of this machine. One without a year, or without a date, is of the year or the day
in which the line was seen, and of 1970 where nobody saw it: then differences are right, and nothing else is wanted.
"""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MONTHS = b"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTH = {name: number for number, name in enumerate(MONTHS.split(b"|"), 1)}
_YEAR_FIRST = re.compile(
    rb"(\d{4})[-/](\d\d?)[-/](\d\d?)(?:[T -](\d\d):(\d\d)(?::(\d\d)(?:[.,:](\d+))?)?)?(\+\d\d:\d\d)?"
)
_YEAR_LAST = re.compile(rb"(\d\d?)/(\d\d?)/(\d{4}|\d\d)(?:[ -](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?")
_CLOCK = re.compile(rb"(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?")
_SECONDS = re.compile(rb"(?<=\d\d:|.\d:)(\d\d):(\d\d(?:[.,]\d+)?)$")
_ZONE = re.compile(rb"([+-])(\d\d):?(\d\d)")
CLOCKS_CAP = 64
_MILLISECONDS = 1e11
"""A greater count since the epoch is one of milliseconds."""
_EARLIEST = 6e8
"""A smaller one is no time but a duration or another number."""


class Stamp(NamedTuple):
    """Where a line prints its time: the places are of tokens."""

    slot: int
    month: bytes = b""
    """What the line's text says of the date: `0124`, or `Jan`, whose day is in `day`."""
    day: int | None = None
    """The slot of a day, or of a `0124`."""
    year: int | None = None
    """The slot of a year."""
    zone: bytes = b""
    """`Z` or `+02:00`; empty for this machine's."""

    @property
    def is_told_apart(self) -> bool:
        """Whether the day or the year is a token of its own."""
        return self.day is not None or self.year is not None


class Clock:
    """Reads times that are written alike: where a minute or an hour begins is worked out once."""

    __slots__ = ("_base", "_comma", "_cut", "_head", "_minute", "_start")

    def __init__(self) -> None:
        self._head = self._minute = b""
        """The time that was read last up to its hour, and up to its minute."""
        self._base = self._start = 0.0
        """When that hour and that minute began."""
        self._cut = 0
        """Where the seconds stand behind the minute."""
        self._comma = False
        """They have one before their decimals."""

    def time(self, stamp: Stamp, tokens: Sequence[bytes], wall: float | None) -> float | None:
        """The time that a line prints, `wall` where it is none after all."""
        token = tokens[stamp.slot]
        try:
            if self._minute and token.startswith(self._minute):
                second = token[self._cut :]
                return self._start + float(second.replace(b",", b".") if self._comma else second)
            if self._head and token.startswith(self._head):
                at = len(self._head)
                self._minute, self._cut, self._comma = token[: at + 2], at + 3, b"," in token
                self._start = self._base + 60 * int(token[at : at + 2])
                return self._start + float(token[at + 3 :].replace(b",", b"."))
        except ValueError:
            self._minute = b""  # it is written otherwise now, and read anew
        printed = seconds(stamp, tokens, wall)
        found = _SECONDS.search(token) if printed is not None else None
        if printed is not None and found:
            self._head, self._minute = token[: found.start(1)], b""
            self._base = float(round(printed - 60 * int(found[1]) - float(found[2].replace(b",", b"."))))
        return wall if printed is None else printed


class Clocks:
    """Those of one log, by what else a line tells of the date."""

    def __init__(self) -> None:
        self._clocks: dict[tuple[bytes, ...], Clock] = {}

    def of(self, stamp: Stamp, tokens: Sequence[bytes] = ()) -> Clock:
        """The clock for a line."""
        day = b"" if stamp.day is None else tokens[stamp.day]
        year = b"" if stamp.year is None else tokens[stamp.year]
        key = stamp.zone, stamp.month, day, year
        clock = self._clocks.get(key)
        if clock is None:
            if len(self._clocks) >= CLOCKS_CAP:
                self._clocks.clear()
            clock = self._clocks[key] = Clock()
        return clock


def seconds(stamp: Stamp, tokens: Sequence[bytes], wall: float | None) -> float | None:
    """The time that a line prints, `wall` being when it was seen; None where it is none after all."""
    token = tokens[stamp.slot]
    clock = _CLOCK.fullmatch(token)
    if clock:
        return _clock(stamp, clock, tokens, wall)
    if b":" not in token and b"/" not in token and b"-" not in token:
        return _count(token)
    return _date(token, stamp.zone)


def _count(token: bytes) -> float | None:
    try:
        value = float(token)
    except ValueError:
        return None
    value = value / 1000 if value > _MILLISECONDS else value
    return value if _EARLIEST < value < _MILLISECONDS else None


def _date(token: bytes, zone: bytes) -> float | None:
    found = _YEAR_FIRST.match(token)
    if found:
        year, month, day = found[1], found[2], found[3]
        zone = found[8] or zone
    else:
        found = _YEAR_LAST.match(token)
        if not found:
            return None
        month, day, year = found[1], found[2], found[3]
        if len(year) == 2 or int(month) > 12:  # 27/05/24 is written with the day first, 05/27/2024 with the month
            month, day = day, month
    hour, minute = found[4] or b"0", found[5] or b"0"
    start = _minute(int(year), int(month), int(day), int(hour), int(minute), zone)
    return None if start is None else start + _second(found[6], found[7])


def _clock(stamp: Stamp, clock: re.Match[bytes], tokens: Sequence[bytes], wall: float | None) -> float | None:
    today = time.localtime(wall or 0)
    year, month, day = today.tm_year, today.tm_mon, today.tm_mday
    digits = tokens[stamp.day] if stamp.day is not None else b""
    named = stamp.month or digits
    if stamp.month in _MONTH:
        month, day = _MONTH[stamp.month], int(digits) if digits.isdigit() else 0
    elif len(named) == 4 and named.isdigit():
        month, day = int(named[:2]), int(named[2:])
    if stamp.year is not None and tokens[stamp.year].isdigit():
        year = int(tokens[stamp.year])
    start = _minute(year, month, day, int(clock[1]), int(clock[2]), stamp.zone)
    return None if start is None else start + _second(clock[3], clock[4])


def _second(whole: bytes | None, fraction: bytes | None) -> float:
    return float(b"%s.%s" % (whole or b"0", fraction or b"0"))


@lru_cache(maxsize=1024)
def _minute(year: int, month: int, day: int, hour: int, minute: int, zone: bytes) -> float | None:
    """When a minute begins; None where there is no such minute."""
    year += 2000 if year < 100 else 0
    if not (1970 <= year < 2200 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 25 and minute < 60):
        return None
    moment = (year, month, day, hour, minute, 0, 0, 0, -1)
    if not zone:
        return time.mktime(moment)
    shift = _ZONE.match(zone)
    ahead = (int(shift[2]) * 60 + int(shift[3])) * (60 if shift[1] == b"+" else -60) if shift else 0
    return float(calendar.timegm(moment) - ahead)
