"""The `sweep` section of a spec."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from specs import conditions, rungs
from specs.axes import Axis, distinct, read_axis
from specs.braces import as_text
from specs.combos import MOST_RUNS, SEED, VARIANT
from specs.draft import fixed, flat
from specs.gather import Gather
from specs.merge import merge
from specs.model import Method, Scalar, SpecError, Sweep
from specs.tree import nearest, quoted
from specs.variants import VARIANTS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from specs.draft import Draft
    from specs.tree import Section, Value

LOTS = ("samples", "random_seed", "shuffle")
"""Words that are as good as names of parameters."""
MOST_EXCLUDED = 1000
MOST_VALUES = 10 * MOST_RUNS
"""Of all axes together."""
WORDS = ("method", "seeds", "zip", "exclude", "points", "at_most", "asha", *LOTS)
"""Keys that are no axes."""

Points = list[dict[str, "Value"]]


def read_sweep(draft: Draft) -> Sweep:
    """The sweep, without what the command line fixes. Raises `SpecError`, or a group of them."""
    section, gather = draft.top.section("sweep"), Gather()
    method = gather(_method, section)
    axes = _axes(section, gather)
    points = gather(_points, section, draft.fixed) or []
    words = _words(section, gather)
    gather(_fits, section, method, axes)
    asha = gather(rungs.read_asha, draft, section, method)
    if method is not None and method.asks:
        gather(rungs.check, draft, section, method, axes)
    seeds = gather(_seeds, section, {*axes, *(name for point in points for name in point)})
    zipped = gather(_zip, section, axes, draft.fixed) or ()
    exclude = gather(_exclude, section)
    variants = gather(_variants, draft, axes, points)
    gather.done()
    mine = {name: axis for name, axis in axes.items() if name not in draft.fixed}
    sweep = Sweep(
        method=method,
        axes={name: axis.values for name, axis in mine.items() if axis.drawn is None},
        drawn={name: axis.drawn for name, axis in mine.items() if axis.drawn is not None},
        when={name: axis.condition for name, axis in mine.items() if axis.when},
        points=tuple({name: value.scalar() for name, value in point.items()} for point in points),
        seeds=() if SEED in draft.fixed else seeds,
        zip=zipped,
        exclude=exclude,
        asha=asha,
        variants=variants,
        **words,
    )
    conditions.check(draft, sweep, mine)
    by_lot = sweep.drawn or sweep.method is Method.RANDOM or sweep.method.asks
    return sweep if by_lot else replace(sweep, samples=1)


def swept(section: Section) -> set[str]:
    """Names of the parameters that a sweep section sets, as far as it can be read."""
    names = {name for name in section if name not in WORDS}
    for point in section.items("points"):
        names.update(flat(point.section()))
    return names | ({SEED} if "seeds" in section else set())


def _axes(section: Section, gather: Gather) -> dict[str, Axis]:
    """The axes by name, together of no more values than can be looked through in a moment. May raise all at once."""
    axes: dict[str, Axis] = {}
    values = 0
    for name in section:
        if name in WORDS:
            continue
        axis = gather(read_axis, section, name, WORDS)
        axes[name] = axis
        values += len(axis.values) if isinstance(axis, Axis) else 0
        if values > MOST_VALUES:
            allowed = f"at most {MOST_VALUES:,} are allowed"
            gather.add(
                [section.entries[name].place.error(f"with this axis the sweep has {values:,} values; {allowed}")]
            )
            gather.done()
    return axes


def texts(section: Section) -> dict[str, list[Value]]:
    """The values that stand in a sweep section for each axis, as far as they can be read."""
    found: dict[str, list[Value]] = {}
    for name, entry in section.entries.items():
        value = entry.value
        if name in WORDS:
            continue
        if isinstance(value.content, dict):
            value = value.section().get("values") or value.section().get("choice") or value
        found.setdefault(name, []).extend(value.content if isinstance(value.content, tuple) else ())
    return found


def _method(section: Section) -> Method:
    value = section.get("method")
    if value is None:
        return Method.GRID
    word = value.text()
    try:
        return Method(word)
    except ValueError:
        known = "grid, random, list, tpe or asha"
        raise value.error(f"must be {known}, not {quoted(word)}{nearest(word, list(Method))}") from None


def _words(section: Section, gather: Gather) -> dict[str, Any]:
    """The fields of a sweep that are single values."""
    for name in LOTS:
        value = section.get(name)
        if value is not None and isinstance(value.content, tuple | dict):
            gather.add([value.error(f"is a word of the sweep itself; name the parameter otherwise, as data.{name}")])
            section = section.without(name)
    usual = Sweep()
    samples = gather(section.integer, "samples", usual.samples, least=1)
    if samples is not None and samples > MOST_RUNS:
        gather.add([section["samples"].error(f"must be at most {MOST_RUNS:,}, not {section['samples'].shown}")])
    return {
        "samples": samples,
        "random_seed": gather(section.integer, "random_seed", usual.random_seed),
        "shuffle": gather(section.boolean, "shuffle", usual.shuffle),
        "at_most": gather(section.integer, "at_most", None, least=1),
    }


def _points(section: Section, fixed: Collection[str]) -> Points:
    found: Points = []
    seen: dict[object, Value] = {}
    gather = Gather()
    for item in section.items("points"):
        whole = gather(lambda item: flat(item.section()), item)
        if whole is None:
            continue
        point = {name: value for name, value in whole.items() if name not in fixed}
        scalars = {name: gather(value.scalar) for name, value in point.items()}
        key = frozenset((name, as_text(value)) for name, value in scalars.items())
        if key in seen:
            gather.add([item.error(f"is the same setting as {quoted(seen[key].path)}")])
        seen.setdefault(key, item)
        found.append(point)
    gather.done()
    return found


def _exclude(section: Section) -> tuple[Mapping[str, Scalar], ...]:
    gather = Gather()
    found = [gather(lambda item: flat(item.section()), item) or {} for item in section.items("exclude")]
    if len(found) > MOST_EXCLUDED:
        raise section["exclude"].error(f"has {len(found):,} entries; at most {MOST_EXCLUDED:,} are allowed")
    entries = tuple({name: gather(value.scalar) for name, value in each.items()} for each in found)
    for item, entry in zip(section.items("exclude"), entries, strict=True):
        if not entry and not gather.errors:
            gather.add([item.error("is empty, which would exclude every run")])
    gather.done()
    return entries


def _fits(section: Section, method: Method | None, axes: Mapping[str, Axis | None]) -> None:
    """Raise where the method and what is given do not go together."""
    if method is None:
        return
    gather = Gather()
    if method is not Method.LIST and "points" in section:
        gather.add([section.entries["points"].place.error('"sweep.points" needs "method: list"')])
    if method is Method.LIST:
        gather.add(
            section.entries[name].place.error(f'"sweep.{name}" does not go with method list, which has points')
            for name in (*axes, "zip", "samples")
            if name in section
        )
        if not gather.errors and not section.items("points"):
            gather.add([_of_method(section, 'list needs "sweep.points", as points: [{lr: 0.1}, {lr: 0.2}]')])
    elif not axes and section.get("method") is not None and not section.get("seeds"):
        gather.add([_of_method(section, f"{method} needs a parameter to try, as lr: [0.1, 0.2]")])
    elif method is Method.RANDOM and section.get("samples") is None:
        gather.add([_of_method(section, 'random needs "sweep.samples", the number of settings to try')])
    elif method is Method.GRID and section.get("samples") is not None and not any(map(_by_lot, axes.values())):
        gather.add([section["samples"].error('needs "method: random", or a parameter that is drawn by lot')])
    gather.done()


def _by_lot(axis: Axis | None) -> bool:
    """Whether an axis is drawn, or may be: None is one that could not be read."""
    return axis is None or axis.drawn is not None


def _of_method(section: Section, problem: str) -> SpecError:
    return section.need("method").error(problem)


def _seeds(section: Section, names: Collection[str]) -> tuple[int, ...]:
    value = section.get("seeds")
    if value is None:
        return ()
    if SEED in names:
        raise value.error(f'and a swept parameter "{SEED}" are both given; keep one')
    if isinstance(value.content, tuple):
        if not value.content:
            raise value.error("is an empty list")
        distinct(value.content)
        return tuple(item.integer() for item in value.content)
    if value.integer(least=1) > MOST_RUNS:
        raise value.error(f"must be at most {MOST_RUNS:,}, not {value.shown}")
    return tuple(range(1, value.integer() + 1))


def _zip(section: Section, axes: Mapping[str, Axis | None], fixed: Collection[str]) -> tuple[tuple[str, ...], ...]:
    gather, taken = Gather(), set[str]()
    groups = [gather(_group, item, axes, fixed, taken) or () for item in section.items("zip")]
    gather.done()
    return tuple(group for group in groups if len(group) > 1)


def _group(item: Value, axes: Mapping[str, Axis | None], fixed: Collection[str], taken: set[str]) -> tuple[str, ...]:
    gather = Gather()
    names = [gather(name.text) for name in item.items()]
    for name, value in zip(names, item.items(), strict=True):
        if name is None:
            continue
        if name not in axes and name not in fixed:
            gather.add([value.error(f"is no axis of this sweep: {quoted(name)}{nearest(name, axes)}")])
        elif name in taken:
            gather.add([value.error(f"is zipped twice: {quoted(name)}")])
        elif (axis := axes.get(name)) is not None and axis.drawn is not None:
            gather.add([value.error(f"is drawn by lot and cannot be zipped: {quoted(name)}")])
        taken.add(name)
    if len(names) < 2:
        gather.add([item.error("zips nothing: a group needs two axes or more")])
    gather.done()
    mine = [(name, axis) for name in names if (axis := axes.get(name)) is not None]
    if len({len(axis.values) for _, axis in mine}) > 1:
        lengths = ", ".join(f"{name} has {len(axis.values)}" for name, axis in mine)
        raise item.error(f"zips axes of different lengths: {lengths}")
    if any(axis.condition != mine[0][1].condition for _, axis in mine):
        raise item.error('zips axes with different "when"')
    return tuple(name for name in names if name in axes and name not in fixed)


def _variants(
    draft: Draft, axes: Mapping[str, Axis | None], points: Sequence[Mapping[str, Value]]
) -> dict[str, Mapping[str, Scalar]]:
    """The fixed parameters of each variant that is swept."""
    if not draft.variants or VARIANT in draft.fixed:
        return {}
    axis, gather = axes.get(VARIANT), Gather()
    named = [] if axis is None else list(texts(draft.top.section("sweep")).get(VARIANT, ()))
    named += [point[VARIANT] for point in points if VARIANT in point]
    found = {item.written: gather(_variant, draft, item) for item in named}
    gather.done()
    return found


def _variant(draft: Draft, item: Value) -> Mapping[str, Scalar]:
    name = item.text()
    if name not in draft.variants:
        raise item.error(f"is no variant: {quoted(name)}{nearest(name, draft.variants)}")
    section = draft.variants[name]
    stray = next((key for key in section if key != "params"), None)
    if stray is not None:
        raise section.entries[stray].place.error(
            f'"{VARIANTS}.{name}.{stray}" cannot differ within a sweep, where a variant may set params only; '
            f"submit it by itself with {VARIANT}={name}"
        )
    return fixed(draft, merge(draft.top, section).section("params"))
