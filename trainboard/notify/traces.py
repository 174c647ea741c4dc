"""What is stored of a run's metrics, as a notice tells it. Blocks: it reads files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.naming import is_usage
from trainboard.notify.curve import curve
from trainboard.notify.text import Trace, Value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trainboard.rows import Row
    from trainboard.series import Series

MOST_VALUES = 6
MOST_SAMPLES = 1 << 16
"""Of an attempt: a line of text shows no more of them."""
LONGEST_NAME = 40


def trace_of(folder: Path, row: Row) -> Trace:
    """The trace of a row, without a curve where nothing is stored, or readable; `folder` is that of the series."""
    from trainboard.recording import recorded

    try:
        return trace(recorded(folder, row.key, row.attempt, most=MOST_SAMPLES), row)
    except (OSError, ValueError):  # the board says so where it needs them
        return Trace()


def trace(series: Mapping[str, Series], row: Row) -> Trace:
    """The objective, or the loss, and what else is printed. Pure."""
    main = _main(series, row)
    if main is None:
        return Trace()
    names = [main, *(name for name in series if name != main and _told(name))][:MOST_VALUES]
    values = tuple(_newest(name, series[name]) for name in names if len(series[name]))
    drawn = series[main].current()[1].tolist()
    goal = row.goal if row.objective else "minimize"
    return Trace(values, main, curve(drawn), drawn[0] if drawn else None, series[main].best(goal))


def _main(series: Mapping[str, Series], row: Row) -> str | None:
    from trainboard.extract.names import objective
    from trainboard.extract.synonyms import Role, of_role

    names = [name for name in series if len(series[name]) and _told(name)]
    found = objective(names, row.objective)
    losses = of_role(names, Role.LOSS)
    return found or (losses[0] if losses else names[0] if names else None)


def _told(name: str) -> bool:
    from trainboard.layernames import of_a_layer

    return len(name) <= LONGEST_NAME and not is_usage(name) and not of_a_layer(name)


def _newest(name: str, series: Series) -> Value:
    return Value(name, series.last or 0.0, float(series.steps[-1]), series.index)
