"""When each backend answered last, to whichever process: how old the states on record are."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from trainboard.files import private_folder

if TYPE_CHECKING:
    from pathlib import Path


def note(folder: Path, backend: str, at: float) -> None:
    """A backend has answered, and what it said is on record in this state folder."""
    path = folder / "polled" / backend
    with contextlib.suppress(OSError):  # the disk is full: states are told to be older than they are
        if not path.exists():
            private_folder(path.parent)
            path.touch(mode=0o600)
        os.utime(path, (at, at))


def newest(folder: Path, backend: str) -> float | None:
    """When that was, seconds since the epoch; None: never, as far as is known."""
    try:
        return (folder / "polled" / backend).stat().st_mtime
    except OSError:
        return None
