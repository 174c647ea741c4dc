"""Checks of a cluster: what its partitions offer, and what its scheduler says of such a job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backends.limits import chosen
from specs.tree import nearest, quoted
from trainboard.preflight import models
from trainboard.preflight.needs import need
from trainboard.preflight.said import failing, passing, warning
from trainboard.show import duration, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backends.checks import Forecast, Nodes
    from specs.model import SlurmOptions
    from trainboard.preflight.facts import Facts
    from trainboard.preflight.said import Said

    Offer = tuple[Nodes, ...]

OTHER = "ask for less, or name another partition: `slurm: {partition: …}`"

SIZED = re.compile(r"--(?:gres|gpus|gpus-per-\w+|nodes|ntasks(?:-per-\w+)?|mem-per-\w+|exclusive)\b|-[NnG]")
"""Options of the user's own that change how much of a node a job takes: then only Slurm can tell."""


def named(offer: Offer, own: SlurmOptions) -> tuple[str, ...]:
    """The partitions that a job goes to; of several the first that starts it."""
    words = chosen(own, "partition")
    return (
        tuple(words.split(",")) if words else tuple(dict.fromkeys(each.partition for each in offer if each.default))
    )


def of(facts: Facts, offer: Offer) -> Offer:
    """The nodes that a job may get."""
    names = named(offer, facts.question.plan.slurm)
    return tuple(each for each in offer if each.partition in names)


def partition(facts: Facts, offer: Offer) -> Iterator[Said]:
    """Whether there is such a partition, and it is open."""
    known = {each.partition: each.avail for each in offer}
    names = named(offer, facts.question.plan.slurm)
    if not names:
        yield failing("the cluster has no default partition", "name one: `slurm: {partition: …}`")
    for name in names:
        if name not in known:
            there = ", ".join(known)
            yield failing(f"no partition {quoted(name)}{nearest(name, set(known))}", f"there are: {there}")
        elif known[name] != "up":
            yield warning(f"{name} is {known[name]}: jobs wait there")
        else:
            yield passing(name)


def time(facts: Facts, offer: Offer) -> Iterator[Said]:
    """Whether the time fits the partition's limit, and is as much as finished runs took."""
    nodes, asked, known = of(facts, offer), facts.resources.time, facts.question.learnt.seconds
    if not nodes:
        return
    limits = [each.limit for each in nodes]
    longest = None if None in limits else max(limit for limit in limits if limit is not None)
    names = ",".join(dict.fromkeys(each.partition for each in nodes))
    if asked is not None and longest is not None and asked > longest:
        text = f"{duration(asked)} is more than partition {names} allows ({duration(longest)})"
        yield failing(text, f"ask for `time: {duration(longest)}` at most, or name another partition")
        return
    usual = min((given for each in nodes if (given := each.usual or each.limit)), default=None)
    given = asked if asked is not None else usual
    if known is not None and given is not None and known.amount > given:
        text = f"a run took {duration(known.amount)} ({known.source}), and gets {duration(given)}"
        yield warning(text, f"ask for `time: {duration(known.amount * 1.2)}`")
    elif asked is None:
        yield passing(
            f"none asked for: {'no limit' if usual is None else f'a job gets {duration(usual)}'} in {names}"
        )
    else:
        yield passing(f"{duration(asked)} of {'any' if longest is None else duration(longest)}")


def node(facts: Facts, offer: Offer) -> Iterator[Said]:
    """Whether a node of the partition has the CPUs, the memory and the GPUs together."""
    nodes, asked, own = of(facts, offer), facts.resources, facts.question.plan.slurm
    if not nodes or any(SIZED.match(word) for word in own.sbatch):
        return
    wants = (asked.cpus or 1, asked.memory or 0, asked.gpus)
    fit = [each for each in nodes if all(map(int.__le__, wants, (each.cpus, each.memory, gpus_of(each))))]
    said = [f"{asked.gpus} GPU{'' if asked.gpus == 1 else 's'}"] if asked.gpus else []
    said += [f"{asked.cpus} CPUs"] if asked.cpus else []
    said += [size(asked.memory)] if asked.memory else []
    if not said:
        return
    if not fit:
        largest = max(nodes, key=lambda each: (gpus_of(each), each.cpus, each.memory))
        has = f"{gpus_of(largest)} GPUs, {largest.cpus} CPUs, {size(largest.memory)}"
        yield failing(f"no node of the partition has {', '.join(said)}; the largest has {has}", OTHER)
        return
    kinds = dict.fromkeys(kind for each in fit for kind, _ in each.gpus if kind) if asked.gpus else {}
    types = f" ({', '.join(kinds)})" if kinds else ""
    yield passing(f"{sum(each.count for each in fit)} nodes have {', '.join(said)}{types}")


def gpus_of(each: Nodes) -> int:
    """The GPUs of one node."""
    return sum(count for _, count in each.gpus)


def gpu_memory(facts: Facts, offer: Offer) -> Iterator[Said]:
    """Whether the GPUs of the partition have the memory, by their type: Slurm does not tell how much it is."""
    wanted = need(facts.resources.gpu_memory, facts.question.learnt.gpu_memory)
    if wanted is None:
        return
    own = facts.question.plan.slurm.sbatch
    kinds = dict.fromkeys(kind for each in of(facts, offer) for kind, _ in each.gpus)
    asked = [kind for kind in kinds if kind and any(kind in word for word in own)]
    said = f"a run wants {size(wanted.amount)} ({wanted.source})"
    sizes = {kind: models.memory(kind) for kind in asked or kinds}
    enough = [kind for kind, found in sizes.items() if found and found[0] >= wanted.amount]
    unsure = [kind for kind, found in sizes.items() if found is None or found[0] < wanted.amount <= found[1]]
    if sizes and len(enough) == len(sizes):
        yield passing(f"{said}; {', '.join(enough)}")
    elif enough or unsure or not sizes:
        there = ", ".join(filter(None, sizes)) or "GPUs of no type"
        yield warning(f"{said}; the partition has {there}, and not all of them may do", "ask for a type that does")
    else:
        fail = warning if wanted.attempts else failing
        yield fail(f"{said}; the partition has {', '.join(sizes)}, which have less", "name another partition")


def scheduler(facts: Facts, forecast: Forecast) -> Iterator[Said]:
    """What `sbatch --test-only` says."""
    if forecast.refusal:
        told = f"sbatch --test-only: {forecast.refusal}"
        yield warning(told) if forecast.passing else failing(told, "change `resources` or `slurm`")
    elif forecast.start is None:
        yield passing("Slurm would take it")
    else:
        ahead = forecast.start - facts.question.now
        yield passing(f"Slurm would take it, and start it {'now' if ahead < 60 else f'in {duration(ahead)}'}")
