"""The times that programs print themselves: of a step, of its data, of an evaluation, of a save. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from trainboard.extract.names import fold
from trainboard.extract.synonyms import Role, role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from trainboard.series import Series

_WHAT = r"(?:time|runtime|duration|seconds|secs?|s|ms|wait)"
_STEP = r"(?:step|iter|iteration|it|batch|update)"
_EVALUATION = r"(?:eval|evaluation|val|valid|validation|test)"
_UNIT = r"(?:_(?:s|ms|secs?|seconds))?"

# The first that matches a folded name counts; each is the end of one.
KINDS = tuple(
    (part, re.compile(rf"(?:^|_)(?:{pattern}){_UNIT}$"))
    for part, pattern in (
        ("evaluation", rf"{_EVALUATION}(?:_epoch|_loop|_total)?_{_WHAT}|{_WHAT}_{_EVALUATION}"),
        ("checkpoint", rf"(?:checkpoint|checkpointing|ckpt|save|saving)_{_WHAT}|{_WHAT}_(?:checkpoint|ckpt|save)"),
        (
            "data",
            rf"data(?:_?load(?:er|ing)?)?_?{_WHAT}|data|(?:load|loader|loading|fetch|io|input)_{_WHAT}"
            rf"|{_WHAT}_(?:data|load|fetch|dataload(?:er|ing)?)",
        ),
        ("step", rf"(?:train_)?{_STEP}_?{_WHAT}|(?:{_WHAT}|elapsed_time)_(?:per_)?{_STEP}"),
    )
)
"""What a printed time is of, one of `trainboard.timing.PARTS`: data and step are told of each step, the others when
there was one."""


def printed(series: Mapping[str, Series], since: float) -> dict[str, NDArray[np.float64]]:
    """Seconds that the program printed `since` then, by part; of several metrics for one part the richest."""
    found: dict[str, Series] = {}
    for name, each in series.items():
        part = next((part for part, pattern in KINDS if pattern.search(fold(name))), None)
        if part is None or role(name) is Role.THROUGHPUT:
            continue
        if part not in found or len(each) > len(found[part]):
            found[part] = each
    if "data" in found and "step" not in found:  # `time: 0.35, data_time: 0.02`
        found |= {part: each for name, each in series.items() for part in ("step",) if fold(name) in _TIMES}
    seconds = {part: in_seconds(each, since) for part, each in found.items()}
    return {part: values for part, values in seconds.items() if len(values)}


_TIMES = ("time", "train_time")


def in_seconds(series: Series, since: float) -> NDArray[np.float64]:
    """Its values, without those that are no times; none where it is a clock that only ever goes on."""
    values = series.values
    values = values[np.isfinite(values) & (values >= 0) & ~(series.walls < since)]
    if len(values) > 4 and (np.diff(values) > 0).all():
        return values[:0]
    return values / 1000 if re.search(r"(?:^|_)ms(?:_|$)", fold(series.metric)) else values


def is_evaluation(name: str) -> bool:
    """Whether a metric is of validation or test data."""
    return _EVALUATED.search(fold(name)) is not None


_EVALUATED = re.compile(r"(?:^|_)(?:eval|evaluation|val|valid|validation|test|dev)(?:_|\d|$)")
