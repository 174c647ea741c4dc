"""nvidia-smi, kept running: one process for the life of the connection instead of one for every reading."""

import os
import re
import shutil
import subprocess
import threading
import time
from typing import Callable, Dict, FrozenSet, List, NamedTuple, Optional

from backends.remote.commands import Commands, kill_group
from backends.remote.seldom import plain_environment

GPU_PATIENCE, GPU_RETRY = 15.0, 60.0
"""Seconds after which a silent nvidia-smi hangs (on top of three intervals); until one that ended is tried again."""

SILENT = "nvidia-smi does not answer"

FIELDS = (
    "index",
    "uuid",
    "name",
    "utilization.gpu",
    "memory.used",
    "memory.total",
    "temperature.gpu",
    "power.draw",
    "pci.bus_id",
    "power.limit",
    "ecc.errors.uncorrected.volatile.total",
    "mig.mode.current",
    "clocks_event_reasons.active",
)
"""What is asked for; the first eight every driver knows."""

OLDER = {"clocks_event_reasons.active": "clocks_throttle_reasons.active"}
"""What a field was called by drivers from before 535."""

UNKNOWN_FIELD = re.compile(r'Field "([^"]+)" is not a valid field to query')

LOST = re.compile(
    r"Unable to determine the device handle for GPU ?(?:\d+: )?([0-9a-fA-F]+:[0-9a-fA-F]+:[0-9a-fA-F.]+)"
)
"""It says so of a GPU that has fallen off the bus; newer ones go on with the others, older ones end."""

NO_DEVICES = "No devices were found"

DRIVER = "/proc/driver/nvidia/gpus"
"""A folder for each GPU that the driver has found, by its place on the bus, whether or not it still answers."""

GONE = "nvidia-smi shows it no more"

NEEDED = 8
"""So many fields, from the first, are asked for in any case."""

WORDS = 3
"""Lines at most of what is wrong."""


class Lost(NamedTuple):
    """A GPU that has been there and does not answer any more."""

    number: int
    uuid: str
    name: str
    reason: str


class Latest(NamedTuple):
    """What is known now: the newest line of each GPU, by `fields`; those that are lost; what is wrong."""

    lines: List[str]
    lost: List[Lost]
    error: str


class Stream(object):
    """A query of nvidia-smi that repeats itself; lines go to `hear` as they come."""

    def __init__(self, commands: Commands, hear: Callable[[str], None]) -> None:
        """`commands` holds what ends with the helper."""
        self.commands = commands
        self.hear = hear
        self.process = None  # type: Optional[subprocess.Popen[bytes]]
        self.begun = -GPU_RETRY
        self.ended = lambda: None  # type: Callable[[], None]

    def begin(self, argv: List[str]) -> None:
        """Start it. Raises OSError."""
        self.begun = time.monotonic()
        process = self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=plain_environment(),
            start_new_session=True,
        )
        self.commands.running.add(process)
        thread = threading.Thread(target=self.read, args=(process,))
        thread.daemon = True
        thread.start()

    def read(self, process: "subprocess.Popen[bytes]") -> None:
        """Take its lines to the end."""
        assert process.stdout is not None
        with process.stdout:
            for raw in iter(lambda: process.stdout.readline(1000), b""):  # type: ignore[union-attr]  # it has one
                line = raw.decode("utf-8", "replace").strip()
                if line:
                    self.hear(line)
        self.commands.running.discard(process)
        process.wait()
        self.process = None
        self.ended()

    def close(self) -> None:
        """End it."""
        process = self.process
        if process is not None:
            kill_group(process)


