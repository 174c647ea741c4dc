"""What is wrong between the parts of a spec that are right by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specs import braces, inputs, outputs, paramsfile, predictions, references
from specs.braces import as_text
from specs.combos import MOST_RUNS, SEED, count, counted, kept, possible
from specs.command import take_apart
from specs.draft import flat
from specs.model import LOG, Method, SpecError, Sweep
from specs.references import has_references
from specs.resume import unreachable
from specs.scanner import CommandError
from specs.sweep import texts
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from specs.draft import Draft
    from specs.model import Scalar
    from specs.tree import Place, Value

MOST_TRIED = 1000
"""Values of one parameter that are tried in a path; the runs themselves are looked at before they are sent."""


def together(draft: Draft, parts: Mapping[str, Any]) -> Iterator[SpecError]:
    """Everything of that kind, as far as the parts that it takes could be read."""
    if parts.keys() >= {"params", "sweep"}:
        known = _Known.of(draft, parts["params"], parts["sweep"])
        problems = [*_sweep(known), *_references(known), *_users(known, parts)]
        yield from problems
        if not problems and known.sweep.exclude and next(kept(known.sweep, known.params), None) is None:
            yield known.place.error("the sweep leaves no run: everything is excluded")
    else:
        yield from _users(_Known.as_written(draft), parts)
    if parts.keys() >= {"command", "retry"} and parts["retry"].resume and (problem := unreachable(parts["command"])):
        yield draft.top.section("retry")["resume"].error(f"cannot be added to the command, which {problem}")


@dataclass(frozen=True, slots=True)
class _Known:
    """The parameters of a spec, and where they are from."""

    draft: Draft
    params: Mapping[str, Scalar]
    sweep: Sweep
    values: Mapping[str, list[Scalar]]
    """All that is written for each."""
    everywhere: frozenset[str]
    """Those that every run has, but for what a list's points give."""
    usable: frozenset[str]
    """The same, taken for granted that the points give what is used: `lacking` looks at that."""

    @classmethod
    def of(cls, draft: Draft, params: Mapping[str, Scalar], sweep: Sweep) -> _Known:
        fixed = [set(each) for each in sweep.variants.values()] or [set(params)]
        axes = {name for name in (*sweep.axes, *sweep.drawn) if name not in sweep.when}
        seed = {SEED} if sweep.seeds else set()
        everywhere = frozenset(set.intersection(*fixed) | axes | seed)
        return cls(draft, params, sweep, possible(sweep, params), everywhere, everywhere.union(*sweep.points))

    @classmethod
    def as_written(cls, draft: Draft) -> _Known:
        """Every name that may be one, where the parameters themselves cannot be read."""
        values: dict[str, list[Scalar]] = {name: [] for name in (*_written(draft), SEED)}
        return cls(draft, {}, Sweep(), values, frozenset(values), frozenset(values))

    def with_axis(self, name: str) -> frozenset[str]:
        """Those that every run has in which an axis is there."""
        when = self.sweep.when.get(name)
        if when is None:
            return self.usable
        beside = (other for other, wanted in self.sweep.when.items() if _within(when, wanted))
        return self.usable.union(beside, when)

    @property
    def place(self) -> Place:
        """Where to tell what is wrong with the whole sweep."""
        entry = self.draft.top.entries.get("sweep")
        return self.draft.top.place if entry is None else entry.place

    def lacking(self, names: Collection[str], user: str) -> Iterator[SpecError]:
        """Points of a list that do not give what is used and nothing else gives."""
        wanted = [name for name in names if name in self.values and name not in self.everywhere]
        if not wanted or self.sweep.method is not Method.LIST:
            return
        items = self.draft.top.section("sweep").items("points")
        for item, point in zip(items, self.sweep.points, strict=True):
            missing = next((name for name in wanted if name not in point), None)
            if missing is not None:
                yield item.error(f"gives no {quoted(missing)}, which {user} uses")


