"""A spec on its way: the document, where it is from, and what the command line fixes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specs.gather import Gather
from specs.scanner import PARAMETER
from specs.tree import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from specs.model import Scalar
    from specs.tree import Section, Value


@dataclass(frozen=True, slots=True)
class Draft:
    """What the readers of a spec's parts read."""

    top: Section
    source: Path
    fixed: Mapping[str, Value] = field(default_factory=dict)
    """Parameters that the command line sets: no longer swept, whatever the document says."""
    variants: Mapping[str, Section] = field(default_factory=dict)
    """What each variant changes."""
    variant: str | None = None
    """The one that is in `top` already."""
    folders: Mapping[str, Path] = field(default_factory=dict)
    """Where each file lies that `top` is from, by the source of its places."""

    def folder(self, value: Value) -> Path:
        """The folder of the file that a value was written in; the spec's own for one of the command line."""
        return self.folders.get(value.place.source, self.source.absolute().parent)


def flat(section: Section, prefix: str = "") -> dict[str, Value]:
    """Parameters by their dotted names, from nested mappings or from dotted keys. Raises `SpecError`."""
    found: dict[str, Value] = {}
    for key, entry in section.entries.items():
        name = f"{prefix}{key}"
        if not PARAMETER.fullmatch(name):
            raise entry.place.error(f"{quoted(name)} is no name for a parameter: letters, digits, and . _ - within")
        nested = isinstance(entry.value.content, dict)
        values = flat(entry.value.section(), f"{name}.") if nested else {name: entry.value}
        for dotted, value in values.items():
            if dotted in found:
                raise value.place.error(f"parameter {quoted(dotted)} is given twice")
            found[dotted] = value
    return found


def fixed(draft: Draft, section: Section) -> dict[str, Scalar]:
    """The parameters of a section, and those that the command line fixes. Raises `SpecError`, or a group of them."""
    values, gather = {**flat(section), **draft.fixed}, Gather()
    for value in values.values():
        if isinstance(value.content, tuple):
            gather.add([value.error('must be a single value; a list of values to try belongs under "sweep"')])
    gather.done()
    return {key: value.scalar() for key, value in values.items()}
