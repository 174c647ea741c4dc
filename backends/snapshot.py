"""A project by content: the list of its files, which is one text with one digest, and where what is in them lies."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

from backends.base import CodeFile, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def snapshot_of(files: Iterable[CodeFile], blobs: Path) -> Snapshot:
    """The snapshot of these files, in whatever order they come."""
    ordered = tuple(sorted(files, key=lambda file: os.fsencode(file.path)))
    return Snapshot(hashlib.sha256(manifest(ordered)).hexdigest(), ordered, blobs)


def manifest(files: Iterable[CodeFile]) -> bytes:
    """The list as it is kept, sent and digested: JSON, `[[path, "f" | "x" | "l", size, digest or target], ...]`.

    A file is `f`, an executable one `x`, a link `l`.
    """
    rows = [[file.path, kind(file), file.size, file.target or file.digest] for file in files]
    return json.dumps(rows, separators=(",", ":")).encode()


def kind(file: CodeFile) -> str:
    """Its letter in the list."""
    if file.target:
        return "l"
    return "x" if file.executable else "f"


def files_of(text: bytes) -> tuple[CodeFile, ...]:
    """The list, read. Raises `ValueError` where it is none."""
    try:
        return tuple(
            CodeFile(path, "", 0, target=what) if kind == "l" else CodeFile(path, what, size, kind == "x")
            for path, kind, size, what in json.loads(text)
        )
    except TypeError as error:
        raise ValueError(f"no list of files: {error}") from error


def blob(blobs: Path, digest: str) -> Path:
    """Where what is in a file lies, in a folder of blobs."""
    return blobs / digest[:2] / digest
