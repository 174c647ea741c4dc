"""What an attempt leaves in the place where its program ran: found by patterns, and read; no link leads out of it."""

import fnmatch
import json
import os
import stat
import zlib
from typing import Any, Iterator, List, Set, Tuple

from backends.remote.files import read_json, resolve
from backends.remote.frames import Failure, Header, Reply, described

MOST_FILES = 10000
"""In one answer; more of them are no small results."""

MOST_LOOKS = 200000
"""Entries of folders that are looked at for one answer."""


def results(header: Header, payload: bytes) -> Reply:
    """The files that patterns find: [[path, size, time of change], ...], and why there may be more.

    Of the attempt is what is new or has changed since it was published; a project's own files are older than that.
    """
    directory = resolve(header["directory"])
    since = os.stat(os.path.join(directory, "plan.json")).st_mtime_ns
    search = Search(workplace(directory))
    found = []  # type: List[Tuple[str, int, float]]
    for path in search.found(header["patterns"]):
        try:
            status = os.stat(os.path.join(search.base, path))
        except OSError:
            continue  # it went away, or leads nowhere
        if stat.S_ISREG(status.st_mode) and status.st_mtime_ns >= since:
            found.append((path, status.st_size, status.st_mtime))
        if len(found) == MOST_FILES:
            search.left = "more than %d files" % MOST_FILES
            break
    return {"left": search.left, "folder": search.base}, zlib.compress(json.dumps(found).encode("utf-8"))


def fetch(header: Header, payload: bytes) -> Reply:
    """Pieces of such files, asked for as [path, offset, length]: their bytes in a row, and the length of each.

    Instead of a length there is what keeps a piece from being read.
    """
    base = os.path.realpath(workplace(resolve(header["directory"])))
    outcomes = []  # type: List[Any]
    pieces = []
    for path, offset, length in header["pieces"]:
        try:
            with os.fdopen(open_inside(base, path), "rb") as file:
                file.seek(offset)
                data = file.read(length)
        except Exception as error:  # the others come all the same
            outcomes.append(described(error)["message"])
        else:
            outcomes.append(len(data))
            pieces.append(data)
    return {"outcomes": outcomes}, zlib.compress(b"".join(pieces))


def workplace(directory: str) -> str:
    """Where the program of an attempt runs. Raises `Failure` where nothing says so."""
    plan = read_json(os.path.join(directory, "plan.json"))
    if plan is None:
        raise Failure("ENOENT", "%s: no attempt directory" % directory)
    return str(plan.get("workdir") or os.path.join(directory, "code"))


class Search(object):
    """Files below a folder. Links to folders inside are followed where a pattern names them, never by `**`."""

    def __init__(self, base: str, most: int = MOST_LOOKS) -> None:
        self.most = most
        self.base = os.path.realpath(base)
        self.left = ""
        """Why not all was looked at; empty where it was."""
        self.looks = 0

    def found(self, patterns: List[str]) -> Iterator[str]:
        """Paths of files and of links to files inside, each once."""
        seen = set()  # type: Set[str]
        for pattern in patterns:
            parts = [part for part in pattern.split("/") if part not in ("", ".")]
            if pattern.startswith("/") or ".." in parts or not parts:
                raise Failure("outside", "%s leads out of the folder" % pattern)
            for path in self.walk("", parts):
                if path not in seen and self.inside(path):
                    seen.add(path)
                    yield path

    def walk(self, at: str, parts: List[str]) -> Iterator[str]:
        """What the rest of a pattern finds in a folder; a folder that it finds stands for all that is in it."""
        if parts[0] == "**":
            for path in self.walk(at, parts[1:]) if parts[1:] else ():
                yield path
        for entry in self.entries(at):
            path = os.path.join(at, entry.name)
            if parts[0] == "**":
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    for each in self.walk(path, parts):
                        yield each
                elif len(parts) == 1:
                    yield path
            elif self.named(entry.name, parts[0]):
                if not entry.is_dir():
                    if len(parts) == 1:
                        yield path
                elif self.inside(path):
                    for each in self.walk(path, parts[1:] or ["**"]):
                        yield each

    def entries(self, at: str) -> "List[os.DirEntry[str]]":
        """What is in a folder, by name; nothing of one that cannot be read."""
        if self.looks > self.most:
            return []
        try:
            with os.scandir(os.path.join(self.base, at)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if at == "":
                raise
            self.left = "%s: %s" % (at, error.strerror)
            return []
        self.looks += len(entries)
        if self.looks > self.most:
            self.left = "more than %d files to look at" % self.most
            return []
        return entries

    def named(self, name: str, pattern: str) -> bool:
        """Whether a pattern means this name; hidden ones are meant only by a pattern that begins with a dot."""
        return (pattern.startswith(".") or not name.startswith(".")) and fnmatch.fnmatchcase(name, pattern)

    def inside(self, path: str) -> bool:
        """Whether a path, its links followed, is still below our folder."""
        real = os.path.realpath(os.path.join(self.base, path))
        return real.startswith(self.base.rstrip("/") + "/")


def open_inside(base: str, path: str) -> int:
    """A descriptor of a regular file below a folder, which is a real path; nobody can turn it elsewhere meanwhile."""
    real = os.path.realpath(os.path.join(base, path))
    if not real.startswith(base.rstrip("/") + "/"):
        raise Failure("outside", "%s leads out of the folder" % path)
    parts = os.path.relpath(real, base).split("/")
    folder = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        file = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Failure("not-a-file", "%s is no file" % path)
    return file
