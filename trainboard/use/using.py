"""What a screen may ask about use: `trainboard.use.uses` answers; a test of the screen passes its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from backends.jobuse import NodeGpu
    from trainboard.rows import Row
    from trainboard.use.advice import Advice
    from trainboard.use.rewrite import Rewrite
    from trainboard.use.totals import Totals
    from trainboard.use.uses import Used


class Using(Protocol):
    """All of it is gathered when it is asked for; nothing is polled."""

    async def of(self, row: Row) -> Used:
        """What a row uses, and what to ask for next time."""

    async def totals(self, experiment: str) -> Totals:
        """What an experiment took until now. Raises `Refused`."""

    def asks_nodes(self, row: Row) -> bool:
        """Whether the GPUs of a row can be asked on its nodes."""

    async def node_gpus(self, row: Row) -> tuple[NodeGpu, ...]:
        """The GPUs of a running job, asked on its nodes by a step in it. Raises `Refused`."""

    async def rewritten(self, path: Path | None, advice: tuple[Advice, ...]) -> Rewrite:
        """A spec file with what is advised in it; nothing is written. Raises `Refused`."""

    async def write(self, rewrite: Rewrite) -> None:
        """Write it. Raises `Refused`."""
