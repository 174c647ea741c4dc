"""Files of the user's own on this machine: private folders, and files that are replaced whole."""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone (0700).

    One that is there already keeps its mode. Raises `OSError`.
    """
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def write_whole(path: Path, content: bytes, *, mode: int = 0o600, later_than: int = 0) -> None:
    """Replace a file: a crash leaves the old one or the new one. On disk when this returns. Raises `OSError`.

    Its time of modification is later than `later_than`, in nanoseconds, even where the clock is coarse or went back.
    Two callers at once share the draft, `<name>.tmp`: hold a lock.
    """
    private_folder(path.parent)
    draft = path.with_name(f"{path.name}.tmp")
    try:
        _write_draft(draft, content, mode, later_than)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_draft(draft: Path, content: bytes, mode: int, later_than: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        now = time.time_ns()
        os.utime(file.fileno(), ns=(now, max(now, later_than + 1)))
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename in this folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
