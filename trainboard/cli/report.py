"""`trainboard report`."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from specs.tree import nearest, quoted
from trainboard import results
from trainboard.actions import Refused
from trainboard.cli.code import described, diff_of
from trainboard.cli.desk import open_desk
from trainboard.cli.results import put, read_logs
from trainboard.cli.terminal import TerminalPrompter, print_json
from trainboard.plans import Planner
from trainboard.ranking.standing import Standings
from trainboard.report.gathering import Asked, material, places, wrong
from trainboard.report.html import as_html
from trainboard.report.markdown import as_markdown
from trainboard.report.material import Code
from trainboard.report.sections import best_entry, page
from trainboard.rows import merge

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from trainboard.archive import Archives
    from trainboard.cli.desk import Desk
    from trainboard.compare import Comparison
    from trainboard.documents import Records
    from trainboard.records import Experiment
    from trainboard.report.page import Page

FORMATS: Mapping[str, Callable[[Page], str]] = {".html": as_html, ".htm": as_html, ".md": as_markdown}
"""By the end of the file's name."""


def report(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """An experiment as one file."""
    return asyncio.run(_report(chosen, environ))


async def _report(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    desk = open_desk(environ, TerminalPrompter())
    experiment = named(await desk.store.load(), chosen.experiment)
    target = chosen.output or f"{experiment.id}.html"
    form = as_html if target == "-" else FORMATS.get(Path(target).suffix.lower())
    if form is None:
        raise Refused(f"{target}: a report is a file.html or a file.md")
    if target != "-" and not chosen.force and await asyncio.to_thread(Path(target).exists):
        raise Refused(f"{target} is there already; -o takes another name, --force writes over it")
    made = await gathered(desk, experiment, offline=chosen.offline)
    await asyncio.to_thread(put, target, form(made).encode())
    if chosen.json:
        print_json({"experiment": experiment.id, "file": None if target == "-" else target})
    elif target != "-":
        sys.stdout.write(f"{target}\n")
    return 0


def named(records: Records, word: str) -> Experiment:
    """The experiment of this id, or the newest of this name. Raises `Refused`."""
    if word in records.experiments:
        return records.experiments[word]
    same = [each for each in records.experiments.values() if each.name == word]
    if not same:
        words = {*records.experiments, *(each.name for each in records.experiments.values())}
        raise Refused(f"no experiment {quoted(word)}{nearest(word, words)}; `trainboard ls` lists them")
    return max(same, key=lambda each: each.created)


async def gathered(desk: Desk, experiment: Experiment, *, offline: bool) -> Page:
    """The report; `offline`: by what is stored alone. Raises `Refused`."""
    records = await desk.store.load()
    if not offline:
        await read_logs(desk, records, results.members(records, [experiment.id]))
        records = await desk.store.load()
    standing = await Standings(desk.paths).of(records, [experiment.id])
    asked = Asked() if offline else await ask(desk, records, experiment, standing.found)

    def made() -> Page:
        code = code_of(experiment, desk.archives)
        return page(material(records, experiment, standing.found, code, asked, desk.paths.series), time.time())

    try:
        return await asyncio.to_thread(made)
    except OSError as error:
        raise Refused(f"the series of {experiment.id} cannot be read: {error}") from error


async def ask(desk: Desk, records: Records, experiment: Experiment, found: Comparison) -> Asked:
    """What only the hosts know: where the runs were, and where the best one is wrong."""
    best = best_entry(found)
    row = next((each for each in merge(records, {}) if best is not None and each.key == best.key), None)
    async with desk.backends() as backends:
        by_name = {each.name: each for each in backends}
        attempts = (attempt for *_, attempt in results.members(records, [experiment.id]))
        there, missing = await places(by_name, attempts)
        told, also = await wrong(row, by_name, Planner(desk.environ, desk.archives))
    return Asked(there, told, (*missing, *also))


def code_of(experiment: Experiment, archives: Archives) -> Code:
    """What git said of its project, and what was not committed."""
    facts = [(name, text) for name, text in described(experiment, archives) if name not in ("experiment", "spec")]
    try:
        difference = diff_of(experiment, archives).decode("utf-8", "replace")
    except Refused as refusal:
        return Code([*facts, ("what was not committed", str(refusal))])
    return Code(facts, difference)
