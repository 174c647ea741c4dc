"""How the process is set so that an event loop beside threads that work on many records is not kept waiting, and that
it is as large as what it holds."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import contextmanager, suppress
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


_MMAP_THRESHOLD, LARGE = -3, 1 << 20
"""The C library's number for the size from which memory comes from the system alone and goes back when it is freed;
and that size, in bytes. Left alone it grows to 32 MB with what is freed: after a few large series were looked at, a
hundred megabytes stay with the process."""


@contextmanager
def responsive() -> Iterator[None]:
    """For as long as an event loop has a user. It holds for the whole process."""
    switch, garbage = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(YOUNG, garbage[1], OLD)
    with suppress(AttributeError):  # there is no such thing but in glibc
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)
    try:
        yield
    finally:
        sys.setswitchinterval(switch)
        gc.set_threshold(*garbage)
