"""The `outputs` section of a spec, and where each run of a sweep has its files."""

from __future__ import annotations

import glob
import itertools
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from specs import braces, measures
from specs.braces import RUN, as_text
from specs.gather import Gather
from specs.model import LOG, Outputs, SpecError
from specs.predictions import read_predictions
from specs.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from specs.draft import Draft
    from specs.model import Predictions, Scalar, Setting, Spec
    from specs.tree import Section, Value

SHOWN = ("sequences", "samples", "embeddings")
"""Keys with globs of what can be looked at."""

LEAST_LOG = 1 << 20
"""Bytes. Less would not hold the end of a long traceback."""

_WILD = re.compile(r"\*+|\?|\[[^]]*\]")


def read_outputs(draft: Draft) -> Outputs:
    """What a run leaves behind. Raises `SpecError`, or a group of them."""
    section, gather = draft.top.section("outputs"), Gather()
    usual = Outputs()
    limit = gather(measures.size, section, "collect_limit")
    found = Outputs(
        gather(_checkpoint, section),
        gather(_keep, section),
        gather(_log_limit, section),
        gather(_globs, section, "collect"),
        usual.collect_limit if limit is None else limit,
        predictions=gather(read_predictions, section, _result),
        **{key: gather(_globs, section, key) for key in SHOWN},
    )
    gather.done()
    return found


def _checkpoint(section: Section) -> str | None:
    value = section.get("checkpoint")
    if value is None:
        return None
    if problem := malformed(value.text()):
        raise value.error(problem)
    return value.text()


def _keep(section: Section) -> int | None:
    keep = section.integer("keep", None, least=1)
    if keep is not None and section.get("checkpoint") is None:
        raise section["keep"].error('needs "outputs.checkpoint", the files of which so many stay')
    return keep


def _log_limit(section: Section) -> int | None:
    log_limit = measures.size(section, "log_limit")
    if log_limit is not None and log_limit < LEAST_LOG:
        raise section["log_limit"].wrong("at least 1M")
    return log_limit


def _globs(section: Section, key: str) -> tuple[str, ...]:
    gather = Gather()
    found = [gather(_result, item) for item in section.each(key)]
    gather.done()
    return tuple(dict.fromkeys(found))


def _result(item: Value) -> str:
    if problem := outside(item.text()) or malformed(item.text()):
        raise item.error(problem)
    return item.text()


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


def collect_patterns(spec: Spec, setting: Setting) -> tuple[str, ...]:
    """The globs of one run's results, values in them taken as they are.

    Raises `SpecError` where the values lead one of them out of the project folder.
    """
    return _patterns(spec, setting, "collect")


def shown_patterns(spec: Spec, setting: Setting) -> dict[str, tuple[str, ...]]:
    """The globs of what can be looked at, by key, without those that the spec does not name. Raises the same."""
    found = {key: _patterns(spec, setting, key) for key in SHOWN}
    if (predictions := predictions_of(spec, setting)) is not None:
        found["predictions"] = (predictions.path,)
    return {key: patterns for key, patterns in found.items() if patterns}


def _patterns(spec: Spec, setting: Setting, key: str) -> tuple[str, ...]:
    found = []
    for pattern in getattr(spec.outputs, key):
        filled = fill(pattern, {RUN: setting.name, **setting.params})
        if problem := outside(filled):
            raise SpecError(str(spec.source), None, f'"outputs.{key}" of {setting.name} {problem}')
        found.append(filled)
    return tuple(found)


def predictions_of(spec: Spec, setting: Setting) -> Predictions | None:
    """Where one run has its predictions, values in the path taken as they are; None where the spec names none.

    Raises `SpecError` where the values lead the path out of the project folder.
    """
    found = spec.outputs.predictions
    if found is None:
        return None
    filled = fill(found.path, {RUN: setting.name, **setting.params})
    if problem := outside(filled):
        raise SpecError(str(spec.source), None, f'"outputs.predictions" of {setting.name} {problem}')
    return replace(found, path=filled)


