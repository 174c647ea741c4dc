"""What work costs, by the processor and not by the clock: other programs of a busy machine do not count."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def effort(work: Callable[[], object], enough: float = 0.0, tries: int = 5) -> float:
    """Processor seconds of the cheapest of several tries; no more of them once one has cost less than `enough`.

    What a try costs beyond the work itself, as when garbage is collected in its midst, is not the same each time.
    """
    best = float("inf")
    for _ in range(tries):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
        if best < enough:
            break
    return best
