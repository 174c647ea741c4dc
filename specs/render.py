"""Values as YAML text of one line, or as the lines of a block. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, cast

import yaml

from specs.composer import TAG

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from specs.model import Scalar

Step = str | int
"""On the way to a value: a key of a mapping, or the number of an item, from 1."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_/.+-]*(?: [A-Za-z0-9_/.+-]+)*", re.ASCII)
"""Text that needs no quotes wherever it stands, unless it reads as something else."""
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff]")
"""What JSON writes as it is and YAML forbids, or takes for the end of a line."""
_HEADER = re.compile(r"([|>])([0-9]*)[-+]?([0-9]*)")


def as_yaml(value: Scalar) -> str:
    """A value as YAML that reads back as the same, in quotes where it needs them."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value) if abs(value) < float("inf") else f"{value:+}".replace("+", "").replace("inf", ".inf")
        case int():
            return str(value)
    return value if _PLAIN.fullmatch(value) and _is_text(value) else double(value)


def double(text: str) -> str:
    """Text in double quotes."""
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def key(word: str) -> str:
    """A key as it is written before its colon."""
    return word if _KEY.fullmatch(word) and _is_text(word) else double(word)


def flow(node: yaml.Node) -> str:
    """A node on one line."""
    if isinstance(node, yaml.MappingNode):
        pairs = (f"{flow(name)}: {flow(value)}" for name, value in node.value)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(node, yaml.SequenceNode):
        return "[" + ", ".join(flow(item) for item in node.value) + "]"
    scalar = cast("yaml.ScalarNode", node)
    if scalar.tag != TAG + "str":
        return str(scalar.value) or "null"
    return as_yaml(str(scalar.value))


def ways(node: yaml.Node, written: str) -> Iterator[str]:
    """A value on one line: as it was written, where it was, and in the way that is right anywhere."""
    as_it_was = written[node.start_mark.index : node.end_mark.index].strip() if node.start_mark else ""
    if as_it_was and as_it_was.isprintable() and "#" not in as_it_was:
        yield as_it_was
    yield flow(node)
    if isinstance(node, yaml.ScalarNode) and node.tag == TAG + "str":
        yield double(node.value)


def nested(path: Sequence[Step], value: str) -> str:
    """A value on one line within the mappings and lists that lead to it."""
    if not path:
        return value
    step, *rest = path
    within = nested(rest, value)
    return f"[{within}]" if isinstance(step, int) else f"{{{key(step)}: {within}}}"


def pair(path: Sequence[Step], value: str) -> str:
    """The same without the braces around the first key."""
    return f"{key(str(path[0]))}: {nested(path[1:], value)}"


def lines(path: Sequence[Step], value: str, step: int) -> list[str]:
    """The same with a line for each key, and `step` columns more to each."""
    if len(path) < 2 or isinstance(path[1], int):
        return [pair(path, value)]
    return [f"{key(str(path[0]))}:", *(" " * step + line for line in lines(path[1:], value, step))]


def quoted_like(old: yaml.ScalarNode, new: yaml.ScalarNode) -> str:
    """Text in the old value's kind of quotes; empty where there were none, or it cannot be."""
    text = str(new.value)
    if new.tag == TAG + "str" and old.style == '"':
        return double(text)
    if new.tag == TAG + "str" and old.style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return ""


def block(old: str, new: str) -> Iterator[str]:
    """Block scalars with the new text in the old one's looks; what they say of the end of the text is made right."""
    header, ending, body = old.partition("\n")
    if header.endswith("\r"):
        header, ending = header[:-1], "\r\n"
    first = next((line for line in body.split("\n") if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip(" "))]
    if not indent or not new.strip():
        return
    ends = "" if new.endswith("\n") else "-"
    lines = [indent + line if line else "" for line in new.removesuffix("\n").split("\n")]
    for looks in (header, _HEADER.sub(rf"\1\2\3{ends}", header, count=1), _HEADER.sub(f"|{ends}", header, count=1)):
        yield ending.join([looks, *lines])


def _is_text(word: str) -> bool:
    return not re.fullmatch(r"null|true|false|\.inf|\.nan|[.\d]+(?:e\d+)?", word, re.IGNORECASE)