class GpuTool(object):
    """The GPUs. A field that the driver does not know is left out, a GPU that is lost does not cost the others."""

    def __init__(self, interval: float, commands: Commands, driver: str = DRIVER) -> None:
        self.tool = shutil.which("nvidia-smi")
        self.interval = interval
        self.driver = driver
        self.fields = list(FIELDS)
        self.stream = Stream(commands, self.hear)
        self.stream.ended = self.after
        self.starting = threading.Lock()
        self.rows = {}  # type: Dict[int, str]
        """The newest line of each GPU, by index; of one that is lost too."""
        self.heard = {}  # type: Dict[int, float]
        """When they came, since it was begun."""
        self.lost = {}  # type: Dict[str, Lost]
        """By place on the bus (`bus_of`), those that nvidia-smi cannot reach."""
        self.skipped = frozenset()  # type: FrozenSet[str]
        """Those that it was not asked for."""
        self.words = []  # type: List[str]
        """What else it said since it was begun."""
        self.spoke = 0.0
        self.nothing = False
        """It says that there is no GPU."""
        self.error = ""
        self.hung = False
        self.closed = False

    @property
    def none(self) -> bool:
        """Whether there is no such tool, or it says that there is no GPU."""
        return self.tool is None or (self.nothing and not self.rows)

    def begin(self) -> None:
        """Start it."""
        assert self.tool is not None
        self.words, self.heard, self.hung = [], {}, False
        self.skipped = frozenset(self.lost)
        argv = [self.tool, "--query-gpu=" + ",".join(self.fields), "--format=csv,noheader,nounits"]
        argv += ["-i", ",".join(self.others())] if self.skipped else []
        self.spoke = time.monotonic()
        try:
            self.stream.begin(argv + ["-l", str(max(1, int(self.interval)))])
        except OSError as error:
            self.error = "nvidia-smi does not start: %s" % error.strerror

    def hear(self, line: str) -> None:
        """Take one line."""
        self.spoke = time.monotonic()
        words = [word.strip() for word in line.split(",")]
        found = LOST.search(line)
        if words[0].isdigit():
            self.rows[int(words[0])] = line
            self.heard[int(words[0])] = self.spoke
            self.error, self.nothing = "", False
        elif NO_DEVICES in line:
            self.nothing = True
        elif found is not None:
            reason = line.rpartition(found.group(1))[2].strip(": ")
            self.lost[bus_of(found.group(1))] = self.identified(found.group(1), reason or "does not answer")
        elif len(self.words) < WORDS:
            self.words.append(line)

    def after(self) -> None:
        """It ended. With something else to ask it is begun again at once, else in a minute."""
        said = " ".join(self.words)
        unknown = UNKNOWN_FIELD.search(said)
        if unknown is not None and unknown.group(1) in self.fields[NEEDED:]:
            at = self.fields.index(unknown.group(1))
            self.fields[at : at + 1] = [OLDER[unknown.group(1)]] if unknown.group(1) in OLDER else []
        elif not (frozenset(self.lost) - self.skipped and self.others()):
            told = not said and (self.lost or self.nothing)
            self.error = SILENT if self.hung else "" if told else "nvidia-smi ended: %s" % (said or "without a word")
            self.heard = {}
            return
        with self.starting:
            if not self.closed:
                self.begin()

    def latest(self) -> Latest:
        """What is known now. One that ended or hangs is started anew in a minute."""
        now = time.monotonic()
        with self.starting:
            idle = self.tool is not None and self.stream.process is None and not self.closed
            if idle and now - self.stream.begun > GPU_RETRY:
                self.lost = {}
                self.begin()
        patience = GPU_PATIENCE + 3 * self.interval
        rows, heard = dict(self.rows), dict(self.heard)
        fresh = [index for index in sorted(rows) if now - heard.get(index, -patience) < patience]
        process = self.stream.process
        if process is not None and now - self.spoke > patience:
            self.hung, self.error = True, SILENT
            kill_group(process)
        return Latest([rows[index] for index in fresh], self.missing(rows, fresh, now - patience), self.error)

    def missing(self, rows: Dict[int, str], fresh: List[int], before: float) -> List[Lost]:
        """Those that are lost: they were there, and nvidia-smi shows the others only, or says so."""
        found = dict(self.lost)
        if self.nothing and not fresh:
            for name in installed(self.driver):
                found.setdefault(bus_of(name), self.identified(name, NO_DEVICES))
        for index, line in rows.items():
            bus = self.bus(line)
            if index in fresh:
                found.pop(bus, None)
            elif bus in found:
                found[bus] = self.row(index, line, found[bus].reason)
            elif (fresh and max(self.stream.begun, self.heard.get(index, 0.0)) < before) or self.nothing:
                found[bus or str(index)] = self.row(index, line, GONE)
        return sorted(found.values())

    def others(self) -> List[str]:
        """The places on the bus of the GPUs that are not lost."""
        buses = installed(self.driver) or [self.place(line) for line in self.rows.values()]
        return [bus for bus in buses if bus and bus_of(bus) not in self.lost]

    def identified(self, bus: str, reason: str) -> Lost:
        """One of which the driver still knows what it is."""
        for index, line in list(self.rows.items()):
            if self.bus(line) == bus_of(bus):
                return self.row(index, line, reason)
        names = installed(self.driver)
        mine = [name for name in names if bus_of(name) == bus_of(bus)]
        said = information(os.path.join(self.driver, mine[0], "information")) if mine else {}
        index = names.index(mine[0]) if mine else len(self.rows)
        return Lost(index, said.get("GPU UUID", bus_of(bus)), said.get("Model", ""), reason)

    def row(self, index: int, line: str, reason: str) -> Lost:
        """One of which there was a line."""
        words = [word.strip() for word in line.split(",")]
        return Lost(index, words[1], words[2], reason)

    def bus(self, line: str) -> str:
        """Where a GPU is on the bus, by its line."""
        return bus_of(self.place(line))

    def place(self, line: str) -> str:
        """The same as nvidia-smi writes it; empty where the driver does not tell it."""
        words = [word.strip() for word in line.split(",")]
        known = "pci.bus_id" in self.fields and len(words) == len(self.fields)
        return words[self.fields.index("pci.bus_id")] if known else ""

    def close(self) -> None:
        """End it."""
        with self.starting:
            self.closed = True
            self.stream.close()


def bus_of(text: str) -> str:
    """A place on the PCI bus, however many zeros it is written with: domain, bus, device."""
    found = re.match(r"(?:([0-9a-fA-F]+):)?([0-9a-fA-F]+):([0-9a-fA-F]+)", text)
    if found is None:
        return ""
    return "%04x:%02x:%02x" % tuple(int(part or "0", 16) for part in found.groups())


def installed(driver: str = DRIVER) -> List[str]:
    """The places on the bus of all GPUs that the driver has found, lost ones too."""
    try:
        return sorted(os.listdir(driver))
    except OSError:
        return []


def information(path: str) -> Dict[str, str]:
    """What the driver says of a GPU: `Model`, `GPU UUID`."""
    try:
        with open(path, errors="replace") as file:
            pairs = [line.partition(":") for line in file]
    except OSError:
        return {}
    return {name.strip(): rest.strip() for name, _, rest in pairs}
