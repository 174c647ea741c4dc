"""`trainboard compare`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from specs.braces import as_text
from specs.tree import nearest, quoted
from trainboard import compare as comparing
from trainboard.actions import Refused
from trainboard.cli.ages import aged, ages
from trainboard.cli.desk import open_desk
from trainboard.cli.results import gather
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.show import duration, number

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from trainboard.compare import Comparison

METRICS = 4
"""Columns of the table for people at most; `--json` has all."""


def compare(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Runs side by side; logs that nobody has read to their end are read now."""
    return asyncio.run(_compare(chosen, environ))


async def _compare(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    desk = open_desk(environ, TerminalPrompter())
    results = await gather(desk, chosen.names, offline=chosen.offline)
    found = comparing.compare([comparing.of_result(each) for each in results], [each.experiment for each in results])
    known = [*found.metrics, *found.params]
    if chosen.sort and chosen.sort not in known:
        raise Refused(f"no parameter that differs and no metric {quoted(chosen.sort)}{nearest(chosen.sort, known)}")
    if known:
        found = replace(found, entries=found.ordered(chosen.sort or known[0]))
    if chosen.json:
        print_json(found.as_json())
    else:
        print_comparison(found, await ages(desk, (each.attempt for each in results)))
    return 0


def print_comparison(found: Comparison, ages: Mapping[str, str]) -> None:
    """A table for people: the best values of the first metrics, `*` at the best of all."""
    shown = found.metrics[:METRICS]
    table = [
        (
            entry.key,
            aged(str(entry.state), entry.key, ages),
            duration(entry.seconds),
            *(as_text(entry.params.get(name)) for name in found.params),
            *(number(found.value(entry, name)) + ("*" if entry.key in found.best(name) else "") for name in shown),
        )
        for entry in found.entries
    ]
    print_table(("RUN", "STATE", "TOOK", *found.params, *(_title(found, name) for name in shown)), table)


def _title(found: Comparison, metric: str) -> str:
    return f"best {metric}" if found.goals[metric] else f"last {metric}"
