"""The compute processes on the GPUs: whose they are, what they run, and which attempt of ours they belong to."""

import os
import re
import time
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from backends.queue.processes import environment, user_name
from backends.remote.commands import Commands
from backends.remote.gputool import GPU_RETRY, Stream

PERIOD = 6.0
"""Seconds between two looks at least: processes come and go more slowly than readings change."""

OVERDUE = 2.5
"""So many periods after it was named last, a process is no more on a GPU."""

FIELDS = "gpu_uuid,pid,used_memory"

COMMAND = 160
"""Characters of a command line that are told."""

SECRET = re.compile(r"(?i)(?:^|[-_.])(?:api-?key|key|token|secret|password|passwd|pwd)(=|$)")
"""What names a secret in a command line: what follows it is not told."""

DEEP = 32
"""Parents at most that are looked at."""

Row = List[object]
"""GPU, pid, bytes of its memory, user, command, attempt directory, percent of a core, bytes of main memory."""


class Stat(NamedTuple):
    """A line of /proc."""

    start: int
    parent: int
    ticks: int
    pages: int


class Described(NamedTuple):
    """What does not change about a process while it lives."""

    start: int
    user: str
    command: str
    directory: str


class Describer(object):
    """Tells what is behind a pid. Of others' processes the system tells less."""

    def __init__(self, root: str, proc: str = "/proc") -> None:
        """`root`: the folder that our attempts are below."""
        self.root = root
        self.proc = proc
        self.known = {}  # type: Dict[int, Described]
        self.before = {}  # type: Dict[int, Tuple[float, int]]
        self.tick = float(os.sysconf("SC_CLK_TCK"))
        self.page = os.sysconf("SC_PAGE_SIZE")

    def rows(self, apps: Iterable[Tuple[str, int, Optional[int]]]) -> List[Row]:
        """All of these, in their order; `apps`: GPU, pid, bytes."""
        apps = list(apps)
        now, found = time.monotonic(), []  # type: Tuple[float, List[Row]]
        stats = {pid: self.stat(pid) for _, pid, _ in apps}
        for gpu, pid, used in apps:
            stat = stats[pid]
            if stat is None:
                found.append([gpu, pid, used, "", "", "", None, None])
                continue
            known = self.described(pid, stat)
            percent, resident = self.percent(pid, stat, now), stat.pages * self.page >> 20 << 20
            found.append([gpu, pid, used, known.user, known.command, known.directory, percent, resident])
        self.before = {pid: (now, stat.ticks) for pid, stat in stats.items() if stat is not None}
        self.known = {pid: known for pid, known in self.known.items() if pid in stats}
        return found

    def percent(self, pid: int, stat: Stat, now: float) -> Optional[float]:
        """Of a core, since the last look."""
        at, ticks = self.before.get(pid, (now, 0))
        return None if now <= at else float(round(100.0 * max(0, stat.ticks - ticks) / self.tick / (now - at)))

    def described(self, pid: int, stat: Stat) -> Described:
        """What does not change: asked once."""
        known = self.known.get(pid)
        if known is None or known.start != stat.start:
            known = Described(stat.start, self.user(pid), self.command(pid), self.directory(pid))
            self.known[pid] = known
        return known

    def stat(self, pid: int) -> Optional[Stat]:
        """Its line; None for one that has ended or is hidden from us."""
        try:
            with open("%s/%d/stat" % (self.proc, pid), "rb") as file:
                words = file.read().rpartition(b")")[2].split()
        except OSError:
            return None
        if len(words) < 22:
            return None
        return Stat(int(words[19]), int(words[1]), int(words[11]) + int(words[12]), int(words[21]))

    def user(self, pid: int) -> str:
        """Whose it is."""
        try:
            return user_name(os.stat("%s/%d" % (self.proc, pid)).st_uid)
        except OSError:
            return ""

    def command(self, pid: int) -> str:
        """Its command line without what looks like a secret; its name where there is none."""
        for name, end in (("cmdline", b"\0"), ("comm", b"\n")):
            try:
                with open("%s/%d/%s" % (self.proc, pid, name), "rb") as file:
                    text = file.read(8192)
            except OSError:
                continue
            if text.strip(b"\0\n "):
                return safe(text.decode("utf-8", "replace").rstrip("\0\n").split(end.decode("ascii")))[:COMMAND]
        return ""

    def directory(self, pid: int) -> str:
        """The attempt of ours that it belongs to: by its environment, that of a parent, or where it runs."""
        at = pid
        for _ in range(DEEP):
            found = variable(environment(at, self.proc), b"TRAINBOARD_ATTEMPT=")
            stat = self.stat(at)
            if found or stat is None or stat.parent <= 1:
                break
            at = stat.parent
        return found or self.by_place(pid)

    def by_place(self, pid: int) -> str:
        """The attempt directory that it runs in, by its name alone: <root>/<experiment>/<run>/<attempt>."""
        try:
            folder = os.readlink("%s/%d/cwd" % (self.proc, pid))
        except OSError:
            return ""
        root = os.path.join(self.root, "")
        parts = folder[len(root) :].split("/")[:3] if self.root and folder.startswith(root) else []
        return root + "/".join(parts) if len(parts) == 3 and not parts[0].startswith(".") else ""


