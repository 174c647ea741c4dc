"""Texts of schedulers and tools → base types. Pure: any text gives an answer or a `ValueError`, never a guess."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from backends.base import JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

SLURM_STATES: Mapping[str, JobState] = {
    "PENDING": JobState.PENDING,
    "CONFIGURING": JobState.PENDING,
    "REQUEUED": JobState.PENDING,
    "REQUEUE_FED": JobState.PENDING,
    "REQUEUE_HOLD": JobState.HELD,
    "SPECIAL_EXIT": JobState.HELD,
    "RESV_DEL_HOLD": JobState.HELD,
    "RUNNING": JobState.RUNNING,
    "SUSPENDED": JobState.RUNNING,
    "STOPPED": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "STAGE_OUT": JobState.COMPLETING,
    "COMPLETING": JobState.COMPLETING,
    "COMPLETED": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "BOOT_FAIL": JobState.NODE_FAIL,
    "NODE_FAIL": JobState.NODE_FAIL,
    "LAUNCH_FAILED": JobState.FAILED,
    "RECONFIG_FAIL": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
    "REVOKED": JobState.CANCELLED,
    "TIMEOUT": JobState.TIMEOUT,
    "DEADLINE": JobState.TIMEOUT,
    "OUT_OF_MEMORY": JobState.OUT_OF_MEMORY,
    "PREEMPTED": JobState.PREEMPTED,
}
"""Slurm's words (squeue(1), JOB STATE CODES) → ours. A word that is not here is UNKNOWN, and alive."""

HOLD_REASONS = frozenset({"JobHeldUser", "JobHeldAdmin"})
"""A line of squeue for many tasks of an array names the reasons of all of them, with commas."""


def slurm_state(word: str, reason: str = "") -> JobState:
    """Slurm's state word, `CANCELLED by 1000` and `CANCELLED+` too, → ours."""
    head = word.split()[0].rstrip("+") if word.split() else ""
    state = SLURM_STATES.get(head, JobState.UNKNOWN)
    held = reason != "" and HOLD_REASONS.issuperset(reason.split(","))
    return JobState.HELD if state is JobState.PENDING and held else state


def slurm_time(text: str) -> float | None:
    """A time as Slurm prints it with SLURM_TIME_FORMAT=%s, or in its standard form (local time); None for none."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text) or None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def slurm_duration(text: str) -> float | None:
    """`[days-]hours:minutes:seconds`, `minutes:seconds` → seconds; None for UNLIMITED and the like."""
    match = re.fullmatch(r"(?:(\d{1,6})-)?(?:(\d{1,6}):)?(\d{1,6}):(\d\d)", text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def parse_stdout_path(text: str) -> str | None:
    """The log of a job from `scontrol show job`; the last mention, as its name and comment stand before it.

    Of the patterns in it Slurm has put in the values, but for `%%`, which it shows as it was written.
    """
    paths = re.findall(r"^ *StdOut=(.+)$", text, re.MULTILINE)
    return paths[-1].strip().replace("%%", "%") if paths else None


def parse_job_id(out: str) -> str | None:
    """The id that `sbatch --parsable` printed (`123` or `123;cluster`), past warnings before it."""
    for line in reversed(out.splitlines()):
        match = re.fullmatch(r"(\d{1,12})(?:;\S+)?", line.strip())
        if match is not None:
            return match[1]
    return None
