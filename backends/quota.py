"""What `quota -w -p` and `lfs quota -q` print → the room that is left. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backends.checks import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = 9
"""File system, then used, soft limit, hard limit and grace: of blocks (1 KiB), of files (quota(1), lfs-quota(1))."""

_FIGURE = re.compile(r"\[?(\d{1,15})\]?\*?")
"""`*`: over the limit; in brackets: a server that was counted did not answer."""


def parse_quota(whose: str, text: str, device: str) -> tuple[Space, ...]:
    """The quotas on one device; nothing where there is no limit. `lfs` names a folder and is asked for one only."""
    found = []
    for words in _records(text):
        if words[0] != device and whose == "user" and not _asked_for_one(text):
            continue
        figures = [_figure(word) for word in words[1:]]
        blocks, files = _left(*figures[0:3]), _left(*figures[4:7])
        if blocks is not None or files is not None:
            found.append(Space(f"{whose} quota", None if blocks is None else blocks * 1024, files))
    return tuple(found)


def _asked_for_one(text: str) -> bool:
    return not re.search(r"^Disk quotas for", text, re.MULTILINE)


def _records(text: str) -> Iterator[list[str]]:
    """Lines of figures; a long name stands on a line of its own."""
    name: list[str] = []
    for line in text.splitlines():
        words = name + line.split()
        name = words if len(words) == 1 else []
        if len(words) == COLUMNS and _FIGURE.fullmatch(words[1]):
            yield words


def _figure(word: str) -> int:
    match = _FIGURE.fullmatch(word)
    return int(match[1]) if match else 0


def _left(used: int, soft: int, hard: int) -> int | None:
    """What the hard limit leaves, or the soft one where it is the only one; 0 is no limit."""
    limit = hard or soft
    return max(0, limit - used) if limit else None
