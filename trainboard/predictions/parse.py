"""What the program on a host says of predictions, as a summary. All of its words are untrusted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trainboard.predictions.summary import (
    Average,
    Bin,
    Classification,
    ClassScore,
    Column,
    Condition,
    Confidence,
    Confused,
    Feature,
    Grid,
    Histogram,
    Refusal,
    Regression,
    Role,
    Sample,
    Slice,
    Summary,
    Task,
)
from trainboard.show import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Told = Any
"""What JSON has."""

LONGEST = 100
"""Characters of a word."""


def parse_summary(told: Mapping[str, Any]) -> Summary | Refusal:
    """The summary, or why there is none. Raises `ValueError` where that is neither."""
    if "refused" in told:
        return Refusal(clean(str(told["refused"]), 400), clean(str(told.get("advice", "")), 300))
    try:
        return _summary(told)
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(f"no summary of predictions: {error!r}") from error


def _summary(told: Mapping[str, Any]) -> Summary:
    task = Task(told["task"])
    return Summary(
        path=clean(str(told["path"]), 400),
        size=int(told["size"]),
        mtime=_number(told["mtime"]),
        format=_word(told["format"]),
        task=task,
        rows=int(told["rows"]),
        used=int(told["used"]),
        looked=int(told["looked"]),
        mean_error=_number(told["mean_error"]),
        error="share of wrong predictions" if task is Task.CLASSIFICATION else "absolute error",
        columns=tuple(Column(_word(name), Role(role)) for name, role in told["columns"]),
        notes=tuple(clean(str(note), 300) for note in told["notes"]),
        features=tuple(_feature(each) for each in told["features"]),
        slices=tuple(_slice(each) for each in told["slices"]),
        tried=int(told["tried"]),
        worst=tuple(parse_sample(each) for each in told["worst"]),
        classification=_classes(told["classification"]) if task is Task.CLASSIFICATION else None,
        regression=_numbers(told["regression"]) if task is Task.REGRESSION else None,
        fast=bool(told["fast"]),
        seconds=_number(told["seconds"]),
    )


def parse_sample(told: Mapping[str, Any]) -> Sample:
    """One row."""
    confidence = told.get("confidence")
    return Sample(
        row=int(told["row"]),
        id=_word(told["id"]),
        target=_word(told["target"]),
        prediction=_word(told["prediction"]),
        error=_number(told.get("error", 0.0)),
        confidence=None if confidence is None else _number(confidence),
        inputs=tuple((_word(name), _word(value)) for name, value in told["inputs"]),
    )


def _feature(told: Mapping[str, Any]) -> Feature:
    return Feature(
        name=_word(told["name"]),
        numeric=bool(told["numeric"]),
        bins=_bins(told["bins"]),
        eta2=_number(told["eta2"]),
        p=_number(told["p"]),
        residuals=_bins(told["residuals"]),
        levels=int(told["levels"]),
        empty=int(told["empty"]),
    )


def _bins(told: Sequence[Told]) -> tuple[Bin, ...]:
    return tuple(
        Bin(_word(label), int(n), _number(mean), _number(lower), _number(upper), _maybe(low), _maybe(high))
        for label, n, mean, lower, upper, low, high in told
    )


def _slice(told: Mapping[str, Any]) -> Slice:
    numbers = {name: _number(told[name]) for name in ("share", "mean", "rest", "lower", "upper", "p", "part")}
    return Slice(conditions=tuple(_condition(each) for each in told["conditions"]), n=int(told["n"]), **numbers)


def _condition(told: Mapping[str, Any]) -> Condition:
    level = told.get("level")
    return Condition(
        _word(told["feature"]),
        _maybe(told.get("low")),
        _maybe(told.get("high")),
        None if level is None else _word(level),
    )


def _classes(told: Mapping[str, Any]) -> Classification:
    single = ("accuracy", "accuracy_lower", "accuracy_upper", "balanced_accuracy")
    return Classification(
        **{name: _number(told[name]) for name in single},
        macro=Average(*map(_number, told["macro"])),
        weighted=Average(*map(_number, told["weighted"])),
        classes=tuple(ClassScore(_word(name), *map(_number, rest)) for name, *rest in told["classes"]),
        confusion=tuple(tuple(map(_number, row)) for row in told["confusion"]),
        confused=tuple(Confused(_word(a), _word(b), _number(n), _number(part)) for a, b, n, part in told["confused"]),
        log_loss=_maybe(told.get("log_loss")),
        brier=_maybe(told.get("brier")),
        ece=_maybe(told.get("ece")),
        reliability=tuple(
            Confidence(_number(low), _number(high), int(n), _number(confidence), _number(accuracy))
            for low, high, n, confidence, accuracy in told.get("reliability", ())
        ),
        top=tuple((int(k), _number(share)) for k, share in told.get("top", ())),
    )


def _numbers(told: Mapping[str, Any]) -> Regression:
    edges, counts, below, above = told["histogram"]
    x, y, cells = told["grid"]
    return Regression(
        mae=_number(told["mae"]),
        rmse=_number(told["rmse"]),
        r2=_maybe(told["r2"]),
        bias=_number(told["bias"]),
        quantiles=tuple((_number(q), _number(value)) for q, value in told["quantiles"]),
        histogram=Histogram(tuple(map(_number, edges)), tuple(map(int, counts)), int(below), int(above)),
        by_prediction=_bins(told["by_prediction"]),
        grid=Grid(tuple(map(_number, x)), tuple(map(_number, y)), tuple(tuple(map(int, row)) for row in cells)),
    )


def _word(told: Told) -> str:
    return clean(str(told), LONGEST)


def _number(told: Told) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
        raise TypeError(f"no number: {told!r}")
    return float(told)


def _maybe(told: Told) -> float | None:
    return None if told is None else _number(told)
