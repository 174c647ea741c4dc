"""`trainboard cancel`, `hold`, `release`, `requeue`, `priority` and `top`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_rows
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from trainboard.cli.level import Level
    from trainboard.control import Control
    from trainboard.documents import Records
    from trainboard.rows import Row

    Verb = Callable[[Control, Sequence[Row], Records], Awaitable[tuple[str, ...]]]


def cancel(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """End runs for good: of those that have ended, no retry comes."""
    return asyncio.run(act(chosen, environ, lambda control, rows, _: control.cancel(rows), of_ended=True))


def hold(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Keep runs that wait from starting."""
    return asyncio.run(act(chosen, environ, lambda control, rows, _: control.hold(rows)))


def release(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Let runs start."""
    return asyncio.run(act(chosen, environ, lambda control, rows, _: control.release(rows)))


def requeue(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A new attempt of runs, those that have ended too."""
    return asyncio.run(
        act(chosen, environ, lambda control, rows, _: control.requeue(rows), of_ended=True, silently=True)
    )


def priority(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Change the priority of runs that wait."""

    async def prioritise(control: Control, rows: Sequence[Row], records: Records) -> tuple[str, ...]:
        left: list[str] = []
        for by, some in steps(chosen.level, rows, records).items():
            left += await control.prioritise(some, by)
        return tuple(left)

    return asyncio.run(act(chosen, environ, prioritise))


def top(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Put runs before all others that wait, in the order in which they are named."""
    return asyncio.run(act(chosen, environ, lambda control, rows, _: control.to_top(rows)))


def steps(wanted: Level, rows: Sequence[Row], records: Records) -> dict[int, list[Row]]:
    """The rows by what is to be added to their priority; that of a job of others' making counts from 0."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        run = records.runs.get(row.run or "")
        now = 0 if wanted.relative or run is None else run.priority
        found.setdefault(wanted.value - now, []).append(row)
    return {by: some for by, some in found.items() if by}


async def act(
    chosen: argparse.Namespace,
    environ: Mapping[str, str],
    verb: Verb,
    *,
    of_ended: bool = False,
    silently: bool = False,
) -> int:
    """Do this with the rows that the words name; 1 where something was not done.

    `of_ended`: it means something for runs that have ended too; `silently`: and they are not told apart.
    """
    desk = open_desk(environ, TerminalPrompter())
    async with desk.backends() as backends, desk.dispatcher(backends) as dispatcher:
        rows = await find_rows(desk, backends, chosen.runs)
        able = [row for row in rows if of_ended or not row.state.ended]
        left = await verb(desk.control(backends), able, await desk.store.load()) if able else ()
        for experiment in dict.fromkeys(row.experiment for row in able if row.experiment):
            await dispatcher.step(experiment)  # what can go now goes now, whether a board is open or not
        await desk.poke()
        after = await find_rows(desk, backends, [row.key for row in rows])
    if chosen.json:
        print_json([row.as_json() for row in after])
    else:
        print_table(("RUN", "STATE", "NAME", "REASON"), [(row.key, row.state, row.name, row.reason) for row in after])
    for row in rows:
        if row.state.ended and not silently:
            complain(f"{row.key} had ended before: {row.state}")
    for line in left:
        complain(line)
    return 1 if left else 0
