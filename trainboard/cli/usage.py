"""`trainboard usage`: what runs and experiments used of what they held, and what to ask for next time."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from backends.jobuse import Accounted
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_rows
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.rows import Row
from trainboard.show import clean, duration, size
from trainboard.use.advice import as_yaml
from trainboard.use.uses import Uses

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from backends.base import Backend
    from trainboard.cli.desk import Desk
    from trainboard.documents import Records
    from trainboard.use.measured import Use
    from trainboard.use.totals import Totals
    from trainboard.use.uses import Used

TOGETHER = 4
"""Rows that are asked for at the same time."""

TITLES = ("RUN", "STATE", "TIME", "OF", "CPU", "OF", "MEMORY", "OF", "GPU", "GPU MEMORY", "QUEUED", "BY")


def usage(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """A line for each run, and what each experiment that was named took; with `--next` what to ask for, as YAML."""
    return asyncio.run(_usage(chosen, environ))


async def _usage(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    desk = open_desk(environ, TerminalPrompter())
    async with desk.backends() as backends:
        by_name = {backend.name: backend for backend in backends}
        rows = await rows_of(desk, by_name, chosen.names)
        records = await desk.store.load()
        uses = Uses(lambda: records, by_name.get, desk.paths.series)
        found = await gathered(uses, rows)
        named = [name for name in dict.fromkeys(chosen.names) if name in records.experiments]
        sums = {name: await uses.totals(name) for name in named}
    for row, used in found:
        if used.trouble:
            complain(f"{row.key}: {used.trouble}")
    if chosen.next:
        return print_next(records, found)
    if chosen.json:
        print_json({"runs": [as_json(*each) for each in found], "experiments": sums_json(sums)})
        return 0
    print_table(TITLES, [cells(*each) for each in found])
    for name, totals in sums.items():
        sys.stdout.write(f"\n{clean(name)}\n")
        print_table(("", ""), total_lines(totals))
    return 0


async def rows_of(desk: Desk, backends: Mapping[str, Backend], names: Sequence[str]) -> list[Row]:
    """The rows that these words name; of a `backend:job` that its queue has forgotten, what its account says.

    Raises `Refused`.
    """
    said: set[str] = set()
    every = list(backends.values())
    try:
        return await find_rows(desk, every, names, said)
    except Refused:
        found = {}
        for name in names:
            for row in await forgotten(backends, name) or await find_rows(desk, every, [name], said):
                found[row.key] = row
        return list(found.values())


async def forgotten(backends: Mapping[str, Backend], name: str) -> list[Row]:
    """The row of a job that only its scheduler's account knows; none where that does not know it."""
    place, _, job_id = name.partition(":")
    backend = backends.get(place)
    if not job_id or not isinstance(backend, Accounted):
        return []
    job = (await backend.job_use([job_id])).get(job_id)
    return [] if job is None else [Row(name, place, job_id, job_id, job.state, started=job.started)]


async def gathered(uses: Uses, rows: Sequence[Row]) -> list[tuple[Row, Used]]:
    """What is known of each, some at a time."""
    turn = asyncio.Semaphore(TOGETHER)

    async def one(row: Row) -> tuple[Row, Used]:
        async with turn:
            return row, await uses.of(row)

    return list(await asyncio.gather(*(one(row) for row in rows)))


def print_next(records: Records, found: Sequence[tuple[Row, Used]]) -> int:
    """What to ask for in each of the specs, as the part of a spec. Raises `Refused` where nothing can be said."""
    specs: dict[str, Used] = {}
    for row, used in found:
        experiment = records.experiments.get(row.experiment or "")
        specs.setdefault(row.key if experiment is None else experiment.name, used)
    told = {name: used.advice for name, used in specs.items() if used.advice}
    if not told:
        raise Refused("nothing is known yet: no attempt has completed of which somebody measured what it used")
    sys.stdout.write("\n".join(as_yaml(advice, clean(name)) for name, advice in told.items()))
    return 0


def cells(row: Row, used: Used) -> tuple[str, ...]:
    """A row of the table."""
    use = used.use
    gpu_memory = size(use.gpu_memory_asked or use.gpu_memory_total)
    return (
        row.run or row.key,
        row.state,
        duration(use.seconds),
        duration(use.time_limit),
        share(use.cpu_efficiency, use),
        "-" if use.cpus is None else f"{use.cpus:g}",
        size(use.memory),
        share_of(use.memory_efficiency, size(use.memory_asked)),
        "-" if not use.gpus else "–" if use.gpu_use is None else f"{use.gpu_use:.0f}% of {use.gpus}",
        "-" if not use.gpus else share_of(use.gpu_memory_efficiency, gpu_memory),
        duration(use.queued),
        use.source or "nobody",
    )


def share(efficiency: float | None, use: Use) -> str:
    """The share of its CPUs' time; of one that was given no number of them, how many worked in the mean."""
    if efficiency is not None:
        return f"{efficiency:.0%}"
    return "–" if use.cpu is None or not use.seconds else f"{use.cpu / use.seconds:.2g}"


def share_of(part: float | None, whole: str) -> str:
    """`43% of 500M`."""
    return whole if part is None else f"{part:.0%} of {whole}"


def as_json(row: Row, used: Used) -> dict[str, Any]:
    """The keys that `usage --json` promises."""
    known = {"run": row.run, "name": row.name, "backend": row.backend or None, "job_id": row.job_id or None}
    more = {"next": [each.as_json() for each in used.advice], "trouble": used.trouble or None}
    return known | used.use.as_json() | more


def sums_json(sums: Mapping[str, Totals]) -> list[dict[str, Any]]:
    """What experiments took."""
    return [{"experiment": name, **totals.as_json()} for name, totals in sums.items()]


def total_lines(totals: Totals) -> list[tuple[str, str]]:
    """What an experiment took, for people."""
    unknown = f" (not known of {totals.unknown_best} attempts)" if totals.unknown_best else ""
    held = f" of {hours(totals.cpu_hours_held)} held" if totals.cpu_hours_held else ""
    held += f", without what the {totals.running} that run have used" if totals.running else ""
    lines = [
        ("runs", f"{totals.runs}, {totals.attempts} attempts, {totals.running} of them running"),
        ("hours", f"{hours(totals.hours)}, and {hours(totals.queued_hours)} in queues"),
        ("CPU-hours", f"{hours(totals.cpu_hours)} used{held}"),
    ]
    if totals.gpu_hours:
        lines += [
            ("GPU-hours", hours(totals.gpu_hours)),
            ("· after the best", f"{hours(totals.gpu_hours_after_best)}{unknown}"),
            ("· not completed", hours(totals.gpu_hours_unfinished)),
        ]
    return lines


def hours(count: float) -> str:
    """A number of hours."""
    return f"{count:.3g}" if count < 1000 else f"{count:.0f}"
