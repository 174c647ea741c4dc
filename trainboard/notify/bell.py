"""The bell of the terminal that this process runs in, whatever is on its screen."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 5.0
"""Seconds for a terminal that is taking a frame."""

_FLAGS = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def terminal_bell() -> Callable[[], bool] | None:
    """What rings it, and says whether it could; None where there is no terminal."""
    try:
        os.close(os.open("/dev/tty", _FLAGS))
    except OSError:
        return None
    return ring


def ring() -> bool:
    """Ring; False where there is no terminal, or it takes nothing. Blocks for `PATIENCE` at most."""
    try:
        terminal = os.open("/dev/tty", _FLAGS)
    except OSError:
        return False
    try:
        _, ready, _ = select.select([], [terminal], [], PATIENCE)
        return bool(ready) and os.write(terminal, b"\a") == 1
    except OSError:
        return False
    finally:
        os.close(terminal)
