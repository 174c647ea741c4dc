"""What a test of the screen passes in for questions about use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.actions import Refused
from trainboard.use.measured import Use
from trainboard.use.rewrite import Rewrite, rewritten, write
from trainboard.use.totals import Totals
from trainboard.use.uses import Used

if TYPE_CHECKING:
    from pathlib import Path

    from backends.jobuse import NodeGpu
    from trainboard.rows import Row
    from trainboard.use.advice import Advice


class FakeUses:
    """Answers what the test put in, and writes down what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.used: dict[str, Used] = {}
        """By row."""
        self.taken = Totals(2, 3, 4.5, 1.25, 0.5, 2.0, 8.0, 6.0, 0.75)
        self.nodes: tuple[NodeGpu, ...] = ()
        self.on_nodes = True
        """Whether nodes can be asked."""
        self.refusal: Refused | None = None

    async def of(self, row: Row) -> Used:
        self.asked.append(("of", row.key))
        return self.used.get(row.key, Used(Use(JobState.RUNNING)))

    async def totals(self, experiment: str) -> Totals:
        self.asked.append(("totals", experiment))
        return self.taken

    def asks_nodes(self, row: Row) -> bool:
        return self.on_nodes

    async def node_gpus(self, row: Row) -> tuple[NodeGpu, ...]:
        self.asked.append(("node_gpus", row.key))
        if self.refusal is not None:
            raise self.refusal
        return self.nodes

    async def rewritten(self, path: Path | None, advice: tuple[Advice, ...]) -> Rewrite:
        if path is None:
            raise Refused("the spec file of this job is not here")
        return await rewritten(path, advice)

    async def write(self, rewrite: Rewrite) -> None:
        self.asked.append(("write", rewrite.path.name))
        await write(rewrite)
