"""`trainboard cancel`, `hold`, `release`, `requeue`, `priority` and `top`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from specs.model import MOST_PRIORITY
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_rows
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.ledger import WAITING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from backends.base import JobState
    from trainboard.cli.level import Level
    from trainboard.control import Control
    from trainboard.documents import Records
    from trainboard.rows import Row

    Verb = Callable[[Control, Sequence[Row], Records], Awaitable[tuple[str, ...]]]


def cancel(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """End runs for good: of those that have ended, no retry comes."""
    return asyncio.run(act(chosen, environ, lambda control, rows, _: control.cancel(rows), alive, of_ended=True))


def hold(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Keep runs that wait from starting."""
    return asyncio.run(act(chosen, environ, lambda control, rows, _: control.hold(rows), waits, of_ended=True))


def release(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Let runs start."""
    return asyncio.run(act(chosen, environ, lambda control, rows, _: control.release(rows), waits, of_ended=True))


def requeue(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A new attempt of runs, those that have ended too."""
    return asyncio.run(
        act(chosen, environ, lambda control, rows, _: control.requeue(rows), lambda _: True, of_ended=True)
    )


def priority(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Change the priority of runs that wait."""

    async def prioritise(control: Control, rows: Sequence[Row], records: Records) -> tuple[str, ...]:
        left: list[str] = []
        for by, some in steps(chosen.level, rows, records).items():
            left += await control.prioritise(some, by)
        return tuple(left)

    return asyncio.run(act(chosen, environ, prioritise, waits))


def top(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Put runs before all others that wait, in the order in which they are named."""
    return asyncio.run(act(chosen, environ, lambda control, rows, _: control.to_top(rows), waits))


def steps(wanted: Level, rows: Sequence[Row], records: Records) -> dict[int, list[Row]]:
    """The rows by what is to be added to their priority; that of a job of others' making counts from 0.

    Raises `Refused` for one that would be out of range, before any is changed.
    """
    found: dict[int, list[Row]] = {}
    for row in rows:
        run = records.runs.get(row.run or "")
        now = 0 if run is None else run.priority
        then = now + wanted.value if wanted.relative else wanted.value
        if abs(then) > MOST_PRIORITY:
            raise Refused(f"{row.key}: {then} is no priority: it is between -{MOST_PRIORITY} and {MOST_PRIORITY}")
        found.setdefault(then - now, []).append(row)
    return {by: some for by, some in found.items() if by}


async def act(
    chosen: argparse.Namespace,
    environ: Mapping[str, str],
    verb: Verb,
    takes: Callable[[Row], bool],
    *,
    of_ended: bool = False,
) -> int:
    """Do this with the rows that the words name; 1 where a backend did not do it.

    What it does nothing to, by `takes`, is told; with `of_ended` it is done to runs that have ended all the same.
    """
    desk = open_desk(environ, TerminalPrompter())
    said: set[str] = set()
    async with desk.backends() as backends, desk.dispatcher(backends) as dispatcher:
        rows = await find_rows(desk, backends, chosen.runs, said)
        able = [row for row in rows if of_ended or not row.state.ended]
        left = await verb(desk.control(backends), able, await desk.store.load()) if able else ()
        for experiment in dict.fromkeys(row.experiment for row in able if row.experiment):
            await dispatcher.step(experiment)  # what can go now goes now, whether a board is open or not
        await desk.poke()
        after = await find_rows(desk, backends, [row.key for row in rows], said)
        polled = await desk.holder() is not None
    if chosen.json:
        print_json([row.as_json() for row in after])
    else:
        now = time.time()
        told = [(row.key, row.state, row.name, row.reason_at(now)) for row in after]
        print_table(("RUN", "STATE", "NAME", "REASON"), told)
    for line in untouched(row for row in rows if not takes(row)):
        complain(line)
    for line in left:
        complain(line)
    if left and any(row.ours for row in able):
        goes_on = "" if polled else ", while the board or `trainboard watch` is open"
        complain(f"what you want of your own runs is on record: a host is told when it answers{goes_on}")
    return 1 if left else 0


def alive(row: Row) -> bool:
    """Whether there is something to end."""
    return not row.state.ended


def waits(row: Row) -> bool:
    """Whether it has not begun."""
    return row.state in WAITING


def untouched(rows: Iterable[Row]) -> list[str]:
    """One line for all rows of one state that an order does nothing to."""
    keys: dict[JobState, list[str]] = {}
    for row in rows:
        keys.setdefault(row.state, []).append(row.key)
    return [
        f"{some[0] if len(some) == 1 else f'{len(some)} runs'} "
        f"{'had ended before' if state.ended else 'had begun before'}: {state}"
        for state, some in keys.items()
    ]
