"""The py-spy that is installed beside us, as something that can be sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

MACHINES = {62: ("x86_64", "amd64"), 183: ("aarch64", "arm64")}
"""By the number of an ELF file, what `uname -m` calls the machine."""

INTERPRETER = 3
"""The program header of a file that needs a loader, which is another one with musl than with glibc."""


@dataclass(frozen=True, slots=True)
class Binary:
    """One file."""

    content: bytes = field(repr=False)
    machines: tuple[str, ...]
    """What `uname -m` says where it runs."""
    static: bool
    """Whether it runs with any C library, as that of the wheel does."""

    @property
    def name(self) -> str:
        """By its content: another version lies beside it."""
        return f"py-spy-{hashlib.sha256(self.content).hexdigest()[:16]}"


def installed() -> Binary | None:
    """The one of the `py-spy` package; None where that is not installed, or is for no Linux that we know."""
    try:
        files = metadata.files("py-spy") or []
    except metadata.PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())) for file in files if file.name == "py-spy")
    return next((read(path.read_bytes()) for path in paths if path.is_file()), None)


def read(content: bytes) -> Binary | None:
    """An ELF file of 64 bits for a machine that we know; None for anything else."""
    if content[:6] != b"\x7fELF\x02\x01" or len(content) < 64:
        return None
    machines = MACHINES.get(int.from_bytes(content[18:20], "little"))
    if machines is None:
        return None
    start = int.from_bytes(content[32:40], "little")
    size, count = (int.from_bytes(content[at : at + 2], "little") for at in (54, 56))
    kinds = {int.from_bytes(content[at : at + 4], "little") for at in range(start, start + size * count, size or 1)}
    return Binary(content, machines, INTERPRETER not in kinds)
