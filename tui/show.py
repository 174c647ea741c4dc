"""Values as text: durations, sizes, ages, states, sparklines, and untrusted text made harmless. Pure."""

from __future__ import annotations

import math
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells, set_cell_size

from backends.states import JobState
from trainboard.link import Link
from trainboard.show import clean as clean
from trainboard.show import duration as duration
from trainboard.show import number as number
from trainboard.show import quantity as quantity
from trainboard.show import size as size

if TYPE_CHECKING:
    from collections.abc import Sequence


STATES: dict[JobState, tuple[str, str]] = {
    JobState.SUBMITTING: ("◌", "waiting"),
    JobState.PENDING: ("○", "waiting"),
    JobState.HELD: ("‖", "waiting"),
    JobState.RUNNING: ("●", "good"),
    JobState.COMPLETING: ("◐", "good"),
    JobState.UNKNOWN: ("?", "waiting"),
    JobState.COMPLETED: ("✓", "done"),
    JobState.FAILED: ("✗", "bad"),
    JobState.CANCELLED: ("⊘", "dim"),
    JobState.TIMEOUT: ("!", "bad"),
    JobState.OUT_OF_MEMORY: ("✗", "bad"),
    JobState.NODE_FAIL: ("✗", "bad"),
    JobState.PREEMPTED: ("↺", "bad"),
    JobState.LOST: ("?", "bad"),
}
"""Sign and tone of each state; the word always stands beside the sign."""

CODES: dict[JobState, str] = {
    JobState.RUNNING: "R",
    JobState.COMPLETING: "CG",
    JobState.UNKNOWN: "?",
    JobState.SUBMITTING: "SB",
    JobState.PENDING: "PD",
    JobState.HELD: "H",
    JobState.FAILED: "F",
    JobState.OUT_OF_MEMORY: "OOM",
    JobState.TIMEOUT: "TO",
    JobState.NODE_FAIL: "NF",
    JobState.PREEMPTED: "PR",
    JobState.LOST: "LO",
    JobState.COMPLETED: "CD",
    JobState.CANCELLED: "CA",
}
"""Slurm's short words, in the order of how much one wants to know of them."""

LINKS: dict[Link, tuple[str, str]] = {
    Link.CONNECTING: ("◐", "waiting"),
    Link.UP: ("●", "good"),
    Link.STALE: ("▲", "waiting"),
    Link.DOWN: ("✗", "bad"),
}

BLOCKS = "▁▂▃▄▅▆▇█"


def state_text(state: JobState, width: int) -> str:
    """The sign and the word; the one word that is longer than the column has a short form of its own."""
    word = "OUT_OF_MEM" if state is JobState.OUT_OF_MEMORY and width < 15 else str(state)
    return f"{STATES[state][0]} {word}"


def age(seconds: float | None) -> str:
    """One unit: `<5s`, `15s`, `3m`, `2h`, `5d`; seconds in steps of five, as each step is a line drawn anew."""
    if seconds is None:
        return "–"
    whole = max(0, int(seconds))
    for seconds_in_it, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= seconds_in_it:
            return f"{whole // seconds_in_it}{unit}"
    return f"{whole - whole % 5}s" if whole >= 5 else "<5s"


def cut(text: str, width: int) -> str:
    """Exactly `width` cells: padded, or ended with `…`."""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, max(0, width - 1)) + "…"[:width]


def cut_middle(text: str, width: int) -> str:
    """Exactly `width` cells; of a longer text the beginning and, as settings differ at the end, more of the end."""
    if cell_len(text) <= width or width < 6 or not text.isascii():
        return cut(text, width)
    head = width // 3
    return f"{text[:head]}…{text[head + 1 - width :]}"


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, broken between words where that goes."""
    lines = textwrap.wrap(text, max(1, width), break_on_hyphens=False) or [""]
    return [piece for line in lines for piece in (chop_cells(line, width) if cell_len(line) > width else [line])]


def pad_left(text: str, width: int) -> str:
    """Exactly `width` cells, flush right."""
    return " " * (width - cell_len(text)) + text if cell_len(text) <= width else cut(text, width)


def blank(seconds: float | None) -> str:
    """A duration; nothing where it is not known."""
    return "" if seconds is None else duration(seconds)


def percent(progress: tuple[float, float] | None, width: int) -> str:
    """(done, total) as a bar and a percentage where there is room, else the percentage."""
    if progress is None:
        return ""
    done, total = progress
    fraction = max(0.0, min(1.0, done / total))
    text = f"{int(fraction * 100)}%"
    return text if width < 10 else f"{bar(fraction, width - 5)} {text:>4}"


def spark(values: Sequence[float], width: int) -> str:
    """A curve in `width` cells at most: each the highest of its bucket, so that spikes stay, the last cell the newest
    value; a bucket with a value that is not finite is `×`.
    """
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    edges = [i * len(values) // count for i in range(count + 1)]
    buckets = [values[a:b] for a, b in pairwise(edges)]
    picks = [_pick(bucket) for bucket in buckets]
    if math.isfinite(values[-1]):
        picks[-1] = picks[-1] if picks[-1] is None else values[-1]
    finite = [p for p in picks if p is not None]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join("×" if p is None else _block(p, low, high) for p in picks)


def _pick(bucket: Sequence[float]) -> float | None:
    return max(bucket) if all(map(math.isfinite, bucket)) else None


def _block(value: float, low: float, high: float) -> str:
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return BLOCKS[3]
    return BLOCKS[min(7, int((value - low) / span * 8))]


def bar(fraction: float, width: int) -> str:
    """A progress bar of exactly `width` cells."""
    full = round(max(0.0, min(1.0, fraction)) * width)
    return "━" * full + "┄" * (width - full)


def count(number: int, noun: str) -> str:
    """`1 run`, `4 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
