"""A file that is no spec as one: which importer reads it, and the promise that what it writes is right."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from specs.document import decode
from specs.expand import expand
from specs.importers.sbatch import read_sbatch
from specs.importers.sheet import read_sheet
from specs.importers.tables import read_csv, read_xlsx
from specs.importers.wandb import read_wandb
from specs.load import loads
from specs.model import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from specs.importers.imported import Imported

LARGEST = 32 << 20
"""Bytes of a file."""


def convert(path: Path, folder: Path, command: str | None = None) -> Imported:
    """The spec of a file, to be saved in a folder. Raises `SpecError`.

    `command`: what to run, for a sheet, which does not say it.
    """
    source = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SpecError(source, None, f"cannot be read: {reason}") from None
    if len(data) > LARGEST:
        raise SpecError(source, None, f"larger than {LARGEST >> 20} MiB")
    return turn(data, path, folder, command)


def turn(data: bytes, path: Path, folder: Path, command: str | None = None) -> Imported:
    """The same of the bytes of a file."""
    source = str(path)
    read = READERS.get(path.suffix.lower(), _sbatch)
    if command is not None and read not in (_csv, _xlsx):
        raise SpecError(source, None, "says itself what to run: --command is for sheets")
    found = read(_File(data, path, folder, command))
    try:
        spec = loads(found.text, folder / "imported.yaml")
        runs = len(expand(spec))
    except SpecError as error:
        raise SpecError(source, None, f"cannot be a spec as it is: {error.message}") from None
    return replace(found, runs=spec.sweep.samples if spec.sweep.method.asks else runs)


@dataclass(frozen=True, slots=True)
class _File:
    """What is to be read, and for where."""

    data: bytes
    path: Path
    folder: Path
    command: str | None

    @property
    def source(self) -> str:
        return str(self.path)

    @property
    def text(self) -> str:
        return decode(self.data, self.source)

    @property
    def workdir(self) -> str:
        """Where the file lies, from the folder of the spec."""
        return os.path.relpath(self.path.absolute().parent, self.folder.absolute())

    def is_folder(self, path: str) -> bool:
        """Whether this, from the folder of the spec, is a folder on this machine."""
        try:
            return (self.folder / path).is_dir()
        except (OSError, ValueError):
            return False


def _sbatch(file: _File) -> Imported:
    if not file.data.startswith(b"#!"):
        kinds = ", ".join(READERS)
        raise SpecError(
            file.source, 1, f'is no batch script, which begins with "#!", and no sheet or sweep ({kinds})'
        )
    return read_sbatch(file.text, file.source, file.path.name, file.workdir, file.is_folder)


def _csv(file: _File) -> Imported:
    return read_sheet(read_csv(file.data, file.source), file.source, file.path.name, file.workdir, file.command)


def _xlsx(file: _File) -> Imported:
    return read_sheet(read_xlsx(file.data, file.source), file.source, file.path.name, file.workdir, file.command)


def _wandb(file: _File) -> Imported:
    return read_wandb(file.text, file.source, file.path.name, file.workdir)


def _json(file: _File) -> Imported:
    # JSON may be indented by tabs, YAML not; within its texts there are none.
    return _wandb(replace(file, data=file.data.replace(b"\t", b"  ")))


READERS: Mapping[str, Callable[[_File], Imported]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".xlsx": _xlsx,
    ".xlsm": _xlsx,
    ".yaml": _wandb,
    ".yml": _wandb,
    ".json": _json,
}
"""By the end of a file's name; all others are scripts."""
