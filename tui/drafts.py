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
    opened: str | None
    """What was in the file when it was read or written last; None: there was none."""
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


def free_name(folder: Path, stem: str) -> str:
    """`stem.yaml`, or with the first number from 2 on that no file of the folder has. Blocks."""
    names = (f"{stem}.yaml", *(f"{stem}-{number}.yaml" for number in range(2, 1000)))
    return next((name for name in names if not (folder / name).exists()), names[0])


def new_path(folder: Path, name: str) -> Path | None:
    """The YAML file of this name in the folder; None where the name is none, or leads elsewhere."""
    name = name.strip()
    if not name or name.startswith(".") or "/" in name or not name.isprintable():
        return None
    return folder / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")


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
