"""The formats: functions from a line's shape to the names of its numbers."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, NamedTuple

from trainboard.extract.names import Kind, kind, speaks_of_training
from trainboard.extract.shape import SLOT_CAP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trainboard.extract.shape import Shape


class Named(NamedTuple):
    """A number with the name that the line gives it."""

    slot: int
    name: str


# What stands between a name and its value: `name=1`, `"name": 1`, `name: tensor(1)`, `name = '1'`.
_SEPARATOR = re.compile(rb"[\"']?(\s*)(?:=|:)\s*(?:[\w.]+\(|[\"'])?$")
_BORDER = re.compile(rb"[,;|\t\[\]{}<>\"'=:]+|\s{2,}|\s[-*~]+\s|\xe2\x80\xa2|\s--+")
_WORD = re.compile(rb"[A-Za-z_][\w./@%+*&-]*(?:\([\w./@%+ -]*\))?")
_LEVEL = re.compile(rb"(?:DEBUG|INFO|WARN|WARNING|ERROR|NOTICE|[IWE]\d*)$")
_SECTION = re.compile(
    rb"(?i)(?<![\w/])(val|valid|validation|test|eval|evaluation|dev)(?:\s+(?:set|results?))?\s*[\]:|)>]"
)
VERBS = frozenset((b"of", b"is", b"was"))


def records(shape: Shape) -> Iterator[Named]:
    """JSON objects and Python dictionaries, anywhere in the line; one level of nesting becomes `outer.inner`."""
    if not any(b"{" in text for text in shape.texts):
        return
    # Each number is replaced by its slot, so the parsed value says which number it was.
    line = b"".join(text + (b"%d" % slot if slot in shape.slots else b"") for slot, text in enumerate(shape.texts))
    record = _parse(line[line.index(b"{") : line.rfind(b"}") + 1])
    if not isinstance(record, dict):
        return
    for name, value in _leaves(record):
        if str(value).isdecimal() and int(value) in shape.slots:
            yield Named(int(value), name)
    # What else is in it (lists, deeper levels, parts of strings) has no name for anybody.
    first = next(slot for slot, text in enumerate(shape.texts) if b"{" in text)
    last = max(slot for slot, text in enumerate(shape.texts) if b"}" in text)
    yield from (Named(slot, "") for slot in range(first, last))


def pairs(shape: Shape) -> Iterator[Named]:
    """`key=value` and `key: value`."""
    part = ""
    for slot in shape.slots[:SLOT_CAP]:
        text = shape.before(slot)
        part = section(text) or part
        separator = _SEPARATOR.search(text)
        if separator is None or not shape.ends(slot):
            continue
        words = _cell(text[: separator.start()])
        glued_equals = text[separator.start() :].startswith(b"=")
        name = _spoken(words[-1:] if glued_equals else words)
        if name:
            yield Named(slot, _qualified(part, name))


def cells(shape: Shape) -> Iterator[Named]:
    """`key value` with nothing between, where the key is a measurement's or the pair fills a cell, `| ups 2 |`."""
    part = ""
    for slot in shape.slots[:SLOT_CAP]:
        text = shape.before(slot)
        part = section(text) or part
        if not text.endswith((b" ", b"\t")) or not shape.ends(slot):
            continue
        words = _cell(text.rstrip())
        if len(words) > 1 and words[-1] in VERBS:
            words = words[:-1]
        if words == [b"return"]:  # source code in a log
            continue
        name = _spoken(words) or _spoken(words[-1:])
        alone = len(words) == 1 and (speaks_of_training(name) or _walled(shape, slot))
        if name and (alone or kind(name) is Kind.MEASURE):
            yield Named(slot, _qualified(part, name))


PARSERS: tuple[Callable[[Shape], Iterator[Named]], ...] = (records, pairs, cells)
"""All formats. Where two name the same number, the earlier is right."""


def _parse(text: bytes) -> object:
    source = re.sub(rb"(?:tensor|array|(?:np|numpy)\.\w+)\(\s*(\d+)[^()]*\)", rb"\1", text).decode("utf-8", "replace")
    for read in (json.loads, ast.literal_eval):
        try:
            return read(source)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def _leaves(record: dict[object, object]) -> Iterator[tuple[str, int | str]]:
    for key, value in record.items():
        if isinstance(value, dict):
            inner = ((name, leaf) for name, leaf in value.items() if _is_leaf(leaf))
            yield from ((f"{key}.{name}", leaf) for name, leaf in inner)
        elif _is_leaf(value):
            yield str(key), value  # type: ignore[misc]  # _is_leaf has looked


def _is_leaf(value: object) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def section(text: bytes) -> str:
    """The evaluation that a text announces (`val:`, `[test]`), as printed; empty where it announces none."""
    found = _SECTION.findall(text)
    return found[-1].decode() if found else ""


def _qualified(part: str, name: str) -> str:
    """`val: loss=1` is not the training's loss: the section goes into the name."""
    if not part or part.lower()[:3] in name.lower():
        return name
    return f"{part} {name}" if " " in name else f"{part}_{name}"


def _cell(text: bytes) -> list[bytes]:
    """The words before a separator, back to the last border."""
    words = _BORDER.split(text)[-1].lstrip(b"() -*#>").split()
    while len(words) > 1 and (_LEVEL.match(words[0]) or words[0].endswith(b".py")):
        del words[0]
    return words


def _spoken(words: list[bytes]) -> str:
    """The words as a name; empty where they are none. Names of several words must speak of measurements."""
    if not 0 < len(words) <= 3 or not all(_WORD.fullmatch(word) for word in words):
        return ""
    name = b" ".join(words).decode()
    return name if len(words) == 1 or speaks_of_training(name) else ""


def _walled(shape: Shape, slot: int) -> bool:
    """Whether the pair has a border before and after it."""
    before = slot == 0 or re.match(rb"[^\s\w]*\s*[|,;\t]|\s{2,}", shape.before(slot)) is not None
    return before and re.match(rb"[\w%/]*(?:\s*[|,;\t]|\s{2,}|\s*$)", shape.after(slot)) is not None
