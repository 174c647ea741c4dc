"""Sizes and durations as people and Slurm write them."""

from __future__ import annotations

import re

SIZES = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4, "P": 1024**5}
"""Powers of 1024 with or without `i` and `B`, as Slurm counts."""
SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}

_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?([KMGTP])(?:i?B)?", re.IGNORECASE | re.ASCII)
_PARTS = re.compile(r"(?:\d{1,9}(?:\.\d{1,6})?[wdhms] ?)+", re.IGNORECASE | re.ASCII)
_PART = re.compile(r"([\d.]+)([wdhms])", re.IGNORECASE | re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,4})-)?(\d{1,4}):([0-5]\d):([0-5]\d)", re.ASCII)
_PLAIN = re.compile(r"\d{1,9}", re.ASCII)


def size(text: str) -> int:
    """Bytes of `8G`, `500M`, `1.5TiB`. Raises `ValueError`; also where the unit is missing."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return int(float(match[1]) * SIZES[match[2].upper()])


def duration(text: str) -> int:
    """Seconds of `8h`, `90m`, `1d12h`, `01:30:00`, `2-00:00:00` or plain seconds.

    Raises `ValueError`; also for `01:30`, which is minutes to Slurm and hours to most people.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return int(text)
    if clock := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if _PARTS.fullmatch(text):
        return int(sum(float(count) * SECONDS[unit.lower()] for count, unit in _PART.findall(text)))
    raise ValueError(text)
