"""The parts of a spec, one reader each, from the document to the model's values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from specs import measures, predictions, sbatch
from specs.combos import VARIANT
from specs.draft import Draft, fixed
from specs.gather import Gather
from specs.inputs import ITEM, read_code, read_inputs
from specs.metrics import read_metrics
from specs.model import LONGEST_QUESTION, MOST_PRIORITY, Resources, Scalar, SlurmOptions
from specs.outputs import read_outputs
from specs.retry import read_retry
from specs.rungs import ASHA
from specs.sweep import WORDS, read_sweep
from specs.tree import Value, quoted
from specs.variants import NOT_WITHIN, VARIANTS
from specs.watching import read_watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from specs.model import SpecError
    from specs.tree import Section

KNOWN: Mapping[str, tuple[str, ...]] = {
    "": (
        *("name", "question", "command", "workdir", "setup", "env", "params", "sweep"),
        *("resources", "where", "slurm", "metrics", "outputs", "retry", "after", "priority"),
        *("extends", "variants", "inputs", "code", "watch"),
    ),
    "sweep.asha": ASHA,
    "resources": ("gpus", "gpu_memory", "cpus", "memory", "time", "disk"),
    "slurm": ("partition", "account", "qos", "sbatch"),
    "metrics": ("objective", "goal", "total", "sources", "pattern"),
    "outputs": (
        *("checkpoint", "keep", "log_limit", "collect", "collect_limit", "predictions"),
        *("sequences", "samples", "embeddings"),
    ),
    "outputs.predictions": predictions.KEYS,
    "inputs": ITEM,
    "code": ("exclude", "allow"),
    "retry": ("on", "max", "wait", "resume", "memory"),
    "watch": ("rules", "stop_on", "early_stop", "notify"),
    "watch.early_stop": ("rule", "options", "act"),
}
"""The keys of each section; those that are missing here hold names of the user's."""

WITHIN = {**KNOWN, "": tuple(key for key in KNOWN[""] if key not in NOT_WITHIN)}
"""The same within a variant."""

PLACES: Mapping[str, str] = {
    **{
        key: f"{section}.{key}"
        for section in ("watch", "retry", "code", "outputs", "metrics", "slurm", "resources")
        for key in KNOWN[section]
    },
    **{key: f"sweep.{key}" for key in WORDS},
}
"""Where a key belongs, by its last word; what is needed to run comes before what is done with it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WORD = re.compile(r"[^\s-]\S*")


def unknown(top: Section, known: Mapping[str, tuple[str, ...]] = KNOWN) -> Iterator[SpecError]:
    """Every key that means nothing."""
    for name in known:
        value = _at(top, name)
        items = () if value is None else value.content if isinstance(value.content, tuple) else (value,)
        for item in items:
            if isinstance(item.content, dict):
                yield from item.section().unknown(known[name], PLACES)


def _at(top: Section, path: str) -> Value | None:
    """What stands at a dotted path; None where nothing does, or what leads there is no section."""
    value: Value | None = Value(top.place, top.path, top.entries)
    for key in filter(None, path.split(".")):
        value = value.section().get(key) if value is not None and isinstance(value.content, dict) else None
    return value


def unknown_in_variants(top: Section) -> Iterator[SpecError]:
    """The same of every variant."""
    variants = top.get(VARIANTS)
    if variants is not None and isinstance(variants.content, dict):
        for entry in variants.section().entries.values():
            if isinstance(entry.value.content, dict):
                yield from unknown(entry.value.section(), WITHIN)


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
    """The project folder, absolute; relative to the file that says it, else the spec file's own."""
    value = draft.top.get("workdir")
    if value is None:
        return draft.source.absolute().parent.resolve()
    try:
        path = (draft.folder(value) / Path(value.text()).expanduser()).resolve()
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
    section, gather = draft.top.section("env"), Gather()
    for key, entry in section.entries.items():
        if not _VARIABLE.fullmatch(key):
            gather.add([entry.place.error(f"{quoted(key)} is no name for an environment variable")])
        gather(entry.value.scalar)
        if "\0" in entry.value.written:
            gather.add([entry.value.error("holds a NUL character")])
    gather.done()
    return {key: None if section[key].content is None else section[key].written for key in section}


