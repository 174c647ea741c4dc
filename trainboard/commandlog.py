"""The log of commands: every command that any process on this state folder ran on any host, a line of JSON each."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from backends.command import Command

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LIMIT = 4 << 20
"""Bytes of the file, after which it becomes the older one and a new one is begun: weeks of one squeue each 10 s."""

PAUSE = 0.25
"""Seconds for which lines are kept back: a burst is one write."""

KEPT = 10_000
"""Lines that wait at most while the disk does not take them."""

_FIELDS = {field.name for field in fields(Command)}


@dataclass(frozen=True, slots=True)
class Logged:
    """One command with the process that ran it."""

    command: Command
    by: str
    """As `board 4711`."""


class CommandLog:
    """Writes aside, so that neither a slow disk nor a full one holds anything up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by = ""
        self.called("cli")
        self.trouble = ""
        """Why the last lines were not written, in one line."""
        self._waiting: list[Command] = []
        self._writing: asyncio.Task[None] | None = None

    def called(self, role: str) -> None:
        """What this process is, as `board`."""
        self.by = f"{role} {os.getpid()}"

    def note(self, command: Command) -> None:
        """Have a command written down soon. To be called on the event loop."""
        self._waiting.append(command)
        del self._waiting[:-KEPT]
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def close(self) -> None:
        """Return once everything is written down."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(PAUSE)
            commands, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(append, self.path, self.by, commands)
            except OSError as error:
                self.trouble = f"{self.path}: {error.strerror or error}"
            else:
                self.trouble = ""


def append(path: Path, by: str, commands: Iterable[Command]) -> None:
    """Add lines, and begin a new file where that one has grown enough. Blocks. Raises `OSError`."""
    lines = [json.dumps({"by": by, **asdict(command)}, ensure_ascii=False) + "\n" for command in commands]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(file, "".join(lines).encode("utf-8", "replace"))  # one write: lines of two processes never mix
        if os.fstat(file).st_size > LIMIT:
            _begin_anew(file, path)
    finally:
        os.close(file)


def _begin_anew(file: int, path: Path) -> None:
    """The file becomes the older one, unless another process has done that just now."""
    fcntl.flock(file, fcntl.LOCK_EX)
    if os.path.samestat(os.fstat(file), path.stat()):
        path.replace(older(path))


def older(path: Path) -> Path:
    """The file before."""
    return path.with_name(f"{path.name}.1")


def newest(path: Path, most: int = 2000) -> tuple[Logged, ...]:
    """The last commands, the oldest of them first; none where nothing was run yet. Blocks. Raises `OSError`."""
    found: list[Logged] = []
    for each in (older(path), path):
        found += (logged for line in _tail(each, most * 400).splitlines() if (logged := parsed(line)) is not None)
    return tuple(sorted(found, key=lambda logged: logged.command.at)[-most:])


def parsed(line: str) -> Logged | None:
    """One line of the file; None for one that is torn, or that a later version wrote in another way."""
    try:
        said: dict[str, Any] = json.loads(line)
        known = {name: value for name, value in said.items() if name in _FIELDS}
        command = Command(**known)
        return Logged(command, str(said["by"])) if _whole(command) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _whole(command: Command) -> bool:
    texts = (command.host, command.text, command.outcome)
    return all(isinstance(text, str) for text in texts) and all(
        isinstance(number, int | float) for number in (command.at, command.seconds)
    )


def _tail(path: Path, size: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read(size).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
