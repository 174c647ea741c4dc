"""What the queue of this host would do with more runs, by the rules of its waiters."""

from backends.queue import room as queue
from backends.remote.files import resolve
from backends.remote.folders import keep_policy
from backends.remote.frames import Header, Reply


def room(header: Header, payload: bytes) -> Reply:
    """How many runs of one size would start now, and what stands against more."""
    keep_policy(header["root"], header["policy"])
    return dict(queue.room(header["leases"], resolve(header["root"]), header["need"], header["policy"])), b""
