"""The `variants` of a spec: other versions of it, each as what it changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specs.extends import EXTENDS, words
from specs.gather import Gather
from specs.merge import merge
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specs.tree import Section

VARIANTS = "variants"
MOST_VARIANTS = 100
NOT_WITHIN = ("name", VARIANTS)
"""Keys of a spec that a variant cannot change."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def take_variants(top: Section) -> dict[str, Section]:
    """What each variant changes, those that it extends below it. Raises `SpecError`, or a group of them."""
    gather, section = Gather(), top.section(VARIANTS)
    if len(section.entries) > MOST_VARIANTS:
        raise top[VARIANTS].error(f"are {len(section.entries):,}; at most {MOST_VARIANTS} are allowed")
    own = {name: gather(section.section, name) for name in section}
    for name, entry in section.entries.items():
        if not _NAME.fullmatch(name):
            gather.add([entry.place.error(f"{quoted(name)} is no name for a variant: letters, digits, . _ and -")])
    gather.done()
    found: dict[str, Section] = {}
    for name in own:
        gather(_whole, name, own, (), found)
    gather.done()
    return found


def _whole(name: str, own: Mapping[str, Section], above: tuple[str, ...], found: dict[str, Section]) -> Section:
    if name in found:
        return found[name]
    parts: list[Section] = []
    for word in words(own[name], EXTENDS):
        base = word.text()
        if base not in own:
            raise word.error(f"is no variant: {quoted(base)}{nearest(base, own)}")
        if base in (*above, name):
            raise word.error(f"goes round in a circle: {quoted(base)} extends this variant in turn")
        parts.append(_whole(base, own, (*above, name), found))
    whole, *over = (*parts, own[name].without(EXTENDS))
    for part in over:
        whole = merge(whole, part, whole=False)
    found[name] = whole
    return whole
