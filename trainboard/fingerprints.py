"""What is known of the files of a project folder, so that what has not changed is not read again."""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainboard.files import private_folder, write_draft

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1
"""Of what is written down; to be raised when `trainboard.doubts` looks for other secrets."""

YOUNG = 2_000_000_000
"""Nanoseconds in which a file may change again without showing it: clocks of file systems are coarse."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What was found in a file."""

    digest: str
    """SHA-256, hexadecimal."""
    secret: str
    """What secret there seems to be in it; empty: none."""


class Fingerprints:
    """One file that is read at once and replaced by `save`. Losing it costs nothing but time. Its calls block."""

    def __init__(self, path: Path, began: int | None = None) -> None:
        """`began`: nanoseconds since the epoch when the look at the project began; None: now."""
        self._path = path
        self._began = time.time_ns() if began is None else began
        self._known = _read(path)
        self._seen: dict[str, list[object]] = {}

    def get(self, name: str, status: os.stat_result) -> Fingerprint | None:
        """What was found in a file that has not changed since; None: it must be read."""
        row = self._known.get(name)
        if row is None or row[:4] != _marks(status):
            return None
        found = Fingerprint(str(row[4]), str(row[5]))
        self.put(name, status, found)
        return found

    def put(self, name: str, status: os.stat_result, found: Fingerprint) -> None:
        """Remember it. `status` is from before it was read."""
        if max(status.st_mtime_ns, status.st_ctime_ns) < self._began - YOUNG:
            self._seen[name] = [*_marks(status), found.digest, found.secret]

    def save(self) -> None:
        """Write down what was seen this time, where that is different from the last. Raises `OSError`."""
        if self._seen == self._known and self._path.exists():
            os.utime(self._path)  # it is in use
            return
        private_folder(self._path.parent)
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}.part")
        write_draft(draft, (json.dumps({"version": VERSION, "files": self._seen}).encode(),))
        draft.replace(self._path)


def _marks(status: os.stat_result) -> list[object]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read(path: Path) -> dict[str, list[object]]:
    try:
        said = json.loads(path.read_bytes())
        rows: dict[str, list[object]] = said["files"] if said["version"] == VERSION else {}
        return {name: row for name, row in rows.items() if len(row) == 6}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # none yet, or damaged: everything is read again
