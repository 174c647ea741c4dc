"""What somebody wants to know of clusters and of jobs that wait: asked when they look, then kept for a minute."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backends.base import BackendError
from backends.cluster import Before, Cluster, ClusterSeen, Variants, Waits
from backends.verdicts import Queued, QueueOnHost
from trainboard.actions import Refused
from trainboard.dependency import Gate, standings, tallies
from trainboard.files import write_whole
from trainboard.ledger import WAITING, newest_attempts
from trainboard.reasons import Explained, explain
from trainboard.store import StoreError
from trainboard.typed import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from backends.base import Backend
    from trainboard.documents import Records
    from trainboard.rows import Row
    from trainboard.store import Store

AGE = 60.0
"""Seconds for which a look at a cluster is shown again, by whichever process it was taken."""

VERSION = 1

FREE_GPUS = "it starts by itself when they are free; `trainboard hosts --free` tells where others are"


@dataclass(frozen=True, slots=True)
class Why:
    """Why a row waits."""

    row: Row
    at: float
    """When it was asked, by our clock."""
    told: Explained
    waits: Waits | None = None
    """On a cluster; None also where it could not be asked: then there is `trouble`."""
    queued: Queued | None = None
    """In the queue of a machine."""
    before: tuple[Before, ...] = ()
    """The experiments that its own comes after."""
    trouble: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def can_ask(self) -> bool:
        """Whether its scheduler can be asked about smaller ones."""
        return self.waits is not None and bool(self.waits.job.options)


class Clusters:
    """Asks backends, and remembers their answers for a minute, for all processes on a state folder."""

    def __init__(
        self,
        backends: Callable[[], Mapping[str, Backend]],
        store: Store,
        pictures: Path,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`pictures`: the folder in which processes show each other what they see."""
        self._backends = backends
        self._store = store
        self._folder = pictures
        self._now = now
        self._seen: dict[str, ClusterSeen] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def names(self) -> list[str]:
        """The backends that are clusters."""
        return [name for name, backend in self._backends().items() if isinstance(backend, Cluster)]

    async def look(self, name: str) -> ClusterSeen:
        """Partitions, nodes, shares and queue, at most a minute old. Raises `Refused` with why there is nothing."""
        backend = self._cluster(name)
        async with self._turns.setdefault(name, asyncio.Lock()):
            known = self._seen.get(name)
            if known is None or not self._fresh(known):
                known = await asyncio.to_thread(self._read, name)
            if known is None or not self._fresh(known):
                try:
                    known = await backend.look()
                except BackendError as error:
                    raise Refused(f"{name}: {error.bare}") from error
                with contextlib.suppress(OSError):  # the others ask for themselves then
                    await asyncio.to_thread(self._write, known)
            self._seen[name] = known
            return known

    def known(self, name: str) -> ClusterSeen | None:
        """The last look of this process, however old."""
        return self._seen.get(name)

    async def why(self, row: Row) -> Why:
        """Why a row waits, by all that can be asked. Raises `Refused` for one that does not wait."""
        if row.state not in WAITING:
            raise Refused(f"{row.name or row.key} does not wait: it is {row.state}")
        before = await self._ours_before(row)
        reason = row.reason_at(self._now())
        backend = self._backends().get(row.backend)
        told = Explained(reason or "It waits here to be sent.") if row.unsent else explain(reason)
        if row.unsent or backend is None or not row.job_id:
            return Why(row, self._now(), told, before=before)
        try:
            if isinstance(backend, Cluster):
                waits = await backend.waits(row.job_id)
                return Why(row, self._now(), explain(waits.job.reason or reason), waits, before=before)
            if isinstance(backend, QueueOnHost):
                queued = await backend.verdicts(row.watched())
                return Why(row, self._now(), on_host(queued, reason), queued=queued, before=before)
        except BackendError as error:
            return Why(row, self._now(), told, before=before, trouble=error.bare)
        return Why(row, self._now(), Explained(reason), before=before)

    async def smaller(self, why: Why) -> Variants:
        """When the same job, and smaller ones, would start if they came now. Raises `Refused`."""
        backend = self._backends().get(why.row.backend)
        if why.waits is None or not isinstance(backend, Cluster):
            raise Refused("only a scheduler can be asked what it would start")
        seen = self._seen.get(why.row.backend)
        partitions = seen.partitions if seen is not None else ()
        try:
            if not partitions:
                partitions = (await self.look(why.row.backend)).partitions
            return await backend.smaller(why.waits.job, partitions)
        except BackendError as error:
            raise Refused(f"{why.row.backend}: {error.bare}") from error

    async def _ours_before(self, row: Row) -> tuple[Before, ...]:
        """The experiments that the row's own comes after, and those that they come after."""
        try:
            records = await self._store.load()
        except StoreError as error:
            raise Refused(str(error)) from error
        return () if row.experiment is None else experiments_before(records, row.experiment)

    def _cluster(self, name: str) -> Cluster:
        backend = self._backends().get(name)
        if not isinstance(backend, Cluster):
            others = ", ".join(self.names())
            raise Refused(
                f"{name} is no cluster with a scheduler"
                + (f"; these are: {others}" if others else "; none of yours is")
            )
        return backend

    def _fresh(self, seen: ClusterSeen) -> bool:
        return 0 <= self._now() - seen.at < AGE

    # shared with other processes

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.cluster"

    def _write(self, seen: ClusterSeen) -> None:
        content = json.dumps({"version": VERSION, "seen": to_json(seen)}).encode()
        write_whole(self._path(seen.backend), content)

    def _read(self, name: str) -> ClusterSeen | None:
        """What another process saw; None where that is not to be read."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            said = json.loads(self._path(name).read_bytes())
            if said["version"] == VERSION and (seen := from_json(ClusterSeen, said["seen"])).backend == name:
                return seen
        return None


def on_host(queued: Queued | None, reason: str) -> Explained:
    """Why a run waits in the queue of a machine; what is told of each GPU is not told twice."""
    if queued is None:
        return Explained(reason or "Its turn comes.")
    rest = "; ".join(part for part in queued.reason.split("; ") if not re.match(r"GPU \d+: ", part))
    if queued.gpus and all(verdict.words for verdict in queued.gpus):
        return Explained(f"It gets none of the GPUs yet{f'; {rest}' if rest else ''}.", FREE_GPUS)
    return Explained(rest or "Its turn comes.")


def experiments_before(records: Records, experiment: str, deep: int = 8) -> tuple[Before, ...]:
    """The tree of experiments that one comes after: how far each is, and whether it can ever be COMPLETED."""
    found = records.experiments.get(experiment)
    if found is None or not found.after or not deep:
        return ()
    newest = newest_attempts(records)
    counted = tallies(records, newest)
    gates = standings(records, newest)
    links = []
    for other in found.after:
        tally = counted.get(other)
        words = "gone" if tally is None else f"{tally.completed} of {tally.runs} completed"
        if tally is not None and tally.failed:
            words += f", {tally.failed} failed"
        waiting = gates[other].reason if other in gates and gates[other].gate is not Gate.OPEN else ""
        never = tally is None or bool(tally.failed)
        below = experiments_before(records, other, deep - 1)
        links.append(Before("after", other, words, waiting, never, below))
    return tuple(links)
