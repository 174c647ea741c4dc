"""Curves, axes and a cursor as lines of text with tones. Pure: see `tui.traces` for what is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tui import show
from tui.braille import ACROSS, EMPTY, Canvas, row_of
from tui.scale import Along, Scale, levels, x_ticks, y_ticks
from tui.thinning import outline
from tui.traces import extent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tui.traces import Curve, Trace
    from tui.widgets.lines import Piece

    Column = NDArray[np.float64]

COLOURS = 6
"""Tones for curves; the seventh curve has that of the first, and a letter of its own."""
SAMPLED = 20_000
"""Values that are looked at, at most, to tell which are outliers."""
OUTLIERS = (1, 99)
"""Percentiles; what is beyond may be left out."""
SIGNS = {math.inf: "↑", -math.inf: "↓"}
"""What stands for a value that is not finite; for nan it is ×."""
TIMES = (Along.RELATIVE, Along.WALL)
MOMENT = 1.0
"""Seconds of an axis of time at least, where all of it is seen: what was read at once has one moment."""
MARKS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
BEHIND = 0
"""The layer of the cursor's line, and of what has no colour."""
FOUND = EMPTY - 1
"""The layer of the first finding; those of the next ones are below it."""


@dataclass(frozen=True, slots=True)
class View:
    """How curves are looked at."""

    along: Along = Along.STEP
    log_x: bool = False
    log_y: bool = False
    span: tuple[float, float] | None = None
    """The levels of x between which they are seen; None: all."""
    robust: bool = False
    """Whether the range of y leaves outliers out."""
    own: bool = False
    """Whether every curve has a scale of its own."""
    cursor: float | None = None
    """An x that is marked."""
    found: tuple[tuple[float, str, str], ...] = ()
    """Where something was found: x, a sign and its tone."""
    focus: str = ""
    """The metric whose scale stands at the side, where each has its own; else the first's does."""
    colour: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """What was drawn."""

    lines: tuple[tuple[Piece, ...], ...]
    x: Scale | None = None
    """None where there was nothing to draw."""
    left: int = 0
    """Cells before the first of the curves."""
    width: int = 0
    """Cells of the curves."""


def tone_of(number: int, *, faint: bool = False) -> str:
    """The tone of the curve with this number."""
    return f"{'faint' if faint else 'line'}{number % COLOURS + 1}"


def mark_of(number: int) -> str:
    """The letter of the curve with this number."""
    return MARKS[number % len(MARKS)]


