"""Where in a spec's text the value of a run's parameter comes from. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs import document
from specs.braces import as_text
from specs.draft import flat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from specs.model import Scalar
    from specs.tree import Section, Value

VALUES = "values"
"""The key of an axis that has a condition beside its values."""


@dataclass(frozen=True, slots=True)
class Whence:
    """One value in the text."""

    key: str
    """As errors and `set_value` call it: `sweep.lr[2]`; where the file does not have it, where it would go."""
    line: int | None
    """From 1; None where the file has none."""
    single: bool
    """It is a value by itself, and no list or rule that many values come from."""


def whence(text: str, params: Mapping[str, Scalar], name: str, variant: str | None = None) -> Whence:
    """Where a run with these parameters has the value of `name` from. Raises `SpecError` for a bad text."""
    top = document.parse(text, "spec")
    found = next(_places(top, params, name, variant), None)
    if found is None:
        return Whence(f"params.{name}", None, True)
    single = not isinstance(found.content, tuple | dict)
    return Whence(found.path, found.place.line, single)


def _places(top: Section, params: Mapping[str, Scalar], name: str, variant: str | None) -> Iterator[Value]:
    """The values that decide it, the one that goes first in front."""
    sections = [top]
    if variant is not None and (chosen := _section(_section(top, "variants"), variant)) is not None:
        sections.insert(0, chosen)
    for section in sections:
        if (sweep := _section(section, "sweep")) is not None:
            yield from _swept(sweep, params, name)
    for section in sections:
        fixed = _section(section, "params")
        if fixed is not None and (value := flat(fixed).get(name)) is not None:
            yield value


def _section(section: Section | None, key: str) -> Section | None:
    value = None if section is None else section.get(key)
    return value.section() if value is not None and isinstance(value.content, dict) else None


def _swept(sweep: Section, params: Mapping[str, Scalar], name: str) -> Iterator[Value]:
    for point in sweep.items("points") if "points" in sweep else ():
        values = flat(point.section())
        if name in values and all(_is(value, params.get(key)) for key, value in values.items()):
            yield values[name]
    axis = sweep.get("seeds" if name == "seed" and "seed" not in sweep else name)
    if axis is None:
        return
    choices = axis.content.get(VALUES) if isinstance(axis.content, dict) else None
    listed = choices.value if choices is not None else axis
    for item in listed.content if isinstance(listed.content, tuple) else ():
        if _is(item, params.get(name)):
            yield item
    yield axis


def _is(value: Value, wanted: Scalar) -> bool:
    return not isinstance(value.content, tuple | dict) and as_text(value.scalar()) == as_text(wanted)
