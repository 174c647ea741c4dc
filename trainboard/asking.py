"""What a front end asks only when somebody looks: clusters, why a job waits, jobs that are over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from trainboard.actions import Refused
from trainboard.clusters import Clusters
from trainboard.history import Histories
from trainboard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backends.base import Backend
    from backends.cluster import ClusterSeen, Variants
    from trainboard.clusters import Why
    from trainboard.history import HistorySeen
    from trainboard.paths import Paths
    from trainboard.ranking.standing import Standing, Standings
    from trainboard.rows import Row
    from trainboard.store import Store


class Questions(Protocol):
    """Each takes as long as its host; each raises `Refused` with why there is no answer."""

    def clusters(self) -> Sequence[str]:
        """The backends that have a scheduler."""

    async def look(self, backend: str) -> ClusterSeen:
        """Partitions, nodes, shares and queue of a cluster, at most a minute old."""

    async def why(self, key: str) -> Why:
        """Why a row waits."""

    async def smaller(self, why: Why) -> Variants:
        """When the same job, and smaller ones, would start if they came now."""

    async def history(self, since: float) -> HistorySeen:
        """What ended since then, on all backends."""

    async def results(self, names: Sequence[str], tell: Callable[[int], None]) -> Standing:
        """What came of these experiments, by what is stored; asks no host.

        `tell`, in another thread, hears how many series are still to be read.
        """


class Asking:
    """`Questions` to the backends."""

    def __init__(
        self,
        backends: Callable[[], Mapping[str, Backend]],
        store: Store,
        paths: Paths,
        row: Callable[[str], Row],
    ) -> None:
        """`row`: the row of a key; raises `Refused`."""
        self._clusters = Clusters(backends, store, paths.pictures)
        self._histories = Histories(backends, store, paths.history)
        self._row = row
        self._store = store
        self._paths = paths
        self._standings: Standings | None = None

    def clusters(self) -> Sequence[str]:
        return self._clusters.names()

    async def look(self, backend: str) -> ClusterSeen:
        return await self._clusters.look(backend)

    async def why(self, key: str) -> Why:
        return await self._clusters.why(self._row(key))

    async def smaller(self, why: Why) -> Variants:
        return await self._clusters.smaller(why)

    async def history(self, since: float) -> HistorySeen:
        return await self._histories.load(since)

    async def results(self, names: Sequence[str], tell: Callable[[int], None]) -> Standing:
        from trainboard.ranking.standing import Standings

        if self._standings is None:
            self._standings = Standings(self._paths)
        try:
            records = await self._store.load()
        except StoreError as error:
            raise Refused(str(error)) from error
        return await self._standings.of(records, names, tell)
