"""The parts of a spec, one reader each, from the document to the model's values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from specs import measures, sbatch
from specs.draft import Draft, flat
from specs.model import Goal, Metrics, Resources, Scalar, SlurmOptions
from specs.outputs import read_outputs
from specs.retry import read_retry
from specs.sweep import read_sweep
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from specs.model import SpecError
    from specs.tree import Section, Value

KNOWN: Mapping[str, tuple[str, ...]] = {
    "": (
        *("name", "command", "workdir", "setup", "env", "params", "sweep"),
        *("resources", "where", "slurm", "metrics", "outputs", "retry", "after", "priority"),
    ),
    "resources": ("gpus", "gpu_memory", "cpus", "memory", "time", "disk"),
    "slurm": ("partition", "account", "qos", "sbatch"),
    "metrics": ("objective", "goal", "total"),
    "outputs": ("checkpoint", "keep", "log_limit"),
    "retry": ("on", "max", "wait", "resume", "memory"),
}
"""The keys of each section; those that are missing here hold names of the user's."""
LATER: Mapping[str, tuple[str, ...]] = {
    "": ("inputs", "watch"),
    "metrics": ("sources",),
    "outputs": ("collect", "predictions"),
}
"""Keys of the spec's format that this version does not act on."""

MOST_PRIORITY = 1000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WORD = re.compile(r"[^\s-]\S*")


def unknown(top: Section) -> Iterator[SpecError]:
    """Every key that means nothing, or nothing yet."""
    for name, known in KNOWN.items():
        value = top.get(name)
        if name and (value is None or not isinstance(value.content, dict)):
            continue
        section = value.section() if name and value is not None else top
        later = LATER.get(name, ())
        for key in later:
            if key in section:
                path = f"{name}.{key}" if name else key
                yield section.entries[key].place.error(f"{quoted(path)} is not supported by this version")
        for key in later:
            section = section.without(key)
        yield from section.unknown(known)


def name(draft: Draft) -> str:
    """The experiment's name."""
    value = draft.top.need("name")
    if not _NAME.fullmatch(value.text()):
        raise value.wrong("letters, digits, . _ and -, at most 64, beginning with a letter or digit")
    return value.text()


def command(draft: Draft) -> str:
    """The command; its placeholders are looked at when the parameters are known."""
    value = draft.top.need("command")
    if not value.text().strip():
        raise value.error("is empty")
    return value.text()


def workdir(draft: Draft) -> Path:
    """The project folder, absolute; relative to the spec file's own."""
    value = draft.top.get("workdir")
    folder = draft.source.absolute().parent
    if value is None:
        return folder.resolve()
    try:
        path = (folder / Path(value.text()).expanduser()).resolve()
        there = path.is_dir()
    except (RuntimeError, OSError):
        raise value.error(f"cannot be looked up: {quoted(value.text())}") from None
    if not there:
        raise value.error(f"is no folder: {quoted(str(path), longest=200)}")
    return path


def setup(draft: Draft) -> str:
    """Shell text before the command."""
    return draft.top.text("setup", "")


def env(draft: Draft) -> dict[str, str | None]:
    """Environment variables as they are written; None from the caller."""
    section = draft.top.section("env")
    for key, entry in section.entries.items():
        if not _VARIABLE.fullmatch(key):
            raise entry.place.error(f"{quoted(key)} is no name for an environment variable")
        entry.value.scalar()
    return {key: None if section[key].content is None else section[key].written for key in section}


def params(draft: Draft) -> dict[str, Scalar]:
    """Fixed parameters by dotted name."""
    values = {**flat(draft.top.section("params")), **draft.fixed}
    lists = next((value for value in values.values() if isinstance(value.content, tuple)), None)
    if lists is not None:
        raise lists.error('must be a single value; a list of values to try belongs under "sweep"')
    return {key: value.scalar() for key, value in values.items()}


def resources(draft: Draft) -> Resources:
    """What one run needs."""
    section = draft.top.section("resources")
    return Resources(
        gpus=section.integer("gpus", 0, least=0),
        gpu_memory=measures.size(section, "gpu_memory"),
        cpus=section.integer("cpus", None, least=1),
        memory=measures.size(section, "memory"),
        time=measures.time(section, "time"),
        disk=measures.size(section, "disk"),
    )


def where(draft: Draft) -> tuple[str, ...]:
    """Backends in order of preference."""
    value = draft.top.get("where")
    if value is None:
        return ()
    for item in value.items() if isinstance(value.content, tuple) else (value,):
        _plain_word(item)
    return value.strings()


def slurm(draft: Draft) -> SlurmOptions:
    """What only Slurm understands."""
    section = draft.top.section("slurm")
    for key in ("partition", "account", "qos"):
        if (value := section.get(key)) is not None:
            _plain_word(value)
    words = section.strings("sbatch", ())
    options = section.get("sbatch")
    for number, word in enumerate(words):
        if wrong := sbatch.problem(word):
            items = options.content if options is not None else ()
            at = items[number] if isinstance(items, tuple) else section["sbatch"]
            raise at.error(f"{quoted(word)} {wrong}")
    return SlurmOptions(
        section.text("partition", None), section.text("account", None), section.text("qos", None), words
    )


def metrics(draft: Draft) -> Metrics:
    """The objective and the length of a run."""
    section = draft.top.section("metrics")
    goal = section.text("goal", Goal.MINIMIZE)
    if goal not in list(Goal):
        raise section["goal"].wrong(f"minimize or maximize{nearest(goal, list(Goal))}")
    total = section.section("total")
    lengths = {key: total[key].number(least=0) for key in total}
    for key, length in lengths.items():
        if length == 0:
            raise total[key].error("must be more than 0")
    return Metrics(section.text("objective", None), Goal(goal), lengths)


def after(draft: Draft) -> tuple[str, ...]:
    """Experiments that must be done before."""
    value = draft.top.get("after")
    if value is None:
        return ()
    own = draft.top.get("name")
    found: list[str] = []
    for item in value.items() if isinstance(value.content, tuple) else (value,):
        word = item.text()
        if not _NAME.fullmatch(word):
            raise item.wrong("the name of an experiment, or its id as char-rnn-2")
        if own is not None and word == own.content:
            raise item.error(f"is this experiment's own name; say which of them by its id, as {quoted(word + '-1')}")
        found.append(word)
    return tuple(dict.fromkeys(found))


def priority(draft: Draft) -> int:
    """The place among the user's own runs."""
    number = draft.top.integer("priority", 0)
    if abs(number) > MOST_PRIORITY:
        raise draft.top["priority"].wrong(f"between -{MOST_PRIORITY} and {MOST_PRIORITY}")
    return number


READERS: Mapping[str, Callable[[Draft], object]] = {
    "name": name,
    "command": command,
    "workdir": workdir,
    "setup": setup,
    "env": env,
    "params": params,
    "sweep": read_sweep,
    "resources": resources,
    "where": where,
    "slurm": slurm,
    "metrics": metrics,
    "outputs": read_outputs,
    "retry": read_retry,
    "after": after,
    "priority": priority,
}
"""The fields of `Spec` that are read from the document."""


def _plain_word(value: Value) -> None:
    if not _WORD.fullmatch(value.text()) or not value.text().isprintable():
        raise value.wrong("one word that does not begin with -")
