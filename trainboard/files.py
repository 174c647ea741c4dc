"""Files of the user's own on this machine: private folders, and files that are replaced whole."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Disk:
    """The system calls that change files. Tests pass ones that fail, or that end the process, where they want it."""

    write: Callable[[int, bytes | memoryview], int] = os.write
    sync: Callable[[int], None] = os.fsync
    cut: Callable[[int, int], None] = os.ftruncate
    replace: Callable[[Path, Path], None] = os.replace


DISK = Disk()


class Unsure(OSError):
    """What was written may be there and may not be: the step after it failed, or taking it back did."""


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone (0700).

    One that is there already keeps its mode. Raises `OSError`.
    """
    if folder.is_dir():
        return
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def write_whole(path: Path, content: bytes, *, mode: int = 0o600, later_than: int = 0, disk: Disk = DISK) -> None:
    """Replace a file: a crash leaves the old one or the new one. On disk when this returns. Raises `OSError`.

    Its time of modification is later than `later_than`, in nanoseconds, even where the clock is coarse or went back.
    Two callers at once share the draft, `<name>.tmp`: hold a lock.
    """
    private_folder(path.parent)
    draft = path.with_name(f"{path.name}.tmp")
    write_draft(draft, (content,), mode=mode, later_than=later_than, disk=disk)
    install(draft, path, disk)


def write_draft(
    draft: Path, pieces: Iterable[bytes], *, mode: int = 0o600, later_than: int = 0, disk: Disk = DISK
) -> None:
    """Write a file that is to replace another, piece by piece. On disk when this returns, and gone where it fails.

    Raises `OSError`.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(draft, flags, 0o600)
        try:
            os.fchmod(descriptor, mode)
            for piece in pieces:
                write_all(descriptor, piece, disk)
            now = time.time_ns()
            os.utime(descriptor, ns=(now, max(now, later_than + 1)))
            disk.sync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def install(draft: Path, path: Path, disk: Disk = DISK) -> None:
    """Put a draft in the place of a file, lasting through a power cut.

    Raises `OSError`, and of those `Unsure`, where it is in place but may not last.
    """
    try:
        disk.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    try:
        _sync_folder(path.parent, disk)
    except OSError as error:
        raise Unsure(error.errno, error.strerror) from error


def write_all(descriptor: int, content: bytes, disk: Disk = DISK) -> None:
    """Write all of it; the system may take less than it is given. Raises `OSError`."""
    left = memoryview(content)
    while left:
        left = left[disk.write(descriptor, left) :]


def _sync_folder(folder: Path, disk: Disk) -> None:
    """Make a rename in this folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
