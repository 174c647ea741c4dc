"""Samples, the series of one metric in memory, and the file that keeps a run's samples.

A series file is JSON lines, appended to and never rewritten:

    {"trainboard": "series", "version": 1}
    {"m": 0, "name": "loss", "index": "step"}       a metric: its number, its name, what its steps count
    [0, 100, 0.25, 1767225600.5]                    a sample: metric, step, value, wall time or null
    {"offset": 4096, "state": {...}}                a commit

A commit says how far the log was read for the samples above it, and how to read on. What stands after the last
commit did not happen: it is dropped on reading and overwritten by the next append, and the log is read again from
the commit's offset. So a crash at any byte loses no sample and doubles none. An append replaces the commit before it,
unless that is `KEEP` bytes after the one before: commits stay a small part of the file, and a crash costs little.
Values that are not finite are written NaN, Infinity and -Infinity.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from array import array
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

VERSION = 1
KEEP = 64 * 1024
"""Bytes between commits that stay in a series file."""
_HEADER = b'{"trainboard": "series", "version": %d}\n' % VERSION


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric."""

    metric: str
    """The name as it was printed."""
    value: float
    """May be nan or infinite."""
    step: float
    """The index: step or epoch as the program printed it, else the count of this metric's samples from 0."""
    index: str
    """What `step` counts, in the program's word (`step`, `epoch`, `iteration`, …); empty where it is our count."""
    wall: float | None = None
    """Seconds since the epoch when we saw it, None where it was read from a file later."""


class Series:
    """The samples of one metric, in the order of the log, in 24 bytes each."""

    __slots__ = ("index", "max", "metric", "min", "steps", "values", "walls")

    def __init__(self, metric: str, index: str = "") -> None:
        self.metric = metric
        self.index = index
        """What the newest step counts; empty where it is our count."""
        self.steps = array("d")
        self.values = array("d")
        self.walls = array("d")
        """Seconds since the epoch; nan where nobody saw it."""
        self.min = math.nan
        """The smallest value that is not nan; nan where there is none."""
        self.max = math.nan
        """The largest value that is not nan; nan where there is none."""

    def __len__(self) -> int:
        return len(self.values)

    def append(self, sample: Sample) -> None:
        """Add the newest sample."""
        self.index = sample.index
        self.steps.append(sample.step)
        self.values.append(sample.value)
        self.walls.append(math.nan if sample.wall is None else sample.wall)
        # Written so that a nan replaces nothing and is replaced by any number.
        if not (sample.value >= self.min or math.isnan(sample.value)):
            self.min = sample.value
        if not (sample.value <= self.max or math.isnan(sample.value)):
            self.max = sample.value

    @property
    def first(self) -> float | None:
        """The oldest value; None where there is none."""
        return self.values[0] if self.values else None

    @property
    def last(self) -> float | None:
        """The newest value; None where there is none."""
        return self.values[-1] if self.values else None

    def best(self, goal: str) -> float | None:
        """The best value by a goal, `minimize` or `maximize`; None where no value is a number."""
        value = self.max if goal == "maximize" else self.min
        return None if math.isnan(value) else value

    def decimate(self, points: int) -> list[tuple[float, float]]:
        """Some of its (step, value) pairs, with every peak: see `decimate`."""
        return decimate(self.steps, self.values, points)


def by_metric(samples: Iterable[Sample], series: dict[str, Series] | None = None) -> dict[str, Series]:
    """The series of each metric, in the order of their first samples; those that are given are continued."""
    series = {} if series is None else series
    for sample in samples:
        found = series.get(sample.metric)
        if found is None:
            found = series[sample.metric] = Series(sample.metric)
        found.append(sample)
    return series


