"""The code of an experiment, put into a folder as it was."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from backends.base import Archive
from backends.snapshot import blob
from trainboard.actions import Refused

if TYPE_CHECKING:
    from backends.base import CodeFile, Snapshot

PIECE = 1 << 20
"""Bytes of a file in memory."""


def restore(code: Snapshot | Archive, folder: Path) -> None:
    """Make the folder, which may be there empty, whole or not at all. Blocks. Raises `Refused`."""
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise Refused(f"{folder}: is there already; give a folder that is not, or an empty one")
    draft = folder.absolute().with_name(f".{folder.absolute().name}.{secrets.token_hex(4)}.part")
    try:
        draft.mkdir(parents=True)
        if isinstance(code, Archive):
            _unpack(code, draft)
        else:
            _fill(code, draft)
        draft.replace(folder)
    except OSError as error:
        raise Refused(f"{error.filename or folder}: {error.strerror or error}; nothing restored") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _fill(code: Snapshot, draft: Path) -> None:
    """Links come last: nothing is written through one."""
    for file in sorted(code.files, key=lambda file: bool(file.target)):
        parts = PurePosixPath(file.path).parts
        if not parts or parts[0] == "/" or ".." in parts:
            raise Refused(f"{file.path!r}: leads out of the project; nothing restored")
        path = draft.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.target:
            path.symlink_to(file.target)
        else:
            _copy(blob(code.blobs, file.digest), file, path)


def _copy(source: Path, file: CodeFile, path: Path) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as content, path.open("xb") as copy:
        while data := content.read(PIECE):
            digest.update(data)
            copy.write(data)
    if digest.hexdigest() != file.digest:
        raise Refused(f"{source}: damaged; nothing restored")
    if file.executable:
        path.chmod(path.stat().st_mode | 0o111)


def _unpack(code: Archive, draft: Path) -> None:
    try:
        command = ["tar", "-xzf", "-", "-C", str(draft)]
        subprocess.run(command, input=code.archive, check=True, capture_output=True, timeout=600)
    except subprocess.SubprocessError as error:
        raise Refused(f"the archive cannot be unpacked: {error}; nothing restored") from error
