"""What an attempt uses. The most of disk and GPU memory is kept in state/peaks, the course of it all in usage.jsonl.

A line of usage.jsonl is a JSON record: `time` (seconds since the epoch), `seconds` (since the runner began), what
`readings` tells, and of each GPU what nvidia-smi does in `gpus`. Its lines get rarer as it grows.
"""

import json
import os
import shutil
import time
from typing import Any, Dict, List, Optional, Tuple

from backends.queue import gpus
from backends.runner import quotas, readings
from backends.runner.checkpoints import Checkpoints
from backends.runner.files import read_text, write_whole
from backends.runner.forks import fork_apart
from backends.runner.saved import Saved
from backends.runner.tree import Tree

OFTEN, SELDOM = 10.0, 60.0
"""Seconds between two looks at GPUs, and at the disk."""

SAMPLES = 30.0
"""Seconds between two lines of usage.jsonl; in the first minutes, `EARLY`, there is one at each look."""

EARLY = 600.0

QUOTAS = 600.0
"""Seconds between two questions for quotas."""

GROWN, ROOM = 1 << 19, 16 << 20
"""Bytes of usage.jsonl with which the pause between its lines doubles, triples, …; and that it may have."""

IDLE = 30.0
"""The pause is at least so many times as long as a look took: a slow file system is not kept busy by us."""

LAST = 5.0
"""Seconds that the last look may take."""

PATIENCE = 10.0
"""Seconds that nvidia-smi may take."""

NO_GPUS = ("", "-1", "NoDevFiles")
"""What CUDA_VISIBLE_DEVICES says where there are none."""


