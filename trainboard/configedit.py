"""A new backend in the text of a config file, all of which stays. Pure."""

from __future__ import annotations

from pathlib import Path

from specs import document, inplace, render
from specs.model import SpecError
from specs.tree import quoted
from trainboard.config import ConfigError, parse
from trainboard.paths import Paths

LOCAL = "{kind: local}"
"""What a file without backends stands for, under the name `local`."""


def with_backend(old: bytes, path: Path, name: str, kind: str, host: str) -> bytes:
    """The file's content with one more backend, the last.

    Raises `SpecError` where the old text is bad, and `ConfigError` where the backend is, or no place is found for it.
    """
    text = document.decode(old, str(path))
    paths = Paths(path, Path("/"), Path("/"), Path("/"))  # the same on both sides of the comparison
    before = parse(text, paths)
    if before.backend(name):
        raise ConfigError(f"{path}: there is a backend {quoted(name)} already")
    if name in before.pools:
        raise ConfigError(f"{path}: there is a pool {quoted(name)} already")
    entry = _entry(name, kind, host)
    by_hand = f"add it by hand: {render.key(name)}: {entry}"
    try:
        [added] = parse(f"backends:\n  {render.key(name)}: {entry}\n", paths).backends
    except SpecError as error:
        raise ConfigError(f"{path}: cannot add {quoted(name)}: {error.message}") from error
    try:
        new = _put(text, path, name, entry)
        after = parse(new, paths)
    except SpecError as error:
        raise ConfigError(f"{path}: found no place for a new backend; {by_hand}") from error
    *others, last = after.backends
    same = tuple(others) == before.backends and after.pools == before.pools
    if not same or (last.name, last.kind, last.host) != (name, kind, added.host):
        raise ConfigError(f"{path}: found no place for a new backend; {by_hand}")
    return new.encode()


def _put(text: str, path: Path, name: str, entry: str) -> str:
    """The text with the entry, and with this machine where that was all there was."""
    whole = document.parse_value(text, str(path))
    if whole.content is None or not whole.section().section("backends").entries:
        text = inplace.put(text, ("backends", "local"), LOCAL, str(path))
    return inplace.put(text, ("backends", name), entry, str(path))


def _entry(name: str, kind: str, host: str) -> str:
    """A backend as one line of YAML."""
    where = "" if host in ("", name) else f", host: {render.as_yaml(host)}"
    return f"{{kind: {render.as_yaml(kind)}{where}}}"
