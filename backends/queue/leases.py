"""Leases: the runs that run, and the locks on their GPUs. Taken behind the gate (`Folder.gate`)."""

import fcntl
import os
import time
from typing import List, Optional, Sequence, Tuple

from backends.queue.folder import Folder
from backends.queue.processes import boot_id
from backends.queue.records import Lease, lease_of, lease_record

LINGER = 10.0
"""Seconds for which a lease is known that was taken and is over: a picture of the GPUs may be from before it."""


def known(folder: Folder) -> Tuple[List[Lease], List[Lease]]:
    """Those that live, and those that are over and were taken a moment ago."""
    running, over = [], []  # type: List[Lease], List[Lease]
    boot, now = boot_id(), time.monotonic()
    for entry in folder.entries("lease", lease_of):
        lease = entry.record
        if entry.alive:
            running.append(lease)
        elif lease.boot == boot and 0 <= now - lease.at < LINGER:
            over.append(lease)
    return running, over


def clear(folder: Folder) -> None:
    """Take away what is left of one's own runs that are over."""
    lingering = {lease.token for lease in known(folder)[1]}
    for entry in folder.entries("lease", lease_of):
        if entry.token not in lingering:
            folder.clear("lease", entry)


class Taken(object):
    """What this process holds for one run: the lease and the locks of its GPUs."""

    def __init__(self, folder: Folder, token: str, descriptors: Sequence[int]) -> None:
        self.folder = folder
        self.token = token
        self.descriptors = list(descriptors)

    def pass_on(self) -> None:
        """Let what this process becomes, and all that it starts, hold it further."""
        for descriptor in self.descriptors:
            os.set_inheritable(descriptor, True)

    def give_back(self) -> None:
        """Hold it no longer: nothing was done with it."""
        self.folder.remove("lease." + self.token)
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


def take(folder: Folder, lease: Lease) -> Optional[Taken]:
    """Take what the lease names, all or nothing; None where a GPU's lock says that another has it after all.

    The lock is the judge: whatever went wrong before, no GPU is ever given to one run that another has for itself.
    """
    how = fcntl.LOCK_EX if lease.needs.gpu_memory is None else fcntl.LOCK_SH
    taken = Taken(folder, lease.token, [])
    try:
        for uuid in lease.gpus:
            descriptor = folder.lock("gpu." + uuid, how)
            if descriptor is None:
                taken.give_back()
                return None
            taken.descriptors.append(descriptor)
        taken.descriptors.append(folder.create("lease." + lease.token, lease_record(lease), replace=True))
    except OSError:
        taken.give_back()
        raise
    return taken
