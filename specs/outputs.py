"""The `outputs` section of a spec, and where each run of a sweep has its checkpoints."""

from __future__ import annotations

import glob
import itertools
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from specs import measures
from specs.command import RUN, as_text
from specs.model import Outputs, SpecError
from specs.scanner import PARAMETER
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from specs.draft import Draft
    from specs.model import Scalar, Setting, Spec

LEAST_LOG = 1 << 20
"""Bytes. Less would not hold the end of a long traceback."""

_BRACES = re.compile(r"\{\{|\}\}|\{(" + PARAMETER.pattern + r")\}|[{}][^{}]*\}?", re.ASCII)
_WILD = re.compile(r"\*+|\?|\[[^]]*\]")


def read_outputs(draft: Draft) -> Outputs:
    """What a run leaves behind. Raises `SpecError`."""
    section = draft.top.section("outputs")
    checkpoint = section.get("checkpoint")
    pattern = None if checkpoint is None else checkpoint.text()
    if checkpoint is not None and (problem := _malformed(checkpoint.text())):
        raise checkpoint.error(problem)
    keep = section.integer("keep", None, least=1)
    if keep is not None and pattern is None:
        raise section["keep"].error('needs "outputs.checkpoint", the files of which so many stay')
    log_limit = measures.size(section, "log_limit")
    if log_limit is not None and log_limit < LEAST_LOG:
        raise section["log_limit"].wrong("at least 1M")
    return Outputs(pattern, keep, log_limit)


def checkpoint_pattern(spec: Spec, setting: Setting) -> str | None:
    """The glob of one run's checkpoints, values in it taken as they are; None where the spec names none.

    Raises `SpecError` where the values lead a relative pattern out of the project folder.
    """
    if spec.outputs.checkpoint is None:
        return None
    filled = fill(spec.outputs.checkpoint, {RUN: setting.name, **setting.params})
    if problem := astray(filled):
        raise SpecError(str(spec.source), None, f'"outputs.checkpoint" of {setting.name} {problem}')
    return filled


def shared_checkpoints(spec: Spec, settings: Sequence[Setting]) -> str | None:
    """Why the runs cannot share the project folder: two of them would take each other's checkpoints for their own."""
    clash = _clash(spec, settings, absolute=False)
    return clash and f"{spec.source}: {clash}"


def one_place(spec: Spec, settings: Sequence[Setting]) -> str | None:
    """The same of patterns that are absolute, which lead to one place wherever the runs are."""
    return _clash(spec, settings, absolute=True)


def placeholders(pattern: str) -> tuple[str, ...]:
    """The parameters that a pattern uses, `run` among them, in order."""
    return tuple(dict.fromkeys(match[1] for match in _BRACES.finditer(pattern) if match[1]))


def unknown_placeholder(pattern: str, known: Collection[str]) -> str:
    """What is wrong with a pattern's placeholders; empty where nothing is."""
    known = {*known, RUN}
    name = next((name for name in placeholders(pattern) if name not in known), None)
    return "" if name is None else f"unknown parameter {quoted(name)}{nearest(name, known)}"


def fill(pattern: str, values: Mapping[str, Scalar]) -> str:
    """The pattern with its placeholders filled; wildcards in a value stand for themselves."""

    def filled(match: re.Match[str]) -> str:
        return glob.escape(as_text(values[match[1]])) if match[1] else match[0][0]

    return _BRACES.sub(filled, pattern)


def astray(pattern: str) -> str:
    """How a filled pattern leaves the place where it belongs; empty where it does not."""
    if pattern.startswith("~"):
        return "begins with ~, which is not filled in: write the whole path"
    if not pattern.startswith("/") and ".." in pattern.split("/"):
        return f'leads out of the project folder: {quoted(pattern)}; write it without "..", or whole from / on'
    return ""


def _malformed(pattern: str) -> str:
    """What is wrong with a pattern before anything is filled in."""
    if not pattern.strip():
        return "is empty"
    if not pattern.isprintable():
        return "holds a control character"
    if "$" in pattern:
        return "holds a variable of the shell, which is not filled in: write the path, or a {parameter}"
    stray = next((m[0] for m in _BRACES.finditer(pattern) if not m[1] and m[0] not in ("{{", "}}")), None)
    if stray is not None:
        return f"holds {quoted(stray)}, which is no {{parameter}}; a pattern knows *, **, ? and [ ]"
    if not any(_WILD.sub("", part) not in ("", ".") for part in pattern.split("/")):
        return f"is {quoted(pattern)}, which is everything there: name a folder or a part of the files' names"
    return astray(pattern)


def _clash(spec: Spec, settings: Sequence[Setting], *, absolute: bool) -> str | None:
    found = ((checkpoint_pattern(spec, setting), setting.name) for setting in settings)
    mine = sorted((pattern, name) for pattern, name in found if pattern and pattern.startswith("/") is absolute)
    for one, other in _overlapping(mine):
        return (
            f'"outputs.checkpoint": runs {one} and {other} would take each other\'s checkpoints for '
            "their own: put {run}, or what varies, into the pattern and into where the program writes"
        )
    return None


def _overlapping(patterns: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Names of runs one of whose patterns finds what the other stands for; patterns come sorted.

    Neighbours are compared: where `seed=1*` finds what is of `seed=10`, they are some.
    """
    for (one, name), (other, next_name) in itertools.pairwise(patterns):
        if one == other or _finds(one, _example(other)) or _finds(other, _example(one)):
            yield name, next_name


def _finds(pattern: str, path: str) -> bool:
    if not path.startswith(_WILD.split(pattern, maxsplit=1)[0]):
        return False  # nearly always; what follows compiles an expression
    if "**" in pattern:
        return fnmatchcase(path, pattern)
    parts, names = pattern.split("/"), path.split("/")
    return len(parts) == len(names) and all(map(fnmatchcase, names, parts))


def _example(pattern: str) -> str:
    """A path that the pattern may find."""
    return _WILD.sub(lambda match: match[0][1] if match[0][0] == "[" else "0", pattern)
