"""Hours in which nobody is told anything. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d) ?(?:-|–|to) ?([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of every day, in minutes since midnight; one that ends before it begins goes over midnight."""

    begin: int
    end: int

    def until(self, now: float, zone: tzinfo | None = None) -> float | None:
        """When they end, if it is such an hour now; None where it is none. `zone`: None is this machine's."""
        here = datetime.fromtimestamp(now, zone)
        minute = here.hour * 60 + here.minute
        after, before = self.begin <= minute, minute < self.end
        if not (after and before if self.begin < self.end else after or before):
            return None
        end = here.replace(hour=self.end // 60, minute=self.end % 60, second=0, microsecond=0, fold=0)
        return (end if before else end + timedelta(days=1)).timestamp()

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.begin, self.end))


def hours(text: str) -> Hours:
    """`22:00-07:00`. Raises `ValueError`."""
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    begin_hour, begin_minute, end_hour, end_minute = map(int, match.groups())
    found = Hours(begin_hour * 60 + begin_minute, end_hour * 60 + end_minute)
    if found.begin == found.end:
        raise ValueError(text)
    return found
