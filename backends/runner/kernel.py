"""The kernel's log: whom it killed for want of memory."""

import errno
import os
import re
from typing import Dict, List, NamedTuple, Optional


class Victim(NamedTuple):
    """Whom the kernel killed for want of memory, as its log says; what an old kernel does not tell is None."""

    pid: int
    uid: Optional[int]
    cgroup: Optional[str]


def victims(text: str) -> List[Victim]:
    """Those named by lines of the kernel's log: `Killed process 7 (python) …` (all versions), `oom-kill:…` (4.20)."""
    found = {}  # type: Dict[int, Victim]
    for line in text.splitlines():
        told = re.search(r"oom-kill:.*,task_memcg=(.*),task=.*,pid=(\d+),uid=(\d+)", line)
        if told:
            found[int(told.group(2))] = Victim(int(told.group(2)), int(told.group(3)), told.group(1))
        killed = re.search(r"Killed process (\d+) \(", line)
        if killed and int(killed.group(1)) not in found:
            uid = re.search(r"\bUID[: ](\d+)", line)
            found[int(killed.group(1))] = Victim(int(killed.group(1)), int(uid.group(1)) if uid else None, None)
    return list(found.values())


class KernelLog(object):
    """What the kernel says from now on, where we may read it."""

    def __init__(self) -> None:
        self.file = -1
        try:
            self.file = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self.file, 0, os.SEEK_END)
        except OSError:
            return  # most hosts keep it to root

    def news(self) -> Optional[str]:
        """Its lines since the last look; None where we may not read it."""
        if self.file < 0:
            return None
        lines = []  # type: List[bytes]
        while True:
            try:
                lines.append(os.read(self.file, 8192))
            except BlockingIOError:
                return b"".join(lines).decode("utf-8", "replace")
            except OSError as error:
                if error.errno != errno.EPIPE:  # that one: lines were overwritten before we read them
                    return None
