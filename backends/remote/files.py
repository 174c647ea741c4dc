"""Files of the host: pieces of them, whole ones, whole folders."""

import errno
import json
import os
import stat
import threading
from typing import TYPE_CHECKING, Any, Dict, Optional

from backends.remote.frames import Header, Reply

if TYPE_CHECKING:
    import hashlib
    from concurrent.futures import ThreadPoolExecutor


def resolve(path: str) -> str:
    """A path as the host means it; `~` is the user's home."""
    return os.path.abspath(os.path.expanduser(path))


def sha256(data: bytes = b"") -> "hashlib._Hash":
    """A sum of bytes. Its library takes megabytes, so it comes when it is first needed."""
    import hashlib

    return hashlib.sha256(data)


def executor(threads: int) -> "ThreadPoolExecutor":
    """Threads for writing. Their library, too, comes when it is first needed."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads)


def read_json(path: str) -> Optional[Dict[str, Any]]:
    """A small record; None where there is none that can be read."""
    try:
        with open(path) as file:
            return dict(json.load(file))
    except (IOError, OSError, ValueError):
        return None  # damaged: it is no evidence of anything


def write_whole(path: str, data: bytes, mode: int = 0o600) -> None:
    """A file that is never seen half."""
    draft = "%s.%d.%d.tmp" % (path, os.getpid(), threading.get_ident())
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(draft, path)
    except OSError as error:
        if os.path.exists(draft):
            os.unlink(draft)
        error.filename = path  # the system does not say which file it has no room for
        raise


def make_folder(path: str) -> None:
    """A folder for the user alone, and those above it that are missing."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for each in reversed(missing):
        try:
            os.mkdir(each, 0o700)
        except OSError as error:
            if error.errno != errno.EEXIST:  # another request was quicker
                raise


def opened(path: str) -> int:
    """A descriptor to read a file by. What is no file, as a pipe or a device, could keep its reader for ever."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(file).st_mode
    if not stat.S_ISREG(mode):
        os.close(file)
        raise OSError(errno.EINVAL, "It is a folder" if stat.S_ISDIR(mode) else "It is no regular file", path)
    return file


def read(header: Header, payload: bytes) -> Reply:
    """A piece of a file; a negative offset counts from the end."""
    with os.fdopen(opened(resolve(header["path"])), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        offset = header["offset"]
        offset = max(0, size + offset) if offset < 0 else offset
        file.seek(offset)
        return {"offset": offset, "size": size}, file.read(header["limit"])


def put(header: Header, payload: bytes) -> Reply:
    """A piece of a file, which appears, whole, with the last one. Pieces come in order, under one token."""
    path = resolve(header["path"])
    make_folder(os.path.dirname(path))
    draft = "%s.%s.part" % (path, header["token"])
    try:
        begin = os.O_CREAT | os.O_TRUNC if header["offset"] == 0 else 0
        with os.fdopen(os.open(draft, os.O_WRONLY | begin, 0o600), "wb") as file:
            file.seek(header["offset"])
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        if header["last"]:
            os.rename(draft, path)
    except OSError as error:
        if os.path.exists(draft):
            os.unlink(draft)
        error.filename = path
        raise
    return {}, b""


def exists(header: Header, payload: bytes) -> Reply:
    """Whether a path is there, and what it is called in full."""
    path = resolve(header["path"])
    return {"exists": os.path.exists(path), "path": path}, b""
