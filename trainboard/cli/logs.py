"""`trainboard logs`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.runs import current_rows, find
from trainboard.cli.terminal import TerminalPrompter
from trainboard.query import query
from trainboard.sampler import remainder, until_ended

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from backends.base import Backend
    from trainboard.cli.desk import Desk
    from trainboard.rows import Row

POLL = 2.0
"""Seconds between two looks whether a followed run has ended; a cluster is asked as seldom as its config says."""


def logs(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a log: raw into a pipe, harmless on a terminal."""
    return asyncio.run(run(chosen, environ))


async def run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Find the run, its backend and its log, and print it."""
    desk = open_desk(environ, TerminalPrompter())
    async with desk.backends() as backends:
        [row] = find(await current_rows(desk, backends), chosen.runs)
        backend = next((each for each in backends if each.name == row.backend), None)
        if backend is None:
            raise Refused(f"{row.backend} is not in the config any more")
        path = row.log or await foreign_log(row, backend)
        ended = asyncio.Event()
        if row.state.ended or not chosen.follow:
            pieces = remainder(backend, path, 0)
        else:
            watching = asyncio.create_task(wait_for_end(desk, backend, row, ended))
            pieces = until_ended(backend, path, 0, ended)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                write(piece.data)
        if row.state.ended or not chosen.follow:
            return 0
        await watching
    return 0


async def foreign_log(row: Row, backend: Backend) -> str:
    """Where a job that is not ours writes. Raises `Refused`."""
    job = next(job for job in await backend.jobs([]) if job.job_id == row.job_id)
    path = await backend.log_path(job)
    if path is None:
        raise Refused(f"{row.key}: Slurm does not tell where this job's output goes")
    return path


async def wait_for_end(desk: Desk, backend: Backend, row: Row, ended: asyncio.Event) -> None:
    """Set `ended` when the job has ended or is gone from the queue."""
    config = desk.config.backend(backend.name)
    while True:
        await asyncio.sleep(max(POLL, config.poll if config else POLL))
        jobs = (await query(backend, desk.store, {})).jobs
        attempt = (await desk.store.load()).attempts.get(row.token)
        alive = any(job.job_id == row.job_id and not job.state.ended for job in jobs)
        if (attempt is not None and attempt.state.ended) or (attempt is None and not alive):
            ended.set()
            return


def write(data: bytes) -> None:
    """To standard output, now."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    text = data.decode("utf-8", "replace")
    sys.stdout.write("".join(char if char in "\n\t\r" or char.isprintable() else "�" for char in text))
    sys.stdout.flush()
