"""Points as signs on a plane: letters for classes, shades where nobody tells of any. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tui import frame, show
from tui.braille import EMPTY, Canvas
from tui.chart import COLOURS, MARKS, mark_of, tone_of
from tui.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trainboard.components import Components
    from trainboard.points import Points
    from tui.widgets.lines import Piece

    Column = NDArray[np.float64]

SHADES = "·:░▒▓█"
"""Of one point in a cell, of two, of four, of eight, …"""
HERE, DIM, PLAIN, CLASSES = 0, 1, 2, 3
"""Layers of the drawing; that of a class, by its colour."""
MARGIN = 0.03
"""Of the plane, beside the outermost points."""
MIXED = 0.8
"""A cell less of which is of one class has the class's letter in another tone than a pure one."""


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """Points along their components, and their classes, the largest first."""

    points: Points
    components: Components
    classes: tuple[str, ...]
    numbers: NDArray[np.int64]
    """Of each point, the place of its class."""
    sizes: tuple[int, ...]

    @staticmethod
    def of(points: Points, components: Components) -> Cloud:
        """The classes counted."""
        sizes = Counter(points.labels).most_common()
        places = {label: place for place, (label, _) in enumerate(sizes)}
        numbers = np.array([places[label] for label in points.labels], np.int64)
        return Cloud(points, components, tuple(places), numbers, tuple(size for _, size in sizes))

    @property
    def kept(self) -> int:
        """Components to choose from."""
        return len(self.components.shares)

    def along(self, component: int) -> Column:
        """Where the points are on a component; all at zero on one that there is not."""
        if component < self.kept:
            found: Column = self.components.scores[:, component]
            return found
        return np.zeros(len(self.points.matrix))


@dataclass(frozen=True, slots=True)
class View:
    """What is seen of it."""

    across: int = 0
    up: int = 1
    zoom: float = 1.0
    at: tuple[float, float] | None = None
    """The middle of what is seen; None: of all points."""
    alone: int | None = None
    """The only class that has its letter."""
    point: int = 0
    """Under the cursor."""


def scales(cloud: Cloud, view: View) -> tuple[Scale, Scale]:
    """The axes."""
    return _scale(cloud.along(view.across), view, 0), _scale(cloud.along(view.up), view, 1)


def _scale(values: Column, view: View, axis: int) -> Scale:
    low, high = float(values.min()), float(values.max())
    whole = Scale.over(low, high)
    middle = whole.low / 2 + whole.high / 2 if view.at is None else view.at[axis]
    half = (whole.high / 2 - whole.low / 2) * (1 + 2 * MARGIN) / view.zoom
    return Scale(middle - half, middle + half)


