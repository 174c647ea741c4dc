"""Text with `{parameters}` that is data and no shell: paths, patterns, values of environment variables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specs.scanner import PARAMETER
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from specs.model import Scalar

RUN = "run"
"""The placeholder of the run's name, where no parameter is called so."""

_PLACEHOLDER = re.compile(r"\{(" + PARAMETER.pattern + r")\}", re.ASCII)
_PART = re.compile(r"\{\{|\}\}|" + _PLACEHOLDER.pattern, re.ASCII)


def as_text(value: Scalar) -> str:
    """A value as the program gets it: `true` and `false`, null as empty text, numbers as Python writes them."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def placeholders(text: str) -> tuple[str, ...]:
    """The parameters that a text uses, `run` among them, in order."""
    return tuple(dict.fromkeys(match[1] for match in _PART.finditer(text) if match[1]))


def fill(text: str, values: Mapping[str, Scalar], write: Callable[[Scalar], str] = as_text) -> str:
    """The text with its placeholders filled; `{{` and `}}` around something are literal braces, all others stay."""
    opened = 0

    def part(match: re.Match[str]) -> str:
        nonlocal opened
        if match[1]:
            return write(values[match[1]])
        if match[0] == "{{" or opened:
            opened += 1 if match[0] == "{{" else -1
            return match[0][0]
        return match[0]

    return _PART.sub(part, text) if "{" in text else text


def unknown(text: str, known: Collection[str]) -> str:
    """What is wrong with a text's placeholders; empty where nothing is."""
    name = next((name for name in placeholders(text) if name not in known and name != RUN), None)
    return "" if name is None else f"unknown parameter {quoted(name)}{nearest(name, {*known, RUN})}"


def stray(text: str) -> str | None:
    """A brace that belongs to no placeholder and is not doubled; None where there is none."""
    match = re.search(r"[{}][^{}]*\}?", _PART.sub("", text))
    return None if match is None else match[0]
