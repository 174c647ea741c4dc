"""`trainboard history`: jobs that are over, from the accounting of clusters and from our own records."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from specs.units import duration
from trainboard import pasts
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.history import Histories

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

LONGEST = 3 * 366 * 86400
"""Seconds: days of three years are files enough."""


def history(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A line for each job, the newest first; the tasks of an array in one. 1 where something could not be asked."""

    async def run() -> int:
        now = time.time()
        since = now - seconds(chosen.since)
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            by_name = {backend.name: backend for backend in backends}
            seen = await Histories(lambda: by_name, desk.store, desk.paths.history).load(since)
        jobs = pasts.matching(seen.jobs, chosen.words)
        if chosen.user:
            jobs = [job for job in jobs if not job.run]
        for trouble in seen.troubles:
            complain(f"{trouble.what}: {trouble.reason}")
        if chosen.json:
            print_json([job.as_json() for job in jobs])
        else:
            print_table(pasts.TITLES, [pasts.cells(line, now) for line in pasts.folded(jobs)])
            print_table((pasts.in_sum(jobs),), [])
        return 1 if seen.troubles else 0

    return asyncio.run(run())


def seconds(word: str) -> float:
    """How far back. Raises `Refused`."""
    try:
        found = float(duration(word))
    except ValueError:
        raise Refused(f"--since: a duration as 12h, 7d or 8w, not {word!r}") from None
    if not 0 < found <= LONGEST:
        raise Refused(f"--since: three years at most, not {word!r}")
    return found
