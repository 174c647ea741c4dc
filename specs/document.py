"""YAML text as a tree that knows where every key and value stands. Knows nothing of specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import yaml

from specs.composer import LARGEST, TAG, compose
from specs.model import Scalar, SpecError
from specs.tree import Entry, Place, Section, Value, nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Entry", "Place", "Section", "Value", "decode", "nearest", "parse", "parse_value", "quoted", "read"]

LONGEST_NUMBER = 64


def read(path: Path) -> str:
    """The text of a file that is to be parsed. Raises `SpecError`, one line, where there is none to be had."""
    source = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST * 4 + 1)
    except FileNotFoundError:
        raise SpecError(source, None, "no such file") from None
    except IsADirectoryError:
        raise SpecError(source, None, "this is a folder, not a file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SpecError(source, None, f"cannot be read: {reason}") from None
    return decode(data, source)


def decode(data: bytes, source: str) -> str:
    """UTF-8 as text. Raises `SpecError` at the line of the first byte that is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SpecError(source, line, f"not UTF-8 text: byte 0x{data[error.start]:02x}") from None


def parse(text: str, source: str) -> Section:
    """The document, which must be a mapping. Raises `SpecError`.

    Anchors, aliases and merge keys (`<<`) are followed as far as `MOST_NODES` and `DEEPEST` allow.
    """
    value = parse_value(text, source)
    if value.content is None:
        raise SpecError(source, None, "the file is empty")
    if not isinstance(value.content, dict):
        raise value.place.error(f"the file must be a mapping of keys to values, not {value.shown}")
    return value.section()


def parse_value(text: str, source: str, path: str = "") -> Value:
    """Any one YAML value; null for a text without one. Raises `SpecError`."""
    node = compose(text, source)
    if node is None:
        return Value(Place(source), path, None)
    return _value(node, source, path)


_SCALARS: dict[str, Callable[[str], Scalar]] = {
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": lambda text: int(text, 0),
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "str": str,
    "merge": str,
}


def _value(node: yaml.Node, source: str, path: str) -> Value:
    place = _place(node, source)
    if isinstance(node, yaml.CollectionNode) and node.tag not in (TAG + "map", TAG + "seq"):
        raise place.error(f"tag {quoted(node.tag.replace(TAG, '!!'))} is not allowed")
    if isinstance(node, yaml.MappingNode):
        return Value(place, path, _entries(node, source, path))
    if isinstance(node, yaml.SequenceNode):
        return Value(place, path, tuple(_value(item, source, f"{path}[{n}]") for n, item in enumerate(node.value, 1)))
    literal = cast("yaml.ScalarNode", node).style == "|"
    return Value(place, path, _scalar(node, place), written=node.value, literal=literal)


def _scalar(node: yaml.Node, place: Place) -> Scalar:
    tag = node.tag.replace(TAG, "!!")
    read = _SCALARS.get(node.tag.removeprefix(TAG))
    if read is None:
        raise place.error(f"tag {quoted(tag)} is not allowed")
    if read is not str and len(node.value) > LONGEST_NUMBER:
        raise place.error(f"a number of {len(node.value)} characters; put it in quotes if it is text")
    try:
        return read(node.value)
    except (ValueError, KeyError):
        raise place.error(f"{quoted(node.value)} does not fit its tag {quoted(tag)}") from None


def _entries(node: yaml.MappingNode, source: str, path: str) -> dict[str, Entry]:
    own: dict[str, Entry] = {}
    merged: dict[str, Entry] = {}
    for key_node, value_node in node.value:
        place = _place(key_node, source)
        if key_node.tag == TAG + "merge":
            merged = {**_merged(value_node, source, path), **merged}
            continue
        key = key_node.value
        if not isinstance(key, str) or not key:
            raise place.error("a key must be a word")
        if key in own:
            raise place.error(f"key {quoted(key)} is given twice; first on line {own[key].place.line}")
        own[key] = Entry(place, _value(value_node, source, f"{path}.{key}" if path else key))
    return {**merged, **own}


def _merged(node: yaml.Node, source: str, path: str) -> dict[str, Entry]:
    sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
    merged: dict[str, Entry] = {}
    for one in sources:
        if not isinstance(one, yaml.MappingNode):
            raise _place(one, source).error('"<<" takes a mapping or a list of mappings')
        merged = {**_entries(one, source, path), **merged}
    return merged


def _place(node: yaml.Node, source: str) -> Place:
    return Place(source, node.start_mark.line + 1, node.start_mark.column + 1)
