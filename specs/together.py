"""What is wrong between the parts of a spec that are right by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specs import outputs
from specs.command import RUN, as_text, take_apart
from specs.draft import flat
from specs.expand import MOST_RUNS, SEED, count, kept
from specs.model import Method, SpecError
from specs.resume import unreachable
from specs.scanner import CommandError
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from specs.draft import Draft
    from specs.model import Scalar, Sweep
    from specs.tree import Place


def together(draft: Draft, parts: Mapping[str, Any]) -> Iterator[SpecError]:
    """Everything of that kind, as far as the parts that it takes could be read."""
    if parts.keys() >= {"command", "params", "sweep"}:
        yield from _parameters(draft, parts["command"], parts["params"], parts["sweep"])
    if parts.keys() >= {"params", "sweep", "outputs"} and parts["outputs"].checkpoint is not None:
        yield from _checkpoints(draft, parts["outputs"].checkpoint, parts["params"], parts["sweep"])
    if parts.keys() >= {"command", "retry"} and parts["retry"].resume and (problem := unreachable(parts["command"])):
        yield draft.top.section("retry")["resume"].error(f"cannot be added to the command, which {problem}")


def _parameters(draft: Draft, command: str, params: Mapping[str, Scalar], sweep: Sweep) -> Iterator[SpecError]:
    known = _known(params, sweep)
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
        template.check({RUN}.union(known, *sweep.points))
    except CommandError as error:
        line = value.place.line
        if line is not None and value.literal:
            line += 1 + error.line
        yield SpecError(value.place.source, line, f'"command": {error}')
        return
    yield from _missing(draft, sweep, [name for name in template.names if name not in {*known, RUN}], "the command")


def _checkpoints(draft: Draft, pattern: str, params: Mapping[str, Scalar], sweep: Sweep) -> Iterator[SpecError]:
    value, known = draft.top.section("outputs")["checkpoint"], _known(params, sweep)
    if problem := outputs.unknown_placeholder(pattern, known.union(*sweep.points)):
        yield value.place.error(f"{quoted(value.path)}: {problem}")
        return
    used = outputs.placeholders(pattern)
    yield from _missing(draft, sweep, [name for name in used if name not in {*known, RUN}], quoted(value.path))
    for name in used:
        for one in _values(name, params, sweep):
            if problem := outputs.astray(outputs.fill(pattern, {**dict.fromkeys(used, "x"), name: one})):
                yield value.error(f"with {name}={quoted(as_text(one))} {problem}")
                return


def _known(params: Mapping[str, Scalar], sweep: Sweep) -> set[str]:
    """Parameters that every run has."""
    return {*params, *sweep.axes, *([SEED] if sweep.seeds else [])}


def _values(name: str, params: Mapping[str, Scalar], sweep: Sweep) -> Iterator[Scalar]:
    """Everything that a parameter may be."""
    if name in params:
        yield params[name]
    yield from sweep.axes.get(name, ())
    yield from (point[name] for point in sweep.points if name in point)


def _missing(draft: Draft, sweep: Sweep, names: Collection[str], user: str) -> Iterator[SpecError]:
    """Points that do not give what is used and nothing else gives."""
    if sweep.method is Method.LIST:
        items = draft.top.section("sweep").items("points")
        for item, point in zip(items, sweep.points, strict=True):
            missing = next((name for name in names if name not in point), None)
            if missing is not None:
                yield item.error(f"gives no {quoted(missing)}, which {user} uses")


def _sweep_place(draft: Draft) -> Place:
    entry = draft.top.entries.get("sweep")
    return draft.top.place if entry is None else entry.place
