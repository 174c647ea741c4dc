"""The engine lease: of all processes on one state folder, one polls the hosts and places runs for all of them.

It is an economy, and no promise hangs on it: whatever two processes do at the same time, the store and the claims of
the attempts keep right. So a holder that was stopped (ctrl-Z) may be stood in for.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainboard.files import private_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOK = 1.0
"""Seconds between two looks whether the lease is free: a dead holder is followed within two."""

BEAT = 5.0
"""Seconds between two signs of life of the holder."""

SILENT = 30.0
"""A holder that gave no sign of life for so many seconds is stopped: others do its work until it goes on."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the lease."""

    pid: int
    host: str
    role: str
    """`board`, `watch` or `rebuild`."""
    since: float
    beat: float
    """Its last sign of life, seconds since the epoch."""

    def __str__(self) -> str:
        here = self.host == socket.gethostname()
        return f"{self.role}, process {self.pid}" + ("" if here else f" on {self.host}")


class Lease:
    """One process's share in the lease of a state folder. Every call may block for as long as a file system takes."""

    def __init__(
        self, folder: Path, role: str, clock: Callable[[], float] = time.time, *, takes: bool = True
    ) -> None:
        """`takes`: whether we want it; else we only see who has it."""
        self._path = lock_path(folder)
        self._takes = takes
        self._clock = clock
        self._me = Holder(os.getpid(), socket.gethostname(), role, 0.0, 0.0)
        self._file: int | None = None
        """The locked file; the kernel frees the lock when the process ends, however it ends."""
        self._turn = threading.Lock()
        """A look may still be under way in its thread when the process has decided to leave."""
        self._left = False

    @property
    def held(self) -> bool:
        """Whether it is ours, as of the last look."""
        return self._file is not None

    def look(self) -> Holder | None:
        """Take it where it is free; who has it now, which may be us.

        None: nobody, and it is not to be had. Raises `OSError` where the folder allows no locks.
        """
        with self._turn:
            if self._left:
                return None
            if self._file is not None and not same_file(self._file, self._path):
                self._drop()  # somebody removed the file: another process may hold its successor
            if self._file is None:
                if self._takes:
                    self._take()
            elif self._clock() - self._me.beat >= BEAT:
                self._sign()
        return self._me if self._file is not None else holder(self._path.parent)

    def give_up(self) -> None:
        """Let others have it, for good."""
        with self._turn:
            self._left = True
            self._drop()

    def _take(self) -> None:
        private_folder(self._path.parent)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return
        except OSError:
            os.close(file)
            raise
        if not same_file(file, self._path):
            os.close(file)
            return
        self._file = file
        self._me = Holder(self._me.pid, self._me.host, self._me.role, self._clock(), 0.0)
        self._sign()

    def _sign(self) -> None:
        """Say who we are and that we live; a full disk keeps nobody from working."""
        assert self._file is not None
        now = self._clock()
        text = json.dumps(
            {"pid": self._me.pid, "host": self._me.host, "role": self._me.role, "since": self._me.since}
        )
        with contextlib.suppress(OSError):
            if self._me.beat == 0.0:
                os.ftruncate(self._file, 0)
                os.pwrite(self._file, text.encode(), 0)
            os.utime(self._file, (now, now))
        self._me = Holder(self._me.pid, self._me.host, self._me.role, self._me.since, now)

    def _drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def lock_path(folder: Path) -> Path:
    """The file whose lock the lease is."""
    return folder / "engine.lock"


def holder(folder: Path) -> Holder | None:
    """Who has the lease of this state folder; None where nobody has it. Blocks for a moment. Raises `OSError`."""
    try:
        file = os.open(lock_path(folder), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if free(file):
            return None
        return described(os.pread(file, 4096, 0), os.fstat(file).st_mtime)
    finally:
        os.close(file)


def free(file: int) -> bool:
    """Whether nobody holds the lock of this open file."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def described(text: bytes, beat: float) -> Holder:
    """The holder that a lock file's text names; whoever it is, where the text is not whole yet."""
    try:
        said = json.loads(text)
        return Holder(int(said["pid"]), str(said["host"]), str(said["role"]), float(said["since"]), beat)
    except (ValueError, TypeError, KeyError, RecursionError):
        return Holder(0, "", "another trainboard", beat, beat)


def silent(holder: Holder, now: float) -> bool:
    """Whether the holder has been stopped, by all appearances."""
    return now - holder.beat > SILENT


def same_file(file: int, path: Path) -> bool:
    """Whether an open file is the one that the path names."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
