"""The hosts that the user's OpenSSH client config names. How to reach them is the backend's business."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 16
"""Files that include files; OpenSSH's own limit."""
MOST_FILES = 100
LARGEST = 1 << 20
"""Bytes that are read of a file."""
MOST_HOSTS = 1000

HOST = re.compile(r"(?!-)[A-Za-z0-9_.@:%\[\]-]{1,255}")
"""What may be handed on as a host: an alias, a name, an address, `user@host:port`. Never an option."""

_LINE = re.compile(r"\s*([A-Za-z]+)(?:\s*=\s*|\s+)(.*)")
_WORD = re.compile(r'"([^"]*)"|(#.*)|(\S+)')


def ssh_hosts(config: Path | None = None, folder: Path | None = None) -> tuple[str, ...]:
    """The aliases in `Host` lines, in their order, without patterns; includes are followed.

    `config` stands in for `~/.ssh/config`, `folder` for `~/.ssh`, where relative includes begin. A file that cannot
    be read names no hosts: this is an offer, and whoever connects hears what is wrong.
    """
    folder = folder or Path("~/.ssh").expanduser()
    seen: dict[Path, None] = {}
    hosts = dict.fromkeys(_hosts(config or folder / "config", folder, seen, 0))
    return tuple(hosts)[:MOST_HOSTS]


def _hosts(config: Path, folder: Path, seen: dict[Path, None], depth: int) -> Iterator[str]:
    if config in seen or len(seen) >= MOST_FILES or depth > DEEPEST:
        return
    seen[config] = None
    for keyword, words in _lines(config):
        if keyword == "host":
            yield from (word for word in words if HOST.fullmatch(word))
        elif keyword == "include":
            for word in words:
                for path in _included(word, folder):
                    yield from _hosts(path, folder, seen, depth + 1)


def _lines(config: Path) -> Iterator[tuple[str, list[str]]]:
    """Keyword, in small letters, and arguments of every line."""
    try:
        if not config.is_file():
            return
        with config.open("rb") as file:
            text = file.read(LARGEST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return
    for line in text.splitlines():
        if match := _LINE.match(line):
            words = _WORD.finditer(match[2])
            yield match[1].lower(), [word[1] or word[3] for word in words if word[1] or word[3]]


def _included(pattern: str, folder: Path) -> list[Path]:
    """The files that an include means, in order."""
    try:
        path = folder / Path(pattern).expanduser()
        return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))[:MOST_FILES]
    except (OSError, ValueError, RuntimeError, NotImplementedError):
        return []
