"""The `sweep` section of a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.command import as_text
from specs.draft import flat
from specs.expand import MOST_RUNS, SEED
from specs.model import Method, Scalar, Sweep
from specs.scanner import PARAMETER
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence, Sized

    from specs.draft import Draft
    from specs.model import SpecError
    from specs.tree import Section, Value

WORDS = ("method", "seeds", "zip", "exclude", "points", "at_most")
"""Keys that are no axes."""
LATER_METHODS = ("random",)
RANGE = ("min", "max", "distribution")


def read_sweep(draft: Draft) -> Sweep:
    """The sweep, without what the command line fixes. Raises `SpecError`."""
    section = draft.top.section("sweep")
    method = _method(section)
    axes = {name: _axis(section, name) for name in section if name not in WORDS}
    points = tuple({name: v.scalar() for name, v in point.items()} for point in _points(section, draft.fixed))
    _fits(section, method, axes)
    seeds = _seeds(section, {*axes, *(name for point in points for name in point)})
    return Sweep(
        method=method,
        axes={name: values for name, values in axes.items() if name not in draft.fixed},
        points=points,
        seeds=() if SEED in draft.fixed else seeds,
        zip=_zip(section, axes, draft.fixed),
        exclude=tuple(
            {name: value.scalar() for name, value in flat(item.section()).items()}
            for item in section.items("exclude")
        ),
        at_most=section.integer("at_most", None, least=1),
    )


def swept(section: Section) -> set[str]:
    """Names of the parameters that a sweep section sets, as far as it can be read."""
    names = {name for name in section if name not in WORDS}
    for point in section.items("points"):
        names.update(flat(point.section()))
    return names | ({SEED} if "seeds" in section else set())


def _method(section: Section) -> Method:
    value = section.get("method")
    if value is None:
        return Method.GRID
    word = value.text()
    if word in LATER_METHODS:
        raise value.error(f"{quoted(word)} is not supported by this version")
    try:
        return Method(word)
    except ValueError:
        raise value.error(f"must be grid or list, not {quoted(word)}{nearest(word, list(Method))}") from None


def _axis(section: Section, name: str) -> tuple[Scalar, ...]:
    entry = section.entries[name]
    if not PARAMETER.fullmatch(name):
        raise entry.place.error(f"{quoted(name)} is no name for a parameter: letters, digits, and . _ - within")
    value = entry.value
    if isinstance(value.content, dict) and any(word in value.content for word in RANGE):
        raise value.error("as a range is not supported by this version; give a list of values")
    if not isinstance(value.content, tuple):
        raise value.error(f"must be a list of values to try, not {value.shown}{nearest(name, WORDS, 'sweep.')}")
    if not value.content:
        raise value.error("is an empty list; an axis needs at least one value")
    return _distinct(value.content)


def _distinct(values: Sequence[Value]) -> tuple[Scalar, ...]:
    seen: dict[str, Value] = {}
    for value in values:
        text = as_text(value.scalar())
        if text in seen:
            raise value.error(f"is the same value as {quoted(seen[text].path)}")
        seen[text] = value
    return tuple(value.scalar() for value in values)


def _points(section: Section, fixed: Collection[str]) -> list[Mapping[str, Value]]:
    found: list[Mapping[str, Value]] = []
    seen: dict[object, Value] = {}
    for item in section.items("points"):
        point = {name: value for name, value in flat(item.section()).items() if name not in fixed}
        identity = frozenset((name, as_text(value.scalar())) for name, value in point.items())
        if identity in seen:
            raise item.error(f"is the same setting as {quoted(seen[identity].path)}")
        seen[identity] = item
        found.append(point)
    return found


def _fits(section: Section, method: Method, axes: Mapping[str, object]) -> None:
    """Raise where the method and what is given do not go together."""
    if method is Method.LIST:
        stray = next((name for name in (*axes, "zip") if name in section), None)
        if stray is not None:
            raise section.entries[stray].place.error(
                f'"sweep.{stray}" does not go with method list, which has points'
            )
        if not section.items("points"):
            raise section.need("method").error('list needs "sweep.points", as points: [{lr: 0.1}, {lr: 0.2}]')
    elif "points" in section:
        raise section.entries["points"].place.error('"sweep.points" needs "method: list"')


def _seeds(section: Section, names: Collection[str]) -> tuple[int, ...]:
    value = section.get("seeds")
    if value is None:
        return ()
    if SEED in names:
        raise value.error(f'and a swept parameter "{SEED}" are both given; keep one')
    if isinstance(value.content, tuple):
        if not value.content:
            raise value.error("is an empty list")
        _distinct(value.content)
        return tuple(item.integer() for item in value.content)
    if value.integer(least=1) > MOST_RUNS:
        raise value.error(f"must be at most {MOST_RUNS:,}, not {value.shown}")
    return tuple(range(1, value.integer() + 1))


def _zip(section: Section, axes: Mapping[str, Sized], fixed: Collection[str]) -> tuple[tuple[str, ...], ...]:
    taken: set[str] = set()
    groups = []
    for item in section.items("zip"):
        names = [name.text() for name in item.items()]
        for name, value in zip(names, item.items(), strict=True):
            if name not in axes and name not in fixed:
                raise value.error(f"is no axis of this sweep: {quoted(name)}{nearest(name, axes)}")
            if name in taken:
                raise value.error(f"is zipped twice: {quoted(name)}")
            taken.add(name)
        if len({len(axes[name]) for name in names if name in axes}) > 1:
            raise _uneven(item, axes)
        groups.append(tuple(name for name in names if name in axes and name not in fixed))
    return tuple(group for group in groups if len(group) > 1)


def _uneven(group: Value, axes: Mapping[str, Sized]) -> SpecError:
    lengths = ", ".join(
        f"{name.text()} has {len(axes[name.text()])}" for name in group.items() if name.text() in axes
    )
    return group.error(f"zips axes of different lengths: {lengths}")
