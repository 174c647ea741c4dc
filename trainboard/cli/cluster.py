"""`trainboard cluster`: partitions, nodes, shares and the queue of clusters."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from trainboard import clustertext as text
from trainboard.actions import Refused
from trainboard.cli.desk import open_desk
from trainboard.cli.terminal import TerminalPrompter, complain, print_json, print_table, since
from trainboard.clusters import Clusters

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from backends.cluster import ClusterSeen


def cluster(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """One cluster, or all of them; what does not answer is said, and makes the exit code 1."""

    async def run() -> int:
        desk = open_desk(environ, TerminalPrompter())
        async with desk.backends() as backends:
            by_name = {backend.name: backend for backend in backends}
            if chosen.backend is not None and chosen.backend not in by_name:
                raise Refused(f"no backend {chosen.backend!r}; there are: {', '.join(by_name)}")
            clusters = Clusters(lambda: by_name, desk.store, desk.paths.pictures)
            names = [chosen.backend] if chosen.backend is not None else clusters.names()
            if not names:
                raise Refused("none of the backends is a cluster with a scheduler")
            if len(names) == 1:
                found: list[ClusterSeen | BaseException] = [await clusters.look(names[0])]
            else:
                found = list(await asyncio.gather(*map(clusters.look, names), return_exceptions=True))
        failures = [each for each in found if isinstance(each, BaseException)]
        for failure in failures:
            if not isinstance(failure, Refused):
                raise failure
            complain(str(failure))
        seen = [each for each in found if not isinstance(each, BaseException)]
        if chosen.json:
            print_json([text.as_json(each) for each in seen])
        else:
            for each in seen:
                show(each)
        return 1 if failures else 0

    return asyncio.run(run())


def show(seen: ClusterSeen) -> None:
    """The tables, and what there is to say besides; nodes that are alike stand in one line."""
    now = time.time()
    print_table((f"{seen.backend}, as seen {since(seen.at)} ago",), [])
    print_table(text.PARTITION_TITLES, text.partition_rows(seen))
    print_table(("",), [])
    print_table(text.NODE_TITLES, text.folded(seen.nodes, now))
    print_table(("",), [(line,) for line in text.sentences(seen)])
