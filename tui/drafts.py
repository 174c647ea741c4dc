"""Spec files as they are open on the screen, with what was typed and is not saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

Stamp = tuple[int, int, int]


@dataclass(slots=True)
class Draft:
    """One file, and the text that stands for it on the screen."""

    path: Path
    opened: str
    """What was in the file when it was read or written last."""
    text: str
    stamp: Stamp | None
    """Of the file at that time; None: it was not there."""
    meanwhile: bool = False
    """Another program has written to the file since, and there are changes here."""

    @property
    def unsaved(self) -> bool:
        """Whether there is something to save."""
        return self.text != self.opened


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file cannot be opened, in one line."""

    reason: str


def read(path: Path) -> Draft | Unreadable:
    """Open a file. Blocks."""
    from specs.files import read as read_file
    from specs.model import SpecError

    before = stamp(path)
    try:
        text = read_file(path)
    except SpecError as error:
        return Unreadable(error.message)
    return Draft(path, text, text, before)


def stamp(path: Path) -> Stamp | None:
    """What tells in one call whether a file is worth reading again; None where there is none. Blocks."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def one_kind_of_line_end(text: str) -> bool:
    """Whether an editor that knows lines can give the text back byte for byte."""
    lines = text.splitlines(keepends=True)
    ends = {line[len(line.rstrip("\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")) :] for line in lines}
    return len(ends - {""}) <= 1 and ends <= {"", "\n", "\r\n"}
