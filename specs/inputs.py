"""The `inputs` and `code` sections of a spec: what a run reads, and what of the project folder goes with it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from specs import braces, units
from specs.gather import Gather
from specs.model import Code, Input, SpecError
from specs.tree import quoted

if TYPE_CHECKING:
    from specs.draft import Draft
    from specs.model import Setting, Spec
    from specs.tree import Section, Value

ITEM = ("path", "size", "sha256")

_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTP])", re.IGNORECASE | re.ASCII)


def read_inputs(draft: Draft) -> tuple[Input, ...]:
    """What a run reads. Raises `SpecError`, or a group of them."""
    gather = Gather()
    found = [gather(_input, item) for item in draft.top.each("inputs")]
    gather.done()
    return tuple(found)


def inputs_of(spec: Spec, setting: Setting) -> tuple[Input, ...]:
    """What one run reads, its values filled in. Raises `SpecError` where they make a path that leads nowhere."""
    found = []
    for each in spec.inputs:
        path = braces.fill(each.path, {braces.RUN: setting.name, **setting.params})
        if problem := misplaced(path):
            raise SpecError(str(spec.source), None, f'"inputs" of {setting.name}: {quoted(path)} {problem}')
        found.append(Input(path, each.size, each.sha256, each.slack))
    return tuple(found)


def misplaced(path: str) -> str:
    """Why nobody can know which file a filled path means; empty where it is plain."""
    if not path.isprintable():
        return "holds a control character"
    if path.startswith("~") and not path.startswith("~/"):
        return "begins with the home of another user: write the whole path"
    if not path.startswith(("/", "~/")):
        return "must be a whole path, from / or ~/, as it is where the run runs"
    return ""


def _input(item: Value) -> Input:
    if not isinstance(item.content, dict):
        return Input(_path(item))
    section, gather = item.section(), Gather()
    path, sha256 = gather(lambda: _path(section.need("path"))), gather(section.text, "sha256", None)
    size, slack = gather(_size, section) or (None, 0)
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        gather.add([section["sha256"].wrong("64 hexadecimal digits, as sha256sum prints them")])
    gather.done()
    return Input(path, size, sha256 and sha256.lower(), slack)


def _path(value: Value) -> str:
    path = value.text()
    if "$" in path:
        raise value.error("holds a variable of the shell, which is not filled in: write the path, or a {parameter}")
    if (stray := braces.stray(path)) is not None:
        raise value.error(f"holds {quoted(stray)}, which is no {{parameter}}")
    if not path.startswith("{") and (problem := misplaced(path)):
        raise value.error(problem)
    return path


def _size(section: Section) -> tuple[int | None, int]:
    """Bytes, and how far they are from what was meant: one in the last digit."""
    value = section.get("size")
    if value is None:
        return None, 0
    if isinstance(value.content, int) and not isinstance(value.content, bool):
        return value.integer(least=0), 0
    try:
        size = units.size(value.text())
    except ValueError:
        raise value.wrong("a size as 12G, or a number of bytes") from None
    match = _SIZE.match(value.text())
    if match is None:
        return size, 0
    last = Decimal(1).scaleb(int(Decimal(match[1]).as_tuple().exponent))
    return size, int(last * units.SIZES[match[2].upper()])


def read_code(draft: Draft) -> Code:
    """What goes of the project folder. Raises `SpecError`, or a group of them."""
    section, gather = draft.top.section("code"), Gather()
    found = Code(*(gather(_patterns, section, key) for key in ("exclude", "allow")))
    gather.done()
    return found


def _patterns(section: Section, key: str) -> tuple[str, ...]:
    for item in section.each(key):
        if not item.text().strip():
            raise item.error("is empty")
        if not item.text().isprintable():
            raise item.error("holds a control character")
    return section.strings(key, ())
