"""Whether the queue has changed since it was listed, found out by a few system calls."""

import os
import time
from typing import Iterable, List

from backends.queue.folder import Folder, held
from backends.queue.records import Lease

MOMENT = 0.05
"""Seconds within which two changes of a folder may bear the same time."""


class Changes(object):
    """Notices without a listing that somebody came, left, or ended."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.time = 0
        self.unsure = False
        self.descriptors = []  # type: List[int]
        """Of the live leases: nobody tells when the system unlocks one."""

    def begin(self) -> None:
        """Before a listing."""
        self.time = modified(self.folder.path)
        self.unsure = abs(time.time() - self.time / 1e9) < MOMENT  # what comes now may bear the same time

    def end(self, running: Iterable[Lease]) -> None:
        """After it; whether these end is watched."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []
        for lease in running:
            opened = self.folder.open("lease." + lease.token)
            if opened is not None:
                self.descriptors.append(opened)

    def seen(self) -> bool:
        """Whether another listing may show something else."""
        if self.unsure or modified(self.folder.path) != self.time:
            return True
        return not all(held(descriptor) for descriptor in self.descriptors)


def modified(path: str) -> int:
    """When a file was written, or one in a folder came or went; 0: it is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