def variable(words: List[bytes], mark: bytes) -> str:
    """A variable of an environment; empty where it has none."""
    return next((word[len(mark) :].decode("utf-8", "replace") for word in words if word.startswith(mark)), "")


def safe(words: List[str]) -> str:
    """A command line in one text; values of what is called key, token, secret or password are left out."""
    found, hide = [], False
    for word in words:
        mark = SECRET.search(word.partition("=")[0] + ("=" if "=" in word else "")) if len(word) < 80 else None
        found.append("***" if hide else word.partition("=")[0] + "=***" if mark and mark.group(1) else word)
        hide = bool(mark) and not mark.group(1) and word.startswith("-") if mark else False
    return " ".join(found)


class GpuApps(object):
    """Which processes are on the GPUs, by a second nvidia-smi that is kept running."""

    def __init__(self, tool: Optional[str], interval: float, commands: Commands, describer: Describer) -> None:
        self.tool = tool
        self.period = max(PERIOD, interval)
        self.describer = describer
        self.stream = Stream(commands, self.hear)
        self.seen = {}  # type: Dict[Tuple[str, int], Tuple[float, Optional[int]]]
        self.spoke = False
        """Since it was begun it has said something: before that, no process is no answer."""
        self.told = None  # type: Optional[List[Row]]
        self.at = 0.0

    def begin(self) -> None:
        """Start it."""
        assert self.tool is not None
        self.seen, self.spoke = {}, False
        argv = [self.tool, "--query-compute-apps=" + FIELDS, "--format=csv,nounits"]
        try:
            self.stream.begin(argv + ["-l", str(int(self.period))])
        except OSError:
            return  # the other nvidia-smi says why

    def hear(self, line: str) -> None:
        """Take one line."""
        words = [word.strip() for word in line.split(",")]
        if len(words) == 3 and words[1].isdigit():
            self.seen[words[0], int(words[1])] = (time.monotonic(), mebibytes(words[2]))
            self.spoke = True
        elif words[0] == "gpu_uuid" or line.lower().startswith("no running"):
            self.spoke = True

    def latest(self, well: bool) -> Optional[List[Row]]:
        """Those on the GPUs now; None: nobody knows. `well`: whether the GPUs answer."""
        now = time.monotonic()
        if self.tool is not None and self.stream.process is None and now - self.stream.begun > GPU_RETRY:
            self.begin()
        if not well or not self.spoke or self.stream.process is None:
            self.told = None
        elif self.told is None or now - self.at >= self.period:
            before = now - OVERDUE * self.period
            self.seen = {key: value for key, value in list(self.seen.items()) if value[0] >= before}
            apps = [(gpu, pid, used) for (gpu, pid), (_, used) in sorted(self.seen.items())]
            self.told, self.at = self.describer.rows(apps), now
        return self.told

    def close(self) -> None:
        """End it."""
        self.stream.close()


def mebibytes(text: str) -> Optional[int]:
    """Bytes; None for `[N/A]` and its like."""
    return int(text) << 20 if text.isdigit() else None
