"""The checks, in the order in which they are shown: a new one is one function and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.checks import Forecast, Unknown
from trainboard.preflight import cluster, data, host, shell
from trainboard.preflight.report import Check
from trainboard.preflight.said import warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainboard.preflight.facts import Facts
    from trainboard.preflight.said import Said


def always(facts: Facts) -> bool:
    """For any spec on any backend."""
    return True


def on_server(facts: Facts) -> bool:
    """Where there is no scheduler: the host itself has to do."""
    return facts.kind != "slurm"


def on_cluster(facts: Facts) -> bool:
    """Where there is one."""
    return facts.kind == "slurm"


def has_imports(facts: Facts) -> bool:
    """Where a Python program could be read."""
    return any(program.imports for program in facts.question.commands.programs)


def partitions(facts: Facts) -> object:
    """What the cluster offers."""
    return facts.forecast.partitions if isinstance(facts.forecast, Forecast) else facts.forecast


@dataclass(frozen=True, slots=True)
class Entry:
    """One check."""

    name: str
    fact: Callable[[Facts], Any]
    """What it goes by; where that is `Unknown`, the check warns with its reason."""
    say: Callable[[Facts, Any], Iterator[Said]]
    applies: Callable[[Facts], bool] = always


CHECKS = (
    Entry("work folder", lambda f: f.survey, host.work_folder),
    Entry("project folder", lambda f: f.survey, host.project_folder, lambda f: f.shared),
    Entry("disk", lambda f: f.survey, host.disk),
    Entry("inputs", lambda f: f.survey, data.inputs, lambda f: bool(f.question.inputs)),
    Entry("setup", lambda f: f.rehearsal, shell.setup),
    Entry("files", lambda f: None, shell.files),
    Entry("command", lambda f: f.rehearsal, shell.command),
    Entry("imports", lambda f: f.rehearsal, shell.imports, has_imports),
    Entry("gpus", lambda f: f.survey, host.gpus, lambda f: on_server(f) and bool(f.resources.gpus)),
    Entry("gpu memory", lambda f: f.survey, host.gpu_memory, lambda f: on_server(f) and bool(f.resources.gpus)),
    Entry("memory", lambda f: f.survey, host.memory, on_server),
    Entry("memory", lambda f: None, host.memory_known),
    Entry("cpus", lambda f: f.survey, host.cpus, on_server),
    Entry("time", lambda f: None, host.time_known, on_server),
    Entry("partition", partitions, cluster.partition, on_cluster),
    Entry("time", partitions, cluster.time, on_cluster),
    Entry("node", partitions, cluster.node, on_cluster),
    Entry("gpu memory", partitions, cluster.gpu_memory, lambda f: on_cluster(f) and bool(f.resources.gpus)),
    Entry("scheduler", lambda f: f.forecast, cluster.scheduler, on_cluster),
    Entry("queue", lambda f: f.room, host.queue),
)


def checks_of(backend: str, facts: Facts) -> Iterator[Check]:
    """All that apply to a backend that answers."""
    for entry in CHECKS:
        if not entry.applies(facts):
            continue
        fact = entry.fact(facts)
        said = (warning(f"not checked: {fact.reason}"),) if isinstance(fact, Unknown) else entry.say(facts, fact)
        for each in said:
            yield Check(backend, each.runs, entry.name, each.level, each.text, each.advice)
