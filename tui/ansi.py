"""A line of a log as a terminal would show it: its colours kept, every other escape sequence gone. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.color import Color
from rich.style import Style

from backends.remote.terminal import ESCAPE, OVERWRITTEN
from tui.show import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    Shade = int | tuple[int, int, int]
    """One of 256 colours, or red, green and blue."""

TAB = 8
FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
"""SGR's numbers, and what Rich calls them. Blinking and hidden text are shown as plain text."""
OFF = {21: (1,), 22: (1, 2), 23: (3,), 24: (4,), 27: (7,), 29: (9,)}

CONTROLS = {code: clean(chr(code)) for code in (*range(0x20), *range(0x7F, 0xA1))}

_SGR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]*)m")

UNEVEN = re.compile("[\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]")
"""Fillers, variation selectors, skin tones: seen by nobody, and how many cells they take each terminal says anew."""


class Pen(NamedTuple):
    """The look of what is printed next."""

    ink: Shade | None = None
    ground: Shade | None = None
    flags: frozenset[int] = frozenset()


PLAIN = Pen()


class Shown(NamedTuple):
    """A line to show."""

    text: str
    """Printable."""
    spans: tuple[tuple[int, int, Style], ...]
    """Where it is not plain, in order."""
    after: Pen
    """What the next line begins with."""


@lru_cache(maxsize=512)
def shown(row: bytes, pen: Pen = PLAIN) -> Shown:
    """A line as it is in a file, without its end, begun with a pen."""
    line = row.decode("utf-8", "replace")
    if line.isprintable() and (line.isascii() or not UNEVEN.search(line)):
        return Shown(line, ((0, len(line), style(pen)),) if pen != PLAIN and line else (), pen)
    if "\r" in line and (over := OVERWRITTEN.match(line)):
        pen = changed(pen, over[0])
        line = line[over.end() :]
    text, spans = "", []
    for piece, change in pieces(line.replace("\r", "")):
        start = len(text)
        text += seen((" " * (start % TAB) + piece).expandtabs(TAB)[start % TAB :])
        if pen != PLAIN and len(text) > start:
            spans.append((start, len(text), style(pen)))
        pen = changed(pen, change)
    return Shown(text, tuple(spans), pen)


def seen(text: str) -> str:
    """Text without escape sequences as `clean` shows it, soon also where it is full of controls: binary files are."""
    if not text.isascii():
        text = UNEVEN.sub("", text)
    if text.isprintable():
        return text
    text = text.translate(CONTROLS)
    return text if text.isprintable() else "".join([char if char.isprintable() else clean(char) for char in text])


def pieces(line: str) -> Iterator[tuple[str, str]]:
    """Text between escape sequences, and the one that follows it."""
    at = 0
    for escape in ESCAPE.finditer(line):
        yield line[at : escape.start()], escape[0]
        at = escape.end()
    yield line[at:], ""


def changed(pen: Pen, text: str) -> Pen:
    """The pen after all of SGR in a text."""
    for found in _SGR.finditer(text):
        pen = _selected(pen, found[1])
    return pen


def carried(rows: list[bytes], row: int, farthest: int = 500) -> Pen:
    """The pen that a row begins with, as far as the rows before it tell."""
    before: list[str] = []
    for each in reversed(rows[max(0, row - farthest) : row]):
        if b"\x1b" in each:
            text = each.decode("latin-1")
            reset = max(text.rfind("\x1b[0m"), text.rfind("\x1b[m"))
            before.append(text[max(0, reset) :])
            if reset >= 0:
                break
    return changed(PLAIN, "".join(reversed(before)))


@lru_cache(maxsize=1024)
def _selected(pen: Pen, parameters: str) -> Pen:
    """The pen after one SGR sequence; what nobody knows changes nothing."""
    numbers = [[int(part or 0) for part in each.split(":")] for each in parameters[:200].split(";")]
    ink, ground, flags = pen
    while numbers:
        first, *more = numbers.pop(0)
        if first == 0:
            ink, ground, flags = PLAIN
        elif first in FLAGS:
            flags = flags - {first} if more == [0] else flags | {first}  # 4:0 is no underline
        elif first in OFF:
            flags = flags - set(OFF[first])
        elif first in (38, 48):
            shade = _shade(more[:1] + more[-3:] if len(more) > 3 else more or [n for n, *_ in _taken(numbers)])
            ink, ground = (shade, ground) if first == 38 else (ink, shade)
        elif first in (39, 49):
            ink, ground = (None, ground) if first == 39 else (ink, None)
        elif first in range(30, 38) or first in range(90, 98):
            ink = first % 10 + 8 * (first >= 90)
        elif first in range(40, 48) or first in range(100, 108):
            ground = first % 10 + 8 * (first >= 100)
    return Pen(ink, ground, flags)


def _taken(numbers: list[list[int]]) -> list[list[int]]:
    """What belongs to a 38 or 48 of those that follow it: 5 and one number, or 2 and three."""
    count = {5: 2, 2: 4}.get(numbers[0][0] if numbers else 0, 0)
    taken, numbers[:] = numbers[:count], numbers[count:]
    return taken


def _shade(chosen: list[int]) -> Shade | None:
    """A colour as 5 and its number, or as 2, red, green and blue; None for one that is not there."""
    if any(not 0 <= number <= 255 for number in chosen):
        return None
    match chosen:
        case [5, number]:
            return number
        case [2, red, green, blue]:
            return red, green, blue
    return None


@lru_cache(maxsize=1024)
def style(pen: Pen) -> Style:
    """A pen's look, to lay over that of the screen."""
    flags = {FLAGS[flag]: True for flag in pen.flags}
    return Style(color=_color(pen.ink), bgcolor=_color(pen.ground), **flags)  # type: ignore[arg-type]  # all are flags


def _color(shade: Shade | None) -> Color | None:
    if shade is None:
        return None
    return Color.from_ansi(shade) if isinstance(shade, int) else Color.from_rgb(*shade)
