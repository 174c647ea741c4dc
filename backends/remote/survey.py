"""What there is on this host for runs: folders and the room in them, inputs, the machine itself."""

import errno
import json
import os
import stat
import sys
import time
from typing import Any, Dict, List, Optional

from backends.queue import gpus
from backends.remote.commands import Commands
from backends.remote.files import make_folder, read_json, resolve, sha256, write_whole
from backends.remote.frames import Header, Reply
from backends.remote.machine import machine
from backends.remote.mounts import mount_of, mounts
from backends.remote.quotas import asked

PROBE = 4096
"""Bytes that are written to see whether writing works: a quota may allow an empty file."""

BLOCK = 4 << 20
"""Bytes that are summed up at a time."""

REMEMBERED = 10000
"""Checksums that are kept."""


def survey(header: Header, payload: bytes) -> Reply:
    """Folders, inputs ([path, whether its SHA-256 is wanted]), the machine; `gpus`: whether those are wanted."""
    here = machine()
    found = {
        "python": "%d.%d.%d" % sys.version_info[:3],
        "cpus": here["cpus"],
        "memory": here["memory_total"],
        "folders": [folder(path) for path in header["folders"]],
        "inputs": inputs(header["inputs"], header["folders"][0], header["patience"]),
        "cards": [],
        "gpu_trouble": "",
    }  # type: Dict[str, Any]
    if header["gpus"]:
        try:
            found["cards"] = [[card.name, card.total] for card in gpus.ask()[0]]
        except gpus.Unreadable as trouble:
            found["gpu_trouble"] = str(trouble)
    return {}, json.dumps(found).encode("utf-8")


def folder(path: str) -> Dict[str, Any]:
    """Whether something can be written there, or where it will be made, and how much."""
    full = resolve(path)
    near = full
    while not os.path.lexists(near) and os.path.dirname(near) != near:
        near = os.path.dirname(near)
    found = {"path": full, "exists": os.path.isdir(full), "trouble": writing(near)}  # type: Dict[str, Any]
    found["filesystem"] = found["disk"] = None
    try:
        found["filesystem"] = os.stat(near).st_dev
        status = os.statvfs(near)
        counted = status.f_favail if status.f_files else None
        found["disk"] = [status.f_bavail * status.f_frsize, counted]
    except OSError:
        pass  # whoever asks sees that there is none
    where, commands = mount_of(os.path.realpath(near), mounts()), Commands()
    found["device"], found["quota"] = where.device, [list(answer) for answer in asked(near, where, commands)]
    return found


def writing(path: str) -> str:
    """Why nothing can be written into a folder; empty where it can."""
    probe = os.path.join(path, ".trainboard-probe-%d-%d" % (os.getpid(), time.time() * 1e6))
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, b"\0" * PROBE)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            os.unlink(probe)
    except OSError as error:
        return "%s: %s" % (path, error.strerror)
    return ""


def inputs(wanted: List[List[Any]], root: str, patience: float) -> List[Dict[str, Any]]:
    """How these files and folders are, in the order asked for; checksums until the time is over."""
    sums = Checksums(os.path.join(resolve(root), ".inputs.json"), time.time() + patience)
    found = [described(resolve(path), sums if hashed else None) for path, hashed in wanted]
    sums.keep()
    return found


def described(path: str, sums: "Optional[Checksums]") -> Dict[str, Any]:
    """One of them."""
    found = {"kind": "", "size": None, "sha256": "", "trouble": "", "late": False}  # type: Dict[str, Any]
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            found["kind"] = "folder"
            os.listdir(path)
        elif stat.S_ISREG(status.st_mode):
            found["kind"], found["size"] = "file", status.st_size
            with open(path, "rb"):
                pass
            if sums is not None:
                digest = sums.of(path, status)
                found["sha256"], found["late"] = digest or "", digest is None
        else:
            found["trouble"] = "is neither a file nor a folder"
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            found["trouble"] = str(error.strerror)
    return found


class Checksums(object):
    """SHA-256 of files, remembered for as long as size, time and inode of a file are the same."""

    def __init__(self, path: str, deadline: float) -> None:
        self.path = path
        self.deadline = deadline
        self.known = read_json(path) or {}
        self.new = False

    def of(self, path: str, status: os.stat_result) -> Optional[str]:
        """That of one file; None where the time is over. Raises OSError."""
        mark = [status.st_size, status.st_mtime_ns, status.st_ino]
        entry = self.known.get(path)
        if isinstance(entry, list) and entry[:3] == mark:
            return str(entry[3])
        digest = sha256()
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(BLOCK), b""):
                digest.update(block)
                if time.time() > self.deadline:
                    return None
        self.known[path] = mark + [digest.hexdigest()]
        self.new = True
        return digest.hexdigest()

    def keep(self) -> None:
        """Write down what is new; a disk that is full costs the work again, no more."""
        if not self.new:
            return
        for path in list(self.known)[:-REMEMBERED]:
            del self.known[path]
        try:
            make_folder(os.path.dirname(self.path))
            write_whole(self.path, json.dumps(self.known).encode("utf-8"))
        except OSError:
            return
