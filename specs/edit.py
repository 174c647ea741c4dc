"""One value of a spec file changed in place, by the key that errors and overrides call it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from specs import inplace
from specs.composer import compose
from specs.keys import SECTIONS, section_of
from specs.model import SpecError
from specs.overrides import FREE
from specs.page import Page
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from specs.render import Step

SOURCE = "spec"
_ITEM = re.compile(r"\[(\d{1,9})\]\.?")
_WORD = re.compile(r"([^.\[]+)\.?")


def set_value(text: str, key: str, value: str, source: str = SOURCE) -> str:
    """The text with one value set to what `value` says, as YAML; all that is not this value stays, byte for byte.

    The key is dotted, as `resources.gpus`, `where[2]` or `sweep.lr`, or it is the name of a parameter that the file
    has. One that is missing is added where it belongs. Whether the new text is a good spec is not looked at. Raises
    `SpecError`: the text or the value is no YAML, no such parameter, or an alias shares the value with another place.
    """
    order = {section: names_of(section) for section in SECTIONS}
    return inplace.put(text, path_of(text, key, source), value, source, order)


def written(text: str, key: str, source: str = SOURCE) -> str | None:
    """The value as it is written in the file, quotes and all; None where the file has none. Raises as `set_value`."""
    path = path_of(text, key, source)
    root = compose(text, source)
    trail = [] if root is None else inplace.trail_to(root, path)
    if root is None or len(trail) <= len(path):
        return None
    start, end = Page.of(text, root).span(trail[-1])
    return text[start:end]


def names_of(section: str) -> list[str]:
    """The keys of a section in the order in which they are documented."""
    return [key.name for key in section_of(section)]


def path_of(text: str, key: str, source: str = SOURCE) -> tuple[Step, ...]:
    """The steps from the top of the document to a key, there or not. Raises `SpecError` for what can be none."""
    root = compose(text, source)
    path = tuple(_steps(root, key, free=False))
    if not path or not isinstance(path[0], str):
        raise SpecError(source, None, f"{quoted(key)} is no key of a spec")
    if path[0] in names_of("") or (root is not None and inplace.child(root, path[0]) is not None):
        return path
    for section in ("sweep", "params"):
        path = tuple(_steps(root, f"{section}.{key}", free=False))
        if root is not None and len(inplace.trail_to(root, path)) > len(path):
            return path
    near = nearest(key, [*names_of(""), *_parameters(root)])
    advice = "" if near else f"; a new parameter is set as {quoted('params.' + key)}"
    raise SpecError(source, None, f"unknown key {quoted(key)}{near}{advice}")


def _steps(node: yaml.Node | None, key: str, *, free: bool) -> Iterator[Step]:
    """Steps along what is there, whose keys may have dots, and then along what is not.

    `free`: below a section whose keys are the user's, where what is missing is one key with all its dots.
    """
    if not key:
        return
    known = _known(node, key)
    word, item = _WORD.match(key), _ITEM.match(key)
    step: Step
    if known is not None:
        step, rest = known, key[len(known) :].removeprefix(".")
    elif item:
        step, rest = int(item[1]), key[item.end() :]
    elif free or word is None:
        step, rest = key, ""
    else:
        step, rest = word[1], key[word.end() :]
    yield step
    within = None if node is None else inplace.child(node, step)
    yield from _steps(within, rest, free=free or step in FREE)


def _known(node: yaml.Node | None, key: str) -> str | None:
    """The longest key of a mapping that a dotted key begins with."""
    if not isinstance(node, yaml.MappingNode):
        return None
    names = [str(name.value) for name, _ in node.value]
    fits = [name for name in names if name and (key == name or key.startswith((f"{name}.", f"{name}[")))]
    return max(fits, key=len, default=None)


def _parameters(root: yaml.Node | None) -> Iterator[str]:
    for section in ("params", "sweep"):
        node = None if root is None else inplace.child(root, section)
        if isinstance(node, yaml.MappingNode):
            yield from (str(name.value) for name, _ in node.value)
