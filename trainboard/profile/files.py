"""Files that say where time goes: which kind one is of, and those of sampled stacks."""

from __future__ import annotations

import gzip
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from trainboard.profile.stacks import parse_raw, parse_speedscope

if TYPE_CHECKING:
    from pathlib import Path

    from trainboard.profile.stacks import Profile

HEAD = 1 << 16
"""Bytes that it is told by."""

LARGEST = 256 << 20
"""Bytes of sampled stacks that are read."""

RAW_LINE = re.compile(r"(# .*\n|\s*\n)*[^\n]*\S \d+\s*(\n|$)")


class Kind(StrEnum):
    """What is in such a file."""

    RAW = "raw"
    """py-spy's raw format, which is that of folded stacks."""
    SPEEDSCOPE = "speedscope"
    TRACE = "trace"
    """Chrome's trace format, as the profilers of torch and JAX write it; gzipped too."""
    PSTATS = "pstats"
    """What cProfile saves."""
    UNKNOWN = "unknown"


def kind_of(path: Path) -> Kind:
    """By its beginning. Raises `OSError`."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as packed:
                head = packed.read(HEAD)
        except (EOFError, gzip.BadGzipFile):
            return Kind.UNKNOWN
    return kind_of_head(head)


def kind_of_head(head: bytes) -> Kind:
    """The same of bytes that are not packed."""
    if head[:1] in (b"{", b"\xfb") and b"\0" in head:  # a marshalled dictionary
        return Kind.PSTATS
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("{"):
        return Kind.SPEEDSCOPE if "speedscope" in text or '"shared"' in text else Kind.TRACE
    if re.match(r"\[\s*(\{|\]|$)", text):
        return Kind.TRACE
    return Kind.RAW if RAW_LINE.match(text) else Kind.UNKNOWN


def read_profile(path: Path, kind: Kind) -> Profile:
    """Sampled stacks of a file. Raises `OSError`, and `ValueError` for one that cannot be read."""
    size = path.stat().st_size
    if size > LARGEST:
        raise ValueError(f"{size >> 20} MB of stacks are too many: at most {LARGEST >> 20} MB are read")
    text = path.read_text("utf-8", "replace")
    return parse_speedscope(text) if kind is Kind.SPEEDSCOPE else parse_raw(text)
