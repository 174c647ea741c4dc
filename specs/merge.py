"""One document over another: what `extends` and variants mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from specs.draft import flat
from specs.model import SpecError
from specs.tree import Entry, Section

if TYPE_CHECKING:
    from collections.abc import Mapping

PARAMS = "params"
SWEEP = "sweep"


def merge(below: Section, above: Section, *, whole: bool = True) -> Section:
    """The document below with the one above laid over it.

    Mappings are merged key by key, everything else is replaced, null takes a key away. Parameters go by their dotted
    names however they are written, and an axis of the sweep is replaced whole: half of two ranges is none. Where what
    is below is not `whole`, since both will be laid over a third, nulls stay.
    """
    entries = dict(below.entries)
    for key, entry in above.entries.items():
        old = entries.get(key)
        if key == PARAMS and old is not None:
            entries[key] = _parameters(old, entry, whole)
        else:
            _lay(entries, key, entry, whole, deep=key != SWEEP)
    return replace(below, entries=entries)


def _lay(entries: dict[str, Entry], key: str, entry: Entry, whole: bool, *, deep: bool = True) -> None:
    """Put an entry over what is there; not `deep`: only the first level is merged."""
    old = entries.get(key)
    if old is None:
        entries[key] = entry
    elif entry.value.content is None and old.value.content is not None and whole:
        del entries[key]
    elif isinstance(old.value.content, dict) and isinstance(entry.value.content, dict):
        content = _merged(old, entry.value.content, whole, deep)
        entries[key] = replace(entry, value=replace(entry.value, content=content))
    else:
        entries[key] = entry


def _merged(old: Entry, content: Mapping[str, Entry], whole: bool, deep: bool) -> dict[str, Entry]:
    within = dict(old.value.section().entries)
    for key, entry in content.items():
        if deep or entry.value.content is None:
            _lay(within, key, entry, whole)
        else:
            within[key] = entry
    return within


def _parameters(old: Entry, new: Entry, whole: bool) -> Entry:
    """The same by dotted names; as it is where one of the two cannot be read."""
    try:
        below, above = flat(old.value.section()), flat(new.value.section())
    except SpecError:
        return new
    found = {name: Entry(value.place, value) for name, value in below.items()}
    for name, value in above.items():
        within = [each for each in found if each.startswith(f"{name}.")]
        for each in within:
            del found[each]
        if not within or value.content is not None or not whole:
            _lay(found, name, Entry(value.place, value), whole)
    return replace(new, value=replace(new.value, content=found))
