"""How the interpreter is set so that an event loop beside threads that work on many records is not kept waiting."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH = 0.001
"""Seconds until a thread that works lets another one work. By the interpreter's own 5 ms an event loop beside five
threads waits for a frame and more each time it has been idle."""

YOUNG, OLD = 10_000, 100
"""New objects until the young ones are searched for cycles of garbage, and how many such searches of older ones make
one of all. That takes 100 ms and more where there are records of ten thousand runs, while no thread goes on; by the
interpreter's own numbers it comes several times while a sweep is sent. Records are no cycles and go without it."""


@contextmanager
def responsive() -> Iterator[None]:
    """For as long as an event loop has a user. It holds for the whole process."""
    switch, garbage = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(YOUNG, garbage[1], OLD)
    try:
        yield
    finally:
        sys.setswitchinterval(switch)
        gc.set_threshold(*garbage)
