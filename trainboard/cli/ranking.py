"""`trainboard results`."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from specs.tree import nearest, quoted
from trainboard import results, sheets
from trainboard.actions import Refused
from trainboard.cli.ages import aged, ages
from trainboard.cli.desk import open_desk
from trainboard.cli.results import gather, put, read_logs
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table
from trainboard.ranking import export
from trainboard.ranking.columns import Column, Source, Unknown, Words, metric, usual
from trainboard.ranking.standing import Standings, named
from trainboard.ranking.table import EXPERIMENT, View, arrange, title_of, without_seeds
from trainboard.ranking.text import title, told
from trainboard.ranking.welch import verdict
from trainboard.ranking.where import read_all

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from trainboard.cli.desk import Desk
    from trainboard.compare import Comparison
    from trainboard.ranking.standing import Standing
    from trainboard.ranking.table import Line, Table

LOOKS = ("where", "sort", "reverse", "columns", "by", "fold_seeds")
"""What asks for something else than the whole sheet, which `trainboard import` makes the same runs of."""
MORE = 0.5
"""Seconds of reading after which it is worth a word."""
BAR = 30


def show(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """What came of runs; logs that nobody has read to their end are read now."""
    return asyncio.run(_show(chosen, environ))


async def _show(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if chosen.top is not None and not chosen.narrow:
        raise Refused("--top goes with --narrow")
    desk = open_desk(environ, TerminalPrompter())
    looked = any(getattr(chosen, name) for name in LOOKS) or chosen.kind != "best" or chosen.importance
    if not looked and (chosen.json or chosen.csv or chosen.xlsx) and not chosen.narrow:
        return await _all(desk, chosen)
    standing = await stand(desk, chosen.names, offline=chosen.offline)
    view = view_of(chosen, standing.found)
    table = await asyncio.to_thread(arrange, standing.found, view)
    if chosen.narrow:
        return await _narrow(standing, table, chosen.top)
    if chosen.importance:
        return await _importance(table, chosen)
    if chosen.json:
        print_json(export.document(table))
    elif path := chosen.csv or chosen.xlsx or chosen.latex:
        make = export.as_csv if chosen.csv else export.as_xlsx if chosen.xlsx else export.as_latex
        await asyncio.to_thread(put, path, await asyncio.to_thread(make, table))
    else:
        await _print(desk, table)
    return 0


async def _all(desk: Desk, chosen: argparse.Namespace) -> int:
    """The whole sheet: every parameter and every metric, and where what was collected lies."""
    found = await gather(desk, chosen.names, offline=chosen.offline)
    if chosen.json:
        print_json([each.as_json() for each in found])
    else:
        make = sheets.as_csv if chosen.csv else sheets.as_xlsx
        await asyncio.to_thread(put, chosen.csv or chosen.xlsx, await asyncio.to_thread(make, found))
    return 0


async def stand(desk: Desk, names: Sequence[str], *, offline: bool) -> Standing:
    """The runs that words name, as they stand; `offline`: by what is stored alone. Raises `Refused`."""
    records = await desk.store.load()
    members = await asyncio.to_thread(named, records, names)
    running = {} if offline else await read_logs(desk, records, members)
    standing = await Standings(desk.paths).of(records, names)
    if not running:
        return standing
    known = {run.id: (experiment, attempt.state) for experiment, run, attempt in members}
    entries = [
        replace(each, metrics=results.values(running[each.key], *known[each.key])) if each.key in running else each
        for each in standing.found.entries
    ]
    from trainboard.compare import compare

    return replace(standing, found=compare(entries, standing.experiments))


def view_of(chosen: argparse.Namespace, found: Comparison) -> View:
    """What the command line asks for. Raises `Refused` for a column that no run has."""
    words = Words(found, chosen.kind)
    try:
        where = read_all(chosen.where, words)
        columns = None if chosen.columns is None else words.all(filter(None, chosen.columns.split(",")))
        sort = None if chosen.sort is None else words[chosen.sort]
    except Unknown as error:
        raise Refused(str(error)) from error
    by = None
    if chosen.fold_seeds:
        by = without_seeds(found)
    elif chosen.by is not None:
        by = grouped_by(chosen.by, found)
    return View(where, sort, chosen.reverse, by, columns, chosen.kind)


def grouped_by(text: str, found: Comparison) -> tuple[str, ...]:
    """Parameters, with commas between; `experiment` too. Raises `Refused` for one that no run has."""
    known = {name for entry in found.entries for name in entry.params}
    by = []
    for name in filter(None, (word.strip() for word in text.split(","))):
        if name not in known and name != "experiment":
            raise Refused(f"no run has a parameter {quoted(name)}{nearest(name, known)}")
        by.append(name if name in known else EXPERIMENT)
    return tuple(dict.fromkeys(by))


async def _print(desk: Desk, table: Table) -> None:
    """A table for people; `*` at the best of a column."""
    columns = table.columns
    if table.view.columns is None and table.view.by is None:
        columns = _usual(table.found)
    attempts = {}
    if any(not entry.state.ended for entry in table.found.entries):
        records = await desk.store.load()
        shown_ones = {entry.key for entry in table.found.entries}
        newest = (each[2] for each in results.members(records, shown_ones))
        attempts = await ages(desk, newest)
    titles = ["RUN" if table.view.by is None else "RUNS", *map(_title, columns)]
    lines = [
        (_stub(line, table), *(_text(line, column, table, attempts) for column in columns)) for line in table.lines
    ]
    print_table(titles, lines)
    if len(table.found.entries) < table.all:
        complain(f"{len(table.found.entries)} of {table.all} runs")
    if table.view.by is not None and (found := verdict(table)) is not None:
        sys.stdout.write(f"\n{found.said()}\n")


def _usual(found: Comparison) -> tuple[Column, ...]:
    """Facts, parameters, and of the objective all that is known."""
    columns = [each for each in usual(found) if each.source is not Source.METRIC]
    columns.sort(key=lambda each: each.source is not Source.FACT)
    findings = [each for each in columns if each.key == "[finding]"]
    kinds = [Column(Source.METRIC, found.metrics[0], kind) for kind in results.KINDS] if found.metrics else []
    return (*(each for each in columns if each not in findings), *kinds, *findings)


def _title(column: Column) -> str:
    return column.name.upper() if column.source is Source.FACT else title(column)


def _stub(line: Line, table: Table) -> str:
    """What a line begins with."""
    return str(len(line.members)) if line.folded and table.view.by else title_of(line, table.view.by or ())


def _text(line: Line, column: Column, table: Table, ages: Mapping[str, str]) -> str:
    """One cell."""
    value = line.cell(column)
    best = "*" if line.key in table.best_of(column) else ""
    if column.key == "[state]" and not line.folded:
        return aged(str(value), line.first.key, ages)
    return told(value, column) + best


async def _narrow(standing: Standing, table: Table, top: int | None) -> int:
    """The spec around the best, on standard output; what changed, on standard error."""
    from trainboard.ranking.narrow import TOP, narrowed

    if len(standing.experiments) != 1:
        raise Refused("--narrow takes one experiment")
    column = table.objective
    if column is None:
        raise Refused("no run has metrics")
    found = await asyncio.to_thread(narrowed, table.found, column, standing.experiments[0], top or TOP)
    complain(f"around {', '.join(found.runs)}; {'; '.join(found.changes)}")
    sys.stdout.write(found.text)
    return 0


async def _importance(table: Table, chosen: argparse.Namespace) -> int:
    """The share of each parameter by itself; and what a forest makes of it, where there is one."""
    from trainboard.ranking.effects import CAVEAT, effects
    from trainboard.ranking.importance import importance

    column = table.objective
    if column is None:
        raise Refused("no run has metrics")
    column = chosen_metric(table, chosen.sort) or column
    alone = await asyncio.to_thread(effects, table.found, column)
    forest, refusal = None, ""
    try:
        forest = await asyncio.to_thread(importance, table.found, column)
    except Refused as error:
        refusal = str(error)
    if chosen.json:
        print_json(
            {
                "metric": column.name,
                "kind": column.kind,
                "effects": [each.as_json() for each in alone],
                "forest": None if forest is None else forest.as_json(),
                "forest_refused": refusal or None,
            }
        )
        return 0
    rows = [
        (e.param, f"{e.share:.3f}", f"{e.chance:.3f}", f"{e.levels}{' bins' if e.binned else ''}", str(e.runs))
        for e in alone
    ]
    print_table(("PARAMETER", f"SHARE OF {column.name}", "BY CHANCE", "LEVELS", "RUNS"), rows)
    sys.stdout.write(f"\n{CAVEAT}\n\n")
    if forest is None:
        sys.stdout.write(f"{refusal}\n")
        return 0
    bars = [
        (e.param, f"{e.share:.0%}", f"{e.drop:.3f} ± {e.spread:.2g}", "█" * round(e.share * BAR))
        for e in forest.params
    ]
    print_table(("PARAMETER", "IMPORTANCE", "WORSE BY", ""), bars)
    sys.stdout.write(f"\n{forest.caveat} ({forest.runs} runs)\n")
    return 0


def chosen_metric(table: Table, word: str | None) -> Column | None:
    """The metric that is sorted by, if one is."""
    sort = table.view.sort
    if word is None or sort is None or sort.source is not Source.METRIC:
        return None
    return metric(table.found, sort.name, sort.kind)
