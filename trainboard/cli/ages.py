"""How old the states on record are: they are those of the last poll."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from trainboard import polls
from trainboard.cli.terminal import since

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from trainboard.cli.desk import Desk
    from trainboard.records import Attempt

YOUNG = 60.0
"""Seconds up to which the age of a state is not worth a word."""


async def ages(desk: Desk, found: Iterable[Attempt]) -> dict[str, str]:
    """By run that has not ended: when its backend was polled last, where that is not just now."""
    alive = {each.run: each.backend for each in found if not each.state.ended}
    said = await asyncio.to_thread(_said, desk.paths.state, set(filter(None, alive.values())))
    return {run: said[backend] for run, backend in alive.items() if said.get(backend)}


def _said(folder: Path, backends: Iterable[str]) -> dict[str, str]:
    return {name: words(polls.newest(folder, name), time.time()) for name in backends}


def words(seen: float | None, now: float) -> str:
    """When the last poll was."""
    if seen is None:
        return "not polled yet"
    return "" if now - seen <= YOUNG else f"polled {since(seen)} ago"


def aged(state: str, run: str, ages: Mapping[str, str]) -> str:
    """A state on record, with its age beside it."""
    return f"{state} ({ages[run]})" if run in ages else state
