"""`trainboard ls` and `show`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from trainboard.cli.course import course
from trainboard.cli.desk import open_desk
from trainboard.cli.find import current_rows, find_one, pictured
from trainboard.cli.sweeps import below
from trainboard.cli.terminal import LONGEST, TerminalPrompter, print_json, print_table, since
from trainboard.show import clean, duration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from trainboard.documents import Records
    from trainboard.rows import Row


def ls(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Every row; a host that does not answer is said on standard error and its runs are shown as they were.

    What a board or `trainboard watch` sees at this moment is taken from it, and no host is asked twice.
    """

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            if chosen.offline:
                rows = await current_rows(desk, ())
            else:
                rows = await current_rows(desk, backends, await pictured(desk, backends))
        asking = [] if chosen.json else await below(desk, rows)
        if chosen.json:
            print_json([row.as_json() for row in rows])
        else:
            titles = ("RUN", "STATE", "BACKEND", "JOB", "SUBMITTED", "TOOK", "NAME", "REASON")
            print_table(titles, [cells(row) for row in rows])
            for line in asking:
                sys.stdout.write(f"{clean(line, LONGEST)}\n")
        return 0

    return asyncio.run(run())


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table."""
    now = time.time()
    took = duration(None if row.started is None else (row.ended or now) - row.started)
    submitted = f"{since(row.submitted)} ago" if row.submitted else "-"
    return (
        row.run or "-", row.state, row.backend or "-", row.job_id or "-", submitted, took, row.name,
        row.reason_at(now),
    )  # fmt: skip


def show(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """All about one run."""

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            row = await find_one(desk, backends, chosen.runs[0])
            way = await course(row, backends, desk.paths.series, time.time())
        kept = recorded(row, await desk.store.load(), desk.paths.results)
        if chosen.json:
            where = {"directory": row.directory, "log": row.log, "attempt": row.attempt, "why": row.why or None}
            print_json(row.as_json() | where | kept | way.as_json())
        else:
            print_table((), [*described(row, kept), *way.lines(time.time())])
        return 0

    return asyncio.run(run())


def recorded(row: Row, records: Records, results: Path) -> dict[str, Any]:
    """What is on record of a run besides its row; nothing of a job that is not ours. `results`: their folder."""
    experiment, attempt = records.experiments.get(row.experiment or ""), records.attempts.get(row.token)
    if experiment is None or attempt is None:
        return {}
    folder = results / attempt.run / str(attempt.number)
    return {
        "forced": experiment.forced,
        "commit": experiment.git.get("commit"),
        "results": str(folder) if folder.is_dir() else None,
        "results_left": attempt.collect_reason,
        "peaks": dict(attempt.peaks),
    }


def described(row: Row, kept: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """A row, field by field, for people: times in their zone, and nothing that is not known."""
    more = {
        "forced": "submitted although a check said that it would fail" if kept.get("forced") else None,
        "commit": kept.get("commit"),
        "results": kept.get("results"),
        "results left": kept.get("results_left"),
        "reason": row.reason_at(time.time()),
        "why": row.why,
        "attempt": ", ".join(filter(None, (str(row.attempt or ""), row.cause))),
        "priority": row.priority or None,
        "directory": row.directory,
        "log": row.log,
    }
    for name, value in (row.as_json() | more).items():
        if value in (None, "", {}):
            continue
        if name in ("submitted", "started", "ended"):
            yield name, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
        else:
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