class Usage(object):
    """Looks now and then, in another process: a hung tool or file system holds up nobody."""

    def __init__(self, directory: str, tree: Tree, checkpoints: Checkpoints, cgroup: str = "") -> None:
        """`cgroup`: the attempt's own, where memory is counted; empty: it has none."""
        self.directory = directory
        self.tree = tree
        self.checkpoints = checkpoints
        self.tool = shutil.which("nvidia-smi") if has_gpus() else None
        self.pid = 0
        """The process that looks, while there is one."""
        self.born = self.begun = self.disk_at = self.sample_at = time.monotonic()
        self.due = self.begun + OFTEN
        self.cgroup = cgroup

    def path(self) -> str:
        """Where the most so far is."""
        return os.path.join(self.directory, "state", "peaks")

    def look(self) -> None:
        """Begin a look, if it is time."""
        now = time.monotonic()
        disk = now >= self.disk_at + SELDOM
        sample = now >= self.sample_at + self.pause(now)
        if self.pid or now < self.due or not (disk or sample or self.tool):
            return
        self.begin(disk, self.tool, sample)

    def pause(self, now: float) -> float:
        """Seconds between two lines of usage.jsonl."""
        size = file_size(self.lines())
        usual = OFTEN if now < self.born + EARLY else SAMPLES
        return usual * (1 + size // GROWN) if size < ROOM else float("inf")

    def lines(self) -> str:
        """Where the course of it all is."""
        return os.path.join(self.directory, "usage.jsonl")

    def begin(self, disk: bool, tool: Optional[str], sample: bool = False) -> None:
        """Have another process look."""
        self.begun = time.monotonic()
        if disk:
            self.disk_at = self.begun
        if sample:
            self.sample_at = self.begun
        try:
            self.pid = fork_apart(lambda: self.work(disk, tool, sample))
        except OSError:
            self.done()  # no process to be had now; a later beat tries again

    def done(self) -> None:
        """That process has ended."""
        self.pid = 0
        now = time.monotonic()
        self.due = now + max(OFTEN, IDLE * (now - self.begun))

    def work(self, disk: bool, tool: Optional[str], sample: bool = False) -> None:
        """What that process does."""
        os.closerange(3, 1024)  # no lease and no pipe may depend on it
        if sample:
            self.sample(tool)
        if not disk and tool is None:
            return
        most = self.peaks()
        if tool is not None:
            most = larger(most, "gpu_memory", gpu_memory(tool, self.tree))
        try:
            if disk:
                saved = self.checkpoints.found() if self.checkpoints.pattern else []
                most = larger(most, "disk", self.disk(saved))
                self.checkpoints.remember_saved(saved)
            write_whole(self.path(), json.dumps(most))
        except OSError:
            return  # a full disk, or no directory any more: others tell it

    def sample(self, tool: Optional[str]) -> None:
        """Add a line to usage.jsonl."""
        memory = os.path.join(self.directory, "state", "usage")
        try:
            before = json.loads(read_text(memory) or "{}")
        except ValueError:
            before = {}
        if not before:
            before = {"now": self.born}  # what its processes have used so far is of the time since
        now = time.monotonic()
        said, known = readings.reading(self.tree.pids(), before, now, self.cgroup, self.folders())
        asked = before.get("quota_at", -QUOTAS)
        due = now - asked >= QUOTAS
        known["quota"] = quotas.left(self.folders()[-1]) if due else before.get("quota", {})
        known["quota_at"] = now if due else asked
        cards, known["fields"] = gpu_cards(tool, before.get("fields", 0)) if tool is not None else ([], 0)
        record = dict({"time": round(time.time(), 1), "seconds": round(now - self.born, 1)}, **said)
        record.update(known["quota"])
        try:
            append(self.lines(), json.dumps(dict(record, gpus=cards) if cards else record))
            write_whole(memory, json.dumps(known))
        except OSError:
            return  # a full disk, or no directory any more: others tell it

    def folders(self) -> List[str]:
        """Where the attempt writes."""
        elsewhere = self.checkpoints.places() if os.path.isabs(self.checkpoints.pattern) else []
        return [self.directory] + [each for each in [self.checkpoints.workdir] + elsewhere if each]

    def disk(self, saved: List[Saved]) -> int:
        """Bytes of the attempt directory, and of the run's checkpoints elsewhere."""
        inside = os.path.join(os.path.realpath(self.directory), "")
        elsewhere = (each.size for each in saved if not os.path.realpath(each.path).startswith(inside))
        return disk_usage(self.directory) + sum(elsewhere)

    def finish(self, hurried: bool) -> None:
        """The last look, at the disk; none where the scheduler may kill us any moment."""
        deadline = time.monotonic() + LAST
        if not hurried:
            self.wait(deadline)
            if not self.pid:
                self.begin(True, None)
                self.wait(deadline)

    def wait(self, deadline: float) -> None:
        """Until that process has ended."""
        while self.pid and time.monotonic() < deadline:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                self.done()
            else:
                time.sleep(0.01)

    def peaks(self) -> Dict[str, Any]:
        """The most so far."""
        try:
            known = json.loads(read_text(self.path()) or "{}")
        except ValueError:
            return {}
        return known if isinstance(known, dict) else {}


def has_gpus() -> bool:
    """Whether the attempt was given GPUs."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES") or os.environ.get("SLURM_JOB_GPUS") or ""
    return given not in NO_GPUS


def larger(most: Dict[str, Any], what: str, value: Optional[int]) -> Dict[str, Any]:
    """The most, with another value seen."""
    before = most.get(what)
    return most if value is None or (before is not None and before >= value) else dict(most, **{what: value})


def gpu_memory(tool: str, tree: Tree) -> Optional[int]:
    """Bytes that the attempt has of the GPU on which it has most; None where nobody tells."""
    process = None
    used = {}  # type: Dict[str, int]
    try:
        process = gpus.begin(tool, "--query-compute-apps=" + gpus.APP_FIELDS)
        lines = gpus.lines(process, time.monotonic() + PATIENCE, PATIENCE)  # type: List[str]
        pids = tree.pids()
        for app in map(gpus.application, lines):
            if app is not None and app.pid in pids and app.used is not None:
                used[app.uuid] = used.get(app.uuid, 0) + app.used
    except gpus.Unreadable:
        return None
    finally:
        if process is not None:
            gpus.end(process)
            process.wait()  # one that cannot be killed keeps us: without us it would pass for a process of the run
    return max(used.values()) if used else None


def gpu_cards(tool: str, first: int = 0) -> Tuple[List[Dict[str, Any]], int]:
    """What nvidia-smi says of the attempt's GPUs, and which fields it knows; nothing where it fails."""
    for number in range(first, len(readings.CARD_FIELDS)):
        process = None
        try:
            process = gpus.begin(tool, "--query-gpu=" + readings.CARD_FIELDS[number])
            return readings.cards(gpus.lines(process, time.monotonic() + PATIENCE, PATIENCE)), number
        except gpus.Unreadable as trouble:
            if "not a valid field" not in str(trouble):
                return [], first
        finally:
            if process is not None:
                gpus.end(process)
                process.wait()  # as in gpu_memory
    return [], first


def append(path: str, line: str) -> None:
    """Add a line to a file, all of it or nothing. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(file).st_size
        data = (line + "\n").encode()
        if os.write(file, data) < len(data):
            os.ftruncate(file, size)
    finally:
        os.close(file)


def file_size(path: str) -> int:
    """Bytes; 0 where there is no such file."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def disk_usage(folder: str) -> int:
    """Bytes on the disk of a folder, a file with several names once; what vanishes meanwhile counts for nothing."""
    total, seen = 0, set()
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(place, name))
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * 512
    return total
