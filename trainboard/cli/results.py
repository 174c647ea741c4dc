"""What came of runs, read for `trainboard results` and `compare`; and `trainboard collect`."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import BackendError, JobState
from trainboard import results
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_rows, told
from trainboard.cli.metrics import read_run
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.files import write_whole
from trainboard.ranking.standing import named
from trainboard.rows import merge
from trainboard.sampler import Sampler
from trainboard.show import size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.base import Backend
    from trainboard.cli.desk import Desk
    from trainboard.documents import Records
    from trainboard.results import Member, Result
    from trainboard.rows import Row
    from trainboard.series import Series


def collect(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Bring the results of runs here, once more where they are here; 1 where that failed for one."""
    return asyncio.run(_collect(chosen, environ))


async def gather(desk: Desk, names: Sequence[str], *, offline: bool) -> list[Result]:
    """What came of the runs that words name; `offline`: by what is stored alone. Raises `Refused`."""
    records = await desk.store.load()
    members = named(records, names)
    running: dict[str, Mapping[str, Series]] = {}
    if not offline:
        running = await read_logs(desk, records, members)
    found = await asyncio.to_thread(results.read, desk.paths.series, desk.paths.results, members)
    return [with_metrics(each, running.get(each.run.id)) for each in found]


async def read_logs(desk: Desk, records: Records, members: Sequence[Member]) -> dict[str, Mapping[str, Series]]:
    """Read to their end the logs of runs that have ended; of the others, what there is of their metrics, by run.

    A host that does not answer is complained about; what is stored of its runs is shown.
    """
    rows = {row.key: row for row in merge(records, {})}
    wanted: dict[str, list[Row]] = {}
    for _, run, _ in members:
        row = rows[run.id]
        if row.started is not None and row.log and row.state is not JobState.LOST:
            wanted.setdefault(row.backend, []).append(row)
    found: dict[str, Mapping[str, Series]] = {}
    async with desk.backends() as backends:
        await asyncio.gather(
            *(read_all(desk, backend, wanted[backend.name], found) for backend in backends if backend.name in wanted)
        )
    return found


async def read_all(desk: Desk, backend: Backend, rows: Sequence[Row], found: dict[str, Mapping[str, Series]]) -> None:
    """The logs of one host, one after the other."""
    polled = await desk.holder() is not None  # whoever polls keeps the series of running jobs up to date
    try:
        for row in rows:
            if row.state.ended:
                await read_to_the_end(desk, backend, row)
            elif not polled:
                found[row.key] = (await read_run(row, [backend])).series
    except BackendError as error:
        complain(f"{told(backend, error)}; shown as last seen")


async def read_to_the_end(desk: Desk, backend: Backend, row: Row) -> None:
    """Store what the log of an ended run has to say, unless that is done already."""
    sampler = Sampler(row, backend, desk.paths.series, lambda _: None)
    sampler.ended.set()
    await sampler.open()
    if not sampler.finished and row.log:
        await sampler.follow(row.log)


def with_metrics(result: Result, series: Mapping[str, Series] | None) -> Result:
    """The result with the metrics that were read from its log just now."""
    if series is None:
        return result
    return replace(result, metrics=results.values(series, result.experiment, result.attempt.state))


def put(path: str, content: bytes) -> None:
    """Write to a file, whole, or with `-` to standard output. Raises `Refused`."""
    if path == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        target = Path(path).resolve()
        target.parent.stat()  # a folder with a slip in its name is not made
        write_whole(target, content, mode=0o644)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror or error}") from error


def cells(said: Mapping[str, Any]) -> tuple[str, ...]:
    """A line of the table."""
    size_of = size(said["bytes"])
    return said["run"], said["state"], str(said["files"]), size_of, said["folder"] or "-", said["reason"]


async def _collect(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from trainboard.collect import Collector
    from trainboard.plans import Planner

    desk = open_desk(environ, TerminalPrompter())
    said: list[dict[str, Any]] = []
    failed = False
    async with desk.backends() as backends:
        by_name = {backend.name: backend for backend in backends}
        keys = [row.key for row in await find_rows(desk, backends, chosen.names) if row.ours]
        collector = Collector(lambda: by_name, desk.store, Planner(desk.environ, desk.archives), desk.paths.results)
        for _, run, attempt in results.members(await desk.store.load(), keys):
            if attempt.started is None or attempt.backend not in by_name:
                complain(f"{run.id}: {attempt.state}: nothing is there to collect")
                continue
            try:
                brought = await collector.bring(attempt)
            except (BackendError, OSError) as error:
                failed = True
                complain(f"{run.id}: {error}")
                continue
            folder = desk.paths.results / run.id / str(attempt.number)
            there = {"run": run.id, "state": str(attempt.state), "files": brought.files, "bytes": brought.bytes}
            said.append(there | {"folder": str(folder) if folder.is_dir() else None, "reason": brought.reason})
    if chosen.json:
        print_json(said)
    else:
        print_table(("RUN", "STATE", "FILES", "SIZE", "FOLDER", "REASON"), map(cells, said))
    return 1 if failed else 0
