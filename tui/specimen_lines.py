"""Texts, pictures and sounds as lines of segments: half blocks in colour, shades without. Pure."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from trainboard.specimens import Picture, Sound, Text, Unreadable, resized
from tui import show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trainboard.specimens import Specimen

    Looks = Mapping[str, Style]
    Row = list[Segment]

SHADES = " ░▒▓█"
COMPARED = 4000
"""Words of a text that are compared one by one; longer ones line by line."""
GAP = 2
TALL = 3
"""Lines of an envelope."""


def rows_of(found: Sequence[Specimen], width: int, picture: int, looks: Looks, *, colour: bool) -> list[Row]:
    """All of them in lines of `width` cells; pictures `picture` cells wide, side by side."""
    rows: list[Row] = []
    pictures: list[list[Row]] = []

    def flush() -> None:
        across = max(1, (width + GAP) // (picture + GAP))
        for at in range(0, len(pictures), across):
            rows.extend(beside(pictures[at : at + across], picture, looks))
            rows.append([])
        pictures.clear()

    for each in found:
        if isinstance(each.body, Picture):
            pictures.append(_picture(each.name, each.body, min(picture, width), looks, colour=colour))
            continue
        flush()
        rows.append([Segment(show.cut(f"▪ {show.clean(each.name, 80)}{_about(each)}", width), looks["strong"])])
        match each.body:
            case Text(text):
                rows.extend(text_rows([(text, "plain")], width, looks))
            case Sound():
                rows.extend(_envelope(each.body, width, looks))
            case Unreadable(why):
                rows.extend([Segment(line, looks["bad"])] for line in show.wrapped(show.clean(why), width))
        rows.append([])
    flush()
    return rows


def _about(each: Specimen) -> str:
    body = each.body
    if isinstance(body, Sound):
        sort = {1: "mono", 2: "stereo"}.get(body.channels, f"{body.channels} channels")
        return f"  {body.seconds:.2f} s  {body.rate} Hz  {body.bits} bit {sort}"
    return f"  {len(body.text)} characters" if isinstance(body, Text) else ""


def beside(blocks: Sequence[Sequence[Row]], width: int, looks: Looks) -> list[Row]:
    """Blocks of lines side by side, each padded to a width."""
    tall = max(map(len, blocks), default=0)
    rows = []
    for y in range(tall):
        row: Row = []
        for block in blocks:
            line = block[y] if y < len(block) else []
            used = sum(segment.cell_length for segment in line)
            row += [*line, Segment(" " * (max(0, width - used) + GAP), looks["plain"])]
        rows.append(row)
    return rows


# Texts.


def text_rows(pieces: Iterable[tuple[str, str]], width: int, looks: Looks) -> list[Row]:
    """Pieces of text with their tones, broken into lines as they are written and where the width ends."""
    rows: list[Row] = [[]]
    used = 0
    for text, tone in pieces:
        for number, line in enumerate(text.split("\n")):
            if number:
                rows.append([])
                used = 0
            for part in _fitting(show.clean(line.replace("\t", "    "), 20_000), width, used):
                if part is None:
                    rows.append([])
                    used = 0
                else:
                    rows[-1].append(Segment(part, looks[tone]))
                    used += cell_len(part)
    return rows


def _fitting(line: str, width: int, used: int) -> Iterator[str | None]:
    """The line in parts; None where a new one begins."""
    if not line:
        return
    if used + cell_len(line) <= width:
        yield line
        return
    if used:
        room = width - used
        first = chop_cells(line, room)[0] if room > 0 else ""
        if first and cell_len(first) <= room:
            yield first
            line = line[len(first) :]
        if line:
            yield None
    for number, part in enumerate(chop_cells(line, width) if line else ()):
        if number:
            yield None
        yield part


def differences(before: str, after: str) -> list[tuple[str, str]]:
    """The second text with what is new in `{+…+}` and what is gone in `[-…-]`, by words, long ones by lines."""
    one, other = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (before, after))
    if max(len(one), len(other)) > COMPARED:
        one, other = before.splitlines(keepends=True), after.splitlines(keepends=True)
    pieces = []
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    for what, first, end, to, until in matcher.get_opcodes():
        gone, new = "".join(one[first:end]), "".join(other[to:until])
        if what == "equal":
            pieces.append((new, "plain"))
            continue
        if gone:
            pieces.append((f"[-{gone}-]", "bad"))
        if new:
            pieces.append((f"{{+{new}+}}", "good"))
    return pieces


# Pictures.


def _picture(name: str, found: Picture, width: int, looks: Looks, *, colour: bool) -> list[Row]:
    about = f"{found.width}×{found.height} {found.about}".strip()
    title = [[Segment(show.cut(show.clean(name, 80), width), looks["strong"])]]
    rows = half_blocks(found.pixels, width) if colour else shades(found.pixels, width)
    return [*title, *rows, [Segment(show.cut(about, width), looks["dim"])]]


def height_of(pixels: NDArray[np.uint8], width: int) -> int:
    """Lines of half blocks: their pixels are square."""
    tall, wide = pixels.shape[:2]
    return int(max(1, round(width * tall / wide / 2)))


def half_blocks(pixels: NDArray[np.uint8], width: int) -> list[Row]:
    """Two pixels in each cell."""
    height = min(200, height_of(pixels, width))
    small = resized(pixels, width, 2 * height)
    rows = []
    for y in range(height):
        upper, lower = small[2 * y].tolist(), small[2 * y + 1].tolist()
        row: Row = []
        for top, bottom in zip(upper, lower, strict=True):
            style = _half(*top, *bottom)
            if row and row[-1].style is style:
                row[-1] = Segment(row[-1].text + "▀", style)
            else:
                row.append(Segment("▀", style))
        rows.append(row)
    return rows


@lru_cache(maxsize=65536)
def _half(red: int, green: int, blue: int, red2: int, green2: int, blue2: int) -> Style:
    return Style(color=Color.from_rgb(red, green, blue), bgcolor=Color.from_rgb(red2, green2, blue2))


def shades(pixels: NDArray[np.uint8], width: int) -> list[Row]:
    """Without colour: five shades by brightness."""
    small = resized(pixels, width, min(200, height_of(pixels, width))).astype(float)
    bright = small @ (0.299, 0.587, 0.114)
    levels = (bright / 256 * len(SHADES)).astype(int).clip(0, len(SHADES) - 1)
    return [[Segment("".join(SHADES[level] for level in line))] for line in levels.tolist()]


# Sounds.


def _envelope(sound: Sound, width: int, looks: Looks) -> list[Row]:
    """How loud it is over its length, as tall blocks."""
    count = len(sound.envelope)
    cells = min(width, count)
    loud = [
        max(sound.envelope[x * count // cells : max(x * count // cells + 1, (x + 1) * count // cells)])
        for x in range(cells)
    ]
    top = max(loud) or 1.0
    eighths = [round(each / top * TALL * 8) for each in loud]
    rows = []
    for above in reversed(range(TALL)):
        signs = (max(0, min(8, each - 8 * above)) for each in eighths)
        rows.append([Segment("".join(" ▁▂▃▄▅▆▇█"[sign] for sign in signs), looks["curve"])])
    rows.append([Segment(f"0 s … {sound.seconds:.2f} s, loudest {100 * max(loud):.0f}% of full scale", looks["dim"])])
    return rows