def _users(known: _Known, parts: Mapping[str, Any]) -> Iterator[SpecError]:
    """What is wrong where the parameters are used."""
    if "command" in parts:
        yield from _command(known, parts["command"])
    if "env" in parts:
        yield from _environment(known)
    if "outputs" in parts:
        section = known.draft.top.section("outputs")
        yield from _paths(known, section.each("checkpoint"), outputs.fill, outputs.astray)
        yield from _paths(known, section.each("collect"), outputs.fill, outputs.outside)
        path = predictions.path_value(section)
        yield from _paths(known, () if path is None else (path,), outputs.fill, outputs.outside)
    if "metrics" in parts:
        globs = [item for item in known.draft.top.section("metrics").each("sources") if item.content != LOG]
        yield from _paths(known, globs, outputs.fill, outputs.outside)
    if "inputs" in parts:
        items = known.draft.top.each("inputs")
        written = [item.section()["path"] if isinstance(item.content, dict) else item for item in items]
        yield from _paths(known, written, braces.fill, inputs.misplaced)


def _written(draft: Draft) -> Iterator[str]:
    """Every name under "params" and "sweep", of the variants too."""
    yield from draft.fixed
    for section in (draft.top, *draft.variants.values()):
        for value in map(section.get, ("params", "sweep")):
            yield from () if value is None else _names(value)


def _names(value: Value, prefix: str = "") -> Iterator[str]:
    """The dotted names in nested sections, and those in the sections of lists."""
    if isinstance(value.content, tuple):
        for item in value.content:
            yield from _names(item)
    elif isinstance(value.content, dict):
        for key, entry in value.content.items():
            yield f"{prefix}{key}"
            yield from _names(entry.value, f"{prefix}{key}.")


def _sweep(known: _Known) -> Iterator[SpecError]:
    for item in known.draft.top.section("sweep").items("exclude"):
        for name, value in flat(item.section()).items():
            if name not in known.values:
                yield value.place.error(f"no parameter is called {quoted(name)}{nearest(name, known.values)}")
    runs = count(known.sweep, known.params)
    if runs > MOST_RUNS:
        yield known.place.error(f"the sweep has {counted(runs)} runs; at most {MOST_RUNS:,} are allowed")


@dataclass(frozen=True, slots=True)
class _Referring:
    """A value of a parameter that has references."""

    name: str
    value: Value
    sure: Collection[str]
    """What its runs have."""
    of_point: bool = False


def _references(known: _Known) -> Iterator[SpecError]:
    failed = False
    for each in _referring(known):
        found = _reference(known, each)
        failed |= bool(found)
        if found:
            yield each.value.error(found)
        elif not each.of_point:
            yield from known.lacking(references.references(each.value.written), quoted(each.value.path))
    circle = None if failed else references.circle(known.values)
    if circle is not None:
        name, problem = circle
        at = next((each.value for each in _referring(known) if each.name == name), None)
        yield known.place.error(f"{quoted(name)} {problem}") if at is None else at.error(problem)


def _reference(known: _Known, each: _Referring) -> str:
    """What is wrong with the references of one value; empty where nothing is."""
    if problem := references.wrong(each.value.written, known.values):
        return problem
    rare = next((name for name in references.references(each.value.written) if name not in each.sure), None)
    return "" if rare is None else f"refers to {quoted(rare)}, which not every run has"


def _referring(known: _Known) -> Iterator[_Referring]:
    draft, sweep = known.draft, known.draft.top.section("sweep")
    variants = (draft.variants[name].section("params") for name in known.sweep.variants)
    for section in (draft.top.section("params"), *variants):
        for name, value in {**flat(section), **draft.fixed}.items():
            if _refers(value):
                yield _Referring(name, value, known.usable)
    for name, values in texts(sweep).items():
        if name not in draft.fixed and any(map(_refers, values)):
            sure = known.with_axis(name)
            yield from (_Referring(name, value, sure) for value in values if _refers(value))
    for item in sweep.items("points"):
        point = {name: value for name, value in flat(item.section()).items() if name not in draft.fixed}
        if any(map(_refers, point.values())):
            given = known.everywhere.union(point)
            yield from (_Referring(name, value, given, True) for name, value in point.items() if _refers(value))


