"""`trainboard outputs`: what a run wrote that can be looked at."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_one
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table, since
from trainboard.outputs import Kind
from trainboard.plans import Planner
from trainboard.rows import merge
from trainboard.written import Written, facts, row_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

TITLES = ("KIND", "FILES", "STEPS", "SIZE", "AGE", "NAME", "")


def outputs(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Ask its host."""

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            row = await find_one(desk, backends, chosen.runs[0])
            by_name = {backend.name: backend for backend in backends}
            everyone = merge(await desk.store.load(), {})
            found = await Written(row, by_name, Planner(desk.environ, desk.archives), everyone).find()
        shown = [each for each in found.outputs if chosen.all or each.kind is not Kind.OTHER]
        others = sum(len(each.files) for each in found.outputs if each.kind is Kind.OTHER)
        for note in found.notes:
            complain(note)
        if chosen.json:
            print_json([facts(each) for each in shown])
        elif not shown:
            complain(f"nothing to look at in {found.folder}; of {others} other files --all tells")
        else:
            print_table(TITLES, [row_of(each, since(each.changed)) for each in shown])
        return 0

    return asyncio.run(run())
