"""`trainboard diagnose`."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from specs.watch import watch_of
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_rows
from trainboard.cli.logs import foreign_log
from trainboard.cli.metrics import is_file
from trainboard.cli.terminal import TerminalPrompter, print_json
from trainboard.diagnose import report
from trainboard.diagnose.jobseen import JobSeen
from trainboard.diagnose.messages import Scanner
from trainboard.feeds import remainder
from trainboard.findings import spec_of
from trainboard.metrics import report as outcome_of
from trainboard.muting import mute_for
from trainboard.outcome import TAIL
from trainboard.progress import counted, estimate, newest_steps
from trainboard.recording import MOST as MOST_SAMPLES
from trainboard.recording import series_path
from trainboard.sampler import read_now
from trainboard.seriesfile import SeriesFile
from trainboard.show import clean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from backends.base import Backend
    from specs.watch import Watch
    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.report import Report
    from trainboard.documents import Records
    from trainboard.rows import Row
    from trainboard.series import Series

MOST = 16 << 20
"""Bytes at the end of a run's log that are searched for messages."""

SCOPES = {"run": "for this run", "spec": "for its spec", "all": "everywhere"}

LINES = 200
"""Characters of a line that are printed."""


def diagnose(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A file where there is one of that name, else a run."""
    reports = asyncio.run(read(chosen.sources, environ))
    if chosen.json:
        print_json(reports[0].as_json() if len(reports) == 1 else [found.as_json() for found in reports])
    else:
        sys.stdout.write("\n".join("".join(f"{line}\n" for line in lines(found)) for found in reports))
    return 0


async def read(sources: Sequence[str], environ: Mapping[str, str]) -> list[Report]:
    """The reports of the files, then those of the runs."""
    now = time.time()
    files = [source for source in sources if is_file(source)]
    reports = {source: await asyncio.to_thread(report.of_file, Path(source), now) for source in files}
    names = [source for source in sources if source not in reports]
    if names:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            rows = await find_rows(desk, backends, names)
            records = await desk.store.load()
            for row in rows:
                experiment = records.experiments.get(row.experiment or "")
                watch = watch_of(experiment.watch) if experiment is not None else None
                found = await read_run(row, backends, watch, now, desk.paths.series)
                reports[row.key] = replace(found, muted=muted_in(found, row, records))
    return list(reports.values())


async def read_run(row: Row, backends: Sequence[Backend], watch: Watch | None, now: float, folder: Path) -> Report:
    """The report of a run, from all its sources as they are now; `folder`: of the series files, which know when."""
    backend = next((each for each in backends if each.name == row.backend), None)
    if backend is None:
        raise Refused(f"{row.backend} is not in the config any more")
    log = row.log or await foreign_log(row, backend)
    recording, progress = await read_now(row, backend, log)
    stored = await asyncio.to_thread(SeriesFile(series_path(folder, row.key, row.attempt)).load, MOST_SAMPLES)
    series = dated({**recording, **recording.usage}, stored.series())
    progress = progress or counted(newest_steps(recording), row.total)
    scanner, tail = Scanner(), b""
    async for piece in remainder(backend, log, -MOST):
        scanner.offset = scanner.offset or piece.offset
        await asyncio.to_thread(scanner.feed, piece.data)
        tail = (tail + piece.data)[-TAIL:]
    scanner.finish()
    seen = JobSeen(
        now=now,
        row=row,
        hits=scanner.hits,
        series=series,
        estimate=estimate(progress, recording, row, now),
        log_at=report.newest_moment(series),
        tail=tail,
    )
    told = outcome_of(row.key, recording, progress, row.state, tail).outcome
    return await asyncio.to_thread(report.of, row.key, seen, told, watch)


def muted_in(found: Report, row: Row, records: Records) -> dict[str, str]:
    """For what the user has muted the rules that found something."""
    mutes = records.mutes.values()
    return {
        each.id: mute.scope
        for each in found.findings
        if (mute := mute_for(each.id, row.key, spec_of(row), mutes)) is not None
    }


def dated(read: Mapping[str, Series], stored: Mapping[str, Series]) -> dict[str, Series]:
    """What was read now, with the moments at which a board saw these samples: a log may have no time in it.

    Not where it has samples that no board saw yet.
    """
    return {name: stored[name] if len(stored.get(name, ())) == len(each) else each for name, each in read.items()}


def lines(found: Report) -> Iterable[str]:
    """A report for people; what is muted only by its name."""
    yield f"{clean(found.source)}: {found.outcome}"
    yield clean(found.why.sentence)
    for line in found.why.lines:
        yield f"  | {clean(line, LINES)}"
    for each in found.findings:
        if each.id not in found.muted:
            root = found.roots[each.id]
            yield from _finding(each, "" if root in found.muted else root)
    if found.muted:
        yield ""
        yield "muted: " + ", ".join(f"{id} ({SCOPES[scope]})" for id, scope in sorted(found.muted.items()))


def _finding(found: Finding, root: str) -> Iterable[str]:
    """One finding; what follows from another stands under it."""
    indent = "    " if root else ""
    where = f" at {found.index or 'step'} {found.step:g}" if found.step is not None else ""
    follows = f", follows from {root}" if root else ""
    yield ""
    yield f"{indent}{found.severity}  {found.id}: {found.cause}{where}{follows}"
    yield f"{indent}  {clean(found.message)}"
    yield f"{indent}  {clean(found.advice)}"
