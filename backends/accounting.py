"""What sacct knows of attempts that squeue does not show: asked once a tick at most, and for few at a time."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backends.base import CommandFailed, HostTimeout, JobState
from backends.evidence import accounted_job, bare_job
from backends.sacct import ACCOUNT_FIELDS, LOOKUP_FIELDS, Account, parse_sacct
from backends.sightings import Watchlist
from backends.taskids import array_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from backends.base import Job, Watched
    from backends.gateway import Gateway

NO_ACCOUNTING = re.compile(r"sacct is not on this gateway|accounting storage is disabled", re.IGNORECASE)
"""Words of a site without accounting; anything else that sacct fails with may pass."""

UNKNOWN_FIELD = re.compile(r"invalid field", re.IGNORECASE)

IDS = 500
"""Jobs and arrays in one call."""

NAMES = 200

PAUSE = 30.0
"""Seconds between two look-ups by name."""

FRESH = 60.0
"""Seconds for which an attempt without a job id is not looked up: sbatch may be about to tell it."""

CLOCKS = 86400.0
"""Seconds by which a host's clock, with its time zone, may differ from ours."""

CAP = 32 << 20

DROPPED = "cancelled while it waited"
"""Why a task is over of which Slurm keeps nothing."""


class Accounting:
    """sacct on one gateway."""

    def __init__(
        self, gateway: Gateway, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self.gateway = gateway
        self._clock = clock
        self._now = now
        self._asked: dict[str, float] = {}
        """When a job or array was last asked for."""
        self._searched = -PAUSE
        self._fields = 0
        """Which of LOOKUP_FIELDS this sacct knows; past their end: none."""

    async def jobs(self, gone: Sequence[Watched], passed: Collection[str] = ()) -> list[Job]:
        """The attempts that it knows of; nothing for the others.

        While it does not answer, and until their turn has come, those with a job id are UNKNOWN, so alive; where
        there is no accounting, their absence is all there is. `passed`: tokens of tasks that squeue leaves out of
        their arrays though they never began (`passed_over`); where it has no line of their own, they were cancelled.
        """
        known = [attempt for attempt in gone if attempt.job_id]
        old = self._now() - FRESH
        nameless = [attempt for attempt in gone if not attempt.job_id and attempt.submitted < old]
        now = self._clock()
        if nameless and now - self._searched >= PAUSE:
            self._searched = now
            return [*self._left(known, "its turn for sacct comes"), *await self._found(nameless)]
        return await self._told(known, passed) if known else []

    async def _told(self, known: Sequence[Watched], passed: Collection[str]) -> list[Job]:
        """By job id; those that have not been asked for the longest time first."""
        arrays = sorted({array_of(attempt.job_id) for attempt in known}, key=lambda each: self._asked.get(each, 0.0))
        now = self._clock()
        self._asked = {each: self._asked.get(each, 0.0) for each in arrays} | dict.fromkeys(arrays[:IDS], now)
        asked = set(arrays[:IDS])
        later = [attempt for attempt in known if array_of(attempt.job_id) not in asked]
        turn = [attempt for attempt in known if array_of(attempt.job_id) in asked]
        try:
            accounts = await self._accounts(["-j", ",".join(arrays[:IDS])])
        except (CommandFailed, HostTimeout) as error:
            if NO_ACCOUNTING.search(str(error)):
                return []
            return self._left(known, error.bare)
        dropped = {each.token: each for each in turn if each.token in passed and each.job_id not in accounts}
        others = [each for each in turn if each.token not in dropped]
        jobs = [bare_job(self.gateway.name, each, JobState.CANCELLED, reason=DROPPED) for each in dropped.values()]
        return [*self._left(later, "its turn for sacct comes"), *jobs, *self._jobs(others, accounts)]

    async def _found(self, nameless: Sequence[Watched]) -> list[Job]:
        """By job name, then comment or folder: attempts of which we do not know whether there is a job."""
        since = datetime.fromtimestamp(max(0.0, min(attempt.submitted for attempt in nameless) - CLOCKS), UTC)
        runs = {attempt.name for attempt in nameless if attempt.name}
        names = [*sorted({name.partition("/")[0] for name in runs}), *sorted(runs)][:NAMES]
        start = since.strftime("%Y-%m-%dT%H:%M:%S")
        while names and self._fields < len(LOOKUP_FIELDS):
            further = LOOKUP_FIELDS[self._fields]
            query = ["-u", await self.gateway.user(), "-S", start, f"--name={','.join(names)}"]
            try:
                return self._jobs(nameless, await self._accounts(query, further))
            except CommandFailed as error:
                if not UNKNOWN_FIELD.search(str(error)):
                    return []  # no answer is no evidence: they stay as they are
                self._fields += 1
            except HostTimeout:
                return []
        return []

    async def _accounts(self, query: list[str], further: Sequence[str] = ()) -> dict[str, Account]:
        argv = ["sacct", "-n", "-P", "-X", *query, "-o", ",".join([*ACCOUNT_FIELDS, *further])]
        return parse_sacct(await self.gateway.command(argv, 30, CAP), further)

    def _jobs(self, attempts: Sequence[Watched], accounts: dict[str, Account]) -> list[Job]:
        seen, _ = Watchlist(attempts).find(accounts.values())
        last = [sightings[-1] for sightings in seen.values()]
        return [accounted_job(self.gateway.name, each.attempt, each.record, each.job_id) for each in last]

    def _left(self, attempts: Sequence[Watched], why: str) -> list[Job]:
        name = self.gateway.name
        return [bare_job(name, attempt, JobState.UNKNOWN, reason=f"left the queue; {why}") for attempt in attempts]
