"""A store and host sessions that take the whole process with them at a chosen step, as SIGKILL does."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import TYPE_CHECKING, Any, TypeVar

from backends.host import QUIET, Host
from trainboard.store import Store

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from backends.host import Frame
    from trainboard.documents import Change, Record

T = TypeVar("T")

LONGEST = 0.02
"""Seconds that something may have been under way when the process dies in the middle of it."""


class Fate:
    """Counts the steps of a process; at the chosen one it ends, without a word to anybody."""

    def __init__(self, at: int | None, seed: int = 0) -> None:
        """`at`: the step, from 1; None: it lives, and the steps are counted."""
        self.steps = 0
        self._at = at
        self._random = random.Random(seed)

    def step(self) -> None:
        """One step further."""
        self.steps += 1
        if self.steps == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    async def through(self, work: Coroutine[Any, Any, T]) -> T:
        """Three steps around something: before it, in the midst of it, and when it is done and nobody knows yet."""
        self.step()
        under_way = asyncio.create_task(work)
        await asyncio.wait([under_way], timeout=self._random.uniform(0, LONGEST))
        self.step()
        done = await under_way
        self.step()
        return done


class MortalStore(Store):
    """A store whose every change is a step."""

    def __init__(self, folder: Path, fate: Fate) -> None:
        super().__init__(folder)
        self._fate = fate

    async def change(self, change: Change) -> tuple[Record, ...]:
        return await self._fate.through(super().change(change))


class MortalHost(Host):
    """A host session whose every request is a step."""

    fate: Fate

    async def request(self, op: str, within: float = QUIET, payload: bytes = b"", **fields: object) -> Frame:
        return await self.fate.through(super().request(op, within, payload, **fields))
