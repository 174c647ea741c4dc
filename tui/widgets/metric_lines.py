"""The list of metrics beside a plot: a line for each, with its letter and its figures. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tui import show
from tui.chart import mark_of, tone_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainboard.series import Series
    from tui.chosen import Names
    from tui.traces import Trace
    from tui.widgets.lines import Piece

FIGURE = 10
"""Cells of a column with numbers."""
NAME = 16
"""Cells that a name has at least; columns that do not fit beside it are left out."""


def columns(width: int, *, smoothed: bool, cursor: bool) -> list[str]:
    """The names of the columns that fit."""
    wanted = ["value" if cursor else "last", *(["smooth"] if smoothed else []), "least", "greatest"]
    return wanted[: max(1, (width - 3 - NAME) // FIGURE)]


def head(names: Names, width: int, heads: Sequence[str]) -> tuple[Piece, ...]:
    """What the columns are, and how many metrics there are."""
    room = max(1, width - 3 - FIGURE * len(heads))
    return (
        (f"   {show.cut(counted(names), room)}", "plain"),
        *((show.pad_left(name, FIGURE), "plain") for name in heads),
    )


def counted(names: Names) -> str:
    """How many metrics there are, and what they are filtered by."""
    total = show.count(sum(len(series) > 0 for series in names.known.values()), "metric")
    return f"{len(names.listed)} of {total}  / {show.clean(names.words)}" if names.words else total


def line(
    series: Series,
    trace: Trace | None,
    *,
    number: int | None,
    cursor: float | None,
    here: bool,
    width: int,
    heads: Sequence[str],
    by: str,
) -> tuple[Piece, ...]:
    """One metric; `number`: that of its curve, None where it is not drawn; `by`: what x counts."""
    sign: Piece = (f"{'›' if here else ' '}", "strong")
    room = max(1, width - 3 - FIGURE * len(heads))
    name = show.cut_middle(show.clean(series.metric), room)
    if number is None:
        said = _figures(series, None, None, heads)
        return (sign, ("  ", "plain"), (name, "plain"), *((show.pad_left(text, FIGURE), "dim") for text in said))
    mark: Piece = (f"{mark_of(number)} ", tone_of(number))
    if trace is None:
        return (sign, mark, (name, "plain"), (show.pad_left(f"no {by}", FIGURE * len(heads)), "dim"))
    said = _figures(series, trace, cursor, heads)
    return (sign, mark, (name, "strong"), *((show.pad_left(text, FIGURE), "plain") for text in said))


def _figures(series: Series, trace: Trace | None, cursor: float | None, heads: Sequence[str]) -> list[str]:
    known = {
        "last": figure(series.last),
        "least": "–" if math.isnan(series.min) else figure(series.min),
        "greatest": "–" if math.isnan(series.max) else figure(series.max),
    }
    if trace is not None:
        known["value"] = known["last"] = figure(value_at(trace, cursor))
        known["smooth"] = figure(smooth_at(trace, cursor))
    return [known.get(name, "") for name in heads]


def figure(value: float | None) -> str:
    """A value with at most nine characters; those of ordinary size without an exponent."""
    if value is None or not 1e4 <= abs(value) < 1e8:
        return show.number(value)
    return f"{value:.0f}" if abs(value) >= 1e5 else f"{value:.1f}".removesuffix(".0")


def value_at(trace: Trace, x: float | None) -> float | None:
    """The value of the sample next to an x, nan and infinite ones included; without one, of the newest."""
    place = trace.near(math.inf if x is None else x)
    return None if place is None else float(trace.values[place])


def smooth_at(trace: Trace, x: float | None) -> float | None:
    """The smoothed value there; None where the curve is not smoothed, or has none."""
    if trace.smoothed is None:
        return None
    xs, ys = trace.smoothed
    place = len(xs) - 1 if x is None else trace.near(x, xs)
    value = math.nan if place is None else float(ys[place])
    return None if math.isnan(value) else value