def params(draft: Draft) -> dict[str, Scalar]:
    """Fixed parameters by dotted name."""
    section = draft.top.section("params")
    if draft.variants and VARIANT in section:
        raise section.entries[VARIANT].place.error(
            f'"params.{VARIANT}" is the name of the variant: choose it by {VARIANT}=NAME, or under "sweep"'
        )
    return fixed(draft, section)


def resources(draft: Draft) -> Resources:
    """What one run needs."""
    section, gather = draft.top.section("resources"), Gather()
    found = Resources(
        gpus=gather(section.integer, "gpus", 0, least=0),
        gpu_memory=gather(measures.size, section, "gpu_memory"),
        cpus=gather(section.integer, "cpus", None, least=1),
        memory=gather(measures.size, section, "memory"),
        time=gather(measures.time, section, "time"),
        disk=gather(measures.size, section, "disk"),
    )
    gather.done()
    return found


def where(draft: Draft) -> tuple[str, ...]:
    """Backends in order of preference."""
    gather = Gather()
    found = tuple(gather(_plain_word, item) for item in draft.top.each("where"))
    gather.done()
    return found


def slurm(draft: Draft) -> SlurmOptions:
    """What only Slurm understands."""
    section, gather = draft.top.section("slurm"), Gather()
    given = {key: section.get(key) for key in ("partition", "account", "qos")}
    words = {key: gather(_plain_word, value) for key, value in given.items() if value is not None}
    options = tuple(gather(_option, item) for item in section.each("sbatch"))
    gather.done()
    return SlurmOptions(**words, sbatch=options)


def after(draft: Draft) -> tuple[str, ...]:
    """Experiments that must be done before."""
    gather = Gather()
    found = [gather(_experiment, item, draft.top.get("name")) for item in draft.top.each("after")]
    gather.done()
    return tuple(dict.fromkeys(found))


def question(draft: Draft) -> str:
    """What the experiment is to find out."""
    text = draft.top.text("question", "").strip()
    if len(text) > LONGEST_QUESTION:
        raise draft.top["question"].error(f"has {len(text)} characters, and {LONGEST_QUESTION} is the most")
    return text


def priority(draft: Draft) -> int:
    """The place among the user's own runs."""
    number = draft.top.integer("priority", 0)
    if abs(number) > MOST_PRIORITY:
        raise draft.top["priority"].wrong(f"between -{MOST_PRIORITY} and {MOST_PRIORITY}")
    return number


READERS: Mapping[str, Callable[[Draft], object]] = {
    "name": name,
    "question": question,
    "command": command,
    "workdir": workdir,
    "setup": setup,
    "env": env,
    "params": params,
    "sweep": read_sweep,
    "resources": resources,
    "where": where,
    "slurm": slurm,
    "metrics": read_metrics,
    "outputs": read_outputs,
    "retry": read_retry,
    "after": after,
    "priority": priority,
    "inputs": read_inputs,
    "code": read_code,
    "watch": read_watch,
}
"""The fields of `Spec` that are read from the document."""


def _plain_word(value: Value) -> str:
    if not _WORD.fullmatch(value.text()) or not value.text().isprintable():
        raise value.wrong("one word that does not begin with -")
    return value.text()


def _option(value: Value) -> str:
    if wrong := sbatch.problem(value.text()):
        raise value.error(f"{quoted(value.text())} {wrong}")
    return value.text()


def _experiment(item: Value, own: Value | None) -> str:
    word = item.text()
    if not _NAME.fullmatch(word):
        raise item.wrong("the name of an experiment, or its id as char-rnn-2")
    if own is not None and word == own.content:
        raise item.error(f"is this experiment's own name; say which of them by its id, as {quoted(word + '-1')}")
    return word
