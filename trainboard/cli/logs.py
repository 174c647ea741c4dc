"""`trainboard logs`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

from backends.base import BackendError, HostUnreachable
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_one, told
from trainboard.cli.terminal import TerminalPrompter, complain, print_json
from trainboard.feeds import remainder, until_ended
from trainboard.query import query

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncGenerator, Callable, Mapping

    from backends.base import Backend, Chunk
    from trainboard.cli.desk import Desk
    from trainboard.reconcile import Absence
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
        row = await find_one(desk, backends, chosen.runs[0])
        backend = next((each for each in backends if each.name == row.backend), None)
        if backend is None:
            raise Refused(f"{row.backend} is not in the config any more")
        path = row.log or await foreign_log(row, backend)
        whole = row.state.ended or not chosen.follow
        troubles: list[str] = []

        def troubled(reason: str) -> None:
            if reason and reason not in troubles[-1:]:
                complain(f"{row.key}: {reason}")
            troubles.append(reason)

        pieces = remainder(backend, path, 0, troubled) if whole else growing(desk, backend, row, path, troubled)
        data = bytearray()
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                if chosen.json:
                    data += piece.data
                else:
                    write(piece.data)
    if chosen.json:
        print_json({"run": row.key, "log": path, "size": len(data), "text": data.decode("utf-8", "replace")})
    return 1 if any(troubles[-1:]) else 0


async def growing(
    desk: Desk, backend: Backend, row: Row, path: str, troubled: Callable[[str], None]
) -> AsyncGenerator[Chunk]:
    """The log until the job has ended, through connections that break; `troubled` as of `until_ended`."""
    ended = asyncio.Event()
    watching = asyncio.create_task(wait_for_end(desk, backend, row))
    watching.add_done_callback(lambda _: ended.set())  # however it came to its end
    offset, broken = 0, True
    try:
        while broken:
            broken = False
            try:
                async with contextlib.aclosing(until_ended(backend, path, offset, ended, troubled)) as pieces:
                    async for piece in pieces:
                        offset = piece.offset + len(piece.data)
                        yield piece
            except HostUnreachable as error:
                complain(f"{told(backend, error)}; trying on")
                await asyncio.sleep(POLL)
                broken = True
        await watching
    finally:
        watching.cancel()


async def foreign_log(row: Row, backend: Backend) -> str:
    """Where a job that is not ours writes. Raises `Refused`."""
    path = await backend.log_path(row.job)
    if path is None:
        raise Refused(f"{row.key}: Slurm does not tell where this job's output goes")
    return path


async def wait_for_end(desk: Desk, backend: Backend, row: Row) -> None:
    """Return when the job has ended or is gone from the queue; a query that fails says neither."""
    config = desk.config.backend(backend.name)
    absences: Mapping[str, Absence] = {}
    while True:
        await asyncio.sleep(max(POLL, config.poll if config else POLL))
        try:
            answer = await query(backend, desk.store, absences, policies=desk.policies)
        except BackendError as error:
            complain(f"{told(backend, error)}; trying on")
            continue
        absences = answer.absences
        attempt = (await desk.store.load()).attempts.get(row.token)
        alive = any(job.job_id == row.job_id and not job.state.ended for job in answer.jobs)
        if (attempt is not None and attempt.state.ended) or (attempt is None and not alive):
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
