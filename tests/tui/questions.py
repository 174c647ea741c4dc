"""What backends answer when a screen asks them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.trainboard.clusterfakes import AT, a_look, waits_of
from trainboard.clusters import Why
from trainboard.history import HistorySeen
from trainboard.ranking.standing import Standing
from trainboard.reasons import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from backends.cluster import ClusterSeen, Variants
    from trainboard.actions import Refused
    from trainboard.rows import Row


class FakeQuestions:
    """Answers what a test put in, once `answering` is set; `refusal` makes all of them fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.refusal: Refused | None = None
        self.seen = a_look()
        self.rows: dict[str, Row] = {}
        self.reason = "Priority"
        self.variants: Variants | None = None
        self.past = HistorySeen((), AT, AT)
        self.standing = Standing()

    async def _asked(self, *question: object) -> None:
        self.asked.append(question)
        await self.answering.wait()
        if self.refusal is not None:
            raise self.refusal

    def clusters(self) -> Sequence[str]:
        return ["triton"]

    async def look(self, backend: str) -> ClusterSeen:
        await self._asked("look", backend)
        return self.seen

    async def why(self, key: str) -> Why:
        await self._asked("why", key)
        return Why(self.rows[key], AT, explain(self.reason), waits_of(self.reason))

    async def smaller(self, why: Why) -> Variants:
        await self._asked("smaller", why.row.key)
        assert self.variants is not None
        return self.variants

    async def history(self, since: float) -> HistorySeen:
        await self._asked("history", since)
        return self.past

    async def results(self, names: Sequence[str], tell: Callable[[int], None]) -> Standing:
        await self._asked("results", *names)
        tell(0)
        return self.standing
