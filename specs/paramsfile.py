"""A run's parameters as a file for its program: JSON, or YAML that means the same to readers of 1.1 and 1.2."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from specs.model import Scalar

FILES = {"params_file": "params.json", "params_file.json": "params.json", "params_file.yaml": "params.yaml"}
"""Placeholder of a command → name of the file in the attempt directory."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",\n ", ": "))
_UNPRINTABLE = re.compile(
    "[^\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)
_KEY = re.compile(r"(?!(?:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z_][A-Za-z0-9_-]*", re.ASCII | re.IGNORECASE)


def texts(names: Iterable[str], params: Mapping[str, Scalar]) -> dict[str, str]:
    """The text of `params.json`, of `params.yaml`, or of both: nested where names have dots. Raises as `nested`."""
    tree = nested(params)
    return {name: _json(tree) if name.endswith(".json") else _yaml(tree) for name in names}


def nested(params: Mapping[str, Scalar]) -> dict[str, Any]:
    """`{"optim.lr": 1}` → `{"optim": {"lr": 1}}`. Raises `ValueError` where `clash` is something."""
    tree: dict[str, Any] = {}
    for name, value in params.items():
        within, last = _place(tree, name) if "." in name else (tree, name)
        if last in within:
            raise ValueError(name)
        within[last] = value
    return tree


def _place(tree: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """The mapping that a dotted name belongs into, made where it is missing, and the name's last part."""
    *path, last = name.split(".")
    for part in path:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise ValueError(name)
    return tree, last


def clash(names: Collection[str]) -> tuple[str, str] | None:
    """Two names that cannot be in one nested file: a value, and something within it."""
    known = {*names}
    for name in names:
        for at, letter in enumerate(name):
            if letter == "." and name[:at] in known:
                return name[:at], name
    return None


def _json(tree: Mapping[str, Any]) -> str:
    """A value a line."""
    return _ENCODER.encode(tree) + "\n"


def _yaml(tree: Mapping[str, Any]) -> str:
    return "".join(_lines(tree, "")) or "{}\n"


def _lines(tree: Mapping[str, Any], margin: str) -> list[str]:
    lines: list[str] = []
    for key, value in tree.items():
        if isinstance(value, dict):
            lines.append(f"{margin}{_key(key)}:\n")
            lines += _lines(value, f"{margin}  ")
        else:
            lines.append(f"{margin}{_key(key)}: {_scalar(value)}\n")
    return lines


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """A name as a key: the same few in every run of a sweep."""
    return name if _KEY.fullmatch(name) else _quoted(name)


def _scalar(value: Scalar) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _float(value) if isinstance(value, float) else str(value)


def _float(value: float) -> str:
    """With a point and a sign in the exponent, without which YAML 1.1 takes it for text."""
    text = repr(value)
    if text in ("inf", "-inf", "nan"):
        return text.replace("inf", ".inf").replace("nan", ".nan")
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent if exponent[0] in '+-' else '+' + exponent}"


def _quoted(text: str) -> str:
    """In double quotes, everything that a reader may not take as it is escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + _UNPRINTABLE.sub(lambda match: f"\\U{ord(match[0]):08x}", escaped) + '"'
