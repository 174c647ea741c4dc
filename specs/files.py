"""Spec files on the disk: read whole, replaced whole, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from specs import document
from specs.composer import LARGEST
from specs.model import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Meanwhile(Exception):
    """The file is not what it was when it was read; nothing was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"{path}: changed by another program since it was read; nothing was written")


def read(path: Path) -> str:
    """The file's text, every character of it, line endings too. Blocks. Raises `SpecError`, one line."""
    text = document.read(path)
    if len(text) > LARGEST:  # and perhaps not all of it: to write it back would cut it
        raise SpecError(str(path), None, f"larger than {LARGEST // 1024} KiB; this is not meant for data")
    return text


def unchanged(path: Path, opened: str | None) -> bool:
    """Whether the file still holds the text that was read; None: whether there still is none. Blocks.

    Contents are compared, not times: a file that was only touched is unchanged, one that was written twice within a
    tick of the clock is not.
    """
    if opened is None:
        return not path.exists()
    try:
        return read(path) == opened
    except SpecError:
        return False


def save(path: Path, text: str, opened: str | None) -> None:
    """Put a text in the place of the `opened` one; None: of nothing. Blocks. Raises `Meanwhile` and `OSError`."""
    with _draft(path, text) as draft:
        if not unchanged(path, opened):  # as late as can be: what is left to do is one rename
            raise Meanwhile(path)
        draft.replace(path.resolve())


def write(path: Path, text: str) -> None:
    """The same over whatever is there now. Blocks. Raises `OSError`."""
    with _draft(path, text) as draft:
        draft.replace(path.resolve())


@contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """A file beside the one that a path leads to, on disk and with its mode; gone afterwards if it is still there."""
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o644)
        yield draft
    finally:
        draft.unlink(missing_ok=True)
