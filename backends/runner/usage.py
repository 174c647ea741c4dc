"""What an attempt uses: disk, and memory of GPUs. The most of each is kept in state/peaks."""

import json
import os
import shutil
import time
from typing import Any, Dict, List, Optional

from backends.queue import gpus
from backends.runner.checkpoints import Checkpoints
from backends.runner.files import read_text, write_whole
from backends.runner.forks import fork_apart
from backends.runner.saved import Saved
from backends.runner.tree import Tree

OFTEN, SELDOM = 10.0, 60.0
"""Seconds between two looks at GPUs, and at the disk."""

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

    def __init__(self, directory: str, tree: Tree, checkpoints: Checkpoints) -> None:
        self.directory = directory
        self.tree = tree
        self.checkpoints = checkpoints
        self.tool = shutil.which("nvidia-smi") if has_gpus() else None
        self.pid = 0
        """The process that looks, while there is one."""
        self.begun = self.disk_at = time.monotonic()
        self.due = self.begun + OFTEN

    def path(self) -> str:
        """Where the most so far is."""
        return os.path.join(self.directory, "state", "peaks")

    def look(self) -> None:
        """Begin a look, if it is time."""
        now = time.monotonic()
        disk = now >= self.disk_at + SELDOM
        if self.pid or now < self.due or not (disk or self.tool):
            return
        self.begin(disk, self.tool)

    def begin(self, disk: bool, tool: Optional[str]) -> None:
        """Have another process look."""
        self.begun = time.monotonic()
        if disk:
            self.disk_at = self.begun
        try:
            self.pid = fork_apart(lambda: self.work(disk, tool))
        except OSError:
            self.done()  # no process to be had now; a later beat tries again

    def done(self) -> None:
        """That process has ended."""
        self.pid = 0
        now = time.monotonic()
        self.due = now + max(OFTEN, IDLE * (now - self.begun))

    def work(self, disk: bool, tool: Optional[str]) -> None:
        """What that process does."""
        os.closerange(3, 1024)  # no lease and no pipe may depend on it
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
