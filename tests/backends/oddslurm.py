"""A Slurm whose commands are scripts of a test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from backends.host import Host
from backends.local import open_local_link
from backends.slurm import Slurm
from tests.backends.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Completed


class OddSlurm:
    """Slurm's commands by scripts, on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.host = ScriptedHost("gateway", open_local_link)
        self.host.path = str(self.bin)
        self.host.ran = []
        self.backend = Slurm("triton", self.host, str(folder / "runs"), shared=True)
        self.desk = Desk(self.backend, folder)

    def says(self, command: str, script: str) -> None:
        """What a command does."""
        (self.bin / command).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / command).chmod(0o755)

    def queue(self, *entries: dict[str, str], more: str = "") -> None:
        """Let squeue answer with these jobs (fields by their letter), and do `more`."""
        defaults = {
            "i": "1",
            "T": "RUNNING",
            "u": "ada",
            "r": "None",
            "k": "(null)",
            "j": "name",
            "l": "1:00:00",
            "Z": "",
        }
        lines = [
            "".join(f"-e 's\x01%{key}\x01{value}\x01' " for key, value in ({"z": ""} | defaults | entry).items())
            for entry in entries
        ]
        edits = "".join(f"printf '%s\\n' \"$format\" | sed {line} -e 's/%[A-Za-z]//g'\n" for line in lines)
        self.says("squeue", f"for format; do :; done\n{edits}{more}")

    def asked(self, command: str) -> list[list[str]]:
        """How a command was called since the last look."""
        calls = [argv for argv in self.host.ran if argv[0] == command]
        self.host.ran = [argv for argv in self.host.ran if argv[0] != command]
        return calls

    def write(self, path: str, text: str) -> None:
        """A file below the test's folder."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def log_of(self, folder: str, task: int) -> Path:
        """Where the log of an array's task ends up."""
        link = Path(folder, f"{task}.log")
        return Path(os.path.normpath(link.parent / link.readlink()))


class ScriptedHost(Host):
    """A session that finds the test's scripts first, waits for no command for long, and remembers what it ran."""

    path = ""
    patience = 2.0
    ran: list[list[str]]

    async def run(
        self,
        argv: Sequence[str],
        timeout: float = 20,
        cap: int = 1 << 20,
        env: Mapping[str, str] | None = None,
        cwd: str = "~",
    ) -> Completed:
        """Run one of the scripts where there is one."""
        self.ran.append(list(argv))
        scripted = Path(self.path, argv[0])
        words = [str(scripted), *argv[1:]] if os.access(scripted, os.X_OK) else list(argv)
        return await super().run(words, min(timeout, self.patience), cap, env, cwd)
