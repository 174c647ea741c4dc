"""`trainboard metrics`."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_rows
from trainboard.cli.logs import foreign_log
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.extract import Extractor
from trainboard.metrics import TAIL, Report, read_file, report, write_csv
from trainboard.sampler import remainder
from trainboard.show import number

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.base import Backend
    from trainboard.rows import Row


def metrics(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A file where there is one of that name, else a run."""
    reports = asyncio.run(read(chosen.sources, environ))
    if chosen.csv:
        write_csv(reports, sys.stdout)
    elif chosen.json:
        print_json(reports[0].as_json() if len(reports) == 1 else [found.as_json() for found in reports])
    else:
        for found in reports:
            print_report(found)
    return 0


async def read(sources: Sequence[str], environ: Mapping[str, str]) -> list[Report]:
    """The reports, in the order asked for."""
    names = [source for source in sources if not is_file(source)]
    reports = {source: await asyncio.to_thread(read_file, Path(source)) for source in sources if is_file(source)}
    if names:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            for row in await find_rows(desk, backends, names):
                reports[row.key] = await read_run(row, backends)
    return list(reports.values())


def is_file(source: str) -> bool:
    """Whether a word is meant as a path; one with a slash always is."""
    return "/" in source or Path(source).exists()


async def read_run(row: Row, backends: Sequence[Backend]) -> Report:
    """The report of a run, from its whole log as it is now."""
    backend = next((each for each in backends if each.name == row.backend), None)
    if backend is None:
        raise Refused(f"{row.backend} is not in the config any more")
    extractor, samples, tail = Extractor(row.total), [], b""
    async for piece in remainder(backend, row.log or await foreign_log(row, backend), 0):
        samples += await asyncio.to_thread(extractor.feed, piece.data)
        tail = (tail + piece.data)[-TAIL:]
    samples += extractor.finish()
    elapsed = None if row.started is None else (row.ended or time.time()) - row.started
    return report(row.key, samples, extractor.progress, row.state, tail, elapsed)


def print_report(found: Report) -> None:
    """A report as a table."""
    progress = found.progress
    done = f", {progress.unit} {progress.done:g} of {progress.total:g}" if progress else ""
    sys.stdout.write(f"{found.source}: {found.outcome}{done}\n")
    titles = ("METRIC", "INDEX", "COUNT", "FIRST", "LAST", "MIN", "MAX")
    rows = [
        (each.metric, each.index, str(len(each)), *map(number, (each.first, each.last, each.min, each.max)))
        for each in found.series.values()
    ]
    print_table(titles, rows)
