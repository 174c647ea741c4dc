"""The processes of an attempt: found whatever they have done to hide, and signalled."""

import ctypes
import os
import signal
import subprocess
import sys
from typing import Dict, Set, Tuple

from backends.queue.processes import environment, table
from backends.runner.log import say


class Tree(object):
    """The processes of an attempt: what descends from `root`, and what carries the token in its environment."""

    def __init__(self, token: str, root: int) -> None:
        self.token = token
        self.root = root
        self.spared = {os.getpid()}
        self.killed = False
        """Whether SIGKILL was sent by us."""

    def pids(self) -> Set[int]:
        """Those that live."""
        if os.path.isdir("/proc/self"):
            parents, marked = survey(("TRAINBOARD_TOKEN=%s" % self.token).encode())
            seeds = marked | ({self.root} if self.root == os.getpid() else set())
            found = marked | descendants(seeds, parents)
        else:
            parents = parents_by_ps()
            found = descendants({self.root}, parents) | {self.root}
        return found - self.spared - descendants(self.spared - {os.getpid(), self.root, 0}, parents) - {0}

    def send(self, number: int) -> None:
        """Signal all, some of which may have ended already."""
        self.killed = self.killed or number == signal.SIGKILL
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
            except PermissionError as error:
                say("cannot signal process %d: %s" % (pid, error))


def survey(mark: bytes) -> Tuple[Dict[int, int], Set[int]]:
    """Every living process and its parent; those that have the mark in their environment."""
    parents = {pid: process.parent for pid, process in table().items()}
    return parents, {pid for pid in parents if mark in environment(pid)}


def parents_by_ps() -> Dict[int, int]:
    """Every process and its parent, where there is no /proc; without the one that tells so."""
    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE) as ps:
        lines = ps.communicate()[0].decode().splitlines()
    parents = {int(pid): int(parent) for pid, parent in (line.split() for line in lines)}
    parents.pop(ps.pid, None)
    return parents


def descendants(roots: Set[int], parents: Dict[int, int]) -> Set[int]:
    """All pids below `roots` in a map from child to parent."""
    found = set()  # type: Set[int]
    fresh = roots
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh and pid not in found}
        found |= fresh
    return found


def adopt_orphans() -> None:
    """What the program leaves behind becomes ours, not init's."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
