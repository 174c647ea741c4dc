"""Memory: whether the want of it ended the program, and how much was used."""

import os
import resource
import sys
from typing import Dict, List, Optional, Set, Tuple

from backends.runner.files import read_text
from backends.runner.kernel import KernelLog, Victim, victims


def oom_kills(text: str) -> Optional[int]:
    """The count in memory.events (cgroup v2), memory.oom_control (v1) or /proc/vmstat; None where it has none."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdigit():
            return int(value)
    return None


def memory_cgroups(membership: str, mounts: str) -> List[Tuple[str, str]]:
    """Where the memory cgroups of a process are: (folder, mount point), from /proc/self/cgroup and mountinfo.

    v1's before v2's. In a container a path may be outside of what is mounted; then the mount itself is ours.
    """
    paths = {}  # type: Dict[str, str]
    for line in membership.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" or "memory" in controllers.split(","):
            paths["cgroup2" if number == "0" else "cgroup"] = path
    found = {}  # type: Dict[str, Tuple[str, str]]
    for line in mounts.splitlines():
        fields, _, kind = line.partition(" - ")
        words, kinds = fields.split(), kind.split()
        if len(words) < 5 or len(kinds) < 3 or kinds[0] not in paths or kinds[0] in found:
            continue
        if kinds[0] == "cgroup2" or "memory" in kinds[2].split(","):
            root, point, path = words[3].rstrip("/"), words[4], paths[kinds[0]]
            inside = path == root or path.startswith(root + "/")
            found[kinds[0]] = ((point + path[len(root) :] if inside else point).rstrip("/"), point)
    return [found[kind] for kind in ("cgroup", "cgroup2") if kind in found]


class Memory(object):
    """Whether the kernel killed somebody of ours for want of memory, and how much was used."""

    def __init__(self) -> None:
        membership = read_text("/proc/self/cgroup")
        self.cgroups = memory_cgroups(membership, read_text("/proc/self/mountinfo"))
        self.paths = [line.split(":", 2)[2] for line in membership.splitlines() if line.count(":") >= 2]
        self.own = self.own_cgroup()
        self.kernel = KernelLog()
        self.deaths = set()  # type: Set[int]
        """Who died of SIGKILL, and we did not send it."""
        self.before = self.counts()
        self.lately = self.before
        """Counts as of the last beat: what happened hours ago killed nobody now."""

    def own_cgroup(self) -> str:
        """A cgroup in which nobody is but us, before the program begins, or a Slurm job's; empty: there is none."""
        job = "job_%s" % os.environ.get("SLURM_JOB_ID", "")
        for folder, _ in self.cgroups:
            members = read_text(os.path.join(folder, "cgroup.procs")).split()
            if job in folder.split("/") or members == [str(os.getpid())]:
                return folder
        return ""

    def counts(self) -> Dict[str, int]:
        """The counters of OOM kills by their place: our cgroups, those around them, the host."""
        found = {}  # type: Dict[str, int]
        places = [("/proc/vmstat", "/proc/vmstat")]
        for folder, point in self.cgroups:
            while folder.startswith(point) and folder != "/":
                places += [(folder, os.path.join(folder, name)) for name in ("memory.events", "memory.oom_control")]
                folder = os.path.dirname(folder)
        for place, path in places:
            count = oom_kills(read_text(path))
            if count is not None:
                found[place] = count
        return found

    def look(self) -> None:
        """Once a beat."""
        self.lately = self.counts()

    def grew(self, place: str, now: Dict[str, int], before: Dict[str, int]) -> bool:
        """Whether one counter went up."""
        return now.get(place, 0) > before.get(place, 0)

    def exhausted(self) -> bool:
        """Whether want of memory ended us. SIGKILL alone is no proof, nor is another's death in a shared cgroup."""
        now = self.counts()
        if self.own and self.grew(self.own, now, self.before):
            return True
        if not self.deaths:
            return False
        if any(self.grew(folder, now, self.lately) for folder, _ in self.cgroups):
            return True
        news = self.kernel.news()
        if news is not None:
            return any(self.is_ours(victim) for victim in victims(news))
        return any(self.grew(place, now, self.lately) for place in now)

    def is_ours(self, victim: Victim) -> bool:
        """Whether the kernel names somebody of ours."""
        if victim.pid in self.deaths:
            return True
        if victim.uid != os.getuid():
            return False
        return victim.cgroup is None or any((victim.cgroup + "/").startswith(path + "/") for path in self.paths)

    def peak(self) -> Optional[int]:
        """Bytes at most in use: of the own cgroup, page cache included; else of the largest single process."""
        for name in ("memory.peak", "memory.max_usage_in_bytes"):
            text = read_text(os.path.join(self.own, name)).strip() if self.own else ""
            if text.isdigit():
                return int(text)
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return largest * (1 if sys.platform == "darwin" else 1024) or None