def cells(cloud: Cloud, view: View, width: int, height: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The column and the line of each point; negative where it is not seen."""
    x, y = scales(cloud, view)
    across, up = x.share(cloud.along(view.across)), y.share(cloud.along(view.up))
    seen = (across >= 0) & (across <= 1) & (up >= 0) & (up <= 1)
    columns = np.minimum((np.clip(across, 0, 1) * width).astype(np.intp), width - 1)
    rows = np.minimum(((1 - np.clip(up, 0, 1)) * height).astype(np.intp), height - 1)
    return np.where(seen, columns, -1), np.where(seen, rows, -1)


def plane(cloud: Cloud, view: View, width: int, height: int) -> list[tuple[Piece, ...]]:
    """Exactly `height` lines: the points, and below them the axis."""
    rows = max(1, height - 2)
    x, y = scales(cloud, view)
    labels = frame.beside(y, rows)
    left = frame.margin(labels)
    canvas = Canvas(max(1, width - left), rows)
    _draw(canvas, cloud, view)
    tones = {EMPTY: "plain", HERE: "here", DIM: "dim", PLAIN: "curve"}
    tones |= {CLASSES + number: tone_of(number) for number in range(COLOURS)}
    name = f"{axis(cloud, view.across)} →"
    foot = frame.foot(frame.round_ticks(x, canvas.width), x, left, canvas.width, name)
    return [*frame.framed(canvas, labels, tones), *foot][:height]


def axis(cloud: Cloud, component: int) -> str:
    """What an axis is called, with its share of the variance."""
    share = f" {100 * cloud.components.shares[component]:.3g} %" if component < cloud.kept else ""
    return f"PC{component + 1}{share}"


def _draw(canvas: Canvas, cloud: Cloud, view: View) -> None:
    columns, rows = cells(cloud, view, canvas.width, canvas.height)
    seen = np.flatnonzero(columns >= 0)
    places = rows[seen] * canvas.width + columns[seen]
    if cloud.classes:
        _draw_classes(canvas, places, cloud.numbers[seen], len(cloud.classes), view.alone)
    else:
        found, counts = np.unique(places, return_counts=True)
        for place, count in zip(found.tolist(), counts.tolist(), strict=True):
            sign = SHADES[min(len(SHADES) - 1, count.bit_length() - 1)]
            canvas.sign(place % canvas.width, place // canvas.width, sign, PLAIN)
    if columns[view.point] >= 0:
        sign = mark(int(cloud.numbers[view.point])) if cloud.classes else "●"
        canvas.sign(int(columns[view.point]), int(rows[view.point]), sign, HERE)


def _draw_classes(
    canvas: Canvas, places: NDArray[np.intp], numbers: NDArray[np.int64], count: int, alone: int | None
) -> None:
    """In each cell the letter of the class that has most points there; dim where others have many."""
    pairs, sizes = np.unique(places * count + numbers, return_counts=True)
    cells_of, classes = pairs // count, pairs % count
    order = np.lexsort((sizes, cells_of))
    last = np.flatnonzero(np.diff(cells_of[order], append=-1))
    whole = np.add.reduceat(sizes[order], np.append(0, last[:-1] + 1)) if len(last) else sizes
    chosen = set() if alone is None else set(cells_of[classes == alone].tolist())
    for at, total in zip(order[last].tolist(), whole.tolist(), strict=True):
        place, number = int(cells_of[at]), int(classes[at])
        if alone is not None:
            number = alone if place in chosen else -1
        pure = alone is not None or sizes[at] >= MIXED * total
        layer = CLASSES + number % COLOURS if pure and 0 <= number < len(MARKS) else DIM
        canvas.sign(place % canvas.width, place // canvas.width, mark(number), layer)


def mark(number: int) -> str:
    """The letter of a class; those beyond the letters, and those that are not looked at, have a dot."""
    return mark_of(number) if 0 <= number < len(MARKS) else "·"


def legend(cloud: Cloud, view: View, width: int) -> tuple[Piece, ...]:
    """The classes with their letters, as many as there is room for."""
    if not cloud.classes:
        signs = "  ".join(f"{sign} {2**at}{'+' if at == len(SHADES) - 1 else ''}" for at, sign in enumerate(SHADES))
        return ((f" no classes; points in a cell: {signs}", "dim"),)
    pieces: list[Piece] = []
    room = width - 16
    for number, (name, size) in enumerate(zip(cloud.classes, cloud.sizes, strict=True)):
        text = f" {show.clean(name, 24) or '(none)'} {size}  "
        if len(text) + 1 > room or number >= len(MARKS):
            pieces.append((f"+{len(cloud.classes) - number} more", "dim"))
            break
        room -= len(text) + 1
        tone = "here" if number == view.alone else tone_of(number)
        pieces += [(f"{mark(number)}", tone), (text, "plain")]
    return ((" ", "plain"), *pieces)


def label(cloud: Cloud, point: int) -> str:
    """A point, in words: its row, its name, its class."""
    name = show.clean(cloud.points.names[point], 30) if cloud.points.names else ""
    kind = show.clean(cloud.points.labels[point], 30) if cloud.points.labels else ""
    said = " ".join(each for each in (name, f"({kind})" if kind else "") if each)
    return f"row {int(cloud.points.rows[point])}{' ' if said else ''}{said}"


def neighbours(cloud: Cloud, near: Sequence[tuple[int, float]], cosine: bool, width: int) -> list[tuple[Piece, ...]]:
    """The points that are nearest, on two lines."""
    texts = [f"{label(cloud, point)} {show.number(distance)}" for point, distance in near]
    lines = show.wrapped(" · ".join(texts), max(10, width - 2))[:2] if texts else ["none"]
    kind = "cosine" if cosine else "Euclidean"
    return [
        ((f" nearest ({kind}): ", "dim"), (lines[0], "plain")),
        *(((f"  {line}", "plain"),) for line in lines[1:]),
    ]


def to_point(cloud: Cloud, view: View, width: int, height: int, across: int, up: int) -> int:
    """The point to go to from the one under the cursor: the nearest in a direction, in cells; else that one."""
    columns, rows = cells(cloud, view, width, height)
    here = columns[view.point], rows[view.point]
    if here[0] < 0:
        seen = np.flatnonzero(columns >= 0)
        return int(seen[0]) if len(seen) else view.point
    away = (columns - here[0]) * np.sign(across) + (here[1] - rows) * np.sign(up)
    least = max(abs(across), abs(up))
    beside = np.abs(rows - here[1]) * 2.0 if across else np.abs(columns - here[0]) / 2.0
    cost = np.where((columns >= 0) & (away >= 1), np.abs(away - least) + 2 * beside, np.inf)
    best = int(cost.argmin())
    return best if np.isfinite(cost[best]) else view.point


def first_point(cloud: Cloud, view: View) -> int:
    """That nearest to the middle of all."""
    x, y = cloud.along(view.across), cloud.along(view.up)
    return int(np.argmin((x - x.mean()) ** 2 + (y - y.mean()) ** 2))
