"""YAML text as a tree that knows where every key and value stands. Knows nothing of specs."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import yaml

from specs.composer import LARGEST, TAG, compose
from specs.gather import Gather
from specs.model import Scalar, SpecError
from specs.tree import Entry, Place, Section, Value, nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Entry", "Place", "Section", "Value", "decode", "nearest", "parse", "parse_value", "quoted", "read"]

LONGEST_NUMBER = 64


def read(path: Path) -> str:
    """The text of a file that is to be parsed. Raises `SpecError`, one line, where there is none to be had."""
    source = str(path)
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SpecError(source, None, "this is no regular file")
            data = file.read(LARGEST * 4 + 1)
    except FileNotFoundError:
        raise SpecError(source, None, "no such file") from None
    except IsADirectoryError:
        raise SpecError(source, None, "this is a folder, not a file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SpecError(source, None, f"cannot be read: {reason}") from None
    return decode(data, source)


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for a writer at the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def decode(data: bytes, source: str) -> str:
    """UTF-8 as text. Raises `SpecError` at the line of the first byte that is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        begun = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[begun : error.start].decode("utf-8")) + 1
        raise SpecError(source, line, f"not UTF-8 text: byte 0x{data[error.start]:02x}", column) from None


def parse(text: str, source: str) -> Section:
    """The document, which must be a mapping. Raises `SpecError`.

    Anchors, aliases and merge keys (`<<`) are followed as far as `MOST_NODES` and `DEEPEST` allow.
    """
    gather = Gather()
    top = parse_all(text, source, gather)
    if gather.errors or top is None:
        raise gather.errors[0]
    return top


def parse_all(text: str, source: str, gather: Gather) -> Section | None:
    """The same with every mistake that YAML itself can tell in `gather`, and what is readable beside them.

    None where nothing is. Of a key that is given twice the first is taken.
    """
    try:
        value = _read(compose(text, source), source, "", gather)
        if value.content is None:
            raise SpecError(source, None, "the file is empty")
        if not isinstance(value.content, dict):
            raise value.place.error(f"the file must be a mapping of keys to values, not {value.shown}")
        return value.section()
    except SpecError as error:
        gather.add([error])
        return None


def parse_value(text: str, source: str, path: str = "") -> Value:
    """Any one YAML value; null for a text without one. Raises `SpecError`."""
    gather = Gather()
    value = _read(compose(text, source), source, path, gather)
    if gather.errors:
        raise gather.errors[0]
    return value


def _read(node: yaml.Node | None, source: str, path: str, gather: Gather) -> Value:
    return Value(Place(source), path, None) if node is None else _Reader(source, gather).value(node, path)


_SCALARS: dict[str, Callable[[str], Scalar]] = {
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": lambda text: int(text, 0),
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "str": str,
    "merge": str,
}


@dataclass(frozen=True, slots=True)
class _Reader:
    """Makes the tree of one file from PyYAML's nodes."""

    source: str
    gather: Gather

    def value(self, node: yaml.Node, path: str) -> Value:
        place = self.place(node)
        if isinstance(node, yaml.CollectionNode) and node.tag not in (TAG + "map", TAG + "seq"):
            raise place.error(f"tag {quoted(node.tag.replace(TAG, '!!'))} is not allowed")
        if isinstance(node, yaml.MappingNode):
            return Value(place, path, self.entries(node, path))
        if isinstance(node, yaml.SequenceNode):
            return Value(place, path, tuple(self.value(item, f"{path}[{n}]") for n, item in enumerate(node.value, 1)))
        scalar = cast("yaml.ScalarNode", node)
        content, written = _scalar(scalar, place), whole_characters(node.value, place)
        return Value(place, path, content, written, scalar.style == "|", _inset(scalar))

    def entries(self, node: yaml.MappingNode, path: str) -> dict[str, Entry]:
        own: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            place = self.place(key_node)
            if key_node.tag == TAG + "merge":
                merged = {**self.merged(value_node, path), **merged}
                continue
            key = key_node.value
            if not isinstance(key, str) or not key:
                self.gather.add([place.error("a key must be a word")])
                continue
            key = whole_characters(key, place)
            if key in own:
                first = own[key].place.line
                self.gather.add([place.error(f"key {quoted(key)} is given twice; first on line {first}")])
                continue
            own[key] = Entry(place, self.value(value_node, f"{path}.{key}" if path else key))
        return {**merged, **own}

    def merged(self, node: yaml.Node, path: str) -> dict[str, Entry]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Entry] = {}
        for one in sources:
            if not isinstance(one, yaml.MappingNode):
                raise self.place(one).error('"<<" takes a mapping or a list of mappings')
            merged = {**self.entries(one, path), **merged}
        return merged

    def place(self, node: yaml.Node) -> Place:
        return Place(self.source, node.start_mark.line + 1, node.start_mark.column + 1)


def _scalar(node: yaml.ScalarNode, place: Place) -> Scalar:
    tag = node.tag.replace(TAG, "!!")
    read = _SCALARS.get(node.tag.removeprefix(TAG))
    if read is None:
        raise place.error(f"tag {quoted(tag)} is not allowed")
    if read is str:
        return whole_characters(node.value, place)
    if len(node.value) > LONGEST_NUMBER:
        raise place.error(f"a number of {len(node.value)} characters; put it in quotes if it is text")
    try:
        return read(node.value)
    except (ValueError, KeyError):
        raise place.error(f"{quoted(node.value)} does not fit its tag {quoted(tag)}") from None


_HALF = re.compile("[\ud800-\udfff]")


def whole_characters(text: str, place: Place) -> str:
    """The text with characters that JSON writes as two halves put together. Raises `SpecError` for half a one."""
    if _HALF.search(text) is None:
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise place.error(f"{quoted(text)} holds half a character") from None


def _inset(node: yaml.ScalarNode) -> int | None:
    """`Value.inset` of a scalar."""
    start, end = node.start_mark, node.end_mark
    if node.style == "|":
        lines = (line for line in _lines_behind(start) if line.strip(" "))
        written = next((line for line in node.value.split("\n") if line.strip(" ")), "")
        return _margin(next(lines, "")) - _margin(written)
    quotes = 1 if node.style in ("'", '"') else 0
    lies = start.line == end.line and end.column - start.column == len(node.value) + 2 * quotes
    return quotes if lies else None


def _lines_behind(mark: yaml.Mark) -> Iterator[str]:
    """The lines of the text after the one with the mark."""
    text = mark.buffer or ""
    at = text.find("\n", mark.pointer) + 1
    while at:
        end = text.find("\n", at)
        yield text[at:end] if end >= 0 else text[at:].rstrip("\0")
        at = end + 1


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
