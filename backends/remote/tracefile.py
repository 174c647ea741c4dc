"""A program of its own: what a trace or a profile that a training wrote says, as one short answer.

Argument: the path. It runs where the file lies, in a process with limits: a trace may have gigabytes, and what
`marshal` reads may be made to crash. Times are microseconds.
"""

import json
import marshal
import os
import resource
import sys
import zlib
from typing import Any, Dict, Tuple

from backends.remote.trace import TOLD, Trace
from backends.remote.tracestream import Stream, Text

MEMORY = 2 << 30
"""Bytes of address space that it may have."""

PSTATS = 64 << 20
"""Bytes of a file of cProfile."""


def main() -> int:
    """Print the answer as JSON; words on standard error where there is none."""
    os.nice(10)
    if sys.platform.startswith("linux"):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        print(json.dumps(answer(sys.argv[-1])))
    except (ValueError, OSError, EOFError, TypeError, MemoryError, zlib.error) as error:
        sys.stderr.write(str(error) or type(error).__name__)
        return 1
    return 0


def answer(path: str) -> Dict[str, Any]:
    """By what is in the file. Raises what reading it raises, and ValueError for a file of another kind."""
    with open(path, "rb") as file:
        head = file.read(4096)
    if head[:2] != b"\x1f\x8b" and head[:1] in (b"{", b"\xfb") and b"\0" in head:
        return pstats(path)
    return trace(path, head[:2] == b"\x1f\x8b")


def pstats(path: str) -> Dict[str, Any]:
    """What cProfile saved."""
    size = os.path.getsize(path)
    if size > PSTATS:
        raise ValueError("%d MB are too many for a file of cProfile" % (size >> 20))
    with open(path, "rb") as file:
        found = marshal.loads(file.read())
    if not isinstance(found, dict):
        raise ValueError("no file of cProfile")
    rows = []
    for key, value in found.items():
        times = value[:4] if isinstance(value, tuple) else None
        if not (is_tuple(key, (str, int, str)) and is_tuple(times, (int, int, float, float))):
            raise ValueError("no file of cProfile")
        (file_name, line, function), (_, calls, own, total) = key, value[:4]
        rows.append([function, file_name, line, calls, total * 1e6, own * 1e6])
    rows.sort(key=lambda row: -row[5])
    names = ("name", "file", "line", "count", "total", "self")
    told = [dict(zip(names, row)) for row in rows[:TOLD]]  # noqa: B905  # Python 3.6 has no `strict`
    return {
        "kind": "pstats",
        "span": sum(row[5] for row in rows),
        "operations": told,
        "more": max(0, len(rows) - TOLD),
    }


def is_tuple(value: object, kinds: Tuple[type, ...]) -> bool:
    """Whether it has exactly such members; a whole number is a fraction, too."""
    return (
        isinstance(value, tuple)
        and len(value) == len(kinds)
        and all(isinstance(each, (int, float) if kind is float else kind) for each, kind in zip(value, kinds))  # noqa: B905  # as below
    )


def trace(path: str, packed: bool) -> Dict[str, Any]:
    """What a trace says."""
    found = Trace()
    with open(path, "rb") as file:
        stream = Stream(Text(file, packed).read)
        for event in stream.events():
            found.take(event)
    return found.answer(stream.damage)
