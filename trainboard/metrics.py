"""What a log says, as a report: `trainboard metrics`, its JSON and its CSV."""

from __future__ import annotations

import csv
import math
import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.base import JobState
from trainboard.extract import Extractor, Progress
from trainboard.series import Series, by_metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import TextIO

    from trainboard.series import Sample


CHUNK = 1 << 20
TAIL = 64 * 1024
"""Bytes at the end of a log that tell how it ended."""


class MetricsError(Exception):
    """A file that cannot be read as a log: `str()` is one line that says which and why."""


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics of one log or run."""

    source: str
    """The file's path or the run's id."""
    outcome: str
    """One of `OUTCOMES`."""
    series: Mapping[str, Series]
    progress: Progress | None = None
    eta: float | None = None
    """Seconds until it is done; None where nobody knows."""

    def as_json(self) -> dict[str, Any]:
        """The keys that `metrics --json` promises; numbers that are not finite are strings."""
        progress = self.progress
        return {
            "source": self.source,
            "outcome": self.outcome,
            "metrics": [_metric_json(series) for series in self.series.values()],
            "progress": {
                "done": _number(progress.done) if progress else None,
                "total": _number(progress.total) if progress else None,
                "unit": progress.unit if progress else None,
                "eta_s": _number(self.eta),
            },
        }


OUTCOMES = ("completed", "running", "failed", "nan", "oom", "timeout", "traceback", "killed", "unknown")

# What the end of a log says, the surest first. A pattern matches within one line.
_ENDINGS = tuple(
    (outcome, re.compile(pattern, re.MULTILINE))
    for outcome, pattern in (
        ("timeout", rb"(?:CANCELLED AT .*)?DUE TO TIME LIMIT"),
        (
            "oom",
            rb"CUDA out of memory|OutOfMemoryError|CUDA_ERROR_OUT_OF_MEMORY|CUBLAS_STATUS_ALLOC_FAILED"
            rb"|RESOURCE_EXHAUSTED|std::bad_alloc|^MemoryError|\boom[-_]kill(?:er)?\b|Out of memory: Killed process"
            rb"|Cannot allocate memory|cudaErrorMemoryAllocation",
        ),
        (
            "killed",
            rb"^Killed\s*$|slurmstepd: error: .*CANCELLED AT|^Terminated\s*$|\bSIGKILL\b"
            rb"|exit(?: ?code|ed with)?:? ?137\b",
        ),
    )
)
_TRACEBACK = re.compile(rb"Traceback \(most recent call last\):")
_EXCEPTION = re.compile(rb"^(?:\S{0,80}: ?)?[A-Za-z_][\w.]{0,120}(?:Error|Exception|Interrupt|Exit)\b", re.MULTILINE)
EPILOGUE = 40
"""Lines that launchers, loggers and schedulers may print after the exception that ended the program."""
_CRASH = re.compile(
    rb"Segmentation fault|core dumped|\bSIG(?:ABRT|SEGV|BUS)\b|^srun: error: .*Exited with", re.MULTILINE
)
_COMPLETED = re.compile(
    rb"(?i)\b(?:training|optimi[sz]ation|run|finetuning|fine-tuning|job) (?:is |was |has )?(?:now )?"
    rb"(?:done|complete[d]?|finished)\b|\bdone training\b|\bfinished training\b|max_(?:epochs|steps)=\d+` reached"
    rb"|\btrain_runtime\b|\bepochs completed in\b"
)
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
    """The report of a log file, read in chunks. Raises MetricsError."""
    extractor = Extractor(total)
    series: dict[str, Series] = {}
    end: deque[bytes] = deque(maxlen=2)
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                if extractor.offset == 0 and not end and _is_binary(chunk):
                    raise MetricsError(f"{path}: is no text; give the log that the training printed")
                by_metric(extractor.feed(chunk), series)
                end.append(chunk)
    except OSError as error:
        raise MetricsError(f"{path}: {error.strerror or error}") from error
    by_metric(extractor.finish(), series)
    progress = extractor.progress
    return Report(str(path), outcome(b"".join(end)[-TAIL:], series, progress), series, progress)


def report(
    source: str,
    samples: Iterable[Sample],
    progress: Progress | None,
    state: JobState | None = None,
    tail: bytes = b"",
    elapsed: float | None = None,
) -> Report:
    """The report of a run: its stored samples, its state, the end of its log, and the seconds that it ran so far."""
    series = by_metric(samples)
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


def outcome(tail: bytes, series: Mapping[str, Series], progress: Progress | None) -> str:
    """How a log ended, by its last bytes and what was read of it; `unknown` where it does not say.

    A sentence that ends the run counts only where no sign of success comes after it.
    """
    success = max((found.end() for found in _COMPLETED.finditer(tail)), default=-1)
    for name, pattern in _ENDINGS:
        if any(found.start() > success for found in pattern.finditer(tail)):
            return name
    if _is_nan(series):
        return "nan"
    if _ends_in_traceback(tail, success):
        return "traceback"
    if any(found.start() > success for found in _CRASH.finditer(tail)):
        return "failed"
    if success >= 0 or (progress is not None and progress.done >= progress.total):
        return "completed"
    return "unknown"


def write_csv(reports: Iterable[Report], file: TextIO) -> None:
    """All samples as `source,metric,step,index,wall,value`, one a line, series after series."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("source", "metric", "step", "index", "wall", "value"))
    for found in reports:
        for series in found.series.values():
            for step, wall, value in zip(series.steps, series.walls, series.values, strict=True):
                when = "" if math.isnan(wall) else f"{wall:.3f}"
                rows.writerow((found.source, series.metric, f"{step:.15g}", series.index, when, repr(value)))


def _metric_json(series: Series) -> dict[str, Any]:
    return {
        "name": series.metric,
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


def _is_nan(series: Mapping[str, Series]) -> bool:
    """Whether the last value of a loss is no number."""
    return any(
        "loss" in name.lower() and found.last is not None and not math.isfinite(found.last)
        for name, found in series.items()
    )


def _ends_in_traceback(tail: bytes, success: int) -> bool:
    """Whether the last traceback is the end: after its exception only a few lines come."""
    last = max((found.start() for found in _TRACEBACK.finditer(tail)), default=-1)
    if last <= success:
        return False
    raised = _EXCEPTION.search(tail, last)
    return raised is None or tail.count(b"\n", raised.end()) <= EPILOGUE
