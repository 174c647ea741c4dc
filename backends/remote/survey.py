"""What there is on this host for runs: folders and the room in them, inputs, the machine itself."""

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional, Tuple

from backends.queue import gpus
from backends.remote.commands import collect
from backends.remote.files import make_folder, read_json, resolve, write_whole
from backends.remote.frames import Failure, Header, Reply
from backends.remote.telemetry import read_machine

QUOTA_PATIENCE = 5.0
"""Seconds that a tool for quotas may take."""

PROBE = 4096
"""Bytes that are written to see whether writing works: a quota may allow an empty file."""

BLOCK = 4 << 20
"""Bytes that are summed up at a time."""

REMEMBERED = 10000
"""Checksums that are kept."""


def survey(header: Header, payload: bytes) -> Reply:
    """Folders, inputs ([path, whether its SHA-256 is wanted]), the machine; `gpus`: whether those are wanted."""
    machine = read_machine([])
    found = {
        "python": "%d.%d.%d" % sys.version_info[:3],
        "cpus": machine["cpus"],
        "memory": machine["memory_total"],
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
    found = {"path": full, "exists": os.path.isdir(full), "trouble": writing(near), "disk": None}  # type: Dict[str, Any]
    try:
        status = os.statvfs(near)
        counted = status.f_favail if status.f_files else None
        found["disk"] = [status.f_bavail * status.f_frsize, counted]
    except OSError:
        pass  # whoever asks sees that there is none
    device, kind = mount(near)
    found["device"], found["quota"] = device, quota(near, kind)
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


def mount(path: str) -> Tuple[str, str]:
    """The device and the type of the file system that a path is on; empty where nobody tells."""
    best = ("", "", "")
    path = os.path.realpath(path)
    try:
        with open("/proc/mounts", errors="replace") as file:
            for line in file:
                words = line.split()
                inside = path == words[1] or path.startswith(words[1].rstrip("/") + "/")
                if inside and len(words[1]) >= len(best[1]):
                    best = (words[0], words[1], words[2])
    except (IOError, OSError):
        return "", ""
    return best[0], best[2]


def quota(path: str, kind: str) -> List[List[str]]:
    """What the tools of this kind of file system say, each as [whose quota, text, what is wrong]."""
    answers = []
    for whose, argv in tools(path, kind):
        try:
            answers.append([whose, told(argv), ""])
        except Failure as failure:
            if failure.kind != "not-there":
                answers.append([whose, "", str(failure)])
    return answers


def tools(path: str, kind: str) -> List[Tuple[str, List[str]]]:
    """The commands that tell the quotas there."""
    if kind == "lustre":
        own = [("user", ["lfs", "quota", "-q", "-u", str(os.getuid()), path])]
        project = project_of(path)
        return own + ([("project", ["lfs", "quota", "-q", "-p", project, path])] if project else [])
    return [("user", ["quota", "-w", "-p"])]


def project_of(path: str) -> str:
    """The project that a folder on Lustre is counted to; empty: none."""
    try:
        words = told(["lfs", "project", "-d", path]).split()
    except Failure:
        return ""
    return words[0] if words and words[0].isdigit() and words[0] != "0" else ""


def told(argv: List[str]) -> str:
    """What a command prints; quota exits with 1 where one is exceeded. Raises `Failure`."""
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        kind = "not-there" if error.errno == errno.ENOENT else "not-started"
        raise Failure(kind, "%s: %s" % (argv[0], error.strerror)) from error
    out, err, _ = collect(process, QUOTA_PATIENCE, 1 << 16)
    if not out.strip() and process.returncode != 0:
        raise Failure("failed", "%s: %s" % (argv[0], err.decode("utf-8", "replace").strip()[:300]))
    return out.decode("utf-8", "replace")


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
        digest = hashlib.sha256()
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
