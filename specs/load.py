"""A spec file as a `Spec`, with every mistake named by file, line and key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specs import document
from specs.command import take_apart
from specs.draft import Draft, flat
from specs.expand import MOST_RUNS, SEED, count, kept
from specs.fields import READERS, unknown
from specs.model import Method, Spec, SpecError, Sweep
from specs.overrides import override
from specs.scanner import CommandError
from specs.tree import Place, nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from specs.model import Scalar


def load(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """The spec in a file. Raises `SpecError`: one line, also for a file that cannot be read."""
    return loads(document.read(path), path, overrides)


def loads(text: str, source: Path, overrides: Sequence[str] = ()) -> Spec:
    """The spec that a text is; `source` is the file's path, there or not. Raises one of `errors`, unknown keys first.

    An override is `key=value` with a dotted key, as `resources.gpus=2`, or the name of a parameter, which it fixes.
    """
    parts, problems = _read(text, source, overrides)
    if problems:
        raise problems[0]
    return Spec(source=source, text=text, **parts)


def errors(text: str, source: Path, overrides: Sequence[str] = ()) -> tuple[SpecError, ...]:
    """Everything that is wrong with a text and can be seen at once, in the order of its lines."""
    return tuple(sorted(_read(text, source, overrides)[1], key=lambda problem: problem.line or 0))


def _read(text: str, source: Path, overrides: Sequence[str]) -> tuple[dict[str, Any], list[SpecError]]:
    try:
        draft = override(Draft(document.parse(text, str(source)), source), overrides)
    except SpecError as error:
        return {}, [error]
    parts: dict[str, Any] = {}
    problems = list(unknown(draft.top))
    for key, read in READERS.items():
        try:
            parts[key] = read(draft)
        except SpecError as error:
            problems.append(error)
    if parts.keys() >= {"command", "params", "sweep"}:
        problems += _together(draft, parts["command"], parts["params"], parts["sweep"])
    return parts, problems


def _together(draft: Draft, command: str, params: Mapping[str, Scalar], sweep: Sweep) -> Iterator[SpecError]:
    """What is wrong between parts that are right by themselves."""
    known = {*params, *sweep.axes, *([SEED] if sweep.seeds else [])}
    yield from _misplaced(draft, command, known, sweep)
    everything = known.union(*sweep.points)
    for item in draft.top.section("sweep").items("exclude"):
        for name, value in flat(item.section()).items():
            if name not in everything:
                yield value.place.error(f"no parameter is called {quoted(name)}{nearest(name, everything)}")
    runs, place = count(sweep), _sweep_place(draft)
    if runs > MOST_RUNS:
        yield place.error(f"the sweep has {runs:,} runs; at most {MOST_RUNS:,} are allowed")
    elif sweep.exclude and next(kept(sweep, params), None) is None:
        yield place.error("the sweep leaves no run: everything is excluded")


def _misplaced(draft: Draft, command: str, known: set[str], sweep: Sweep) -> Iterator[SpecError]:
    value = draft.top["command"]
    try:
        template = take_apart(command)
        template.check(known.union(*sweep.points))
    except CommandError as error:
        line = value.place.line
        if line is not None and value.literal:
            line += 1 + error.line
        yield SpecError(value.place.source, line, f'"command": {error}')
        return
    if sweep.method is Method.LIST:
        items = draft.top.section("sweep").items("points")
        for item, point in zip(items, sweep.points, strict=True):
            missing = next((name for name in template.names if name not in known and name not in point), None)
            if missing is not None:
                yield item.error(f"gives no {quoted(missing)}, which the command uses")


def _sweep_place(draft: Draft) -> Place:
    entry = draft.top.entries.get("sweep")
    return draft.top.place if entry is None else entry.place
