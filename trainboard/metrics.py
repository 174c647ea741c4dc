"""What a log says, as a report: `trainboard metrics`, its JSON and its CSV."""

from __future__ import annotations

import csv
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.base import JobState
from trainboard.extract.names import printed
from trainboard.layernames import of_a_spread
from trainboard.outcome import TAIL, outcome
from trainboard.series import Series, by_metric
from trainboard.sources import table
from trainboard.sources.base import trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from trainboard.extract import Progress


CHUNK = 1 << 20


class MetricsError(Exception):
    """A file that cannot be read as a log: `str()` is one line that says which and why."""


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics of one log or run."""

    source: str
    """The file's path or the run's id."""
    outcome: str
    """One of `outcome.OUTCOMES`."""
    series: Mapping[str, Series]
    progress: Progress | None = None
    eta: float | None = None
    """Seconds until it is done; None where nobody knows."""
    trouble: str | None = None
    """What is wrong with the file, in one sentence; None where nothing is."""

    @property
    def curves(self) -> Sequence[Series]:
        """The series that are curves: without the quantiles, which together tell a layer's distribution."""
        return [series for name, series in self.series.items() if not of_a_spread(name)]

    def as_json(self) -> dict[str, Any]:
        """The keys that `metrics --json` promises; numbers that are not finite are strings."""
        progress = self.progress
        return {
            "source": self.source,
            "outcome": self.outcome,
            "metrics": [_metric_json(series) for series in self.curves],
            "progress": {
                "done": _number(progress.done) if progress else None,
                "total": _number(progress.total) if progress else None,
                "unit": progress.unit if progress else None,
                "eta_s": _number(self.eta),
            },
        }


_STATES = {
    JobState.COMPLETED: "completed",
    JobState.TIMEOUT: "timeout",
    JobState.OUT_OF_MEMORY: "oom",
    JobState.CANCELLED: "killed",
    JobState.PREEMPTED: "killed",
    JobState.NODE_FAIL: "failed",
    JobState.RUNNING: "running",
    JobState.COMPLETING: "running",
}
_CAUSES = frozenset(("nan", "oom", "timeout", "traceback", "killed"))


def read_file(path: Path, total: Mapping[str, float] | None = None) -> Report:
    """The report of a log or of any other file that holds samples, read in chunks. Raises MetricsError."""
    kind = table.kind(str(path))
    reader = kind.reader(total)
    series: dict[str, Series] = {}
    end: deque[bytes] = deque(maxlen=2)
    try:
        passed = path.parts[1:2] in (("dev",), ("proc",))  # by the shell, `<(zcat log.gz)`: somebody writes it
        if path.is_fifo() and not passed:
            raise MetricsError(f"{path}: is a named pipe, which may wait for ever; give the file that it ends up in")
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                if kind.text and reader.offset == 0 and not end and _is_binary(chunk):
                    raise MetricsError(f"{path}: is no text; give the log that the training printed")
                by_metric(reader.feed(chunk), series)
                end.append(chunk)
    except OSError as error:
        raise MetricsError(f"{path}: {error.strerror or error}") from error
    by_metric(reader.finish(), series)
    progress = reader.progress
    tail = b"".join(end)[-TAIL:] if kind.text else b""
    return Report(str(path), outcome(tail, series, progress), series, progress, trouble=trouble(reader))


def report(
    source: str,
    series: Mapping[str, Series],
    progress: Progress | None,
    state: JobState | None = None,
    tail: bytes = b"",
    elapsed: float | None = None,
) -> Report:
    """The report of a run: its samples, its state, the end of its log, and the seconds that it ran so far."""
    found = outcome(tail, series, progress)
    told = _STATES.get(state) if state is not None else None
    if state is JobState.FAILED:
        told = found if found in _CAUSES else "failed"
    eta = remaining(progress, elapsed) if told == "running" else None
    return Report(source, told or found, series, progress, eta)


def remaining(progress: Progress | None, elapsed: float | None) -> float | None:
    """Seconds left if it goes on as it went so far; None where that cannot be known."""
    if progress is None or elapsed is None or elapsed <= 0 or progress.fraction <= 0:
        return None
    return elapsed * (1 - progress.fraction) / progress.fraction


def write_csv(reports: Iterable[Report], file: TextIO) -> None:
    """All samples as `source,metric,step,index,wall,value`, one a line, series after series."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("source", "metric", "step", "index", "wall", "value"))
    for found in reports:
        for series in found.series.values():
            for step, wall, value in zip(series.steps, series.walls, series.values, strict=True):
                when = "" if math.isnan(wall) else f"{wall:.3f}"
                rows.writerow((found.source, series.metric, f"{step:.15g}", series.index, when, repr(float(value))))


def _metric_json(series: Series) -> dict[str, Any]:
    return {
        "name": printed(series.metric),
        "index": series.index,
        "count": len(series),
        "first": _number(series.first),
        "last": _number(series.last),
        "min": _number(series.min),
        "max": _number(series.max),
    }


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)


def _is_binary(start: bytes) -> bool:
    return b"\0" in start[:8192]
