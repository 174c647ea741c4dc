"""What a cluster's limits leave to the user: asked once an hour, and anew where they turn out otherwise."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from backends import limits
from backends.base import BackendError, CommandFailed, HostTimeout
from specs.model import SlurmOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from backends.base import Room
    from backends.gateway import Gateway
    from backends.squeue import QueueEntry

AGE = 3600.0
"""Seconds for which an answer is believed."""

SHOW = ("sacctmgr", "-n", "-P", "show")


class Allowance:
    """The limits of one cluster."""

    def __init__(self, gateway: Gateway, clock: Callable[[], float] = time.monotonic) -> None:
        self.gateway = gateway
        self._clock = clock
        self._site: limits.Site | None = None
        self._granted: limits.Site | None = None
        """The same with the accounting's limits, which only `room` needs."""
        self._until = 0.0

    async def array_size(self) -> int:
        """MaxArraySize, or Slurm's default where the cluster does not tell: sbatch says when that is too many."""
        try:
            return (await self._configured()).array_size
        except BackendError:
            return limits.ARRAY_SIZE

    async def room(self, own: SlurmOptions, entries: Sequence[QueueEntry]) -> Room:
        """How many more jobs with these options fit, with these in the queue."""
        try:
            return limits.room(await self.granted(own), entries)
        except BackendError:
            return limits.room((), entries)

    async def granted(self, own: SlurmOptions | None = None) -> tuple[limits.Limit, ...]:
        """Those that a job with these options counts against; without, one that asks for nothing in particular.

        Raises `BackendError` where the cluster does not tell its configuration.
        """
        site = await self._configured()
        if self._granted is None:
            self._granted = await self._accounted(site) if site.enforced else site
        return self._granted.limits(own or SlurmOptions())

    async def private(self) -> frozenset[str]:
        """What users may not see of others. Raises `BackendError`."""
        return (await self._configured()).private

    def forget(self) -> None:
        """Ask anew: what we believed was wrong."""
        self._site = self._granted = None

    async def _configured(self) -> limits.Site:
        if self._clock() >= self._until:
            self.forget()
        if self._site is None:
            text = await self.gateway.command(["scontrol", "show", "config"], 20)
            self._site, self._until = limits.parse_site(text), self._clock() + AGE
        return self._site

    async def _accounted(self, site: limits.Site) -> limits.Site:
        """What the accounting grants; nothing of it where there is no sacctmgr, or no slurmdbd now."""
        try:
            user = await self.gateway.user()
            account = await self._told("user", user, "format=DefaultAccount")
            granted = f"format={','.join(limits.ASSOC_FIELDS)}"
            associations = await self._told("assoc", "where", f"user={user}", granted)
            qos = await self._told("qos", f"format={','.join(limits.QOS_FIELDS)}")
            partitions = await self.gateway.command(["scontrol", "-o", "show", "partition"], 20)
        except (CommandFailed, HostTimeout):
            return site  # sbatch says when there is no room
        return replace(
            site,
            associations=limits.parse_associations(associations, site.cluster),
            default_account=account.strip().partition("\n")[0],
            qos=limits.parse_qos(qos),
            partitions=limits.parse_partitions(partitions),
        )

    async def _told(self, *words: str) -> str:
        return await self.gateway.command([*SHOW, *words], 20)
