"""Project folders of tests, taken as a submission takes them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from specs.load import loads
from trainboard.archive import Archives
from trainboard.code import Taken, take

if TYPE_CHECKING:
    from pathlib import Path

    from backends.base import Snapshot


def packed(folder: Path) -> Snapshot:
    """The snapshot of a folder, with everything in it; what is kept of it lies beside it."""
    return taken(folder, doubtful=True).snapshot


def taken(folder: Path, more: str = "", *, doubtful: bool = False, most: int = 1000) -> Taken:
    """What is taken of a folder for a spec that says `more`."""
    spec = loads(f"name: x\ncommand: train\n{more}", folder / "spec.yaml")
    return take(spec, archives_of(folder), doubtful=doubtful, most=most)


def archives_of(folder: Path) -> Archives:
    """Where the code of a folder is kept."""
    return Archives(folder.parent / f"{folder.name}-code")


def git(folder: Path, *words: str) -> str:
    """What git says, without anybody's own settings."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.file.allow=always"]
    command = ["git", *who, *words]
    done = subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, timeout=30, text=True
    )
    return done.stdout.strip()


def committed(folder: Path) -> None:
    """Make a repository of a folder, with everything in one commit on `main`."""
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
