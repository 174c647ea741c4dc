"""`trainboard metrics`."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_rows
from trainboard.cli.logs import foreign_log
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.feeds import remainder
from trainboard.metrics import Report, read_file, report, write_csv
from trainboard.outcome import TAIL
from trainboard.progress import counted, newest_steps
from trainboard.sampler import read_now
from trainboard.show import clean, number
from trainboard.sources.table import LOG, kind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.base import Backend
    from trainboard.rows import Row

ENDINGS = (".log", ".out", ".err", ".txt")


def metrics(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A file where there is one of that name, else a run."""
    reports = asyncio.run(read(chosen.sources, environ))
    for found in reports:
        if found.trouble:
            complain(f"{found.source}: {found.trouble}")
    if chosen.csv:
        write_csv(reports, sys.stdout)
    elif chosen.json:
        print_json(reports[0].as_json() if len(reports) == 1 else [found.as_json() for found in reports])
    else:
        for found in reports:
            print_report(found)
    return 0


async def read(sources: Sequence[str], environ: Mapping[str, str]) -> list[Report]:
    """The reports of the files, then those of the runs."""
    names = [source for source in sources if not is_file(source)]
    reports = {source: await asyncio.to_thread(read_file, Path(source)) for source in sources if is_file(source)}
    if names:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            for row in await find_rows(desk, backends, names):
                reports[row.key] = await read_run(row, backends)
    return list(reports.values())


def is_file(source: str) -> bool:
    """Whether a word is meant as a path: one with a slash, or with a file's ending, always is."""
    return "/" in source or Path(source).exists() or Path(source).suffix in ENDINGS or kind(source) is not LOG


async def read_run(row: Row, backends: Sequence[Backend]) -> Report:
    """The report of a run, from all its sources as they are now."""
    backend = next((each for each in backends if each.name == row.backend), None)
    if backend is None:
        raise Refused(f"{row.backend} is not in the config any more")
    log = row.log or await foreign_log(row, backend)
    series, progress = await read_now(row, backend, log)
    tail = [piece.data async for piece in remainder(backend, log, -TAIL)]
    elapsed = None if row.started is None else (row.ended or time.time()) - row.started
    progress = progress or counted(newest_steps(series), row.total)
    found = report(row.key, series, progress, row.state, b"".join(tail), elapsed)
    return replace(found, trouble=series.trouble or None)


def print_report(found: Report) -> None:
    """A report as a table."""
    progress = found.progress
    done = f", {progress.unit} {progress.done:g} of {progress.total:g}" if progress else ""
    sys.stdout.write(f"{clean(found.source)}: {found.outcome}{done}\n")
    if not found.series:
        sys.stdout.write("no metrics\n")
        return
    titles = ("METRIC", "INDEX", "COUNT", "FIRST", "LAST", "MIN", "MAX")
    rows = [
        (each.metric, each.index, str(len(each)), *map(number, (each.first, each.last, each.min, each.max)))
        for each in found.curves
    ]
    print_table(titles, rows)
