"""`trainboard why`: why a run waits, and what would start sooner."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trainboard import whytext
from trainboard.cli.desk import open_desk
from trainboard.cli.find import find_one
from trainboard.cli.terminal import TerminalPrompter, print_json, print_table
from trainboard.clusters import Clusters

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping


def why(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Ask its scheduler, or the queue of its machine."""

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            by_name = {backend.name: backend for backend in backends}
            row = await find_one(desk, backends, chosen.runs[0])
            clusters = Clusters(lambda: by_name, desk.store, desk.paths.pictures)
            found = await clusters.why(row)
            variants = await clusters.smaller(found) if chosen.smaller and found.can_ask else None
        if chosen.json:
            print_json(whytext.as_json(found, variants))
            return 0
        told = [(line.about, "  " * line.deep + line.text) for line in whytext.lines(found, variants)]
        print_table((row.key, f"{row.name}  {row.state} on {row.backend or 'this side'}"), told)
        return 0

    return asyncio.run(run())
