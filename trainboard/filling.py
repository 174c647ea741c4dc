"""How disks fill: hourly points of what is free, kept in a small file per backend, and when they will be full."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

from trainboard.files import private_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from backends.machine import Disk

HOUR, DAY = 3600.0, 86400.0
WINDOW = 7 * DAY
"""Seconds that the present rate is taken from."""
LEAST_POINTS, LEAST_SPAN = 12, DAY
"""Below so many points, over so many seconds, a rate is a guess."""
MOST_POINTS = 56
"""That a rate is worked out from, evenly thinned: 1,540 pairs, a millisecond."""
AGREEING = 0.75
"""The part of the pairs of points that must say that it fills; by chance it is a half."""
HORIZON = 365 * DAY
"""Seconds beyond which nobody wants to know."""
KEPT, MOST_LINES = 14 * DAY, 10_000
"""Points that are older go; a file with more lines, or one grown to twice what is of use, is written anew."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was free on a disk: for this user, where a quota is tighter."""

    at: float
    """Seconds since the epoch."""
    path: str
    free: int
    """Bytes."""


def left(disk: Disk) -> int:
    """Bytes that the user can still write there: what the disk has free, or what a quota leaves."""
    return min([disk.free, *(max(0, quota.limit - quota.used) for quota in disk.quotas if quota.limit is not None)])


def full_at(points: Sequence[Point], now: float) -> float | None:
    """When a disk with these points will be full, at the rate of the last days: the median of the rates between any
    two points (Theil–Sen), which a clean-up or a burst does not throw off.

    None where it does not fill, where the points do not agree that it does, where there are too few of them, or where
    it takes longer than `HORIZON`.
    """
    recent = [point for point in points if now - WINDOW <= point.at <= now]
    if len(recent) < LEAST_POINTS or recent[-1].at - recent[0].at < LEAST_SPAN:
        return None
    thinned = [recent[round(at)] for at in evenly(len(recent), MOST_POINTS)]
    rates = [(b.free - a.free) / (b.at - a.at) for a, b in combinations(thinned, 2) if b.at > a.at]
    rate = median(rates)
    if rate >= 0 or sum(each < 0 for each in rates) < AGREEING * len(rates):
        return None
    seconds = recent[-1].free / -rate
    return recent[-1].at + seconds if math.isfinite(seconds) and seconds <= HORIZON else None


def evenly(count: int, most: int) -> list[float]:
    """At most so many places among `count`, the first and the last of them."""
    shown = min(count, most)
    return [at * (count - 1) / (shown - 1) for at in range(shown)] if shown > 1 else [0.0]


class FillFile:
    """The points of one backend's disks: one JSON array a line. Its calls block; one process at a time adds."""

    def __init__(self, folder: Path, backend: str) -> None:
        self._path = folder / f"{backend}.jsonl"
        self._points: dict[str, list[Point]] | None = None
        self._stamp: object = None
        self._lines = 0
        self._full: dict[str, float] = {}
        self._told_of: object = None
        """Which points that was worked out from."""

    def points(self) -> Mapping[str, Sequence[Point]]:
        """By path, in the order of time; torn and foreign lines are left out. Raises `OSError`."""
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            self._points, self._lines = {}, 0
            return self._points
        stamp = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        if self._points is None or stamp != self._stamp:
            lines = self._path.read_bytes().split(b"\n")
            self._points, self._lines, self._stamp = by_path(lines), len(lines), stamp
        return self._points

    def add(self, disks: Iterable[Disk], now: float) -> bool:
        """Keep how much is free, where the last point is an hour old. Raises `OSError`."""
        known = self.points()
        due = [
            Point(now, disk.path, left(disk))
            for disk in disks
            if not disk.trouble and (disk.path not in known or not 0 <= now - known[disk.path][-1].at < HOUR)
        ]
        if not due:
            return False
        private_folder(self._path.parent)
        useful = [each for points in known.values() for each in points if now - KEPT < each.at <= now]
        if self._lines > MOST_LINES or self._lines > 2 * len(useful) + 100:
            kept = sorted([*useful, *due], key=lambda point: point.at)[-MOST_LINES // 2 :]
            write_whole(self._path, b"".join(map(line_of, kept)))
        else:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(self._path, flags, 0o600), "ab") as file:
                # What a torn last line left must not swallow this one.
                file.write(b"\n" + b"".join(map(line_of, due)))
        return True

    def full(self, now: float) -> dict[str, float]:
        """By path, when it will be full (`full_at`), where that can be told. Raises `OSError`."""
        points = self.points()
        if self._told_of != (self._stamp, len(points)):
            found = {path: full_at(each, now) for path, each in points.items()}
            self._full = {path: at for path, at in found.items() if at is not None}
            self._told_of = (self._stamp, len(points))
        return self._full


def line_of(point: Point) -> bytes:
    """A point as a line."""
    return json.dumps([round(point.at), point.path, point.free]).encode() + b"\n"


def by_path(lines: Iterable[bytes]) -> dict[str, list[Point]]:
    """What lines tell, by path; those that are no point are left out."""
    found: dict[str, list[Point]] = {}
    for line in lines:
        point = point_of(line)
        if point is not None:
            found.setdefault(point.path, []).append(point)
    for points in found.values():
        points.sort(key=lambda point: point.at)
    return found


def point_of(line: bytes) -> Point | None:
    """The point in a line; None where there is none."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match said:
        case [int() | float() as at, str() as path, int() as free]:
            usable = not isinstance(at, bool) and not isinstance(free, bool) and math.isfinite(at) and free >= 0
            return Point(float(at), path, free) if usable else None
    return None