def shared_outputs(spec: Spec, settings: Sequence[Setting]) -> str | None:
    """Why the runs cannot share the project folder: two would take each other's outputs for their own."""
    clash = _clash(spec, settings, absolute=False) or _clashing_results(spec, settings)
    clash = clash or _clashing_predictions(spec, settings) or _clashing_sources(spec, settings)
    return clash and f"{spec.source}: {clash}"


def one_place(spec: Spec, settings: Sequence[Setting]) -> str | None:
    """The same of checkpoints with patterns that are absolute, which lead to one place wherever the runs are."""
    return _clash(spec, settings, absolute=True)


def fill(pattern: str, values: Mapping[str, Scalar]) -> str:
    """The pattern with its placeholders filled; wildcards in a value stand for themselves."""
    return braces.fill(pattern, values, lambda value: glob.escape(as_text(value)))


def outside(pattern: str) -> str:
    """How a filled pattern of results leaves the project folder; empty where it does not."""
    if pattern.startswith("/"):
        return f"leads out of the project folder: {quoted(pattern)}; write it without the / in front"
    if not pattern.isprintable():
        return "holds a control character"
    return astray(pattern, whole=False)


def astray(pattern: str, *, whole: bool = True) -> str:
    """How a filled pattern leaves the place where it belongs; empty where not; `whole`: one may begin with `/`."""
    if pattern.startswith("~"):
        advice = "write the whole path" if whole else "it lies within the project folder"
        return f"begins with ~, which is not filled in: {advice}"
    if not pattern.startswith("/") and ".." in pattern.split("/"):
        advice = 'write it without ".."' + (", or whole from / on" if whole else "")
        return f"leads out of the project folder: {quoted(pattern)}; {advice}"
    return ""


def malformed(pattern: str) -> str:
    """What is wrong with a pattern before anything is filled in."""
    if not pattern.strip():
        return "is empty"
    if not pattern.isprintable():
        return "holds a control character"
    if "$" in pattern:
        return "holds a variable of the shell, which is not filled in: write the path, or a {parameter}"
    if (stray := braces.stray(pattern)) is not None:
        return f"holds {quoted(stray)}, which is no {{parameter}}; a pattern knows *, **, ? and [ ]"
    if not any(_WILD.sub("", part) not in ("", ".") for part in pattern.split("/")):
        return f"is {quoted(pattern)}, which is everything there: name a folder or a part of the files' names"
    return astray(pattern)


def _clash(spec: Spec, settings: Sequence[Setting], *, absolute: bool) -> str | None:
    if absolute and not (spec.outputs.checkpoint or "").startswith(("/", "{")):
        return None
    found = ((checkpoint_pattern(spec, setting), setting.name) for setting in settings)
    mine = sorted((pattern, name) for pattern, name in found if pattern and pattern.startswith("/") is absolute)
    return _each_others(mine, "outputs.checkpoint", "checkpoints")


def _clashing_results(spec: Spec, settings: Sequence[Setting]) -> str | None:
    names = [setting.name for setting in settings]
    found = (
        _each_others(sorted(zip(filled, names, strict=True)), f"outputs.{key}", "results")
        for key in ("collect", *SHOWN)
        for filled in zip(*(_patterns(spec, setting, key) for setting in settings), strict=True)
    )
    return next(filter(None, found), None)


def _clashing_predictions(spec: Spec, settings: Sequence[Setting]) -> str | None:
    found = spec.outputs.predictions
    if found is None:
        return None
    filled = [(fill(found.path, {RUN: setting.name, **setting.params}), setting.name) for setting in settings]
    return _each_others(sorted(filled), "outputs.predictions", "predictions")


def _clashing_sources(spec: Spec, settings: Sequence[Setting]) -> str | None:
    for source in spec.metrics.sources:
        filled = [(fill(source, {RUN: setting.name, **setting.params}), setting.name) for setting in settings]
        if source != LOG and (clash := _each_others(sorted(filled), "metrics.sources", "metrics")):
            return clash
    return None


def _each_others(patterns: Sequence[tuple[str, str]], key: str, what: str) -> str | None:
    for one, other in _overlapping(patterns):
        return (
            f'"{key}": runs {one} and {other} would take each other\'s {what} for '
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
