"""Where a network is wrong, as drawings: reliability, histograms, residuals, means with intervals. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len

from tui import show
from tui.braille import EMPTY, Canvas, row_of
from tui.frame import beside, foot, framed, margin, round_ticks
from tui.scale import Scale
from tui.widgets.lines import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from tui.braille import Column

Lines = list[tuple[Piece, ...]]

LEAST = 5
"""Lines below which nothing can be drawn."""
BEHIND, BARS, POINTS, SPREAD = 0, 1, 2, 3
"""Layers."""
TONES: Mapping[int, str] = {EMPTY: "plain", BEHIND: "dim", BARS: "done", POINTS: "line2", SPREAD: "faint1"}
SHADES = " ·░▒▓█"


@dataclass(frozen=True, slots=True)
class Bin:
    """A stretch of an axis, what was counted there, and a value with the ends of its interval."""

    low: float
    high: float
    count: float
    value: float = math.nan
    under: float = math.nan
    """The lower end of the interval; nan: there is none."""
    over: float = math.nan
    at: float = math.nan
    """Where on the axis those in it are on average; nan: in the middle."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One group, by name: how many they are and a value with the ends of its interval."""

    name: str
    count: float
    value: float
    under: float = math.nan
    over: float = math.nan


def none(width: int, height: int, said: str) -> Lines:
    """Nothing to draw, and why."""
    return [((show.cut(f"  {said}" if row == height // 3 else "", width), "dim"),) for row in range(height)]


def reliability(bins: Sequence[Bin], width: int, height: int) -> Lines:
    """How often it is right (up) against how sure it is (right), both from 0 to 1: best on the diagonal.

    Below, how many there are in each bin: the heights are those of the square root, so that small ones are seen.
    """
    found = [each for each in bins if each.count > 0]
    if not found or height < LEAST + 1:
        return none(width, height, "no scores" if not found else "no room")
    x = y = Scale(0.0, 1.0)
    labels = beside(y, height - 3)
    left = margin(labels)
    canvas = Canvas(max(1, width - left), height - 3)
    even = _centres(x, canvas)
    canvas.curve(even, even, BEHIND, behind=True, faint=True)
    for each in found:
        column = min(canvas.width - 1, int(_centre(each) * canvas.width))
        if not math.isnan(each.under):
            _stretch(canvas, each, x, y)
        row = max(0, min(canvas.height - 1, row_of(y.place(each.value), canvas.height)))
        canvas.sign(column, row, "●", POINTS)
    most = math.sqrt(max(each.count for each in found))
    counts = _along(bins, x, canvas.width, lambda each: math.sqrt(max(0.0, each.count)) / most)
    text = "".join(show.BLOCKS[min(7, int(share * 7.999))] if share > 0 else " " for share in counts)
    lines = [*framed(canvas, labels, TONES), *foot(round_ticks(x, canvas.width), x, left, canvas.width, "confidence")]
    return [*lines, (("n".rjust(left), "dim"), (text, "done"))]


def histogram(bins: Sequence[Bin], marks: Sequence[tuple[float, str]], width: int, height: int, name: str) -> Lines:
    """How many there are in each bin, as columns; `marks`: places with a sign above them."""
    found = [each for each in bins if math.isfinite(each.low) and math.isfinite(each.high)]
    if not found or height < LEAST:
        return none(width, height, "no residuals" if not found else "no room")
    x = Scale.over(min(each.low for each in found), max(each.high for each in found))
    y = Scale.over(0.0, max(1.0, max(each.count for each in found)))
    rows = height - 2
    labels = beside(y, rows)
    left = margin(labels)
    canvas = Canvas(max(1, width - left), rows)
    tops = np.array(_along(found, x, canvas.columns, lambda each: y.place(each.count) if each.count else math.nan))
    canvas.curve(np.zeros(len(tops)), tops, BARS)
    for at, sign in marks:
        place = x.place(at)
        if 0 <= place <= 1:
            column = min(canvas.width - 1, int(place * canvas.width))
            canvas.rule(column, "┊", POINTS)
            canvas.sign(column, 0, sign, POINTS)
    return [*framed(canvas, labels, TONES), *foot(round_ticks(x, canvas.width), x, left, canvas.width, name)]


def band(bins: Sequence[Bin], width: int, height: int, name: str) -> Lines:
    """A value over an axis: its middle as points, its spread as a band, and the line where it is nought."""
    found = [each for each in bins if each.count > 0 and math.isfinite(each.value) and math.isfinite(_centre(each))]
    if not found or height < LEAST:
        return none(width, height, "nothing to draw" if not found else "no room")
    ends = [end for each in found for end in (each.under, each.over, each.value, 0.0) if math.isfinite(end)]
    x = Scale.over(min(_low(each) for each in found), max(_high(each) for each in found))
    y = Scale.over(min(ends), max(ends))
    rows = height - 2
    labels = beside(y, rows)
    left = margin(labels)
    canvas = Canvas(max(1, width - left), rows)
    zero = np.full(canvas.columns, y.place(0.0))
    canvas.curve(zero, zero, BEHIND, behind=True)
    for each in found:
        if not math.isnan(each.under):
            _stretch(canvas, each, x, y)
    for each in found:
        column = min(canvas.width - 1, max(0, int(x.place(_centre(each)) * canvas.width)))
        canvas.sign(column, row_of(y.place(each.value), canvas.height), "●", POINTS)
    return [*framed(canvas, labels, TONES), *foot(round_ticks(x, canvas.width), x, left, canvas.width, name)]


def intervals(
    bars: Sequence[Bar],
    whole: float,
    width: int,
    unit: str,
    say: Callable[[float], str] = show.number,
    *,
    signs: bool = True,
) -> Lines:
    """A line a group: its name, how many, the value, and its interval on one scale; `whole`: the mean of all.

    With `signs` a group that is above the mean with its whole interval has one: not where that is no more than
    chance. `say`: how values are written.
    """
    shown = [each for each in bars if math.isfinite(each.value)]
    if not shown:
        return none(width, 1, "nothing to draw")
    ends = [end for each in shown for end in (each.under, each.over, each.value, whole) if math.isfinite(end)]
    scale = Scale.over(min(ends), max(ends))
    names = min(max(cell_len(show.clean(each.name, 60)) for each in bars), max(10, width // 3))
    values = [say(each.value) if math.isfinite(each.value) else "–" for each in bars]
    wide = max(len(unit), *map(len, values))
    room = width - names - wide - 13
    head = f"  {show.cut('', names)} {'n':>7} {unit:>{wide}}"
    lines: Lines = [((head, "dim"), (_ruler(scale, room, say) if room >= 16 else "", "dim"))]
    for each, value in zip(bars, values, strict=True):
        drawn = _interval(each, scale, whole, room) if room >= 8 and math.isfinite(each.value) else ()
        worse = signs and math.isfinite(each.under) and each.under > whole
        tone = "bad" if worse else "plain"
        sign = "▲" if worse else " "
        name = show.cut(show.clean(each.name, 60), names)
        lines.append(((f"{sign} {name} {each.count:>7.6g} {value:>{wide}}  ", tone), *drawn))
    return lines


def cloud(counts: Sequence[Sequence[float]], x: Scale, y: Scale, width: int, height: int, name: str) -> Lines:
    """Counts over two axes as shades; rows from the lowest y up."""
    grid = np.array(counts, np.float64)
    if grid.size == 0 or not grid.max() > 0 or height < LEAST:
        return none(width, height, "nothing to draw")
    rows = height - 2
    labels = beside(y, rows)
    left = margin(labels)
    across = max(1, width - left)
    picked = grid[(np.arange(rows) * grid.shape[0] // rows)[::-1]][:, np.arange(across) * grid.shape[1] // across]
    shades = np.ceil(np.sqrt(picked / grid.max()) * (len(SHADES) - 1)).astype(int)
    lines: Lines = [
        (
            (label.rjust(left - 1), "plain"),
            ("┤" if label else "│", "dim"),
            ("".join(SHADES[shade] for shade in row), "done"),
        )
        for label, row in zip(labels, shades.tolist(), strict=True)
    ]
    return [*lines, *foot(round_ticks(x, across), x, left, across, name)]


def _ruler(scale: Scale, room: int, say: Callable[[float], str]) -> str:
    low, high = say(scale.low), say(scale.high)
    return f"  {low}{high.rjust(room - len(low))}" if len(low) + len(high) < room else ""


def _interval(each: Bar, scale: Scale, whole: float, room: int) -> tuple[Piece, ...]:
    """A value with its interval, on a line with the mean of all."""
    cells = [(" ", "plain")] * room

    def column(value: float) -> int:
        return max(0, min(room - 1, int(scale.place(value) * room)))

    if math.isfinite(whole):
        cells[column(whole)] = ("┊", "dim")
    if math.isfinite(each.under) and math.isfinite(each.over):
        first, last = column(each.under), column(each.over)
        for place in range(first, last + 1):
            cells[place] = ("─", "done")
        if last > first:
            cells[first], cells[last] = ("├", "done"), ("┤", "done")
        if math.isfinite(whole) and first < column(whole) < last:
            cells[column(whole)] = ("┼", "done")
    cells[column(each.value)] = ("●", "line2")
    return tuple(("".join(text for text, _ in same), tone) for tone, same in groupby(cells, key=lambda cell: cell[1]))


def _centre(each: Bin) -> float:
    return each.at if math.isfinite(each.at) else each.low / 2 + each.high / 2


def _low(each: Bin) -> float:
    return each.low if math.isfinite(each.low) else _centre(each)


def _high(each: Bin) -> float:
    return each.high if math.isfinite(each.high) else _centre(each)


def _centres(x: Scale, canvas: Canvas) -> Column:
    """The middle of each column of dots."""
    edges: NDArray[np.float64] = x.edges(canvas.columns)
    return (edges[1:] + edges[:-1]) / 2


def _stretch(canvas: Canvas, each: Bin, x: Scale, y: Scale) -> None:
    """The interval of a bin, over its whole breadth."""
    shares = (np.arange(canvas.columns) + 0.5) / canvas.columns
    last = max(x.place(_high(each)), x.place(_low(each)) + 1 / canvas.columns)
    here = (shares >= x.place(_low(each))) & (shares <= last)
    low, high = (np.where(here, y.place(end), np.nan) for end in (each.under, each.over))
    canvas.curve(low, high, SPREAD, faint=True)


def _along(bins: Sequence[Bin], x: Scale, columns: int, height: Callable[[Bin], float]) -> list[float]:
    """For each column the greatest height of the bins that reach into it; nan where there is none."""
    found = [math.nan] * columns
    for each in bins:
        first = max(0, int(x.place(each.low) * columns + 1e-9))
        last = max(first + 1, math.ceil(x.place(each.high) * columns - 1e-9))
        tall = height(each)
        for place in range(first, min(last, columns)):
            if not found[place] >= tall:
                found[place] = tall
    return found
