"""The project folder → one archive by content, for hosts that do not share it."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

from backends.base import Rejected, Snapshot

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
        for name in sorted(names):
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
                raise Rejected(f"{path}: {error.strerror}") from error
    data = gzip.compress(raw.getvalue(), compresslevel=6, mtime=0)
    return Snapshot(hashlib.sha256(data).hexdigest(), data)


def add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """One file, without what differs between two identical trees."""
    entry = archive.gettarinfo(path, name)
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    if entry.isreg():
        with path.open("rb") as file:
            archive.addfile(entry, file)
    elif entry.issym():
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
    """Every file below the folder, caches left out."""
    found = []
    for base, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        found += [str(Path(base, name).relative_to(folder)) for name in files]
    return found
