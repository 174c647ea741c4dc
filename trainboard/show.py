"""Values as text, for the command line and the screen alike; untrusted text made harmless. Pure."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def duration(seconds: float | None) -> str:
    """Two units at most: `42s`, `7m05`, `42m`, `3h07`, `2d04h`; `–` where it is not known.

    Seconds go after ten minutes: a screen full of them would be drawn anew every second.
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 600:
        return f"{whole // 60}m{whole % 60:02}"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}"
    if whole < 100 * 86400:
        return f"{whole // 86400}d{whole % 86400 // 3600:02}h"
    return f"{whole // 86400}d"


def size(count: float | None) -> str:
    """Bytes with binary units, three figures: `1.5G`."""
    if count is None:
        return "–"
    value = float(count)
    for unit in "BKMGTP":
        if value < 999.5 or unit == "P":
            return f"{value:.1f}{unit}" if value < 9.95 and unit != "B" else f"{value:.0f}{unit}"
        value /= 1024
    raise AssertionError("unreachable")


def number(value: float | None) -> str:
    """A metric's value in at most nine characters; `nan`, `inf` as they are."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4g}"


def quantity(name: str, value: object) -> str:
    """A number of the evidence with its name, as its unit wants it: that is the end of the name. Or its words."""
    if not isinstance(value, int | float):
        return f"{name}: {value}"
    for end, shown in UNITS.items():
        if name.endswith(end):
            return f"{name.removesuffix(end).replace('_', ' ')} {shown(value)}".strip()
    return f"{name.replace('_', ' ')} {number(value)}"


UNITS: Mapping[str, Callable[[float], str]] = {
    "_bytes": size,
    "bytes_per_hour": lambda value: f"{size(value)}/h",
    "_s": duration,
}
"""The end of a name → how its numbers are shown."""


def clean(text: str, limit: int = 400) -> str:
    """Untrusted text as one harmless line: control characters become their pictures, invisible ones go."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return short if short.isprintable() else "".join(map(_visible, short))


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    category = unicodedata.category(char)
    return {"Cf": "", "Zs": " "}.get(category, "\N{REPLACEMENT CHARACTER}")


def width(text: str) -> int:
    """Cells of a terminal that a text takes: two for a wide character, none for one that joins the one before."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, cells: int, *, right: bool = False) -> str:
    """A text with blanks up to so many cells; one that is wider as it is."""
    blank = " " * (cells - width(text))
    return blank + text if right else text + blank


def finite(value: object) -> object:
    """A JSON value with words for the numbers that JSON does not have."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {key: finite(each) for key, each in value.items()}
        case list() | tuple():
            return [finite(each) for each in value]
    return value
