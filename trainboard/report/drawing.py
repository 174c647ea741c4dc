"""Curves as SVG: text that any browser draws at any size, with nothing in it that is loaded or run. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from trainboard.show import clean
from trainboard.ticks import log_ticks, position, spread, value_ticks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 170, 14, 40
"""Room around the plot, in its units: for numbers, for the names on the right, for the axis below."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")
"""Told apart by most people who are colour-blind (Okabe and Ito, 2008; yellow, too light for a line, is a grey)."""

DASHES = ("", "6 3", "2 3")
"""After all colours are used."""

NAMED = 12
"""Curves that have a colour and a name; the others are thin and grey."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, thinned already."""

    name: str
    points: Sequence[tuple[float, float]]
    """From left to right; a value that is not finite is a gap."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over one axis; the first ones matter most."""

    lines: Sequence[Line]
    x: str
    y: str
    log: bool = False
    """Decimal logarithm of y; what is not positive is a gap."""


def drawn(chart: Chart) -> str:
    """The chart; empty where it has no finite value."""
    lines = [Line(line.name, [_scaled(x, y, log=chart.log) for x, y in line.points]) for line in chart.lines]
    finite = [(x, y) for line in lines for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
    if not finite:
        return ""
    xs, ys = spread(*_range(x for x, _ in finite)), spread(*_range(y for _, y in finite))
    parts = [*_axes(chart, xs, ys)]
    for number in reversed(range(len(lines))):  # the first ones are drawn over the others
        parts += _curve(lines[number], number, xs, ys)
    for number, line in enumerate(lines[:NAMED]):
        parts += _name(line.name, number)
    if len(lines) > NAMED:
        parts.append(_text(WIDTH - RIGHT + 36, TOP + 16 * NAMED + 8, f"and {len(lines) - NAMED} more, grey"))
    about = quoteattr(clean(f"{chart.y} over {chart.x}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label={about} '
        f'font-family="sans-serif" font-size="11" fill="currentColor">{"".join(parts)}</svg>'
    )


def spans_decades(values: Sequence[float]) -> bool:
    """Whether a logarithm shows these better: positive, and the largest is a hundred times the smallest."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= 100


def _scaled(x: float, y: float, *, log: bool) -> tuple[float, float]:
    if not log:
        return x, y
    return x, math.log10(y) if y > 0 else math.nan


def _range(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    return min(found), max(found)


def _place(x: float, y: float, xs: tuple[float, float], ys: tuple[float, float]) -> tuple[float, float]:
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return LEFT + across * position(x, *xs), TOP + up * (1 - position(y, *ys))


def _axes(chart: Chart, xs: tuple[float, float], ys: tuple[float, float]) -> Iterable[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for value, label in value_ticks(*xs, 6):
        x, _ = _place(value, ys[0], xs, ys)
        yield f'<path d="M{x:.1f} {TOP}V{bottom}" stroke="currentColor" stroke-opacity=".12"/>'
        yield _text(x, bottom + 15, label, "middle")
    for value, label in (log_ticks if chart.log else value_ticks)(*ys, 6):
        _, y = _place(xs[0], value, xs, ys)
        yield f'<path d="M{LEFT} {y:.1f}H{right}" stroke="currentColor" stroke-opacity=".12"/>'
        yield _text(LEFT - 6, y + 4, label, "end")
    yield f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="currentColor" stroke-opacity=".6"/>'
    yield _text((LEFT + right) / 2, HEIGHT - 8, clean(chart.x, 60), "middle")


def _curve(line: Line, number: int, xs: tuple[float, float], ys: tuple[float, float]) -> Iterable[str]:
    """Its pieces between gaps; a piece of one point is a dot."""
    pieces: list[list[str]] = [[]]
    for x, y in line.points:
        if math.isfinite(x) and math.isfinite(y):
            pieces[-1].append("{:.1f} {:.1f}".format(*_place(x, y, xs, ys)))
        elif pieces[-1]:
            pieces.append([])
    style = _style(number)
    for piece in filter(None, pieces):
        if len(piece) == 1:
            across, down = piece[0].split()
            yield f'<circle cx="{across}" cy="{down}" r="2.5" fill="{_colour(number)}"/>'
        else:
            yield f'<path d="M{"L".join(piece)}" fill="none" {style}/>'


def _name(name: str, number: int) -> Iterable[str]:
    x, y = WIDTH - RIGHT + 10, TOP + 16 * number + 8
    yield f'<path d="M{x} {y - 4}h20" fill="none" {_style(number)}/>'
    yield f"<g><title>{escape(clean(name))}</title>{_text(x + 26, y, clean(name, 22))}</g>"


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)] if number < NAMED else "#9a9a9a"


def _style(number: int) -> str:
    if number >= NAMED:
        return f'stroke="{_colour(number)}" stroke-opacity=".45"'
    dash = DASHES[number // len(COLOURS) % len(DASHES)]
    return f'stroke="{_colour(number)}" stroke-width="1.6"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
