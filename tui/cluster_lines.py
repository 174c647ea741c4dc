"""A cluster as the lines of a list. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trainboard import clustertext as text
from tui import show
from tui.columns import Column
from tui.widgets.table_list import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from backends.cluster import ClusterSeen, Node

COLUMNS = (
    Column("name", "NAME", 10, 24, 0),
    Column("state", "STATE", 12, 26, 1),
    Column("gpus", "GPUS FREE", 9, 22, 2, right=True),
    Column("cpus", "CPUS FREE", 9, 11, 4, right=True),
    Column("memory", "MEMORY", 9, 11, 6, right=True),
    Column("jobs", "R/PD", 7, 11, 5, right=True),
    Column("mine", "MINE", 8, 10, 7),
    Column("more", "", 20, 200, 3),
)
"""Partitions and nodes in the same columns: what is free stands below what is free."""

ORDERS: tuple[tuple[str, Callable[[Node], object]], ...] = (
    ("by name", lambda node: ()),
    ("out of use first", lambda node: (not node.away,)),
    ("most free GPUs first", lambda node: (-free(node),)),
)
"""How nodes are sorted; those that are alike stay as Slurm lists them."""


def free(node: Node) -> int:
    """GPUs that a job could get."""
    return 0 if node.away else sum(each.total - each.used for each in node.gpus)


def head(name: str, seen: ClusterSeen | None, now: float, words: Sequence[str], order: int, trouble: str) -> str:
    """The line on top: whose it is, how old, what is wrong."""
    parts = [show.clean(name, 40)]
    if seen is None:
        parts.append(trouble or "asking…")
    else:
        parts.append(f"{len(seen.partitions)} partitions, {len(seen.nodes)} nodes, {show.age(now - seen.at)} old")
        parts += [f"▲ {trouble}"] if trouble else []
        parts.append(ORDERS[order][0])
    parts += [f"filter “{show.clean(' '.join(words), 40)}”"] if words else []
    return "  ".join(parts)


def entries(seen: ClusterSeen, words: Sequence[str], order: int, now: float) -> list[Entry]:
    """Partitions, what there is to say, then the nodes."""
    return [*_partitions(seen, words), *_said(seen, words), *_nodes(seen, words, order, now)]


def _titles(noun: str, more: str) -> Entry:
    titles = (noun, *(column.title for column in COLUMNS[1:-1]), more)
    return Entry("", titles, "strong")


def _partitions(seen: ClusterSeen, words: Sequence[str]) -> Iterator[Entry]:
    shown = text.partitions_matching(seen.partitions, words)
    if not shown:
        return
    yield _titles("PARTITION", "LIMIT, GPUS WANTED")
    by_name = dict(zip((each.name for each in seen.partitions), text.partition_rows(seen), strict=True))
    for partition in shown:
        name, state, limit, nodes, gpus, cpus, running, pending, wanted, mine = by_name[partition.name]
        more = [f"limit {limit}", f"{nodes} nodes free"]
        more += [f"{wanted} GPUs wanted"] if wanted not in ("?", "0") else []
        more += [f"for {partition.only}"] if partition.only else []
        more += [f"jobs may be stopped for others ({show.clean(partition.preempts).lower()})"] * bool(
            partition.preempts
        )
        queue = "hidden" if seen.private else f"{running}/{pending}"
        cells = (name, state, gpus, cpus, "", queue, mine, show.clean(", ".join(more)))
        yield Entry(f"partition {partition.name}", cells, "plain" if partition.state == "UP" else "bad")


def _said(seen: ClusterSeen, words: Sequence[str]) -> Iterator[Entry]:
    if not words:
        yield from (Entry(f"said {line.split(':')[0]}", (f" {line}",), "dim") for line in text.sentences(seen))


def _nodes(seen: ClusterSeen, words: Sequence[str], order: int, now: float) -> Iterator[Entry]:
    nodes = sorted(text.matching(seen.nodes, words), key=ORDERS[order][1])  # type: ignore[arg-type]  # tuples of one kind
    if not nodes:
        return
    yield _titles("NODE", "WHY")
    for node in nodes:
        tone = "bad" if node.away else "good" if free(node) or not node.cpus_used else "plain"
        yield Entry(f"node {node.name}", partial(_node_cells, node, now), tone)


def _node_cells(node: Node, now: float) -> tuple[str, ...]:
    name, state, gpus, cpus, memory, partitions, why = text.node_row(node, now)
    return name, state, gpus, cpus, memory, "", "", why or partitions
