"""The file systems that are watched, and how full they are. One that hangs holds up nobody, and is asked once."""

import errno
import os
import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set

from backends.remote.asking import Asked, Silent
from backends.remote.files import resolve
from backends.remote.frames import Header, Reply
from backends.remote.mounts import TABLE, Mount, mount_of, mounts

PATIENCE = 5.0
"""Seconds that a file system may take."""

WATCHED = 16
"""Folders at most that are looked at again because somebody asked for them once."""

LINKS = 40
"""Symbolic links at most on the way to a folder, as Linux has it."""

GONE = "does not answer"


class Disk(NamedTuple):
    """A file system by a path on it. Bytes; 0 where it never told."""

    path: str
    total: int
    free: int
    trouble: str
    """Why it cannot be asked now."""
    device: int
    """The file system's number; 0 where it never told."""
    folder: str
    """The folder that is there, on the way to `path`."""


class Disks(object):
    """What is looked at: the folders that were named, and those that were asked for, where they lie elsewhere."""

    def __init__(
        self, status: Callable[[str], Any] = os.statvfs, table: str = TABLE, patience: float = PATIENCE
    ) -> None:
        """`status` is what is asked, `table` the system's table of what is mounted."""
        self.status = status
        self.patience = patience
        self.table = table
        self.turn = threading.Lock()
        self.asked = {}  # type: Dict[str, Asked]
        self.known = {}  # type: Dict[str, Disk]
        self.stuck = {}  # type: Dict[str, Mount]
        """By path, the file system that its question hangs in."""
        self.named = []  # type: List[str]
        self.also = []  # type: List[str]

    def watch(self, named: List[str], also: List[str]) -> None:
        """Look at these from now on; at those of `also` that are on a file system of their own."""
        self.named += [path for path in named if path not in self.named]
        known = set(self.named) | set(self.also)
        self.also += [path for path in also if path not in known][: max(0, WATCHED - len(self.also))]

    def look(self) -> List[Disk]:
        """All of them as they are now."""
        named = [self.one(path) for path in list(self.named)]
        seen = {disk.device for disk in named if disk.device}
        found = []  # type: List[Disk]
        for disk in [self.one(path) for path in list(self.also)]:
            if not disk.device or disk.device not in seen:
                seen.add(disk.device)
                found.append(disk)
        return [disk for disk in named + found if disk.total or disk.trouble]

    def space(self, header: Header, payload: bytes) -> Reply:
        """The disks of `paths`, without those that do not tell; they are watched from now on."""
        self.watch([], header["paths"])
        found = [self.one(path) for path in header["paths"]]
        well = [disk for disk in found if disk.total and not disk.trouble]
        return {"disks": [[disk.path, disk.total, disk.free] for disk in well]}, b""

    def one(self, path: str) -> Disk:
        """One of them; what it told last, and why it tells no more, where it does not answer."""
        with self.turn:
            asked = self.asked.setdefault(path, Asked())
            try:
                disk = asked.ask(lambda: self.measured(path), self.patience)
            except (Silent, OSError) as error:
                trouble = error.strerror if isinstance(error, OSError) else GONE
                disk = self.known.get(path, Disk(path, 0, 0, "", 0, ""))._replace(trouble=trouble or str(error))
                where = self.stuck.get(path)
                if where is not None and asked.busy:
                    disk = disk._replace(trouble="%s %s" % (where.path, GONE))
            self.known[path] = disk
            return disk

    def dead(self) -> Set[str]:
        """The mount points in which a question hangs."""
        hung = {where.path for path, where in list(self.stuck.items()) if self.asked[path].busy}
        return hung - {""}

    def measured(self, path: str) -> Disk:
        """Ask the system. Raises OSError; hangs where a file system does."""
        self.stuck.pop(path, None)
        folder = self.existing(path)
        status = self.status(folder)
        device = os.stat(folder).st_dev
        self.stuck.pop(path, None)
        total, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
        return Disk(path, total, free, "", device, folder)

    def existing(self, path: str) -> str:
        """Where `path` leads, as far as it is there; before each step it is noted in which file system that is."""
        table, dead = mounts(self.table), self.dead()
        parts, at, links = resolve(path).split("/")[1:], "/", 0
        while parts:
            part = parts.pop(0)
            step = os.path.join(at, part)
            where = mount_of(step, table)
            if where.path in dead:
                raise OSError(errno.ETIMEDOUT, "%s %s" % (where.path, GONE))
            self.stuck[path] = where
            target = link(step)
            if target is None:
                return at
            if target:
                links += 1
                if links > LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                parts, at = os.path.normpath(os.path.join(at, target)).split("/")[1:] + parts, "/"
            else:
                at = step
        return at


def link(path: str) -> Optional[str]:
    """Where a symbolic link leads; empty for what is none, None where there is nothing that we may see."""
    try:
        return os.readlink(path)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return ""
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            return None
        raise
