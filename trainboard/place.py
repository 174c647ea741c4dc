"""What the watch knows of one backend, and when it asks next."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from backends.base import BackendError, HostKeyRefused, HostUnreachable, LoginRefused
from trainboard.events import HostSeen, Link
from trainboard.picture import PENDING, RUNNING, Picture, count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.base import Backend, Health, Job
    from trainboard.query import Answer
    from trainboard.reconcile import Absence

UNFOCUSED = 60.0
"""Seconds between two squeue calls while nobody looks."""

LONGEST_WAIT = 300.0
"""Seconds at most between two tries of a host that fails."""

DOUBLINGS = 10
"""Of the wait, at most: whatever the interval, `LONGEST_WAIT` is reached by then."""

SHORTEST_WAIT = 0.5
"""Seconds between two queries, whatever happens."""


class Place:
    """One backend with its newest picture. A failed query changes its link, never the picture."""

    def __init__(self, backend: Backend, interval: float) -> None:
        self.backend = backend
        self.interval = interval
        self.jobs: tuple[Job, ...] = ()
        self.health: Health | None = None
        self.absences: Mapping[str, Absence] = {}
        self.link = Link.CONNECTING
        self.reason = ""
        self.advice = ""
        self.seen: float | None = None
        self.failures = 0
        self.refused = False
        """It does not let us in: asking again by ourselves would bring the same prompt, or lock the account."""
        self.answered = asyncio.Event()
        """Set while the last query was answered."""
        self.trouble = ""
        """Why the dispatcher sends it nothing, in one line."""
        self.full: Mapping[str, float] = {}
        """When disks will be full, by path."""
        self._wake = asyncio.Event()
        self._shown: Picture | None = None
        """What another process sees of it, while that one does the polling."""

    def answer(self, answer: Answer) -> None:
        """A query was answered."""
        self.jobs, self.absences, self.seen, self.failures = answer.jobs, answer.absences, answer.at, 0
        self.link, self.reason, self.advice, self.refused = Link.UP, "", "", False
        self._shown = None
        self.answered.set()

    def fail(self, error: BackendError) -> None:
        """A query failed."""
        self.failures += 1
        self.link = Link.DOWN if self.seen is None else Link.STALE
        self.reason, self.advice = error.bare, error.advice
        self.refused = isinstance(error, LoginRefused | HostKeyRefused)
        self._shown = None
        self.answered.clear()

    def show(self, picture: Picture) -> bool:
        """Take over what another process sees; whether that is anything new."""
        if picture is self._shown:
            return False
        self._shown = picture
        self.jobs, self.health, self.seen = picture.jobs, picture.health, picture.seen
        self.link, self.reason, self.advice = picture.link, picture.reason, picture.advice
        self.failures, self.refused, self.absences = 0, False, {}
        if self.link is Link.UP:
            self.answered.set()
        else:
            self.answered.clear()
        return True

    @property
    def theirs(self) -> bool:
        """Whether what is known of it is what another process sees."""
        return self._shown is not None

    def picture(self) -> Picture:
        """What this process sees, for others."""
        return Picture(
            backend=self.backend.name,
            kind=self.backend.kind,
            link=self.link,
            reason=self.reason,
            advice=self.advice,
            seen=self.seen,
            health=self.health,
            calls_per_minute=self.calls_per_minute(),
            jobs=self.jobs,
        )

    def suspect(self, error: BackendError) -> None:
        """Something else than a query failed there: what needs the host waits for the next answer.

        A broken connection is looked at now; each one breaks once, so this cannot become a storm of queries.
        """
        self.answered.clear()
        if isinstance(error, HostUnreachable):
            self.wake()

    def delay(self, focused: bool) -> float | None:
        """Seconds until the next query; None: not before somebody asks for it."""
        if self.refused:
            return None
        slow = max(self.interval, UNFOCUSED) if self.backend.kind == "slurm" else self.interval * 5
        interval = self.interval if focused else slow
        if self.failures:
            interval = max(interval, 2.0) * 2 ** min(self.failures, DOUBLINGS)
            interval = min(LONGEST_WAIT, interval) * random.uniform(0.8, 1.2)
        return interval

    def wake(self, *, by_user: bool = False) -> None:
        """Ask now; a host that does not let us in, only where the user wants it."""
        if by_user or not self.refused:
            self._wake.set()

    async def rest(self, delay: float | None) -> None:
        """Until `delay` seconds are over, or somebody wakes it; a moment at least, whoever wakes it how often."""
        await asyncio.sleep(SHORTEST_WAIT)
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    def calls_per_minute(self) -> float:
        """Commands and state queries in the last minute, of the process that polls."""
        if self._shown is not None:
            return self._shown.calls_per_minute
        horizon = time.monotonic() - 60
        return float(sum(1 for call in self.backend.calls if call >= horizon))

    def event(self) -> HostSeen:
        """The newest about it."""
        return HostSeen(
            backend=self.backend.name,
            kind=self.backend.kind,
            link=self.link,
            reason=self.reason,
            advice=self.advice,
            seen=self.seen,
            health=self.health,
            running=count(self.jobs, RUNNING),
            pending=count(self.jobs, PENDING),
            calls_per_minute=self.calls_per_minute(),
            trouble=self.trouble,
            full=self.full,
        )
