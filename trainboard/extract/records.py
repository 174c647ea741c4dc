"""JSON objects and Python dictionaries in a line."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainboard.extract.shape import Shape

_WRAPPED = re.compile(
    rb"(?:[Tt]ensor|[A-Za-z]{0,12}[Aa]rray|(?:[a-z]\w{0,20}\.){1,3}\w+)\(\s*\[?(\d+)\]?(?:,[^()]*(?:\(\)[^()]*)?)?\)"
)
_LED = re.compile(rb"([A-Za-z_][\w./-]{1,60})\s*[:=]\s*$")
_TOLD = re.compile(
    r"(?i)(?:\w+_)?(?:config|cfg|configuration|h?params|(?:hyper_?)?parameters|args|arguments|settings|options)"
)
_NAME_KEYS = ("key", "name", "metric", "tag")
"""Where a record has one of these and a `value`, that is one metric: its name, and its value."""


def records(shape: Shape) -> Iterator[tuple[int, str]]:
    """The numbers of a record, anywhere in the line; one level of nesting becomes `outer.inner`."""
    if not any(b"{" in text for text in shape.texts):
        return
    # Each number is replaced by its slot, so the parsed value says which number it was.
    line = b"".join(text + (b"%d" % slot if slot in shape.slots else b"") for slot, text in enumerate(shape.texts))
    start = line.index(b"{")
    record = _parse(line[start : line.rfind(b"}") + 1])
    if not isinstance(record, dict):
        return
    led = _LED.search(line[max(0, start - 80) : start])
    lead = led[1].decode("utf-8", "replace") if led else ""
    for name, value in _leaves(record, lead):
        if str(value).isdecimal() and int(value) in shape.slots:
            yield int(value), name
    # What else is in it (lists, deeper levels, parts of strings) has no name for anybody.
    first = next(slot for slot, text in enumerate(shape.texts) if b"{" in text)
    last = max((slot for slot, text in enumerate(shape.texts) if b"}" in text), default=first)
    yield from ((slot, "") for slot in range(first, last))


def _parse(text: bytes) -> object:
    source = _WRAPPED.sub(rb"\1", text).decode("utf-8", "replace")
    for read in (json.loads, ast.literal_eval):
        try:
            return read(source)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def _leaves(record: dict[object, object], lead: str) -> Iterator[tuple[str, int | str]]:
    told = next((str(record[key]) for key in _NAME_KEYS if isinstance(record.get(key), str)), "") or lead
    for key, value in record.items():
        if _TOLD.fullmatch(str(key)) and isinstance(value, dict):
            continue  # what the run was told stands beside what it measured
        if isinstance(value, dict):
            outer = "" if key == "value" and told else f"{key}."
            yield from ((f"{outer}{name}", leaf) for name, leaf in value.items() if _is_leaf(leaf))
        elif _is_leaf(value):
            yield (told if key == "value" and told else str(key)), value  # type: ignore[misc]  # _is_leaf has looked


def _is_leaf(value: object) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)
