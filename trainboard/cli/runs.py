"""`trainboard ls`, `show` and `cancel`."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from backends.base import BackendError
from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table, since
from trainboard.query import query
from trainboard.rows import merge
from trainboard.show import duration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from backends.base import Backend, Job
    from trainboard.cli.desk import Desk
    from trainboard.rows import Row


def ls(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Every row; a host that does not answer is said on standard error and its runs are shown as they were."""

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            rows = await current_rows(desk, () if chosen.offline else backends)
        if chosen.json:
            print_json([row.as_json() for row in rows])
        else:
            titles = ("RUN", "STATE", "BACKEND", "JOB", "SUBMITTED", "TOOK", "NAME", "REASON")
            print_table(titles, [cells(row) for row in rows])
        return 0

    return asyncio.run(run())


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table."""
    took = duration(None if row.started is None else (row.ended or time.time()) - row.started)
    submitted = f"{since(row.submitted)} ago" if row.submitted else "-"
    return (row.run or "-", row.state, row.backend, row.job_id or "-", submitted, took, row.name, row.reason)


def show(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """All about one run."""

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            row = await find_one(desk, backends, chosen.runs[0])
        if chosen.json:
            print_json(row.as_json() | {"directory": row.directory, "log": row.log, "attempt": row.attempt})
        else:
            print_table(("", ""), [(name, value) for name, value in described(row)])
        return 0

    return asyncio.run(run())


def described(row: Row) -> Iterable[tuple[str, str]]:
    """A row, field by field."""
    for name, value in (row.as_json() | {"directory": row.directory, "log": row.log}).items():
        yield name, value if isinstance(value, str) else json.dumps(value)


def cancel(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """End runs; those that have ended already are said so."""

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            rows = await find_rows(desk, backends, chosen.runs)
            alive = [row for row in rows if not row.state.ended]
            for backend in backends:
                mine = [row for row in alive if row.backend == backend.name]
                if mine:
                    await backend.cancel([row.watched() for row in mine])
            after = await find_rows(desk, backends, [row.key for row in rows])
        if chosen.json:
            print_json([row.as_json() for row in after])
        else:
            print_table(("RUN", "STATE", "NAME"), [(row.key, row.state, row.name) for row in after])
        for row in rows:
            if row.state.ended:
                complain(f"{row.key} had ended before: {row.state}")
        return 0

    return asyncio.run(run())


async def current_rows(desk: Desk, backends: Sequence[Backend]) -> tuple[Row, ...]:
    """The table after asking these backends; what does not answer is complained about, and ends nothing."""
    answers = await asyncio.gather(*(ask(desk, backend) for backend in backends))
    jobs = {backend.name: found for backend, found in zip(backends, answers, strict=True)}
    return merge(await desk.store.load(), jobs)


async def ask(desk: Desk, backend: Backend) -> tuple[Job, ...]:
    """A backend's jobs, or none where it does not answer."""
    try:
        return (await query(backend, desk.store, {})).jobs
    except BackendError as error:
        complain(f"{told(backend, error)}; shown as last seen")
        return ()


def told(backend: Backend, error: BackendError) -> str:
    """The error with the backend's name, which its host may not be called by."""
    return f"{backend.name}: {error.bare}"


def find(rows: Sequence[Row], names: Collection[str]) -> list[Row]:
    """The rows that these words name: a run, a job as `backend:id`, or a whole experiment. Raises `Refused`."""
    found: list[Row] = []
    for name in names:
        matching = named(rows, name)
        if not matching:
            words = {word for row in rows for word in (row.key, row.experiment) if word}
            raise Refused(f"no run or experiment {quoted(name)}{nearest(name, words)}; `trainboard ls` lists them")
        found += [row for row in matching if row not in found]
    return found


async def find_rows(desk: Desk, backends: Sequence[Backend], names: Collection[str]) -> list[Row]:
    """The rows that these words name, as they are now; only hosts that may have them are asked. Raises `Refused`."""
    recorded, every = merge(await desk.store.load(), {}), {backend.name for backend in backends}
    homes: set[str] = set()
    for name in names:
        on = {row.backend for row in recorded if name in (row.key, row.experiment)} or {name.partition(":")[0]}
        homes |= on if on <= every else every
    return find(await current_rows(desk, [backend for backend in backends if backend.name in homes]), names)


async def find_one(desk: Desk, backends: Sequence[Backend], name: str) -> Row:
    """The one row that a word names, as it is now. Raises `Refused`."""
    found = await find_rows(desk, backends, [name])
    if len(found) > 1:
        keys = [row.key for row in found]
        raise Refused(f"{quoted(name)} is {len(found)} runs; say which, from {min(keys)} to {max(keys)}")
    return found[0]


def named(rows: Sequence[Row], name: str) -> list[Row]:
    """The rows that a word names. Raises `Refused` for a job id that two backends have."""
    exact = [row for row in rows if name in (row.key, row.experiment, f"{row.backend}:{row.job_id}")]
    if exact:
        return exact
    by_id = [row for row in rows if row.job_id and row.job_id == name]
    if len({row.backend for row in by_id}) > 1:
        jobs = " or ".join(f"{row.backend}:{name}" for row in by_id)
        raise Refused(f"job {quoted(name)} is on more than one backend, say which: {jobs}")
    return by_id
