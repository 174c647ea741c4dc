"""A cluster as tables and sentences, for the command line and the screen alike. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from backends.nodelist import compress
from backends.nodestates import explained
from trainboard.show import clean, duration, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from backends.cluster import ClusterSeen, Gpus, Node, Partition, Share

PARTITION_TITLES = (
    "PARTITION",
    "STATE",
    "LIMIT",
    "NODES FREE",
    "GPUS FREE",
    "CPUS FREE",
    "R",
    "PD",
    "GPUS WANTED",
    "MINE",
)
NODE_TITLES = ("NODE", "STATE", "GPUS FREE", "CPUS FREE", "MEMORY FREE", "PARTITIONS", "WHY")


def partition_rows(seen: ClusterSeen) -> list[tuple[str, ...]]:
    """A row for each partition: what is free in it, and who waits for it."""
    crowds = {each.partition: each for each in seen.crowd}
    rows: list[tuple[str, ...]] = []
    for partition in seen.partitions:
        nodes = [node for node in seen.nodes if partition.name in node.partitions]
        crowd = crowds.get(partition.name)
        known = not seen.trouble("crowd")
        mine = f"R {crowd.mine_running} PD {crowd.mine_pending}" if crowd else "-"
        others = not seen.private and known
        rows.append(
            (
                f"{clean(partition.name)}{'*' if partition.default else ''}",
                clean(partition.state.lower()),
                duration(partition.limit) if partition.limit is not None else "none",
                free_nodes(nodes) if nodes else f"?/{partition.nodes}",
                free_gpus(nodes),
                free_cpus(nodes) if nodes else "?",
                str(crowd.running if crowd else 0) if others else "?",
                str(crowd.pending if crowd else 0) if others else "?",
                str(crowd.gpus_wanted if crowd else 0) if others else "?",
                mine if known else "?",
            )
        )
    return rows


def free_nodes(nodes: Sequence[Node]) -> str:
    """Wholly free ones, of all."""
    free = sum(not node.away and node.words[0] == "IDLE" for node in nodes)
    return f"{free}/{len(nodes)}"


def free_gpus(nodes: Sequence[Node]) -> str:
    """By type, `a100 6/12`: free ones on nodes that take jobs, of all; `-` where there are none."""
    free, total = Counter[str](), Counter[str]()
    known = True
    for node in nodes:
        known = known and (node.gpus_known or not node.gpus)
        for each in node.gpus:
            total[each.kind] += each.total
            free[each.kind] += 0 if node.away else each.total - each.used
    if not total:
        return "-" if nodes else "?"
    return ", ".join(
        f"{clean(kind, 20)} " * bool(kind) + (f"{free[kind]}/{count}" if known else f"?/{count}")
        for kind, count in total.items()
    )


def free_cpus(nodes: Sequence[Node]) -> str:
    """On nodes that take jobs, of all."""
    return f"{sum(free_cpus_of(node) for node in nodes)}/{sum(node.cpus for node in nodes)}"


def free_cpus_of(node: Node) -> int:
    """None on a node that takes no jobs."""
    return 0 if node.away else max(0, node.cpus - node.cpus_used)


def free_memory_of(node: Node) -> int | None:
    """What jobs may still be given; where that is not told, what the node calls free."""
    if node.away:
        return 0
    return node.memory_free if node.memory_used is None else max(0, node.memory - node.memory_used)


def gpus_of(node: Node) -> str:
    """As `free_gpus`, of one node."""
    return free_gpus([node])


def why_away(node: Node, now: float) -> str:
    """The state in plain words, and the reason with who gave it and how long ago."""
    words = explained(node.state) if node.away or "+" in node.state else ""
    if not node.reason:
        return words
    who = f"{clean(node.by, 40)}, " if node.by else ""
    since = f"{duration(now - node.since)} ago" if node.since is not None else ""
    signed = f" ({who}{since})".replace(", )", ")") if who or since else ""
    return f"{words}{': ' if words else ''}{clean(node.reason)}{signed}"


def node_row(node: Node, now: float) -> tuple[str, ...]:
    """A row of the table of nodes."""
    return (
        clean(node.name),
        clean(node.state.lower()),
        gpus_of(node),
        f"{free_cpus_of(node)}/{node.cpus}",
        f"{size(free_memory_of(node))}/{size(node.memory)}",
        clean(",".join(node.partitions)),
        why_away(node, now),
    )


def folded(nodes: Iterable[Node], now: float) -> list[tuple[str, ...]]:
    """Nodes that are in the same state for the same reason in one row, with their names as a list."""
    groups: dict[tuple[object, ...], list[Node]] = {}
    for node in nodes:
        alike = node.partitions, node.state, node.reason, node.by, tuple(g.kind for g in node.gpus), node.since
        groups.setdefault(alike, []).append(node)
    return [
        (
            clean(compress(node.name for node in group), 200),
            clean(group[0].state.lower()),
            free_gpus(group),
            free_cpus(group),
            f"{size(sum(free_memory_of(n) or 0 for n in group))}/{size(sum(n.memory for n in group))}",
            clean(",".join(group[0].partitions)),
            why_away(group[0], now),
        )
        for group in groups.values()
    ]


def sentences(seen: ClusterSeen) -> Iterator[str]:
    """What there is to say besides the tables: shares, limits, what is hidden, what could not be asked."""
    for share in seen.shares:
        yield told_share(share)
    for limit in seen.limits:
        yield f"limit: {clean(limit.name)}: {limit.used} of {limit.most}"
    if seen.private:
        yield "this site hides the jobs of others: what is shown of the queue is yours alone"
    if not seen.trouble("crowd"):
        yield queue_in_sum(seen)
    for trouble in seen.troubles:
        yield f"not known: {clean(trouble.what)}: {clean(trouble.reason)}"


def queue_in_sum(seen: ClusterSeen) -> str:
    """Everybody's jobs together; one that waits in several partitions is counted in each."""
    if not seen.crowd:
        return "queue: you have no jobs in it" if seen.private else "queue: nobody has a job in it"
    wanted = sum(each.gpus_wanted for each in seen.crowd)
    return (
        f"queue: {sum(each.running for each in seen.crowd):,} running, "
        f"{sum(each.pending for each in seen.crowd):,} waiting for {wanted:,} GPUs; yours among them: "
        f"{sum(each.mine_running for each in seen.crowd)} and {sum(each.mine_pending for each in seen.crowd)}"
    )


