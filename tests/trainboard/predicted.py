"""What files of predictions say, made by hand: for the tests of what is drawn and printed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.tui.fakes import NOW
from trainboard.predictions.summary import (
    Average,
    Bin,
    Change,
    Classification,
    ClassScore,
    Column,
    Comparison,
    Condition,
    Confidence,
    Confused,
    Feature,
    Grid,
    Histogram,
    Moved,
    Regression,
    Role,
    Sample,
    Slice,
    Summary,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE = ("\x1b[2Jcat", "[bold red]dog[/]", "漢字漢字", "\u202eright\u202c to left", "a\tb\nc", "")
"""Class names as files of others may have them."""


def classes(names: Sequence[str] = ("cat", "dog", "emu"), counts: Sequence[Sequence[float]] = ()) -> Classification:
    """Every tenth of a class is taken for the next one, unless `counts` says otherwise."""
    size = len(names)
    rows = counts or [[90 if i == j else 10 if j == (i + 1) % size else 0 for j in range(size)] for i in range(size)]
    told = [sum(row[at] for row in rows) for at in range(size)]
    total, right = sum(map(sum, rows)), sum(rows[at][at] for at in range(size))
    scores = []
    for at, name in enumerate(names):
        support, hits = sum(rows[at]), rows[at][at]
        precision, recall = (hits / of if of else 0.0 for of in (told[at], support))
        both = precision + recall
        scores.append(
            ClassScore(name, support, told[at], precision, recall, 2 * precision * recall / both if both else 0.0)
        )
    pairs = [
        Confused(names[i], names[j], rows[i][j], rows[i][j] / sum(rows[i]))
        for i in range(size)
        for j in range(size)
        if i != j and rows[i][j]
    ]
    mean = Average(*(sum(getattr(each, key) for each in scores) / size for key in ("precision", "recall", "f1")))
    return Classification(
        accuracy=right / total,
        accuracy_lower=right / total - 0.03,
        accuracy_upper=right / total + 0.02,
        balanced_accuracy=mean.recall,
        macro=mean,
        weighted=mean,
        classes=tuple(scores),
        confusion=tuple(map(tuple, rows)) if size <= 200 else (),
        confused=tuple(sorted(pairs, key=lambda pair: -pair.count)[:50]),
        log_loss=0.3125,
        brier=0.125,
        ece=0.0625,
        reliability=tuple(
            Confidence(at / 15, (at + 1) / 15, 20 * at, (at + 0.5) / 15 if at else 0.0, max(0.0, (at - 1) / 15))
            for at in range(15)
        ),
        top=((2, 0.96875),),
    )


SLICES = (
    Slice(
        (Condition("age", low=60.0), Condition("device", level="B")),
        n=40,
        share=0.1333,
        mean=0.55,
        rest=0.04,
        lower=0.4,
        upper=0.69,
        p=1e-9,
        part=0.625,
    ),
    Slice((Condition("device", level="B"),), 100, 0.333, 0.28, 0.05, 0.2, 0.37, 0.004, 0.8),
)
FEATURES = (
    Feature(
        "device",
        False,
        (Bin("A", 200, 0.04, 0.02, 0.08), Bin("B", 100, 0.28, 0.2, 0.37)),
        eta2=0.1234,
        p=0.005,
        residuals=(Bin("A", 200, -0.1, -0.2, 0.0), Bin("B", 100, 1.5, 1.0, 2.0)),
        levels=2,
    ),
    Feature(
        "age",
        True,
        (
            Bin("≤ 40", 150, 0.06, 0.03, 0.11, high=40.0),
            Bin("40 … 60", 90, 0.1, 0.05, 0.18, low=40.0, high=60.0),
            Bin("> 60", 60, 0.3, 0.2, 0.42, low=60.0),
        ),
        eta2=0.05,
        p=0.2,
        residuals=(
            Bin("≤ 40", 150, -0.5, -0.7, -0.3, high=40.0),
            Bin("40 … 60", 90, 0.0, -0.3, 0.3, low=40.0, high=60.0),
            Bin("> 60", 60, 2.0, 1.5, 2.5, low=60.0),
        ),
        empty=3,
    ),
)


def sample(row: int, **changes: object) -> Sample:
    """One that is wrong."""
    inputs = (("age", f"{60 + row}"), ("device", "B"))
    made = Sample(row, f"img{row:04}", "cat", "dog", 4.5 - row / 10, 0.97, inputs)
    return replace(made, **changes)  # type: ignore[arg-type] # the fields of a sample


def classified(names: Sequence[str] = ("cat", "dog", "emu"), **changes: object) -> Summary:
    """Predictions of classes."""
    made = Summary(
        path="/home/ann/work/preds.csv",
        size=41_000,
        mtime=NOW - 180,
        format="CSV",
        task=Task.CLASSIFICATION,
        rows=303,
        used=300,
        looked=300,
        mean_error=0.1,
        error="share of wrong predictions",
        columns=(
            Column("label", Role.TARGET),
            Column("pred", Role.PREDICTION),
            Column("age", Role.INPUT),
            Column("device", Role.INPUT),
        ),
        notes=("3 rows have no target: left out", "the scores of 2 rows do not sum to 1"),
        features=FEATURES,
        slices=SLICES,
        tried=31,
        worst=tuple(sample(row) for row in range(1, 21)),
        classification=classes(names),
        seconds=0.25,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # the fields of a summary


def regressed(**changes: object) -> Summary:
    """Predictions of numbers."""
    bins = tuple(Bin(f"{at} … {at + 1}", 30, at / 5 - 1, at / 5 - 1.3, at / 5 - 0.7, at, at + 1) for at in range(10))
    grid = Grid((0.0, 5.0, 10.0), (-4.0, 0.0, 4.0), ((30, 10), (20, 240)))
    quantiles = tuple(zip((0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1), range(-4, 5), strict=True))
    shape = Histogram(tuple(map(float, range(-4, 5))), (1, 9, 40, 100, 100, 40, 9, 1), 1, 2)
    numbers = Regression(1.25, 1.75, 0.875, 0.0625, quantiles, shape, bins, grid)
    worst = tuple(sample(row, target=f"{row}.5", prediction="9", confidence=None) for row in range(1, 4))
    made = classified(
        task=Task.REGRESSION,
        classification=None,
        regression=numbers,
        error="absolute error",
        mean_error=1.25,
        worst=worst,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # the fields of a summary


def comparison(**changes: object) -> Comparison:
    """Two runs of which the second is better, but for one slice."""
    inputs = (("age", "61"), ("device", "B"))
    made = Comparison(
        task=Task.CLASSIFICATION,
        matched="by id",
        n=298,
        only_first=2,
        only_second=1,
        sampled=1,
        before=0.1,
        after=0.06,
        lower=-0.07,
        upper=-0.01,
        p=0.0123,
        better=20,
        worse=8,
        changes=(
            Change("device = B", 100, 0.28, 0.13, -0.22, -0.08, 0.002),
            Change("age > 60", 60, 0.1, 0.15, -0.01, 0.11, 0.9),
        ),
        improved=(Moved("img0007", 7, "cat", "dog", "cat", -3.5, inputs),),
        worsened=(Moved("img0008", 8, "cat", "cat", "emu", 2.5, inputs),),
        notes=("the second file has 1 row more",),
    )
    return replace(made, **changes)  # type: ignore[arg-type] # the fields of a comparison
