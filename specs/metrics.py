"""The `metrics` section of a spec: what the runs report, where it is read, and what is wanted of it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from specs import outputs
from specs.braces import RUN
from specs.gather import Gather
from specs.model import LOG, Goal, Metrics
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from specs.draft import Draft
    from specs.model import Scalar
    from specs.tree import Section, Value

INDEX = frozenset({"step", "epoch", "iteration", "iter", "batch", "global_step", "update", "episode", "round"})
"""Names of groups that are an index and no metric."""

_OF_THE_LOG = frozenset({"stderr", "log", "out.log", "output", "-"})
"""What people may call the log."""
_ENDLESS = 16
"""A repeat of more than this counts as endless."""


def read_metrics(draft: Draft) -> Metrics:
    """What the runs report and what is wanted of it. Raises `SpecError`, or a group of them."""
    section, gather = draft.top.section("metrics"), Gather()
    objective, goal = gather(section.text, "objective", None), gather(_goal, section)
    total = gather(section.section, "total") or section
    lengths = {key: gather(_length, total[key]) for key in total} if total is not section else {}
    sources = gather(_sources, section)
    patterns = tuple(gather(_pattern, item) for item in section.each("pattern"))
    gather.done()
    return Metrics(objective, goal, lengths, sources, patterns)


def source_globs(sources: Iterable[str], run: str, params: Mapping[str, Scalar]) -> tuple[str, ...]:
    """Where one run's metrics are read: `LOG`, and globs with its values in them, taken as they are.

    A glob that a value leads out of the project folder is left out: nothing is read there.
    """
    filled = (each if each == LOG else outputs.fill(each, {RUN: run, **params}) for each in sources)
    return tuple(each for each in filled if each == LOG or not outputs.outside(each))


def _goal(section: Section) -> Goal:
    goal = section.text("goal", Goal.MINIMIZE)
    if goal not in list(Goal):
        raise section["goal"].wrong(f"minimize or maximize{nearest(goal, list(Goal))}")
    return Goal(goal)


def _length(value: Value) -> float:
    if value.number(least=0) == 0:
        raise value.error("must be more than 0")
    return value.number()


def _sources(section: Section) -> tuple[str, ...]:
    value = section.get("sources")
    if value is None:
        return Metrics().sources
    items = section.each("sources")
    if not items:
        raise value.error(f"names no source; leave it out to read {LOG}")
    gather = Gather()
    found = [gather(_source, item) for item in items]
    gather.done()
    return tuple(dict.fromkeys(found))


def _source(item: Value) -> str:
    text = item.text()
    if text == LOG:
        return text
    if text.lower() in _OF_THE_LOG or text.lower() == LOG:
        raise item.error(f"is {quoted(text)}; the log, which has all that the program prints, is called {LOG}")
    if problem := outputs.outside(text) or outputs.malformed(text):
        raise item.error(problem)
    if not re.search(r"[.*?/\[{]", text) and (near := nearest(text, (LOG,))):
        raise item.error(f"is {quoted(text)}{near}")
    return text


def _pattern(item: Value) -> str:
    text = item.text()
    try:
        compiled = re.compile(text)
    except re.error as error:
        place = item.at((error.lineno or 1) - 1, (error.colno or 1) - 1)
        raise place.error(f"{quoted(item.path)} is no regular expression: {error.msg}") from None
    except (OverflowError, RecursionError):
        raise item.error("is no regular expression: it is too large") from None
    if problem := _unfit(compiled):
        raise item.error(problem)
    return text


def _unfit(pattern: re.Pattern[str]) -> str:
    """Why a pattern finds no metrics, or may take for ever; empty where it is all right."""
    names = pattern.groupindex.keys()
    if not names - INDEX:
        return "names no metric: write (?P<loss>…), or (?P<name>…) and (?P<value>…)"
    if "name" in names and "value" not in names:
        return "has a group (?P<name>…) and none that is called (?P<value>…)"
    if pattern.match(""):
        return "matches nothing at all, and so every line: write what stands around the value"
    if any(_explodes(part, within=False) for part in import_module("re._parser").parse(pattern.pattern)):
        return "repeats what repeats, as (…+)+ does, which may take for ever on some lines: write one of them"
    return ""


def _explodes(part: tuple[Any, Any], within: bool) -> bool:
    """Whether an endless repeat stands in an endless repeat: the known way to more than polynomial time."""
    operation, argument = part
    endless = str(operation) in ("MAX_REPEAT", "MIN_REPEAT") and argument[1] > _ENDLESS
    return (endless and within) or any(_explodes(each, within or endless) for each in _parts(argument))


def _parts(argument: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401  # whatever the parser made
    """What an operation's argument is made of."""
    if isinstance(argument, tuple | list):
        for each in argument:
            yield from _parts(each)
    elif hasattr(argument, "data") and hasattr(argument, "state"):
        yield from argument
