"""Runs as letters: a metric's value over a parameter's, and the mean at each value as a line. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tui import show
from tui.braille import EMPTY, Canvas, row_of
from tui.chart import BEHIND, COLOURS, mark_of, tone_of
from tui.frame import beside, foot, framed, margin, round_ticks
from tui.scale import Scale, levels
from tui.thinning import outline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trainboard.compare import Against, Point
    from tui.widgets.lines import Piece

HERE = 1
"""The layer of the run under the cursor."""
OTHERS = 2
"""The first layer of the others, by colour."""
BESIDE = (0, 1, -1, 2, -2, 3, -3, 4, -4)
"""Cells to the right of its place, in this order, where a letter may stand instead."""
LOG_FROM = 30.0
"""Times that the greatest number is the least, from which on a logarithmic axis spreads a parameter better."""


@dataclass(frozen=True, slots=True)
class Look:
    """How runs are looked at."""

    numbers: Mapping[str, int]
    """By run: what tells its letter and its colour."""
    here: str | None = None
    """The run under the cursor."""
    log_y: bool = False
    log_x: bool | None = None
    """None: where the parameter's values ask for it."""


def scatter(against: Against, look: Look, width: int, height: int, param: str) -> list[tuple[Piece, ...]]:
    """Exactly `height` lines: points, and below them the axis with the parameter's name."""
    y = _across(against, look)
    if y is None:
        said = "no run has both" if not against.points else "no finite value" + (" above zero" if look.log_y else "")
        return [((f"  {said}" if row == height // 3 else "", "dim"),) for row in range(height)]
    rows = max(1, height - 2)
    labels = beside(y, rows)
    left = margin(labels)
    x, canvas = _along(against, look), Canvas(max(1, width - left), rows)
    _draw_means(canvas, against, x, y)
    taken: set[tuple[int, int]] = set()
    # The run under the cursor has the first choice of its place.
    for point in sorted(against.points, key=lambda point: point.entry.key != look.here):
        _draw(canvas, point, look, x, y, taken)
    tones = {EMPTY: "plain", BEHIND: "dim", HERE: "here"} | {OTHERS + n: tone_of(n) for n in range(COLOURS)}
    ticks = _ticks(against, x, canvas.width)
    return [*framed(canvas, labels, tones), *foot(ticks, x, left, canvas.width, param)][:height]


def is_log(against: Against, look: Look) -> bool:
    """Whether the parameter's axis is logarithmic."""
    xs = [point.x for point in against.points]
    possible = bool(xs) and not against.words and min(xs) > 0
    return possible and (max(xs) >= LOG_FROM * min(xs) if look.log_x is None else look.log_x)


def _along(against: Against, look: Look) -> Scale:
    """The axis of the parameter, with a margin at either end."""
    if against.words:
        return Scale(-0.5, len(against.words) - 0.5)
    log = is_log(against, look)
    found = levels(np.array([point.x for point in against.points]), log)
    whole = Scale.over(float(found.min()), float(found.max()), log)
    margin = (whole.high / 2 - whole.low / 2) / 10
    return Scale(whole.low - margin, whole.high + margin, log)


def _across(against: Against, look: Look) -> Scale | None:
    """The axis of the metric; None where no run has a value that can be drawn."""
    found = levels(np.array([point.y for point in against.points]), look.log_y)
    found = found[np.isfinite(found)]
    return Scale.over(float(found.min()), float(found.max()), look.log_y) if len(found) else None


def _draw_means(canvas: Canvas, against: Against, x: Scale, y: Scale) -> None:
    means = against.means
    if against.words or len(means) < 2:
        return
    xs, ys = np.array(means).T
    low, high = outline(xs, ys, x.edges(canvas.columns), x.level, y.level)
    canvas.curve(y.share(low), y.share(high), BEHIND)


def _draw(canvas: Canvas, point: Point, look: Look, x: Scale, y: Scale, taken: set[tuple[int, int]]) -> None:
    """A run's letter where it belongs, or a little beside it where another one stands there."""
    number = look.numbers.get(point.entry.key, 0)
    level = float(y.level(np.array([point.y]))[0])
    column = int(x.place(float(x.level(np.array([point.x]))[0])) * canvas.width)
    row = row_of(y.place(level), canvas.height) if math.isfinite(level) else 0
    if not (math.isfinite(level) or level > 0):
        row = canvas.height - 1
    places = ((min(canvas.width - 1, max(0, column + beside)), row) for beside in BESIDE)
    place = next((place for place in places if place not in taken), (min(canvas.width - 1, column), row))
    taken.add(place)
    canvas.sign(*place, mark_of(number), HERE if point.entry.key == look.here else OTHERS + number % COLOURS)


def _ticks(against: Against, x: Scale, width: int) -> Sequence[tuple[float, str]]:
    if against.words:
        room = max(3, width // len(against.words) - 2)
        return [
            (float(place), show.cut(word, room).rstrip()) for place, word in enumerate(map(show.clean, against.words))
        ]
    # Few values: these themselves; many: round ones.
    values = sorted({point.x for point in against.points})
    if len(values) <= max(2, width // 12):
        return [(float(x.level(np.array([value]))[0]), show.number(value)) for value in values]
    return round_ticks(x, width)
