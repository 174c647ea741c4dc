"""What hosts told over time, as long as the board runs: bounded, one figure a reading, in percent."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from trainboard.machines import filled, share
from tui.show import BLOCKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from backends.base import Gpu, Health
    from trainboard.events import HostSeen

LONG = 240
"""Readings that are kept of each figure: twenty minutes, at one every five seconds."""
PAUSE = 60.0
"""Seconds without a reading after which a gap is drawn."""

Percents = deque[int | None]
"""Whole percents: small integers are shared, so that a figure costs eight bytes. None: not told, or a gap."""


class Readings:
    """The histories of all hosts: `cpu`, `memory`, and by GPU `use:<name>` and `memory:<name>`."""

    def __init__(self, long: int = LONG) -> None:
        self._long = long
        self._hosts: dict[str, dict[str, Percents]] = {}
        self._at: dict[str, float] = {}

    def add(self, host: HostSeen) -> bool:
        """Keep what a host told; False where it is no new reading."""
        health = host.health
        if health is None or health.at <= self._at.get(host.backend, 0.0):
            return False
        gap = health.at - self._at.get(host.backend, health.at) > PAUSE
        self._at[host.backend] = health.at
        known = self._hosts.setdefault(host.backend, {})
        told = dict(figures(health))
        for name in {*known, *told}:
            kept = known.setdefault(name, deque(maxlen=self._long))
            if gap:
                kept.append(None)
            kept.append(told.get(name))
        for name in [name for name in known if name not in told and not any(known[name])]:
            del known[name]  # a GPU that has been gone for as long as is remembered
        return True

    def of(self, backend: str, figure: str) -> Iterable[int | None]:
        """The history of one figure, the oldest first; empty where nothing is known."""
        return self._hosts.get(backend, {}).get(figure, ())


def figures(health: Health) -> Iterator[tuple[str, int | None]]:
    """The figures of one reading."""
    yield "cpu", None if health.cpu is None else round(health.cpu)
    yield "memory", filled(health)
    for gpu in health.gpus:
        yield f"use:{name(gpu)}", None if gpu.utilization is None or gpu.lost else round(gpu.utilization)
        yield f"memory:{name(gpu)}", share(gpu.memory_used, gpu.memory_total)


def name(gpu: Gpu) -> str:
    """What tells it from the others of its host; not every tool tells a uuid."""
    return gpu.uuid or str(gpu.index)


def sparkline(percents: Iterable[int | None], width: int) -> str:
    """Exactly `width` cells, the oldest first, each the highest of its readings; on one scale, 0 to 100.

    A cell without a reading is blank, one at zero the lowest block.
    """
    known = list(percents)
    each = max(1, -(-len(known) // max(1, width)))
    cells = [highest(known[max(0, end - each) : end]) for end in range(len(known), 0, -each)][:width]
    return "".join(map(block, reversed(cells))).ljust(width)


def highest(percents: Iterable[int | None]) -> int | None:
    """The greatest; None where none is known."""
    return max((each for each in percents if each is not None), default=None)


def block(percent: int | None) -> str:
    """One cell."""
    return " " if percent is None else BLOCKS[max(0, min(7, percent * 8 // 100))]
