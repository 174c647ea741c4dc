"""A new backend in the text of a config file, whose comments and order stay. Pure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from specs import document
from specs.model import SpecError
from specs.tree import quoted
from trainboard.config import ConfigError, parse
from trainboard.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from specs.tree import Section

LOCAL = "local: {kind: local}"
"""What a file without backends stands for."""
MOST_BRACES = 50
"""Closing braces of a `{…}` that are tried."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_WORDS = ("true", "false", "null")
"""What YAML would not read as text."""


def with_backend(old: bytes, path: Path, name: str, kind: str, host: str) -> bytes:
    """The file's content with one more backend, the last.

    Places are tried, and only a text is returned that reads back as the old config and the new backend. Raises
    `SpecError` where the old text is bad, and `ConfigError` where the backend is, or no place is found for it.
    """
    text = document.decode(old, str(path))
    paths = Paths(path, Path("/"), Path("/"), Path("/"))  # the same on both sides of the comparison
    before = parse(text, paths)
    if before.backend(name):
        raise ConfigError(f"{path}: there is a backend {quoted(name)} already")
    if name in before.pools:
        raise ConfigError(f"{path}: there is a pool {quoted(name)} already")
    entry = _entry(name, kind, host)
    try:
        [added] = parse(f"backends:\n  {entry}\n", paths).backends
    except SpecError as error:
        raise ConfigError(f"{path}: cannot add {quoted(name)}: {error.message}") from error
    whole = document.parse_value(text, str(path))
    for candidate in _candidates(text, None if whole.content is None else whole.section(), entry):
        try:
            after = parse(candidate, paths)
        except SpecError:
            continue  # no place for it; the next may be one
        *others, last = after.backends
        same = tuple(others) == before.backends and after.pools == before.pools
        if same and (last.name, last.kind, last.host) == (name, kind, added.host):
            return candidate.encode()
    raise ConfigError(f"{path}: found no place for a new backend; add it by hand: {entry}")


def _entry(name: str, kind: str, host: str) -> str:
    """A backend as one line of YAML."""
    where = "" if host in ("", name) else f", host: {_yaml(host)}"
    return f"{_yaml(name)}: {{kind: {_yaml(kind)}{where}}}"


def _yaml(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)


def _candidates(text: str, top: Section | None, entry: str) -> Iterator[str]:
    """Texts with the entry where it may belong, likely ones first; they need not be right, nor even YAML."""
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if "\r\n" in text else "\n"
    if top is None or "backends" not in top:
        yield _inserted(lines, len(lines), ["backends:", f"  {LOCAL}", f"  {entry}"], ending)
        return
    start = top.entries["backends"].place.line or 1
    first = next((each.place for each in top.section("backends").entries.values()), None)
    added = [entry] if first else [LOCAL, entry]
    indent = " " * (first.column - 1 if first and first.column else 2)
    later = [each.place.line - 1 for each in top.entries.values() if each.place.line and each.place.line > start]
    for end in _ends(lines, start, min(later, default=len(lines))):
        yield _inserted(lines, end, [indent + line for line in added], ending)
    offset = sum(map(len, lines[: start - 1]))
    for brace in [match.start() for match in re.finditer("}", text[offset:])][:MOST_BRACES]:
        before = text[: offset + brace].rstrip()
        comma = "" if before.endswith("{") else " " if before.endswith(",") else ", "
        yield before + comma + ", ".join(added) + text[len(before) :]


def _inserted(lines: Sequence[str], at: int, added: Sequence[str], ending: str) -> str:
    before = "".join(lines[:at])
    if before and not before.endswith("\n"):
        before += ending
    return before + "".join(line + ending for line in added) + "".join(lines[at:])


def _ends(lines: Sequence[str], start: int, next_key: int) -> Iterator[int]:
    """After how many lines a block may end: first, before the empty lines and comments that go with the next key."""
    end = next_key
    while end > start and lines[end - 1].strip()[:1] in ("", "#"):
        end -= 1
    yield end
    if end != next_key:
        yield next_key
