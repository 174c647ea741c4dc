"""What a runner tells of the most that its attempt used. Pure."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from backends.base import Peaks

if TYPE_CHECKING:
    from collections.abc import Mapping

GROWTH = 1.25
"""Of an attempt that runs, a figure is news when it has grown so many times: not every look is written down."""


def peaks_of(found: Mapping[str, Any]) -> Peaks | None:
    """The figures in what an attempt directory says; an older runner's exit record has memory and times only."""
    told = dict(found.get("peaks") or {})
    ended = found.get("exit") or {}
    if not told and ended.get("began") is not None:
        told = {"memory": ended.get("peak_memory"), "seconds": ended["time"] - ended["began"]}
    known = {each.name: told.get(each.name) for each in fields(Peaks)}
    figures = {what: float(value) for what, value in known.items() if is_figure(value) and value is not None}
    return Peaks(**figures) if figures else None


def saved_of(found: Mapping[str, Any]) -> tuple[float, ...]:
    """When checkpoints were saved, by what an attempt directory says."""
    times = (found.get("saved") or {}).get("times")
    return tuple(sorted(float(each) for each in times if is_figure(each))) if isinstance(times, list) else ()


def is_figure(value: object) -> bool:
    """Whether somebody has measured something."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 62


def updated(known: Mapping[str, float], seen: Peaks | None, *, ended: bool) -> Mapping[str, float]:
    """What is kept of an attempt: all that is seen at its end, before that what has grown much."""
    figures: dict[str, float | None] = {} if seen is None else asdict(seen)
    told = {what: value for what, value in figures.items() if value is not None}
    news = {what: value for what, value in told.items() if ended or value > GROWTH * known.get(what, 0.0)}
    return {**known, **news} if any(known.get(what) != value for what, value in news.items()) else known
