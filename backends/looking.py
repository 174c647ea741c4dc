"""A look at a whole cluster: a few questions at once, each with a time-out; what fails is said in its place."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, TypeVar

from backends import limits
from backends.base import BackendError, CommandFailed
from backends.cluster import Allowed, ClusterSeen, Trouble
from backends.gateway import UNKNOWN_FIELD, apart
from backends.inventory import (
    CROWD_TRES,
    SHARE_FORMAT,
    SINFO_FORMAT,
    crowd_format,
    parse_crowd,
    parse_nodes,
    parse_partitions,
    parse_shares,
    parse_sinfo_nodes,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from backends.allowance import Allowance
    from backends.cluster import Crowd, Node, Partition, Share
    from backends.gateway import Gateway
    from backends.squeue import QueueEntry

CAP = 64 << 20
"""Bytes: 20,000 nodes, or 100,000 jobs."""

NO_SHARES = re.compile(r"supported priority plugin|priority/basic|accounting storage|not enforced", re.IGNORECASE)

Found = TypeVar("Found")


class Looking:
    """What one gateway can be asked about its cluster. It remembers only which words its Slurm understands."""

    def __init__(self, gateway: Gateway, allowance: Allowance, now: Callable[[], float] = time.time) -> None:
        self.gateway = gateway
        self.allowance = allowance
        self._now = now
        self._tres = 0
        """Which of CROWD_TRES this squeue understands."""
        self._plain = False
        """scontrol tells nothing of nodes here: sinfo does."""

    async def look(self, queue: Callable[[], Awaitable[Sequence[QueueEntry]]]) -> ClusterSeen:
        """All of it; `queue`: the user's own jobs. Raises the first `BackendError` where nothing at all answers."""
        user = await self.gateway.user()
        troubles: list[Trouble] = []
        errors: list[BackendError] = []

        async def part(what: str, work: Awaitable[tuple[Found, ...]]) -> tuple[Found, ...]:
            try:
                return await work
            except BackendError as error:
                errors.append(error)
                troubles.append(Trouble(what, error.bare))
                return ()

        partitions, nodes, crowd, shares, granted = await asyncio.gather(
            part("partitions", self.partitions()),
            part("nodes", self._nodes()),
            part("crowd", self._crowd(user)),
            part("shares", self._shares()),
            part("limits", self._limits(queue)),
        )
        if len(errors) == 5:
            raise errors[0]
        private = await self.private()
        return ClusterSeen(
            self.gateway.name, self._now(), user, partitions, nodes, crowd, private, shares, granted, tuple(troubles)
        )

    async def partitions(self) -> tuple[Partition, ...]:
        """Those that the user may see. Raises `BackendError`."""
        text = await self.gateway.command(["scontrol", "-o", "show", "partition"], 20, CAP)
        return self._some(parse_partitions(text), "scontrol", text)

    async def private(self) -> bool:
        """Whether the jobs of others are hidden; no, where the cluster does not tell."""
        try:
            return "jobs" in await self.allowance.private()
        except BackendError:
            return False

    async def _nodes(self) -> tuple[Node, ...]:
        if not self._plain:
            try:
                text = await self.gateway.command(["scontrol", "-d", "-o", "show", "node"], 30, CAP)
                return self._some(await apart(len(text) // 1000, lambda: parse_nodes(text)), "scontrol", text)
            except CommandFailed:
                self._plain = True
        text = await self.gateway.command(["sinfo", "-N", "-h", "-o", SINFO_FORMAT], 30, CAP)
        return self._some(await apart(len(text) // 200, lambda: parse_sinfo_nodes(text)), "sinfo", text)

    def _some(self, found: tuple[Found, ...], command: str, text: str) -> tuple[Found, ...]:
        """Raises `CommandFailed` where a cluster would be without any: that is no answer."""
        if not found:
            raise CommandFailed(f"{self.gateway.name}: {command} told nothing that can be read: {len(text)} bytes")
        return found

    async def _crowd(self, user: str) -> tuple[Crowd, ...]:
        text = await self._queue_of_all()
        by_node = self._tres == len(CROWD_TRES) - 1
        return await apart(len(text) // 200, lambda: parse_crowd(text, user, by_node=by_node))

    async def _queue_of_all(self) -> str:
        """In the words that this squeue understands."""
        for number in range(self._tres, len(CROWD_TRES)):
            argv = ["squeue", "-h", "-t", "pending,running", "-O", crowd_format(CROWD_TRES[number])]
            try:
                text = await self.gateway.command(argv, 30, CAP, strict=True)
            except CommandFailed as error:
                if not UNKNOWN_FIELD.search(str(error)) or number == len(CROWD_TRES) - 1:
                    raise
            else:
                self._tres = number
                return text
        raise AssertionError("unreachable")

    async def _shares(self) -> tuple[Share, ...]:
        try:
            return parse_shares(await self.gateway.command(["sshare", "-n", "-P", "-U", "-o", SHARE_FORMAT], 20))
        except CommandFailed as error:
            if NO_SHARES.search(str(error)):
                raise CommandFailed(f"{self.gateway.name}: this cluster keeps no fair shares") from error
            raise

    async def _limits(self, queue: Callable[[], Awaitable[Sequence[QueueEntry]]]) -> tuple[Allowed, ...]:
        entries = await queue()
        return tuple(
            Allowed(limit.name, limit.most, limits.taken(limit, entries)) for limit in await self.allowance.granted()
        )
