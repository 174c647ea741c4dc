"""The profiles that were recorded of a run, kept beside its series: the newest few, each in py-spy's raw format."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trainboard.files import private_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST = 20
"""Profiles of one run that are kept."""

NAME = re.compile(r"\d{10,}-\d+\.raw")


@dataclass(frozen=True, slots=True)
class Kept:
    """One of them."""

    at: float
    """When it was recorded, seconds since the epoch."""
    pid: int
    process: str
    """Its command; untrusted."""
    seconds: float
    how: str = ""
    """As `native, idle threads`; empty: as usual."""
    node: str = ""
    rank: int | None = None
    path: Path | None = field(default=None, compare=False)


class Shelf:
    """The profiles of one run, in a folder of its own. All calls raise `OSError`."""

    def __init__(self, folder: Path, key: str) -> None:
        """`folder`: of all runs; `key`: of the run's row."""
        self._folder = folder / quote(key, safe="")

    def put(self, kept: Kept, stacks: bytes) -> Kept:
        """Keep one more; the oldest beyond `MOST` go."""
        private_folder(self._folder)
        path = self._folder / f"{int(kept.at * 1000)}-{kept.pid}.raw"
        told = {name: value for name, value in asdict(kept).items() if name != "path"}
        write_whole(path, b"# %s\n%s" % (json.dumps(told).encode(), stacks))
        for old in self._files()[:-MOST]:
            old.unlink(missing_ok=True)
        return Kept(**told, path=path)

    def all(self) -> Sequence[Kept]:
        """The newest first; one that cannot be read is not there."""
        found = [kept for path in reversed(self._files()) if (kept := head(path)) is not None]
        return tuple(found)

    def _files(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if NAME.fullmatch(path.name))


def head(path: Path) -> Kept | None:
    """What the first line of such a file tells; None where it is none of ours."""
    with path.open("rb") as file:
        line = file.readline(1 << 16)
    try:
        told: dict[str, Any] = json.loads(line.removeprefix(b"# "))
        return Kept(**told, path=path)
    except (ValueError, TypeError):
        return None
