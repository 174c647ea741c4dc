"""Amounts rounded up to what people write: `3G`, `2h30m`. Pure."""

from __future__ import annotations

import math

GIB, MIB = 1 << 30, 1 << 20

SIZES = ((1000 * MIB, 100 * MIB), (16 * GIB, GIB), (64 * GIB, 2 * GIB), (256 * GIB, 8 * GIB), (math.inf, 16 * GIB))
"""Up to the first figure, in steps of the second; bytes."""

HOUR, DAY = 3600.0, 86400.0

TIMES = ((HOUR, 300.0), (6 * HOUR, 1800.0), (2 * DAY, HOUR), (10 * DAY, 6 * HOUR), (math.inf, DAY))
"""The same of seconds."""

PARTS = ((86400, "d"), (3600, "h"), (60, "m"))


def up(amount: float, steps: tuple[tuple[float, float], ...]) -> int:
    """The next round amount that is not below this one; one step at least."""
    step = next(step for limit, step in steps if amount <= limit)
    return int(max(1, math.ceil(amount / step - 1e-9)) * step)


def memory(amount: float) -> tuple[int, str]:
    """Bytes, rounded up, and as they are written."""
    size = up(amount, SIZES)
    if size > 1000 * MIB - 1:
        size = math.ceil(size / GIB) * GIB
        return size, f"{size // GIB}G"
    return size, f"{size // MIB}M"


def time(amount: float) -> tuple[int, str]:
    """Seconds, rounded up, and as they are written."""
    left = whole = up(amount, TIMES)
    words = []
    for size, unit in PARTS:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count}{unit}")
    return whole, "".join(words)


def count(amount: float) -> tuple[int, str]:
    """A whole number."""
    return math.ceil(amount), str(math.ceil(amount))
