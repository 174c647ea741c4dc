"""How the numbers of a layer are distributed: over the steps, and at two of them. Lines of pieces, pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trainboard import spreads
from trainboard.layernames import PERCENTS
from tui import show

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainboard.layers import LayerMap
    from tui.widgets.lines import Piece

    Numbers = NDArray[np.float64]

TENSORS = {"": "values", "grad_": "gradient", "update_": "update", "activation_": "activations"}
"""What the numbers are, by the prefix of their quantities."""
SHADES = " ·░▒▓█"
"""Of a share, from none to the greatest on the picture; they say without colour what the colour says."""
DECADES = 3.0
"""What is that much below the greatest share has no shade on the logarithmic scale."""
PINNED = "●"
"""The sign of the distribution that stays, over the blocks of the one that moves."""
TOLD = (0, 5, 10, 30, 50, 70, 90, 95, 100)
"""Percents that are written in figures."""
NONE = (
    "  No distributions of this layer. `log_layers(…, quantiles=True)` prints them,",
    "  and histograms in event files have them.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The distributions of one layer in the groups of steps of the map above."""

    tensor: str
    quantiles: Numbers
    """Groups × `PERCENTS`: of the last step in each group that has any; nan where none has."""
    steps: Numbers
    """The step of each group's distribution."""
    index: str
    """What the steps count."""


@dataclass(frozen=True, slots=True)
class Look:
    """How they are looked at."""

    at: int
    """The group under the cursor."""
    pinned: float | None = None
    """The step that it is compared with; None: the first."""
    log: bool = False
    """Whether the shades tell the logarithm of the share."""
    whole: bool = False
    """From the least number to the greatest, not from the first percent to the last."""


def of_layer(layers: LayerMap, layer: int, quantity: str, ends: Numbers) -> Spread | None:
    """The distributions of the tensor that a quantity is of, else of another one; None where the layer has none.

    `ends`: the last step of each group.
    """
    shown = next((word for word in TENSORS if word and quantity.startswith(word)), "")
    having = [word for word, cube in layers.spreads.items() if np.isfinite(cube[layer]).any()]
    if not having or not len(ends):
        return None
    tensor = shown if shown in having else having[0]
    cube = layers.spreads[tensor][layer]
    told = np.flatnonzero(np.isfinite(cube).all(axis=1))
    last = np.searchsorted(layers.steps, ends)
    found = np.searchsorted(told, last, "right") - 1
    first = np.append(-1, last[:-1])
    places = told[np.maximum(found, 0)] if len(told) else np.zeros(len(ends), np.intp)
    fits = (found >= 0) & (places > first) & bool(len(told))
    quantiles = np.where(fits[:, None], cube[places], np.nan)
    return Spread(tensor, quantiles, np.where(fits, layers.steps[places], ends), layers.index or "sample")