def told_share(share: Share) -> str:
    """A fair share with what it means."""
    parts = []
    if share.granted is not None:
        parts.append(f"{share.granted:.1%} granted")
    if share.used is not None:
        parts.append(f"{share.used:.1%} of late's use")
    if share.granted and share.used:
        parts.append(f"{share.used / share.granted:.1f} times the share")
    if share.factor is not None:
        parts.append(f"factor {share.factor:.2f}: {meaning(share.factor)}")
    return f"account {clean(share.account)}: {', '.join(parts) or 'no shares'}"


def meaning(factor: float) -> str:
    """What a fair share does to one's jobs; 0 is also what a site has that does not use shares."""
    if factor >= 0.6:
        return "as far as shares count, your jobs go early"
    if factor >= 0.4:
        return "as far as shares count, your jobs go in the middle"
    if factor > 0:
        return "as far as shares count, your jobs go late, until what was used is forgotten"
    return "shares do not help your jobs, or do not count here"


def as_json(seen: ClusterSeen) -> dict[str, Any]:
    """The keys that `cluster --json` promises; what is not known is null."""
    from dataclasses import asdict

    def part(what: str, value: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
        return None if seen.trouble(what) else value

    return {
        "backend": seen.backend,
        "at": seen.at,
        "user": seen.user,
        "partitions": part("partitions", [asdict(each) for each in seen.partitions]),
        "nodes": part("nodes", [node_json(each) for each in seen.nodes]),
        "queue": part("crowd", [asdict(each) for each in seen.crowd]),
        "private": seen.private,
        "shares": part("shares", [asdict(each) for each in seen.shares]),
        "limits": part("limits", [asdict(each) for each in seen.limits]),
        "not_known": {each.what: each.reason for each in seen.troubles},
    }


def node_json(node: Node) -> dict[str, Any]:
    """A node, with what its state means and what is free."""
    from dataclasses import asdict

    return asdict(node) | {
        "gpus": [gpu_json(each, known=node.gpus_known) for each in node.gpus],
        "meaning": explained(node.state),
        "takes_jobs": not node.away,
    }


def gpu_json(gpus: Gpus, *, known: bool) -> dict[str, Any]:
    """GPUs of one type."""
    return {"type": gpus.kind or None, "total": gpus.total, "used": gpus.used if known else None}


def matching(nodes: Iterable[Node], words: Sequence[str]) -> list[Node]:
    """Those in which each of the words (small letters) is found somewhere."""

    def text(node: Node) -> str:
        kinds = " ".join(each.kind for each in node.gpus)
        return f"{node.name} {node.state} {' '.join(node.partitions)} {kinds} {node.features} {node.reason}".lower()

    return [node for node in nodes if all(word in text(node) for word in words)]


def partitions_matching(partitions: Iterable[Partition], words: Sequence[str]) -> list[Partition]:
    """The same of partitions."""
    return [each for each in partitions if all(word in f"{each.name} {each.state}".lower() for word in words)]
