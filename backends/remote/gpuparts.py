"""What is asked of NVIDIA's GPUs seldom: the slices that they are cut into, and what the kernel said of them."""

import re
import time
from typing import Callable, Dict, List, Optional

from backends.remote.commands import Commands
from backends.remote.frames import Failure
from backends.remote.gputool import bus_of
from backends.remote.seldom import listen, told

EACH = 600.0
"""Seconds between two times."""

PATIENCE = 10.0
"""Seconds that a tool may take."""

XID = re.compile(r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F:.]+)\): *([0-9]+)")
"""`NVRM: Xid (PCI:0000:65:00): 79, …`; older drivers leave `PCI:` away."""

KERNEL = (["dmesg"], ["journalctl", "-k", "-b", "-q", "--no-pager", "-o", "cat"])
"""What tells the kernel's messages; a site may keep one of them, or both, from its users."""


class Slices(object):
    """The text of `nvidia-smi -L` of a host with GPUs that are cut up; empty where none is."""

    def __init__(self, tool: Optional[str], cut: Callable[[], List[str]], commands: Commands) -> None:
        """`cut` tells which GPUs are cut up."""
        self.tool = tool
        self.cut = cut
        self.commands = commands
        self.asked_for = []  # type: List[str]
        self.at = -EACH
        self.text = ""

    def look(self) -> str:
        """What is known; asked anew when a GPU is cut up or made whole, and now and then."""
        cut, now = self.cut(), time.monotonic()
        if self.tool is None or not cut:
            self.asked_for, self.text = [], ""
        elif cut != self.asked_for or now - self.at >= EACH:
            try:
                code, text = told([self.tool, "-L"], PATIENCE, self.commands)
                self.text = text if code == 0 else ""
            except Failure:
                self.text = ""  # the readings say what is wrong with nvidia-smi
            self.asked_for, self.at = cut, now
        return self.text


def xids(commands: Commands) -> Optional[Dict[str, int]]:
    """How many Xid messages there are of each GPU, by its place on the bus; None: we may not read them."""
    for argv in KERNEL:
        lines = [0]
        found = {}  # type: Dict[str, int]

        def hear(line: str, lines: List[int] = lines, found: Dict[str, int] = found) -> None:
            lines[0] += 1
            match = XID.search(line)
            if match is not None:
                found[bus_of(match.group(1))] = found.get(bus_of(match.group(1)), 0) + 1

        try:
            code = listen(argv, PATIENCE, commands, hear)
        except Failure:
            continue
        if code == 0 and lines[0]:
            return found
    return None
