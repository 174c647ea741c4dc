"""The project folder → one archive by content, for hosts that do not share it."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

from backends.base import Rejected, Snapshot
from backends.text import one_line

LIMIT = 64 << 20
"""Bytes of project that are sent without a question; a project is code, data has its own place."""

LEFT_OUT = {
    ".git",
    ".hg",
    ".venv",
    "venv",
    "__pycache__",
    "node_modules",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
}


def pack(folder: Path, limit: int = LIMIT) -> Snapshot:
    """Archive the folder: what git does not ignore, or everything but caches. Blocks.

    Raises `Rejected` where there is more than `limit` bytes, or a file cannot be read.
    """
    names = tracked(folder)
    if names is None:
        names = walked(folder)
    total = 0
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(set(names)):  # git names a file in a merge conflict several times
            path = folder / name
            if path.is_dir() and not path.is_symlink():
                continue  # a submodule
            try:
                total += path.lstat().st_size
                if total > limit:
                    raise Rejected(
                        f"{folder}: more than {limit >> 20} MB would be sent",
                        "list data and checkpoints in .gitignore, or set `shared: true` where it is visible",
                    )
                add(archive, path, name)
            except FileNotFoundError:
                continue  # tracked, but deleted in the working tree
            except OSError as error:
                advice = "make it readable, or list it in .gitignore"
                raise Rejected(f"{one_line(str(path))}: {error.strerror or error}", advice) from error
    data = gzip.compress(raw.getvalue(), compresslevel=6, mtime=0)
    return Snapshot(hashlib.sha256(data).hexdigest(), data)


def add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """One file or link, without what differs between two identical trees; pipes and sockets are left out."""
    status = path.lstat()
    entry = tarfile.TarInfo(name)
    if stat.S_ISREG(status.st_mode):
        entry.size = status.st_size
        entry.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        with path.open("rb") as file:
            archive.addfile(entry, file)
    elif stat.S_ISLNK(status.st_mode):
        entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, str(path.readlink())
        archive.addfile(entry)


def tracked(folder: Path) -> list[str] | None:
    """What git knows or would add; None where the folder is in no git repository, or git is not there."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name] if done.returncode == 0 else None


def walked(folder: Path) -> list[str]:
    """Every file and link below the folder, caches left out. Raises `Rejected` where a folder cannot be read."""

    def refuse(error: OSError) -> None:
        raise Rejected(f"{one_line(str(error.filename))}: {error.strerror}", "make it readable") from error

    found = []
    for base, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        links = [name for name in folders if Path(base, name).is_symlink()]
        found += [str(Path(base, name).relative_to(folder)) for name in files + links]
    return found
