"""The curves of the runs on record: of one that is running, and of those that are completed. Reads files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trainboard.extract.names import objective
from trainboard.findings import spec_of
from trainboard.naming import is_usage
from trainboard.recording import MOST, recorded, series_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from trainboard.diagnose.hopeless.curve import Curve
    from trainboard.rows import Row
    from trainboard.series import Series


KEPT = 2048
"""Values of a completed run that are kept in memory."""


@dataclass(slots=True)
class Past:
    """What completed runs were; each is read again only where its file has changed."""

    folder: Path
    """Of the series files."""
    known: dict[tuple[str, int | None], tuple[object, Curve | None]] = field(default_factory=dict)
    """By row and attempt: what its file looked like, and the curve; None: it has no objective."""

    def curve(self, row: Row) -> Curve | None:
        """That of a completed run; None where it has no objective. Blocks. Raises `OSError`."""
        key, stamp = (row.key, row.attempt), stamp_of(series_path(self.folder, row.key, row.attempt))
        if key not in self.known or self.known[key][0] != stamp:
            found = curve_of(row, recorded(self.folder, row.key, row.attempt, most=MOST))
            self.known[key] = stamp, found and found.thinned(KEPT)
        return self.known[key][1]

    def curves(self, rows: Iterable[Row]) -> list[Curve]:
        """Those of completed runs, in the order in which they were started. Blocks. Raises `OSError`."""
        ordered = sorted(rows, key=lambda row: (row.started or row.submitted or 0.0, row.key))
        found = [self.curve(row) for row in ordered]
        return [each for each in found if each is not None]


def stamp_of(path: Path) -> object:
    """What changes when a file does; None where there is none."""
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def curve_of(row: Row, series: Mapping[str, Series]) -> Curve | None:
    """The objective of a row as a curve; None where there is no value of it."""
    from trainboard.diagnose.hopeless.curve import Curve

    name = objective([each for each in series if not is_usage(each)], row.objective)
    if name is None or not len(series[name]):
        return None
    steps, values, _ = series[name].current()
    seconds = None if row.ended is None or row.started is None else row.ended - row.started
    return Curve.of(row.key, steps, values, row.goal, length_of(row, series[name].index), seconds)


def length_of(row: Row, index: str) -> float | None:
    """Steps of the whole run in what the objective counts; None where its spec does not tell."""
    return next(
        (whole for unit, whole in row.total.items() if index and index in (unit, unit.removesuffix("s"))), None
    )


def kind_of(row: Row) -> tuple[str, str, str]:
    """Runs of one spec that want the same have the same; they are compared with each other."""
    return spec_of(row), row.objective or "", row.goal