def chart(traces: Sequence[Trace], view: View, width: int, height: int, unit: str) -> Chart:
    """Exactly `height` lines of `width` cells: curves, and below them the axis of x with its unit."""
    span = _span(traces, view)
    if span is None:
        said = "no finite value" + (" above zero" if view.log_x or view.log_y else "") if traces else "nothing chosen"
        return Chart(
            tuple(
                (((f"  {said}" if row == height // 3 else "").ljust(width)[:width], "dim"),) for row in range(height)
            )
        )
    if view.along in TIMES and span[1] - span[0] < MOMENT and view.span is None and not view.log_x:
        span = (span[0] + span[1] - MOMENT) / 2, (span[0] + span[1] + MOMENT) / 2
    x = Scale.over(*span, view.log_x)
    rows = max(1, height - 2)
    scales, labels, left = _sides(traces, view, x, width, rows)
    aside = tone_of(_focused(traces, view).number) if view.own and len(traces) > 1 else "plain"
    canvas = Canvas(max(1, width - left), rows)
    _draw(canvas, traces, x, scales, view)
    _sign(canvas, traces, x, scales, view)
    tones = _tones(traces) | {FOUND - place: tone for place, (_, _, tone) in enumerate(view.found)}
    lines = [
        (
            (label.rjust(left - 1), aside),
            ("┤" if label else "│", "dim"),
            *((text, tones[layer]) for text, layer in line),
        )
        for label, line in zip(labels, canvas.lines(), strict=True)
    ]
    return Chart((*lines, *_foot(x, view.along, left, canvas.width, unit)), x, left, canvas.width)


def sketch(trace: Trace, width: int, height: int, *, log: bool = False, colour: bool = True) -> list[list[Piece]]:
    """A small plot without axes."""
    view = View(log_y=log, colour=colour)
    span = _span([trace], view)
    if span is None:
        return [
            [("  no finite value".ljust(width)[:width] if row == height // 2 else " " * width, "dim")]
            for row in range(height)
        ]
    x, canvas = Scale.over(*span), Canvas(width, height)
    y = _range([trace], view, x, canvas.columns)
    _draw(canvas, [trace], x, [y], view)
    _odd(canvas, trace, x)
    tones = _tones([trace])
    return [[(text, tones[layer]) for text, layer in line] for line in canvas.lines()]


def _span(traces: Sequence[Trace], view: View) -> tuple[float, float] | None:
    """The levels of x that are seen; None where nothing can be."""
    found = extent(traces, above=0.0 if view.log_x else -math.inf)
    if found is None or not any(_drawable(each.raw, view) for each in traces):
        return None
    low, high = levels(np.array(found), view.log_x).tolist()
    return view.span or (low, high)


def _drawable(curve: Curve, view: View) -> bool:
    """Whether there is a finite value, or one that has a logarithm."""
    with np.errstate(invalid="ignore"):
        return bool(((curve[1] > 0) if view.log_y else ~np.isnan(curve[1])).any())


def _sides(
    traces: Sequence[Trace], view: View, x: Scale, width: int, rows: int
) -> tuple[list[Scale], list[str], int]:
    """The scales of y, what is written beside each row, and how wide that is with the axis."""
    columns = max(1, width - 8) * ACROSS
    if view.own:
        scales = [_range([each], view, x, columns) for each in traces]
    else:
        scales = [_range(traces, view, x, columns)] * len(traces)
    focused = next(
        (scale for each, scale in zip(traces, scales, strict=True) if each.metric == view.focus), scales[0]
    )
    labels = [""] * rows
    for level, label in y_ticks(focused, max(2, min(10, rows // 2))):
        row = row_of(focused.place(level), rows)
        if 0 <= row < rows:
            labels[row] = label
    return scales, labels, max(map(len, labels)) + 1


def _focused(traces: Sequence[Trace], view: View) -> Trace:
    """The one whose scale stands at the side."""
    return next((each for each in traces if each.metric == view.focus), traces[0])


def _range(traces: Sequence[Trace], view: View, x: Scale, columns: int) -> Scale:
    """From the least to the greatest level that is seen."""
    parts = [part for each in traces for part in _seen(each, view, x, columns)]
    found = np.concatenate(parts) if parts else np.empty(0)
    found = found[np.isfinite(found)]
    return Scale.over(float(found.min()), float(found.max()), view.log_y) if len(found) else Scale(0, 1, view.log_y)


def _seen(trace: Trace, view: View, x: Scale, columns: int) -> list[Column]:
    """Levels that the range of y is to cover."""
    if view.robust:
        xs, ys = trace.raw
        start, end = np.searchsorted(xs, x.edges(1) * np.array([1 - 1e-12, 1 + 1e-12])).tolist()
        part = levels(ys[start : max(end, start + 1) : max(1, (end - start) // SAMPLED)], view.log_y)
        part = part[np.isfinite(part)]
        return [np.percentile(part, OUTLIERS)] if len(part) else []
    return [side for curve in filter(None, (trace.raw, trace.smoothed)) for side in _outline(curve, view, x, columns)]


def _outline(curve: Curve, view: View, x: Scale, columns: int) -> tuple[Column, Column]:
    return outline(
        *curve, x.edges(columns), lambda part: levels(part, view.log_x), lambda part: levels(part, view.log_y)
    )


def _draw(canvas: Canvas, traces: Sequence[Trace], x: Scale, scales: Sequence[Scale], view: View) -> None:
    """What resumes replaced, over it the samples, over all of these the smoothed lines; the first curve on top."""
    behind: list[tuple[Curve, Scale, int, bool]] = []
    for each, y in reversed(list(zip(traces, scales, strict=True))):
        behind += [(part, y, each.number * 2 + 1, True) for part in each.replaced]
        if each.smoothed:
            behind.append((each.raw, y, each.number * 2 + 1, not view.colour))
    for curve, y, layer, faint in behind:
        low, high = _outline(curve, view, x, canvas.columns)
        canvas.curve(y.share(low), y.share(high), layer, behind=True, faint=faint)
    for each, y in reversed(list(zip(traces, scales, strict=True))):
        low, high = _outline(each.shown, view, x, canvas.columns)
        canvas.curve(y.share(low), y.share(high), each.number * 2 + 2)


def _sign(canvas: Canvas, traces: Sequence[Trace], x: Scale, scales: Sequence[Scale], view: View) -> None:
    """Single characters: letters on the curves where there are several, values that are not finite, the cursor."""
    for place, (each, y) in enumerate(zip(traces, scales, strict=True)):
        if len(traces) > 1:
            _letters(canvas, (place + 0.5) / len(traces), each, x, y, view)
        _odd(canvas, each, x)
    for place, (at, sign, _) in enumerate(view.found):
        column = _column(at, x, canvas.width)
        canvas.sign(column, 0, sign, FOUND - place)
        canvas.rule(column, "┊", FOUND - place)
    if view.cursor is not None:
        canvas.rule(_column(view.cursor, x, canvas.width), "│", BEHIND)


def _letters(canvas: Canvas, offset: float, trace: Trace, x: Scale, y: Scale, view: View) -> None:
    """The curve's letter at some places of it; `offset`, between 0 and 1, keeps them apart from other curves'."""
    places = max(1, canvas.width // 40)
    xs, ys = trace.shown
    # Within the part of it that is seen: curves by time of day stand beside one another.
    first, last = (max(0.0, min(1.0, share)) for share in x.share(x.level(xs[[0, -1]])).tolist())
    for place in range(places):
        at = int(np.searchsorted(xs, x.at(first + (last - first) * (place + offset) / places)))
        if at < len(xs):
            level = float(levels(ys[at : at + 1], view.log_y)[0])
            if math.isfinite(level) and 0 <= y.place(level) <= 1:
                row = row_of(y.place(level), canvas.height)
                canvas.sign(_column(float(xs[at]), x, canvas.width), row, mark_of(trace.number), trace.number * 2 + 2)


def _odd(canvas: Canvas, trace: Trace, x: Scale) -> None:
    """Values that are not finite: at the bottom, or where they would be if there were room."""
    xs, values = trace.odd
    seen: set[tuple[int, str]] = set()
    shares = x.share(x.level(xs[-SAMPLED:])).tolist()
    for share, value in zip(shares, values[-SAMPLED:].tolist(), strict=True):
        sign = SIGNS.get(value, "×")
        column = int(share * canvas.width - (share == 1)) if 0 <= share <= 1 else -1
        if column >= 0 and (column, sign) not in seen:
            seen.add((column, sign))
            canvas.sign(column, 0 if sign == "↑" else canvas.height - 1, sign, trace.number * 2 + 2)


def _column(value: float, x: Scale, width: int) -> int:
    """The cell that an x is in; -1 where it is not seen."""
    share = x.place(float(x.level(np.array([value]))[0]))
    return min(width - 1, int(share * width)) if 0 <= share <= 1 else -1


def _tones(traces: Sequence[Trace]) -> dict[int, str]:
    """What each layer looks like."""
    tones = {EMPTY: "plain", BEHIND: "dim"}
    for each in traces:
        tones[each.number * 2 + 1], tones[each.number * 2 + 2] = (
            tone_of(each.number, faint=True),
            tone_of(each.number),
        )
    return tones


def _foot(x: Scale, along: Along, left: int, width: int, unit: str) -> list[tuple[Piece, ...]]:
    """The axis of x and what is written below it; the unit stands at the end."""
    ruler, labels = ["─"] * width, [" "] * (left + width)
    name = f" {show.clean(unit, 20)}"[: width // 2]
    free, room = 0, left + width - len(name)
    for level, label in x_ticks(x, along, max(2, width // 14)):
        column = min(width - 1, int(x.place(level) * width))
        if column < 0:
            continue
        ruler[column] = "┬"
        start = max(0, left + column - len(label) // 2)
        if start >= free and start + len(label) <= room:
            labels[start : start + len(label)] = label
            free = start + len(label) + 2
    labels[room:] = name
    return [((f"{'└':>{left}}{''.join(ruler)}", "dim"),), (("".join(labels), "plain"),)]
