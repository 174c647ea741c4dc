"""AMD's GPUs, by `rocm-smi` or `amd-smi`: what they print goes to the other side as it is."""

import os
import shutil
import time
from typing import Any, Dict, List, Optional, Tuple

from backends.remote.commands import Commands
from backends.remote.frames import Failure
from backends.remote.seldom import told

PERIOD = 15.0
"""Seconds between two times: these tools cost a second of CPU each time."""

PATIENCE = 20.0
"""Seconds that such a tool may take."""

ROCM = ["--showproductname", "--showuniqueid", "--showbus", "--showuse", "--showmeminfo", "vram"] + [
    "--showtemp",
    "--showpower",
    "--showmaxpower",
    "--json",
]

KFD = "/sys/class/kfd/kfd/proc"
"""The driver's folder for each process that has its device open."""


class Amd(object):
    """The tools that there are, and what they say."""

    def __init__(self, commands: Commands, kfd: str = KFD) -> None:
        self.commands = commands
        self.kfd = kfd
        self.said = None  # type: Optional[Dict[str, Any]]
        self.at = 0.0
        self.rocm, self.amd = shutil.which("rocm-smi"), shutil.which("amd-smi")

    @property
    def there(self) -> bool:
        """Whether there is a tool to ask."""
        return bool(self.rocm or self.amd)

    def look(self, wanted: bool) -> Optional[Dict[str, Any]]:
        """What is known, asked anew now and then; None where it is not wanted."""
        if not wanted:
            self.said = None
        elif self.said is None or time.monotonic() - self.at >= PERIOD:
            self.said, self.at = self.ask(), time.monotonic()
        return self.said

    def ask(self) -> Dict[str, Any]:
        """`texts` by tool; `trouble` where they fail; `apps`: process, GPU by the driver's number, bytes."""
        asked = [("rocm", [self.rocm] + ROCM)] if self.rocm else []  # type: List[Tuple[str, List[Any]]]
        if not self.rocm:
            asked = [("static", [self.amd, "static", "--asic", "--json"]), ("metric", [self.amd, "metric", "--json"])]
        texts = {}  # type: Dict[str, str]
        try:
            for name, argv in asked:
                texts[name] = told(argv, PATIENCE, self.commands)[1]
        except Failure as failure:
            return {"texts": {}, "trouble": str(failure), "apps": []}
        return {"texts": texts, "trouble": "", "apps": processes(self.kfd)}


def processes(kfd: str) -> List[Tuple[str, int, Optional[int]]]:
    """GPU by the driver's number for it, process, bytes of its memory, of all that have some."""
    found = []  # type: List[Tuple[str, int, Optional[int]]]
    for name in sorted(os.listdir(kfd)) if os.path.isdir(kfd) else []:
        if not name.isdigit():
            continue
        for each in names_in(os.path.join(kfd, name)):
            used = number_in(os.path.join(kfd, name, each)) if each.startswith("vram_") else 0
            if used:
                found.append((each[len("vram_") :], int(name), used))
    return found


def names_in(folder: str) -> List[str]:
    """What is in a folder; nothing where it is gone."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def number_in(path: str) -> int:
    """The number in a file; 0 where there is none."""
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
