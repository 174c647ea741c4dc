"""What metrics are called in a run that reads several sources: a name is unique in a run. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

from specs.model import LOG

USAGE = "usage/"
"""What the names of the runner's own samples begin with; no program prints such a name by itself."""

RUNNER = "//usage"
"""The source that is the runner's `usage.jsonl`, beside `LOG` and paths."""

_NUMBER = re.compile(r"(?<=[-_=.])\d+(?=/)")


def stream(source: str) -> str:
    """What several files write together has one name: the event files of a folder, the states of all checkpoints."""
    folder, _, name = source.rpartition("/")
    if "tfevents" in name:
        return folder or "events"
    return _NUMBER.sub("*", source) if name == "trainer_state.json" else source


def is_usage(name: str) -> bool:
    """Whether a series is of what the run uses, and not of what it trains: the runner measured it."""
    return name.startswith(USAGE)


def is_gpu_use(name: str) -> bool:
    """Whether a series is the use of one GPU, in percent."""
    return name.startswith(f"{USAGE}gpu") and name.endswith("/util")


@lru_cache(maxsize=256)
def names_of(metrics: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """The names of metrics that are given as (source, name in it), in the order in which they appeared.

    Of metrics with one name that of the log keeps it, else the first; others get their source behind it:
    `loss (metrics.csv)`, of event files their folder.
    """
    streams: defaultdict[str, list[str]] = defaultdict(list)
    for source, name in metrics:
        if (found := stream(source)) not in streams[name]:
            streams[name].append(found)
    labels = _labels({each for several in streams.values() if len(several) > 1 for each in several})
    taken = set(streams)
    names: dict[tuple[str, str], str] = {}
    for name, several in streams.items():
        keeps = LOG if LOG in several else several[0]
        for each in several:
            names[each, name] = name if each == keeps else _free(f"{name} ({labels[each]})", taken)
    return tuple(names[stream(source), name] for source, name in metrics)


def _free(name: str, taken: set[str]) -> str:
    """The name, marked where something printed it already."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def _labels(streams: set[str]) -> dict[str, str]:
    """The shortest ends of paths that tell them apart."""
    labels: dict[str, str] = {}
    for each in streams:
        parts = each.split("/")
        ends = ("/".join(parts[-length:]) for length in range(1, len(parts) + 1))
        others = streams - {each}
        labels[each] = next((end for end in ends if not any(o == end or o.endswith("/" + end) for o in others)), each)
    return labels
