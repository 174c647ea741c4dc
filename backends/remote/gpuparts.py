"""What is asked of NVIDIA's GPUs seldom: the slices that they are cut into, and what the kernel said of them."""

import re
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from backends.remote.commands import Commands
from backends.remote.frames import Failure
from backends.remote.gputool import bus_of
from backends.remote.seldom import listen, told

EACH = 600.0
"""Seconds between two times."""

FILLED_EACH = 60.0
"""Seconds between two times that the memory of slices is asked for: the long form takes seconds on a large host."""

PATIENCE = 20.0
"""Seconds that a tool may take."""

XID = re.compile(r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F:.]+)\): *([0-9]+)")
"""`NVRM: Xid (PCI:0000:65:00): 79, …`; older drivers leave `PCI:` away."""

CAP = 1 << 20
"""Bytes of the long form that are read: 8 GPUs with 7 slices each take a third of it."""

KERNEL = (["dmesg"], ["journalctl", "-k", "-b", "-q", "--no-pager", "-o", "cat"])
"""What tells the kernel's messages; a site may keep one of them, or both, from its users."""


class Slices(object):
    """The slices of GPUs that are cut up: `nvidia-smi -L` names them, its long form tells their memory."""

    def __init__(self, tool: Optional[str], cut: Callable[[], List[str]], commands: Commands) -> None:
        """`cut` tells which GPUs are cut up."""
        self.tool = tool
        self.cut = cut
        self.commands = commands
        self.asked_for = []  # type: List[str]
        self.at = self.filled_at = -EACH
        self.names = ""
        self.filled = Filled([], [])

    def look(self) -> Optional[Dict[str, object]]:
        """What is known, asked anew when a GPU is cut up or made whole, and now and then; None where none is."""
        cut, now = self.cut(), time.monotonic()
        if self.tool is None or not cut:
            self.asked_for = []
            return None
        if cut != self.asked_for or now - self.at >= EACH:
            self.names, self.asked_for, self.at = self.said([self.tool, "-L"]), cut, now
            self.filled_at = -EACH
        if now - self.filled_at >= FILLED_EACH:
            self.filled, self.filled_at = filled(self.said([self.tool, "-q", "-x"])), now
        return {"names": self.names, "memory": self.filled.memory, "places": self.filled.places}

    def said(self, argv: List[str]) -> str:
        """What it prints; nothing where it fails: the readings say what is wrong with nvidia-smi."""
        try:
            code, text = told(argv, PATIENCE, self.commands, CAP)
        except Failure:
            return ""
        return text if code == 0 else ""


class Filled(NamedTuple):
    """What is in the slices."""

    memory: List[List[object]]
    """GPU, number of the slice, MiB in all, MiB used."""
    places: List[List[object]]
    """GPU, number of the slice, process."""


def filled(text: str) -> Filled:
    """The same in what `nvidia-smi -q -x` prints; by patterns, as a reader of XML takes megabytes."""
    found = Filled([], [])
    for card in re.findall(r"<gpu id=.*?</gpu>", text, re.DOTALL):
        uuid = value(card, "uuid")
        numbers = {}  # type: Dict[Tuple[str, str], int]
        for part in re.findall(r"<mig_device>.*?</mig_device>", card, re.DOTALL):
            number = value(part, "index")
            if number.isdigit():
                numbers[value(part, "gpu_instance_id"), value(part, "compute_instance_id")] = int(number)
                memory = part.partition("<fb_memory_usage>")[2]
                found.memory.append([uuid, int(number), mebibytes(memory, "total"), mebibytes(memory, "used")])
        for process in re.findall(r"<process_info>.*?</process_info>", card, re.DOTALL):
            number_of = numbers.get((value(process, "gpu_instance_id"), value(process, "compute_instance_id")))
            if number_of is not None and value(process, "pid").isdigit():
                found.places.append([uuid, number_of, int(value(process, "pid"))])
    return found


def value(text: str, name: str) -> str:
    """What the first element of this name holds."""
    found = re.search(r"<%s>\s*([^<]*?)\s*</%s>" % (name, name), text)
    return found.group(1) if found else ""


def mebibytes(text: str, name: str) -> Optional[int]:
    """A figure in MiB; None for N/A."""
    words = value(text, name).split()
    return int(words[0]) if words and words[0].isdigit() else None


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
