"""Who holds the GPUs of a host, for those who only look."""

from typing import List, Tuple

from backends.queue.folder import Folder
from backends.queue.leases import known
from backends.queue.policy import holder


class Holders(object):
    """The leases in a folder. It makes none: where no run ever waited there is none."""

    def __init__(self, path: str) -> None:
        self.folder = Folder(path)

    def look(self) -> List[Tuple[str, str]]:
        """Of each GPU that is held its UUID and by whom, in one order; nothing where nobody lets us look."""
        try:
            running = known(self.folder)[0]
        except OSError:
            return []  # `hosts --free` says what is wrong with it, and so does whatever waits there
        return sorted((uuid, holder(lease)) for lease in running for uuid in lease.gpus)