def _refers(value: Value) -> bool:
    return isinstance(value.content, str) and has_references(value.content)


def _command(known: _Known, command: str) -> Iterator[SpecError]:
    value = known.draft.top["command"]
    try:
        template = take_apart(command)
    except CommandError as error:
        yield _in_command(value, error)
        return
    wrong = [_in_command(value, error) for error in template.wrong(known.usable, known.values)]
    if wrong:
        yield from wrong
        return
    yield from known.lacking(template.names, "the command")
    clash = paramsfile.clash(known.values) if template.files(known.values) else None
    if clash is not None:
        slot = next(slot for slot in template.slots if slot.name in paramsfile.FILES)
        outer, inner = map(quoted, clash)
        problem = f"{{{slot.name}}} cannot hold both {outer} and {inner}, which lies within it"
        yield _in_command(value, CommandError(problem, slot.line, slot.column))


def _in_command(value: Value, error: CommandError) -> SpecError:
    return value.at(error.line, error.column).error(f'"command": {error}')


def _environment(known: _Known) -> Iterator[SpecError]:
    for entry in known.draft.top.section("env").entries.values():
        value, text = entry.value, entry.value.written
        if "{" not in text:
            continue
        names = (*references.references(text), *braces.placeholders(references.bare(text)))
        problem = references.wrong(text, known.values) or _placeholder(known, references.bare(text))
        rare = next((name for name in names if name in known.values and name not in known.usable), None)
        if problem:
            yield value.error(problem)
        elif rare is not None:
            yield value.error(f"uses {quoted(rare)}, which not every run has")
        else:
            yield from known.lacking(names, quoted(value.path))


def _placeholder(known: _Known, text: str) -> str:
    if not (problem := braces.unknown(text, known.values)):
        return ""
    return f"holds an {problem}; for a literal brace write {{{{ and }}}}"


def _paths(
    known: _Known,
    items: Collection[Value],
    fill: Callable[[str, Mapping[str, Scalar]], str],
    problem_of: Callable[[str], str],
) -> Iterator[SpecError]:
    """What is wrong with placeholders in paths, or with a path that a value makes."""
    for item in items:
        used = braces.placeholders(item.text())
        rare = next((name for name in used if name in known.values and name not in known.usable), None)
        if problem := braces.unknown(item.text(), known.values):
            yield item.place.error(f"{quoted(item.path)}: {problem}")
        elif rare is not None:
            yield item.error(f"uses {quoted(rare)}, which not every run has")
        else:
            yield from known.lacking(used, quoted(item.path))
            if problem := _tried(item.text(), known.values, fill, problem_of):
                yield item.error(problem)


def _tried(
    text: str,
    values: Mapping[str, list[Scalar]],
    fill: Callable[[str, Mapping[str, Scalar]], str],
    problem_of: Callable[[str], str],
) -> str:
    """What is wrong with the path that one of the values makes; empty where nothing is."""
    plain = {
        name: [value for value in values.get(name, ())[:MOST_TRIED] if not has_references(value)]
        for name in braces.placeholders(text)
    }
    usual: dict[str, Scalar] = {name: each[0] if each else "x" for name, each in plain.items()}
    for name, each in plain.items():
        for one in each:
            if problem := problem_of(fill(text, {**usual, name: one})):
                return f"with {name}={quoted(as_text(one))} {problem}"
    return ""


def _within(when: Mapping[str, tuple[Scalar, ...]], wanted: Mapping[str, tuple[Scalar, ...]]) -> bool:
    """Whether one condition holds wherever another does."""
    return all(on in when and {*map(as_text, when[on])} <= {*map(as_text, values)} for on, values in wanted.items())
