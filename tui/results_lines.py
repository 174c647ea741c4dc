"""Results drawn as lines: what matters as bars, runs as lines across the axes of their parameters. Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from specs.braces import as_text
from trainboard.ranking.columns import is_number
from trainboard.ranking.effects import CAVEAT, sample
from trainboard.ranking.table import is_seed
from tui import show
from tui.braille import ACROSS, EMPTY, Canvas, row_of
from tui.chart import BEHIND, COLOURS, mark_of, tone_of
from tui.scale import Scale, levels
from tui.scatter import LOG_FROM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.compare import Comparison
    from trainboard.ranking.columns import Cell, Column
    from trainboard.ranking.effects import Effect
    from trainboard.ranking.importance import Importance
    from trainboard.ranking.table import Table
    from tui.widgets.lines import Piece

    Lines = list[tuple[Piece, ...]]

NAME = 24
"""Cells of a parameter's name at most."""
MOST_RUNS, MOST_AXES = 30, 8
"""Of runs drawn across axes: more cannot be told apart."""
HERE = 1
OTHERS = 2


def importance_lines(
    alone: Sequence[Effect], forest: Importance | None, said: str, left_out: int, width: int
) -> Lines:
    """Both measures, ranked; `said`: why there is no forest."""
    if not alone and forest is None:
        return [((f"  {said or 'nothing differs that could matter'}", "dim"),)]
    names = [each.param for each in alone] + ([each.param for each in forest.params] if forest else [])
    stem = min(NAME, max(map(len, map(show.clean, names)), default=0))
    room = max(8, min(40, width - stem - 48))
    lines: Lines = [((" Each parameter by itself: share of the variance (η²)", "strong"),)]
    for each in alone:
        bar = "█" * round(each.share * room)
        chance = min(room - 1, round(each.chance * room))
        # What chance alone would give stands as a mark in the bar.
        drawn = bar.ljust(room)
        drawn = drawn[:chance] + "┆" + drawn[chance + 1 :]
        kind = "bins" if each.binned else "values"
        lines.append(
            (
                (f"  {show.cut(show.clean(each.param), stem)} ", "plain"),
                (drawn, "done"),
                (f" {each.share:6.1%}", "strong" if each.share > 2 * each.chance else "plain"),
                (f"  by chance {each.chance:.1%}, {each.levels} {kind}, {each.runs} runs", "dim"),
            )
        )
    more = f" {left_out} runs without a finite value are left out." if left_out else ""
    lines += [((f"  {text}", "dim"),) for text in show.wrapped(f"┆ {CAVEAT}{more}", max(20, width - 4))]
    lines.append((("", "plain"),))
    if forest is None:
        lines.append(((f" {show.clean(said)}", "waiting"),))
        return lines
    lines.append(((" A random forest: what it needs to tell settings it has not seen", "strong"),))
    for one in forest.params:
        lines.append(
            (
                (f"  {show.cut(show.clean(one.param), stem)} ", "plain"),
                (("█" * round(one.share * room)).ljust(room), "done"),
                (f" {one.share:6.1%}", "strong"),
                (f"  worse by {one.drop:.3f} ± {one.spread:.2g} without it", "dim"),
            )
        )
    lines.append(((f"  {forest.caveat} ({forest.runs} runs)", "dim" if forest.explained >= 0.3 else "waiting"),))
    return lines