def decimate(steps: Sequence[float], values: Sequence[float], points: int) -> list[tuple[float, float]]:
    """A curve with fewer points that looks the same: first, last, least and greatest of each of its pieces.

    Pairs keep their order and are pairs of the input. A piece that holds a nan keeps one, so that a gap stays seen;
    infinite values are values. At most `points` pairs, or 5 where that is more; a curve that is short enough is
    returned whole.
    """
    count = len(values)
    if count <= max(points, 1):
        return list(zip(steps, values, strict=True))
    pieces = max(1, points // 5)
    kept: list[int] = []
    for piece in range(pieces):
        kept.extend(_outline(values, piece * count // pieces, (piece + 1) * count // pieces))
    return [(steps[i], values[i]) for i in kept]


def _outline(values: Sequence[float], start: int, end: int) -> list[int]:
    """The places of the first, last, least and greatest value of a piece, and of its first nan; in order."""
    if start == end:
        return []
    numbers = [i for i in range(start, end) if not math.isnan(values[i])]
    kept = {start, end - 1}
    if numbers:
        kept |= {min(numbers, key=values.__getitem__), max(numbers, key=values.__getitem__)}
    if len(numbers) < end - start:
        kept.add(next(i for i in range(start, end) if math.isnan(values[i])))
    return sorted(kept)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a series file holds up to its last commit."""

    samples: list[Sample] = field(default_factory=list)
    offset: int = 0
    """Of the log: how far it was read for these samples."""
    state: dict[str, Any] = field(default_factory=dict)
    """The extractor's at that offset; empty where nothing was committed."""


class SeriesFile:
    """The samples of one run on disk. Synchronous.

    Raises OSError where the disk does; then the same call may be tried again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits: _Commits | None = None
        """None until the file was read."""
        self._size = 0
        """Of the whole file when we last read or wrote it."""
        self._metrics: dict[tuple[str, str], int] = {}

    def load(self) -> Stored:
        """Everything up to the last commit, however the file was cut or damaged after it."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        read = _Reading(data)
        self._commits, self._size, self._metrics = read.commits, len(data), read.metrics
        return read.stored

    def append(self, samples: Iterable[Sample], offset: int, state: dict[str, Any]) -> bool:
        """Add samples and commit the offset and state that belong to them.

        False, and nothing is written, where another process has written since we did: what it read of the log is
        in the file, so `load` and go on from there.
        """
        if self._commits is None:
            self.load()
        commits, metrics = self._commits or _Commits(), dict(self._metrics)
        at = commits.free
        text = (b"" if at else _HEADER) + b"".join(_lines(samples, metrics))
        commit = _line({"offset": offset, "state": state})
        if not self._replace(at, text + commit):
            return False
        start, end = at + len(text), at + len(text) + len(commit)
        self._commits, self._size, self._metrics = commits.then(at, start, end), end, metrics
        return True

    def clear(self) -> None:
        """Forget everything: the log that these samples are from is not there any more."""
        self.path.unlink(missing_ok=True)
        self._commits, self._size, self._metrics = _Commits(), 0, {}

    def _replace(self, at: int, data: bytes) -> bool:
        """Write the file anew from `at` on; False where it is not as we left it."""
        try:
            with self._open() as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_size != self._size:
                    return False
                file.truncate(at)
                file.seek(at)
                file.write(data)
        except OSError:
            self._commits = None  # nobody knows how much was written: the next append looks
            raise
        return True

    def _open(self) -> BinaryIO:
        for folder in reversed((self.path.parent, *self.path.parent.parents)):
            folder.mkdir(mode=0o700, exist_ok=True)
        return os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")


@dataclass(frozen=True, slots=True)
class _Commits:
    """Where the last commit of a file is, and where the one before it ends."""

    before: int = 0
    start: int = 0
    end: int = 0

    @property
    def free(self) -> int:
        """Where the next append goes: in the place of the last commit, or after it where it stays."""
        return self.start if self.before and self.start - self.before < KEEP else self.end

    def then(self, at: int, start: int, end: int) -> _Commits:
        """After an append at `at` whose commit stands from `start` to `end`."""
        return _Commits(self.end if at >= self.end else self.before, start, end)


class _Reading:
    """One pass over the bytes of a series file."""

    def __init__(self, data: bytes) -> None:
        self.stored = Stored()
        self.commits = _Commits()
        self.metrics: dict[tuple[str, str], int] = {}
        self._names: dict[int, tuple[str, str]] = {}
        self._samples: list[Sample] = []
        self._committed = 0
        if not data.startswith(_HEADER):
            return
        # A torn or damaged rest ends the reading: the log has what it held.
        with suppress(ValueError, TypeError, KeyError, OverflowError, RecursionError):
            self._read(data)
        self.stored = Stored(self._samples[: self._committed], self.stored.offset, self.stored.state)

    def _read(self, data: bytes) -> None:
        at = len(_HEADER)
        while (newline := data.find(b"\n", at)) >= 0:
            start, at = at, newline + 1
            record = json.loads(data[start:newline])
            if isinstance(record, list):
                metric, step, value, wall = record
                name, index = self._names[metric]
                wall = None if wall is None else float(wall)
                self._samples.append(Sample(name, float(value), float(step), index, wall))
            elif "m" in record:
                self._names[record["m"]] = str(record["name"]), str(record["index"])
            else:
                self.stored = Stored([], int(record["offset"]), dict(record["state"]))
                self._committed = len(self._samples)
                self.metrics = {names: number for number, names in self._names.items()}
                self.commits = self.commits.then(start, start, at)


def _lines(samples: Iterable[Sample], metrics: dict[tuple[str, str], int]) -> Iterator[bytes]:
    """The records of samples; metrics that are new are told first and entered."""
    for sample in samples:
        key = (sample.metric, sample.index)
        if key not in metrics:
            metrics[key] = len(metrics)
            yield _line({"m": metrics[key], "name": sample.metric, "index": sample.index})
        yield _line([metrics[key], _short(sample.step), _short(sample.value), sample.wall])


def _line(record: object) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _short(value: float) -> float | int:
    """Whole numbers without `.0`; zero as it is, for it may be negative."""
    return int(value) if 0 < abs(value) < 2**53 and float(value).is_integer() else value
