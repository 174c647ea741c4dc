"""The archives of project folders, kept for as long as an attempt may have to be sent with one."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import TYPE_CHECKING

from backends.base import Snapshot
from trainboard.actions import Refused
from trainboard.files import write_whole
from trainboard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

KEPT = 7 * 86400.0
"""Seconds for which an archive stays that no attempt is known to need: a run may be requeued after its end."""

_NAME = re.compile(r"([0-9a-f]{64})\.tar\.gz")


class Archives:
    """`<state>/code/<digest>.tar.gz`. Its calls block."""

    def __init__(self, folder: Path) -> None:
        """`folder`: `<state>/code`; it need not be there."""
        self._folder = folder

    def save(self, code: Snapshot) -> None:
        """Keep an archive; on disk when this returns. Raises `StoreError`."""
        path = self._path(code.digest)
        # A draft of our own: another process may be saving the same archive.
        draft = path.with_name(f"{code.digest}.{secrets.token_hex(4)}.part")
        try:
            write_whole(draft, code.archive)
            draft.replace(path)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error.strerror or error}; nothing stored") from error

    def load(self, digest: str) -> Snapshot:
        """An archive that was kept. Raises `Refused` where it is gone or damaged."""
        try:
            archive = self._path(digest).read_bytes()
        except OSError as error:
            raise Refused(f"the project's archive cannot be read ({error.strerror}): submit it again") from error
        if hashlib.sha256(archive).hexdigest() != digest:
            raise Refused(f"{self._path(digest)}: damaged: submit it again")
        return Snapshot(digest, archive)

    def prune(self, needed: Collection[str], now: float | None = None) -> None:
        """Delete what nobody needs and is older than `KEPT`. Raises `OSError`."""
        horizon = (time.time() if now is None else now) - KEPT
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if not (match and match[1] in needed) and path.stat().st_mtime < horizon:
                path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}.tar.gz"