def parallel_lines(table: Table, column: Column | None, here: str | None, width: int, height: int) -> Lines:
    """Exactly what fits: an axis for each parameter, and one for the metric, a line for each run."""
    params = [name for name in table.found.params if not is_seed(name)]
    counted = sample(table.found.entries, column) if column is not None else None
    if column is None or counted is None or not counted.entries or not params:
        return [(("  no parameter differs, or no run has a finite value", "dim"),)]
    if len(counted.entries) > MOST_RUNS or len(params) + 1 > MOST_AXES:
        said = (
            f"  {len(counted.entries)} runs over {len(params) + 1} axes cannot be told apart as lines; it takes at "
        )
        said += f"most {MOST_RUNS} and {MOST_AXES}: / filters the runs, 4 ranks the parameters"
        return [((text, "dim"),) for text in show.wrapped(said, max(20, width - 2))]
    axes = [_axis([entry.params.get(name) for entry in counted.entries]) for name in params]
    axes.append(_axis(counted.values.tolist()))
    best_first = np.argsort(counted.values, kind="stable")
    if table.found.goals.get(column.name) == "maximize":
        best_first = best_first[::-1]
    canvas = Canvas(max(2 * len(axes), width - 2), max(1, height - 3))
    stops: list[float] = np.linspace(1, canvas.columns - 2 * ACROSS, len(axes)).tolist()
    tones = {EMPTY: "plain", BEHIND: "dim", HERE: "here"} | {OTHERS + n: tone_of(n) for n in range(COLOURS)}
    for rank in reversed(range(len(best_first))):
        entry = counted.entries[best_first[rank]]
        layer = HERE if entry.key == here else OTHERS + rank % COLOURS
        heights = np.array([places[best_first[rank]] for places, _, _ in axes])
        edges = np.interp(np.arange(canvas.columns + 1), stops, heights, left=np.nan, right=np.nan)
        low, high = np.fmin(edges[:-1], edges[1:]), np.fmax(edges[:-1], edges[1:])
        canvas.curve(low, high, layer, faint=entry.key != here and rank > 0)
    for stop in stops:
        canvas.rule(int(stop) // ACROSS, "│", BEHIND)
    last = int(stops[-1]) // ACROSS
    for rank in reversed(range(len(best_first))):
        entry = counted.entries[best_first[rank]]
        row = row_of(float(axes[-1][0][best_first[rank]]), canvas.height)
        canvas.sign(last + 1, row, mark_of(rank), HERE if entry.key == here else OTHERS + rank % COLOURS)
    names = [*params, f"{column.name} {column.kind}"]
    titles = _beside(stops, [show.clean(name) for name in names], canvas.width)
    tops = _beside(stops, [high for _, _, high in axes], canvas.width)
    lows = _beside(stops, [low for _, low, _ in axes], canvas.width)
    drawn: Lines = [tuple((text, tones[layer]) for text, layer in line) for line in canvas.lines()]
    return [((titles, "strong"),), ((tops, "dim"),), *drawn, ((lows, "dim"),)][:height]


def _axis(values: Sequence[Cell]) -> tuple[list[float], str, str]:
    """Of each value its height from 0 to 1, and what stands at the bottom and at the top."""
    numbers = [float(v) if isinstance(v, int | float) and is_number(v) and math.isfinite(v) else None for v in values]
    if any(number is None for number in numbers):
        words = sorted({as_text(value) for value in values})
        places = {word: (at + 0.5) / len(words) for at, word in enumerate(words)}
        return [places[as_text(value)] for value in values], words[0] or "–", words[-1] or "–"
    found = np.array(numbers, np.float64)
    log = bool(found.min() > 0 and found.max() >= LOG_FROM * found.min())
    placed = levels(found, log)
    scale = Scale.over(float(placed.min()), float(placed.max()), log)
    return (
        [scale.place(float(each)) for each in placed],
        show.number(float(found.min())),
        show.number(float(found.max())),
    )


def _beside(stops: Sequence[float], texts: Sequence[str], width: int) -> str:
    """Texts over their axes, cut so that none stands in the next."""
    line = [" "] * width
    room = max(3, width // max(1, len(texts)) - 1)
    for stop, text in zip(stops, texts, strict=True):
        short = show.cut(text, room).rstrip() if len(text) > room else text
        start = max(0, min(int(stop) // ACROSS - len(short) // 2, width - len(short)))
        line[start : start + len(short)] = short
    return "".join(line)


def drawn_of(found: Comparison, most: int) -> Comparison:
    """The same with so many runs at most, taken evenly."""
    entries = found.entries
    if len(entries) <= most:
        return found
    return replace(found, entries=tuple(entries[at * len(entries) // most] for at in range(most)))
