"""How a run gets on and where its time goes, for `trainboard show`."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from backends.base import BackendError, CommandFailed
from specs.model import LOG
from trainboard.cli.find import told
from trainboard.cli.terminal import complain
from trainboard.progress import estimate
from trainboard.reading import Reading
from trainboard.recording import recorded, series_path
from trainboard.series import by_metric
from trainboard.seriesfile import SeriesFile
from trainboard.show import duration, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from backends.base import Backend
    from trainboard.extract.progress import Progress
    from trainboard.progress import Estimate
    from trainboard.recording import Recording
    from trainboard.rows import Row
    from trainboard.timing import Times

VERDICTS = {True: "it will be done before", False: "it will NOT be done by then", None: "it may not be done by then"}

MOST = 4 << 20
"""Bytes of a log that are read to know how far its run is; where more is new, its end."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a run's course."""

    estimate: Estimate | None = None
    times: Times | None = None

    def as_json(self) -> dict[str, Any]:
        """The keys that `show --json` promises."""
        return {"progress": progress_json(self.estimate), "times": times_json(self.times)}

    def lines(self, now: float) -> Iterable[tuple[str, str]]:
        """The same for people."""
        if self.estimate is not None:
            yield from progress_lines(self.estimate, now)
        if self.times is not None:
            yield from times_lines(self.times)


async def course(row: Row, backends: Sequence[Backend], folder: Path, now: float) -> Known:
    """That of a row `now`, by what is stored in `folder` and by what its log has got since."""
    stored, reading = await asyncio.to_thread(taken_up, folder, row)
    backend = next((each for each in backends if each.name == row.backend), None)
    wanted = row.log is not None and LOG in row.sources_wanted
    if backend is not None and wanted and not (row.state.ended and reading.progress):
        try:
            reading = await read_on(row, backend, stored, reading, now)
        except CommandFailed:
            pass  # there is no log yet, or none any more: what is stored is all
        except BackendError as error:
            complain(f"{told(backend, error)}; progress is as last seen")
    return await asyncio.to_thread(known, row, stored, reading.progress, now)


def taken_up(folder: Path, row: Row) -> tuple[Recording, Reading]:
    """The stored samples, and the log's reading as far as it came."""
    marks = SeriesFile(series_path(folder, row.key, row.attempt)).load().marks
    return recorded(folder, row.key, row.attempt), Reading(LOG, row, marks.get(LOG))


async def read_on(row: Row, backend: Backend, stored: Recording, reading: Reading, now: float) -> Reading:
    """Add what is new in the log; the reading that tells how far it is."""
    log = row.log or ""
    goes_on = reading.offset > 0 or not stored
    piece = await backend.read(log, reading.offset, MOST)
    data = piece.data
    if piece.offset + len(data) < piece.size:
        reading, goes_on = Reading(LOG, row), False
        data = (await backend.read(log, -MOST, MOST)).data.partition(b"\n")[2]
    late = row.state.ended or not goes_on or reading.offset == 0  # else it came since a board read it last
    samples = await asyncio.to_thread(partial(reading.feed, data, now, late=late))
    if goes_on:
        by_metric(samples, stored)
    return reading


def known(row: Row, stored: Recording, progress: Progress | None, now: float) -> Known:
    """Both by the samples."""
    from trainboard.timing import times

    until = row.ended if row.ended is not None else now
    return Known(estimate(progress, stored, row, now), times(stored, row.started, until, row.checkpoints))


def progress_json(found: Estimate | None) -> dict[str, Any] | None:
    """Seconds as `…_s`, moments since the epoch as `…_at`."""
    if found is None:
        return None
    step, when = found.improved if found.improved is not None else (None, None)
    return {
        "done": found.done,
        "total": found.total,
        "unit": found.unit or None,
        "share": found.share,
        "eta_s": found.eta,
        "eta_low_s": found.eta_low,
        "eta_high_s": found.eta_high,
        "stalled_s": found.stalled,
        "limit_at": found.limit,
        "in_time": found.in_time,
        "checkpoint_at": found.checkpoint,
        "best_step": step,
        "best_at": None if when is None or math.isnan(when) else when,
    }


def times_json(found: Times | None) -> dict[str, Any] | None:
    """All seconds, but for the throughput."""
    if found is None:
        return None
    steps = found.steps
    rates = [rate for _, rate in found.throughput]
    return {
        "total_s": found.total,
        "parts": {name: {"s": part.seconds, "measured": part.measured} for name, part in found.parts.items()},
        "steps": steps
        and {
            "p50_s": steps.p50,
            "p90_s": steps.p90,
            "p99_s": steps.p99,
            "unit": steps.unit or None,
            "per": steps.per,
            "measured": steps.measured,
        },
        "throughput": {"unit": found.unit, "last": rates[-1], "mean": sum(rates) / len(rates)} if rates else None,
        "slow": [{"start_at": each.start, "end_at": each.end, "factor": each.factor} for each in found.slow],
    }


def progress_lines(found: Estimate, now: float) -> Iterable[tuple[str, str]]:
    """What is known of its way to the end."""
    if found.done is not None and found.total is not None:
        yield "progress", f"{found.unit} {found.done:g} of {found.total:g}, {found.share or 0:.0%}"
    if found.stalled is not None:
        yield "left", f"it has said nothing for {duration(found.stalled)}: it seems to hang"
    elif found.eta is not None:
        interval = f"{duration(found.eta_low)} to {duration(found.eta_high)}"
        yield "left", f"{duration(found.eta)}, nine times in ten {interval}"
    if found.limit is not None:
        verdict = f"; {VERDICTS[found.in_time]}" if found.eta is not None else ""
        yield "time limit", f"in {duration(found.limit - now)}{verdict}"
    if found.checkpoint is not None:
        yield "checkpoint", f"{duration(now - found.checkpoint)} ago"
    if found.improved is not None:
        step, when = found.improved
        yield "best", f"at {step:g}" + (f", {duration(now - when)} ago" if when == when else "")


def times_lines(found: Times) -> Iterable[tuple[str, str]]:
    """What its time went to."""
    parts = (
        f"{'' if part.measured else '~'}{name} {duration(part.seconds)}"
        for name, part in found.parts.items()
        if part.seconds >= 1 or part.seconds >= found.total / 100
    )
    yield "time", ", ".join(parts)
    if (steps := found.steps) is not None:
        each = f" (means of {steps.per:g})" if steps.per > 1 else ""
        percentiles = f"median {number(steps.p50)} s, p90 {number(steps.p90)} s, p99 {number(steps.p99)} s"
        yield f"{steps.unit or 'line'} time", percentiles + each
