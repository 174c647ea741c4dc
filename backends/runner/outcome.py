"""How an end is told."""

import os
import signal
from typing import Optional, Tuple


def killed(status: int) -> bool:
    """Whether somebody died of SIGKILL, or is a shell that tells so of its last command."""
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    return os.WEXITSTATUS(status) == 128 + signal.SIGKILL


def outcome(status: Optional[int], ending: str, exhausted: bool = False) -> Tuple[str, Optional[int], str]:
    """State, exit code and reason that a wait status (None: never started) and the reason for ending stand for."""
    if status is None:
        state, _, reason = outcome(0, ending)
        return state, None, reason
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else (code - 128 if code and code > 128 else 0)
    known = {entry.value: entry.name for entry in signal.Signals}
    if ending == "cancel":
        return "CANCELLED", code, "cancelled"
    if ending in ("time", "SIGUSR2"):
        return "TIMEOUT", code, "time limit"
    if ending:
        return "CANCELLED", code, "ended by %s" % ending
    told = code if code is not None else 128 + number
    if exhausted:
        return "OUT_OF_MEMORY", told, "out of memory: the kernel killed a process"
    if status == 0:
        return "COMPLETED", 0, ""
    if code is None or number in known:
        return "FAILED", told, "killed by %s" % known.get(number, number)
    return "FAILED", code, "exit code %d" % code
