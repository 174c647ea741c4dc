"""What takes longer than a frame: done aside, without holding up the screen."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.dom import DOMNode


async def loaded(name: str) -> None:
    """Return once a module is imported; what it brings with it takes tenths of a second, off the event loop."""
    if name not in sys.modules:
        await asyncio.to_thread(importlib.import_module, name)


class Aside:
    """One piece of work at a time. Of those that are asked for meanwhile only the last follows."""

    def __init__(self, node: DOMNode, group: str) -> None:
        self._node = node
        self._group = group
        self._next: Callable[[], Awaitable[None]] | None = None
        self.busy = False
        """Whether something is being done."""

    def ask(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do this, after what is being done."""
        self._next = work
        if not self.busy:
            self.busy = True
            self._node.run_worker(self._go(), group=self._group)

    async def _go(self) -> None:
        try:
            while self._next is not None:
                work, self._next = self._next, None
                await work()
        finally:
            self.busy = False
