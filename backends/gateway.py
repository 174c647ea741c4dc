"""Slurm's commands on a gateway: what is asked, with a time-out and a cap, and what is made of the answer."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from typing import TYPE_CHECKING, TypeVar

from backends.base import CommandFailed
from backends.forecast import NODE_FIELDS, parse_nodes
from backends.squeue import (
    REASONS_FORMAT,
    STANDING_FORMAT,
    parse_reasons,
    parse_squeue,
    parse_standings,
    queue_format,
)
from backends.taskids import folded
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from backends.base import Completed
    from backends.checks import Nodes
    from backends.host import Host
    from backends.squeue import QueueEntry, Standing

Result = TypeVar("Result")

NOT_HERE = re.compile(r"No such file|not found", re.IGNORECASE)

NO_SLURM = "set `kind: ssh` for this backend if it has no Slurm, or fix the PATH of commands over SSH there"

OVER = re.compile(
    r"invalid job id|already complet|already finish|no longer pending|not pending|job is not held", re.IGNORECASE
)
"""Words about a job that is over, that Slurm has forgotten, or that has begun."""

SETTINGS = {"SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "0"}
"""Times as seconds: a cluster's time zone is not ours. The tasks of an array that waits are not cut off."""

UNKNOWN_FIELD = re.compile(r"invalid (?:job )?format|invalid field|unrecognized", re.IGNORECASE)
"""Words of a Slurm that does not know a field."""

NODES_AGE = 60.0
"""Seconds for which an answer of sinfo is believed."""

IDS = 200
"""Job ids in one command line."""

LARGE = 300
"""Lines or attempts from which on the work is done in a thread, for the event loop's sake."""


class Gateway:
    """Slurm as one user sees it."""

    def __init__(self, name: str, host: Host) -> None:
        """`name` is the backend's."""
        self.name = name
        self.host = host
        self._user = ""
        self._nodes: tuple[float, tuple[Nodes, ...]] | None = None

    async def user(self) -> str:
        """The login there; $USER is not always set."""
        if not self._user:
            self._user = (await self.command(["id", "-un"], 10)).strip()
        return self._user

    async def queue(self) -> tuple[QueueEntry, ...]:
        """The user's jobs, those that ended lately too. Raises `CommandFailed` where the answer is not whole."""
        mark = f"~{secrets.token_hex(4)}~"
        argv = ["squeue", "-h", "-t", "all", "-u", await self.user(), "-o", queue_format(mark)]
        text = await self.command(argv, 30, 32 << 20)
        try:
            return await apart(len(text) // 200, lambda: parse_squeue(text, mark))
        except ValueError as error:
            raise CommandFailed(f"{self.name}: {error}") from error

    async def reasons(self, arrays: Iterable[str]) -> dict[str, str]:
        """Why each waiting task of these arrays waits, where one line of the queue tells it of all together."""
        argv = ["squeue", "-h", "-r", "-t", "pending", "-u", await self.user(), "-o", REASONS_FORMAT]
        return parse_reasons(await self.command([*argv, "-j", ",".join(arrays)], 30, 32 << 20))

    async def standings(self) -> list[Standing]:
        """The user's jobs that wait, the one that goes first at the head."""
        argv = ["squeue", "-h", "-r", "-t", "pending", "--sort=-p,i", "-u", await self.user(), "-o", STANDING_FORMAT]
        return parse_standings(await self.command(argv, 30, 32 << 20))

    async def nodes(self) -> tuple[Nodes, ...]:
        """What each partition offers; asked once a minute at most."""
        if self._nodes is None or time.monotonic() - self._nodes[0] > NODES_AGE:
            text = await self.command(["sinfo", "-h", "-e", "-o", NODE_FIELDS], 20)
            self._nodes = time.monotonic(), parse_nodes(text)
        return self._nodes[1]

    async def scancel(self, ids: Iterable[str]) -> None:
        """End jobs; for those that are over it does nothing."""
        await self._each(["scancel"], folded(ids))

    async def scontrol(self, words: Sequence[str], ids: Sequence[str], prefix: str = "") -> None:
        """Change jobs; nothing for those that are over, or have begun."""
        for at in range(0, len(ids), IDS):
            await self._done(["scontrol", *words, prefix + ",".join(ids[at : at + IDS])])

    async def command(self, argv: list[str], timeout: float, cap: int = 1 << 20, *, strict: bool = False) -> str:
        """The output of a command that must succeed. Raises `CommandFailed` with what it said.

        `strict`: squeue goes on without a field that it does not know, and calls that success; here it is none.
        """
        done = await self.run(argv, timeout, cap)
        if done.code != 0 or (strict and UNKNOWN_FIELD.search(done.err.decode("utf-8", "replace"))):
            raise self.failed(argv[0], done.code, done.err)
        if done.truncated:
            raise CommandFailed(f"{self.name}: {argv[0]} printed more than {cap >> 20} MB")
        return done.out.decode("utf-8", "replace")

    async def run(self, argv: list[str], timeout: float, cap: int = 1 << 20) -> Completed:
        """A command of Slurm's. Raises `CommandFailed` with advice where this host has none."""
        try:
            return await self.host.run(argv, timeout, cap, env=SETTINGS)
        except CommandFailed as error:
            if NOT_HERE.search(str(error)) and argv[0] != "id":
                raise CommandFailed(f"{self.name}: {argv[0]} is not on this gateway", NO_SLURM) from error
            raise

    def failed(self, command: str, code: int, words: bytes) -> CommandFailed:
        """The error for a command that ended so."""
        return CommandFailed(f"{self.name}: {command}: {one_line(words) or f'exit code {code}'}")

    async def _each(self, command: list[str], ids: Sequence[str]) -> None:
        for at in range(0, len(ids), IDS):
            await self._done([*command, *ids[at : at + IDS]])

    async def _done(self, argv: list[str]) -> None:
        """Run it. Raises `CommandFailed` with what it says of jobs that it should have changed."""
        done = await self.run(argv, 60)
        lines = (done.err or done.out).splitlines()
        words = [line for line in lines if not OVER.search(line.decode(errors="replace"))]
        if done.code != 0 and (words or not lines):
            raise self.failed(argv[0], done.code, b"\n".join(words))


async def apart(size: int, work: Callable[[], Result]) -> Result:
    """Do it at once where it is little, else in a thread."""
    return work() if size < LARGE else await asyncio.to_thread(work)
