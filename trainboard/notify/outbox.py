"""The messages on their way: each is sent by a process of its own, and what came of it outlives us.

For each message there is a slip, a file that says what is sent by whom. Its sender keeps it locked, and writes the
outcome to it. So who finds a slip knows whether the message is still being sent, was sent, or never will be.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specs.tree import quoted
from trainboard.files import private_folder
from trainboard.notify import deliver
from trainboard.notify.channels import Sort
from trainboard.notify.secret import MissingVariable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from trainboard.notify.channels import Channel

PATIENCE = 45.0
"""Seconds that a notifier may take. Mail servers make unknown senders wait."""
LOOK = 0.02, 0.5
"""Seconds between two looks whether it is done: the first, and the longest."""
YOUNG = 10.0
"""Seconds for which a slip that nobody holds is left alone: its sender may be about to begin."""
PROGRAM = re.compile(r"\s*(?!\w+=)([\w./+-]+)(?=\s|$)")
"""The first word of a command, where no shell makes anything else of it."""
NO_ANSWER = "the notifier gave no answer"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent."""

    title: str
    body: str
    severity: str = "info"
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a message."""

    done: bool
    why: str = ""
    """Why it was not sent, in one line without secrets."""
    service: str = ""
    """What a URL leads to, where it was asked."""
    reached: tuple[str, ...] = ()
    """Who of several recipients has it, by digests."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A message that somebody sent, or began to."""

    path: Path
    channel: str
    notices: tuple[str, ...]
    """Their ids."""
    outcome: Outcome | None
    """None: it was not sent, and will not be."""


class Outbox:
    """The messages of one state folder."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], patience: float = PATIENCE, young: float = YOUNG
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._patience = patience
        self._young = young
        self._count = 0
        self._own: set[Path] = set()
        """The slips that this process waits for."""

    async def send(
        self, channel: Channel, message: Message, notices: Sequence[str] = (), reached: Sequence[str] = ()
    ) -> tuple[Outcome, Path | None]:
        """What came of it, and the slip, which is to be dropped when that is remembered. Raises `OSError`.

        `reached`: the recipients who have it already, by `Outcome.reached`.
        """
        try:
            order = self._order(channel, message) | {"reached": list(reached)}
        except MissingVariable as error:
            return Outcome(False, str(error)), None
        slip = await asyncio.to_thread(self._make_slip, channel.name, notices)
        try:
            return await self._run(slip, order), slip
        except BaseException:  # also when it is given up: who is next may send it
            self.leave(slip)
            raise

    async def check(self, channel: Channel) -> Outcome:
        """Whether a channel can work, without sending anything. Raises `OSError`."""
        if channel.sort is Sort.COMMAND and (missing := await self._missing(channel)):
            return Outcome(False, f"no command {quoted(missing)} here")
        if channel.sort is not Sort.URL:
            return Outcome(True)
        outcome, slip = await self.send(channel, Message("", "", kind="check"))
        if slip is not None:
            await self.drop(slip)
        return outcome

    async def _missing(self, channel: Channel) -> str:
        """The program that a command begins with, where it is not there; empty where it is, or is no plain word."""
        found = PROGRAM.match(channel.target.written)
        if found is None:
            return ""
        script = ("sh", "-c", 'command -v "$1"', "sh", found[1])
        asked = await asyncio.create_subprocess_exec(
            *script, env=self._environ, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        return found[1] if await asked.wait() else ""

    async def drop(self, slip: Path) -> None:
        """What came of it is remembered elsewhere."""
        self._own.discard(slip)
        with suppress(OSError):
            await asyncio.to_thread(slip.unlink)

    def leave(self, slip: Path) -> None:
        """What came of it could not be remembered: it is found again by `left`."""
        self._own.discard(slip)

    async def left(self) -> list[Slip]:
        """The slips that another process left, without those that are still being sent.

        One without an outcome is gone when this returns: nobody sends it any more. Raises `OSError`.
        """
        return await asyncio.to_thread(self._left)

    def _order(self, channel: Channel, message: Message) -> dict[str, Any]:
        target = channel.target.reveal(self._environ) if channel.sort is Sort.URL else channel.target.written
        check = message.kind == "check"
        return {
            "way": "check" if check else str(channel.sort),
            str(channel.sort): target,
            "channel": channel.name,
            "title": message.title,
            "body": message.body,
            "severity": message.severity,
            "kind": message.kind,
            "patience": max(1, int(self._patience)),
        }

    def _make_slip(self, channel: str, notices: Sequence[str]) -> Path:
        private_folder(self._folder)
        self._count += 1
        path = self._folder / f"{os.getpid()}-{time.time_ns()}-{self._count}"
        self._own.add(path)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"channel": channel, "notices": list(notices)}, file)
            file.flush()
            os.fsync(file.fileno())
        return path

    async def _run(self, slip: Path, order: Mapping[str, Any]) -> Outcome:
        """Not by asyncio's own processes: those end with the loop, and this one is to outlive us."""
        process = await asyncio.to_thread(self._start, slip, order)
        end, pause = time.monotonic() + self._patience + 5, LOOK[0]
        while process.poll() is None:
            if time.monotonic() > end:
                process.kill()
            await asyncio.sleep(pause)
            pause = min(LOOK[1], pause * 1.5)
        said = await asyncio.to_thread(read, slip)
        return (said and said.outcome) or Outcome(False, f"{NO_ANSWER} within {self._patience:g} s")

    def _start(self, slip: Path, order: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", deliver.__file__, str(slip)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(self._environ),
            start_new_session=True,
        )
        assert process.stdin is not None  # it was asked for
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(json.dumps(order).encode())
        return process

    def _left(self) -> list[Slip]:
        if not self._folder.is_dir():
            return []
        found = []
        for path in sorted(self._folder.iterdir()):
            slip = None if path in self._own else settled(path, self._young)
            if slip is not None:
                found.append(slip)
        return found


def settled(path: Path, young: float = 0.0) -> Slip | None:
    """A slip whose sender has ended; without an outcome it is removed. None: its sender is at work, or it is gone."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            slip = read(path)
            if slip is not None and slip.outcome is not None:
                return slip
            if 0 <= time.time() - os.fstat(file.fileno()).st_mtime < young:
                return None
            path.unlink()
            return slip
    except (BlockingIOError, FileNotFoundError):
        return None


def read(path: Path) -> Slip | None:
    """What a slip says; None where it is no slip."""
    try:
        first, *rest = [line for line in path.read_bytes().splitlines() if line.strip()]
        head = json.loads(first)
        said = json.loads(rest[-1]) if rest else None
        outcome = None
        if said is not None:
            reached = tuple(map(str, said.get("reached", ())))
            outcome = Outcome(said["done"] is True, str(said["why"]), str(said.get("service", "")), reached)
        return Slip(path, str(head["channel"]), tuple(map(str, head["notices"])), outcome)
    except (OSError, ValueError, KeyError, TypeError):
        return None
