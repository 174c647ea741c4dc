"""Project code by content, below `<root>/.code`: `blobs/ab/<sha256>`, and `trees/<digest>` made of links to them.

A blob and a tree are there whole or not at all; `parts/<sha256>` is what has come of a large blob. Whoever is cut off
asks what is missing and goes on with that.
"""

import errno
import json
import os
import shutil
import stat
import threading
import time
import zlib
from typing import Any, Dict, List, Tuple

from backends.remote.files import executor, make_folder, resolve, sha256, write_whole
from backends.remote.folders import WRITERS
from backends.remote.frames import Failure, Header, Reply

ABANDONED = 7 * 86400.0
"""Seconds after which nobody goes on with half a blob or half a tree."""

KEPT, LOOKED = 180 * 86400.0, 86400.0
"""Seconds for which a tree stays that no submission has wanted; seconds between two looks for such."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

File = Tuple[bytes, str, int, str]
"""Path, kind (`f`, `x` for an executable one, `l` for a link), size, digest or target."""


def code(header: Header, payload: bytes) -> Reply:
    """Whether the tree of this digest is there, whole: a site may clear what it takes for old."""
    place = Place(header["root"])
    found = place.whole(header["digest"])
    if found:
        os.utime(place.list_of(header["digest"]), None)
    return {"there": found}, b""


def tree(header: Header, payload: bytes) -> Reply:
    """Make a tree of blobs; the payload is its list. Where blobs are missing: `{digest: bytes of it that came}`."""
    place, text = Place(header["root"]), zlib.decompress(payload)
    if sha256(text).hexdigest() != header["digest"]:
        raise Failure("damaged", "the list of the project's files is not what its digest says")
    files = parsed(text)
    missing = place.missing(files)
    if not missing:
        place.make(header["digest"], text, files)
        place.clear()
    return {"there": not missing}, zlib.compress(json.dumps(missing).encode("utf-8"))


def blobs(header: Header, payload: bytes) -> Reply:
    """Small blobs, as [digest, size] each; the payload is all of them in a row, compressed."""
    place, data = Place(header["root"]), zlib.decompress(payload)
    at = 0
    found = []
    for digest, size in header["blobs"]:
        found.append((digest, data[at : at + size]))
        at += size
    with executor(max(1, min(WRITERS, len(found)))) as pool:
        for _ in pool.map(lambda each: place.keep(*each), found):
            pass  # what went wrong is raised here
    return {}, b""


def piece(header: Header, payload: bytes) -> Reply:
    """A piece of a large blob, compressed, which is there with the last one; from where on it is wanted next."""
    place, data = Place(header["root"]), zlib.decompress(payload)
    return {"next": place.add(header["digest"], header["offset"], data, header["size"])}, b""


def parsed(text: bytes) -> List[File]:
    """A list of files. Raises `Failure` where one would lie outside of its tree."""
    files = []
    for path, kind, size, what in json.loads(text.decode("utf-8")):
        if path.startswith("/") or not all(word not in ("", ".", "..") for word in path.split("/")):
            raise Failure("outside", "a path that leaves the project: %s" % path)
        if kind != "l" and not is_digest(what):
            raise Failure("damaged", "no digest: %s" % what)
        # As bytes: what Python makes of a name depends on the language that is set on this host.
        files.append((path.encode("utf-8", "surrogateescape"), kind, size, what))
    return files


def is_digest(word: str) -> bool:
    """Whether it is a SHA-256 in hexadecimal, which is also a name of a file."""
    return len(word) == 64 and not set(word) - set("0123456789abcdef")


class Place(object):
    """The code below one root."""

    def __init__(self, root: str) -> None:
        self.path = os.path.join(resolve(root), ".code")

    def blob(self, digest: str) -> str:
        """Where a blob is, or will be."""
        if not is_digest(digest):
            raise Failure("damaged", "no digest: %s" % digest)
        return os.path.join(self.path, "blobs", digest[:2], digest)

    def part(self, digest: str) -> str:
        """Where a large blob gathers."""
        return os.path.join(self.path, "parts", digest)

    def tree(self, digest: str) -> str:
        """Where a tree is, or will be."""
        return os.path.join(self.path, "trees", digest)

    def list_of(self, digest: str) -> str:
        """Where the list of a tree's files is."""
        return self.tree(digest) + ".json"

    def whole(self, digest: str) -> bool:
        """Whether everything is in a tree that belongs there."""
        try:
            with open(self.list_of(digest), "rb") as file:
                text = file.read()
        except (IOError, OSError):
            return False
        if sha256(text).hexdigest() != digest:
            return False
        base = self.tree(digest).encode("utf-8", "surrogateescape")
        return os.path.isdir(base) and all(as_listed(os.path.join(base, file[0]), file) for file in parsed(text))

    def missing(self, files: List[File]) -> Dict[str, int]:
        """The blobs that are not there, with the bytes of each that have come."""
        found = {}  # type: Dict[str, int]
        for _, kind, size, digest in files:
            if kind != "l" and digest not in found and size_of(self.blob(digest)) != size:
                found[digest] = max(0, size_of(self.part(digest)))
        return found

    def keep(self, digest: str, data: bytes) -> None:
        """Write a blob, whole."""
        if sha256(data).hexdigest() != digest:
            raise Failure("damaged", "%s: came damaged" % digest)
        path = self.blob(digest)
        if size_of(path) != len(data):
            make_folder(os.path.dirname(path))
            write_whole(path, data, 0o444)

    def add(self, digest: str, offset: int, data: bytes, size: int) -> int:
        """Write a piece of a blob at its place; others may send the same. From where on it is wanted next."""
        path, part = self.blob(digest), self.part(digest)
        make_folder(os.path.dirname(part))
        try:
            if size_of(path) == size:
                return size
            if offset > size_of(part) > -1:
                return size_of(part)
            write_at(part, offset, data)
            if offset + len(data) < size:
                return offset + len(data)
            if digest_of(part) != digest:  # this host was switched off over it
                os.unlink(part)
                return 0
            os.chmod(part, 0o444)
            make_folder(os.path.dirname(path))
            os.rename(part, path)
        except FileNotFoundError:
            return size if size_of(path) == size else 0  # whoever sends the same was quicker
        return size

    def make(self, digest: str, text: bytes, files: List[File]) -> None:
        """Make a tree beside its place and rename it; a damaged one goes."""
        if self.whole(digest):
            return
        path = self.tree(digest)
        draft = "%s.%d.%d.tmp" % (path, os.getpid(), threading.get_ident())
        make_folder(draft)
        try:
            self.fill(draft.encode("utf-8", "surrogateescape"), files)
            write_whole(self.list_of(digest), text)
            try:
                os.rename(draft, path)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                if not self.whole(digest):  # else another was quicker
                    os.rename(path, draft + ".old.tmp")
                    os.rename(draft, path)
        except OSError as error:
            error.filename = path
            raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            shutil.rmtree(draft + ".old.tmp", ignore_errors=True)

    def fill(self, draft: bytes, files: List[File]) -> None:
        """All that is in a tree. Links come last: nothing is written through one."""
        for folder in sorted({os.path.dirname(file[0]) for file in files}):
            make_folder_of_bytes(os.path.join(draft, folder))

        def put(file: File) -> None:
            where = os.path.join(draft, file[0])
            if file[1] == "l":
                os.symlink(file[3].encode("utf-8", "surrogateescape"), where)
            else:
                put_file(self.blob(file[3]), where, file[1] == "x")

        for links in (False, True):
            with executor(WRITERS) as pool:
                for _ in pool.map(put, [file for file in files if (file[1] == "l") == links]):
                    pass  # what went wrong is raised here

    def clear(self) -> None:
        """Take away what nobody goes on with, and once a day what nobody has wanted for long."""
        now = time.time()
        for folder in ("parts", "trees"):
            base = os.path.join(self.path, folder)
            for name in names(base):
                path = os.path.join(base, name)
                if (folder == "parts" or name.endswith(".tmp")) and age(path, now) > ABANDONED:
                    remove(path)
        mark = os.path.join(self.path, "cleared")
        if age(mark, now) > LOOKED:
            write_whole(mark, b"")
            self.clear_old(now)

    def clear_old(self, now: float) -> None:
        """Trees that no submission has wanted for long, then blobs that are in none."""
        for name in names(os.path.join(self.path, "trees")):
            path = os.path.join(self.path, "trees", name)
            if name.endswith(".json") and age(path, now) > KEPT:
                remove(path)  # first: without its list, a tree is none
                remove(path[: -len(".json")])
        for each in names(os.path.join(self.path, "blobs")):
            for name in names(os.path.join(self.path, "blobs", each)):
                path = os.path.join(self.path, "blobs", each, name)
                if age(path, now) > KEPT and os.lstat(path).st_nlink == 1:
                    remove(path)


