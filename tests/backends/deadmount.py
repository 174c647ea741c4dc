"""A file system that does not answer: mounted for real, with nobody behind it. For root on Linux only."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DETACH, FORCE = 2, 1
"""Flags of umount2(2)."""


class DeadMount:
    """Whoever looks into `folder` waits, until it is taken away. Raises `OSError` where it may not be mounted."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0"
        if self._libc.mount(b"dead", bytes(folder), b"fuse", 0, options.encode()) != 0:
            os.close(self._device)
            raise OSError(ctypes.get_errno(), "cannot be mounted", str(folder))

    def close(self) -> None:
        """Take it away: those who wait are told that it is gone."""
        os.close(self._device)
        self._libc.umount2(bytes(self.folder), DETACH | FORCE)