def strip(spread: Spread, look: Look, margin: int, width: int, height: int) -> list[tuple[Piece, ...]]:
    """`height` lines: a head, and value × step in shades, as wide as the map above."""
    rows = height - 1
    span = spreads.span(spread.quantiles, whole=look.whole)
    if rows < 1 or span is None:
        return [_head(spread, look)][:height]
    edges = np.linspace(*span, rows + 1)
    found = spreads.shares(spread.quantiles, edges)
    levels = _levels(found, log=look.log)
    groups = len(spread.steps)
    of_cell = np.arange(width) * groups // width
    lines: list[tuple[Piece, ...]] = [_head(spread, look)]
    for row in reversed(range(rows)):
        label = show.number(float(edges[row] / 2 + edges[row + 1] / 2)) if row in (0, rows // 2, rows - 1) else ""
        signs = "".join(SHADES[level] if level >= 0 else " " for level in levels[of_cell, row])
        lines.append((*_label(label, margin), *_cells(signs, of_cell == look.at)))
    return lines


def pair(spread: Spread, look: Look, margin: int, width: int, height: int) -> list[tuple[Piece, ...]]:
    """`height` lines: two steps' distributions over each other, and their quantiles in figures."""
    here, there = spread.quantiles[look.at], spread.quantiles[_pinned(spread, look)]
    span = spreads.span(np.array([here, there]), whole=look.whole)
    rows = height - 5
    if span is None or not (np.isfinite(here).all() and np.isfinite(there).all()):
        return [_head(spread, look), ((f"  nothing was told of {_step(spread, look.at)}", "dim"),)][:height]
    lines = [_pair_head(spread, look, spreads.distance(here, there))]
    if rows > 0:
        edges = np.linspace(*span, width + 1)
        moving, staying = spreads.shares(np.array([here, there]), edges)
        lines += _bars(moving, staying, margin, rows)
        lines.append(_axis(span, margin, width))
    return [*lines, *_figures(spread, look, margin, margin + width)][:height]


def step_of(spread: Spread, at: int) -> float:
    """The step of the distribution that is seen in a group."""
    return float(spread.steps[at])


def _pinned(spread: Spread, look: Look) -> int:
    """The group of the pinned step: the first that has a distribution, where none is pinned."""
    told = np.flatnonzero(np.isfinite(spread.quantiles).all(axis=1))
    if not len(told):
        return 0
    if look.pinned is None:
        return int(told[0])
    return int(told[np.argmin(np.abs(spread.steps[told] - look.pinned))])


def _levels(found: Numbers, *, log: bool) -> NDArray[np.int64]:
    """Of each share, its shade; -1 where nothing was told."""
    known = np.isfinite(found)
    most = float(np.max(found, where=known, initial=0.0))
    if most <= 0:
        return np.where(known, 0, -1)
    part = np.where(known, found, 0.0) / most
    if log:
        part = 1 + np.log10(np.maximum(part, 10.0**-DECADES)) / DECADES
    # Any share that counts has a sign; the greatest alone has the fullest.
    levels = np.minimum(np.ceil(part * (len(SHADES) - 1) - 1e-9), len(SHADES) - 1).astype(np.int64)
    levels[part < (1e-9 if log else 1e-3)] = 0
    return np.where(known, levels, -1)


def _label(text: str, margin: int) -> tuple[Piece, ...]:
    return ((f"{show.cut(text, margin - 2).strip():>{margin - 1}} ", "plain"),)


def _cells(signs: str, here: NDArray[np.bool_]) -> list[Piece]:
    """A line of the picture, with the cursor's column marked."""
    places = np.flatnonzero(here)
    if not len(places):
        return [(signs, "curve")]
    start, end = int(places[0]), int(places[-1]) + 1
    return [(signs[:start], "curve"), (signs[start:end], "here"), (signs[end:], "curve")]


def _step(spread: Spread, at: int) -> str:
    return f"{show.clean(spread.index, 20)} {spread.steps[at]:g}"


def _head(spread: Spread, look: Look) -> tuple[Piece, ...]:
    quantiles = spread.quantiles[look.at]
    said = "nothing told"
    if np.isfinite(quantiles).all():
        least, five, middle, most, greatest = (quantiles[PERCENTS.index(percent)] for percent in (0, 5, 50, 95, 100))
        said = (
            f"min {show.number(least)}  5 % {show.number(five)}  median {show.number(middle)}"
            f"  95 % {show.number(most)}  max {show.number(greatest)}"
        )
    kind = f"{' log' if look.log else ''}{' whole' if look.whole else ''}"
    here = f"{kind}  {_step(spread, look.at)}: {said}"
    return ((f"  {TENSORS[spread.tensor]}", "strong"), (here, "plain"), (f"   {SHADES[1:]}", "dim"))


def _pair_head(spread: Spread, look: Look, distance: float) -> tuple[Piece, ...]:
    pinned = _pinned(spread, look)
    kept = "pinned" if look.pinned is not None else "the first"
    return (
        (f"  {TENSORS[spread.tensor]}", "strong"),
        (f"  █ {_step(spread, look.at)}", "curve"),
        (f"   {PINNED} {_step(spread, pinned)} ({kept})", "waiting"),
        (f"   differ by {100 * distance:.0f} %{' whole' if look.whole else ''}", "plain"),
    )


def _bars(moving: Numbers, staying: Numbers, margin: int, rows: int) -> list[tuple[Piece, ...]]:
    """Blocks for the one, and a sign at its height for the other."""
    most = max(float(moving.max()), float(staying.max()), 1e-12)
    heights = np.rint(moving / most * rows * len(show.BLOCKS)).astype(int)
    tops = np.minimum((staying / most * rows).astype(int), rows - 1)
    lines: list[tuple[Piece, ...]] = []
    for row in reversed(range(rows)):
        pieces: list[Piece] = [(" " * margin, "plain")]
        if row == rows - 1:
            pieces = [*_label(f"{100 * most:.2g} %", margin)]
        for height, top, share in zip(heights.tolist(), tops.tolist(), staying.tolist(), strict=True):
            if top == row and share > 0:
                pieces.append((PINNED, "waiting"))
            else:
                full = max(0, min(len(show.BLOCKS), height - row * len(show.BLOCKS)))
                pieces.append(((" " + show.BLOCKS)[full], "curve"))
        lines.append(tuple(pieces))
    return lines


def _axis(span: tuple[float, float], margin: int, width: int) -> tuple[Piece, ...]:
    low, high = map(show.number, span)
    middle = show.number(span[0] / 2 + span[1] / 2)
    room = max(0, width - len(low) - len(high))
    return ((f"{' ' * margin}{low}{middle:^{room}}{high}" if room > len(middle) else " " * margin + low, "dim"),)


def _figures(spread: Spread, look: Look, margin: int, width: int) -> list[tuple[Piece, ...]]:
    """The quantiles of both, as many as there is room for."""
    cell = 10
    percents: tuple[int, ...] = TOLD
    while len(percents) > 1 and margin + cell * len(percents) > width:
        percents = percents[1:-1] if len(percents) % 2 else percents[::2]
    titles = "".join(f"{_percent(percent):>{cell}}" for percent in percents)
    lines: list[tuple[Piece, ...]] = [((f"{'':{margin}}{titles}", "dim"),)]
    for sign, at, tone in (("█", look.at, "curve"), (PINNED, _pinned(spread, look), "waiting")):
        numbers = (show.number(float(spread.quantiles[at, PERCENTS.index(percent)])) for percent in percents)
        text = "".join(f"{number:>{cell}}" for number in numbers)
        lines.append(((f"  {sign}{'':{margin - 3}}", tone), (text, "plain")))
    return lines


def _percent(percent: int) -> str:
    return {0: "min", 50: "median", 100: "max"}.get(percent, f"{percent} %")


def pinned_at(look: Look, spread: Spread) -> Look:
    """The look with the step under the cursor pinned, or nothing where that was it."""
    here = step_of(spread, look.at)
    return replace(look, pinned=None if look.pinned == here else here)