def write_at(path: str, offset: int, data: bytes) -> None:
    """Write a part of a file, which is made only with its first one. What there is no room for goes."""
    try:
        begin = os.O_CREAT if offset == 0 else 0
        with os.fdopen(os.open(path, os.O_WRONLY | begin, 0o600), "wb") as file:
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in NO_ROOM and os.path.exists(path):
            os.unlink(path)
        error.filename = path
        raise


def put_file(blob: str, where: bytes, executable: bool) -> None:
    """A file of a tree: the blob itself, or a copy where its mode differs or there are no such links."""
    if not executable:
        try:
            os.link(blob, where)
            return
        except OSError as error:
            if error.errno == errno.ENOENT or error.errno in NO_ROOM:
                raise
    with open(blob, "rb") as source, open(where, "wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    os.chmod(where, 0o555 if executable else 0o444)


def as_listed(path: bytes, file: File) -> bool:
    """Whether what is there has the kind and the size that the list says."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    if file[1] == "l":
        return stat.S_ISLNK(status.st_mode)
    return stat.S_ISREG(status.st_mode) and status.st_size == file[2]


def size_of(path: str) -> int:
    """Bytes of a file; -1 where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def digest_of(path: str) -> str:
    """SHA-256 of a file."""
    found = sha256()
    with open(path, "rb") as file:
        for data in iter(lambda: file.read(1 << 20), b""):
            found.update(data)
    return found.hexdigest()


def make_folder_of_bytes(path: bytes) -> None:
    """A folder of a tree, and those above it."""
    if not os.path.isdir(path):
        os.makedirs(path, 0o755)


def names(path: str) -> List[str]:
    """What is in a folder; nothing where there is none."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def age(path: str, now: float) -> float:
    """Seconds since it was changed; without end where there is none."""
    try:
        return now - os.lstat(path).st_mtime
    except OSError:
        return float("inf")


def remove(path: str) -> None:
    """Take away a file or a folder; what another takes away at the same time is no trouble."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        return
