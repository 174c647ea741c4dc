"""Files of predictions for tests, some with slices that are bad on purpose."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.predictions.fast import kernel
from backends.predictions.summary import summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Columns = dict[str, Any]


def written(path: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> Path:
    """A CSV of these columns."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(zip(*(list(each) for each in columns.values()), strict=True))
    return path


def lines(path: Path, columns: Mapping[str, Sequence[Any]]) -> Path:
    """The same as JSON lines."""
    rows = zip(*columns.values(), strict=True)
    path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    return path


def summed(path: Path, *, plain: bool = False, **said: object) -> dict[str, Any]:
    """What the file says."""
    return summary(kernel(plain), str(path), said)


def inputs(n: int, seed: int, noise: int = 4) -> Columns:
    """Inputs that explain nothing by themselves."""
    lots = np.random.default_rng(seed)
    found: Columns = {
        "age": lots.uniform(18, 90, n).round(1),
        "device": lots.choice(list("ABC"), n),
        "night": lots.integers(0, 2, n),
    }
    return found | {f"noise{at}": lots.normal(size=n).round(4) for at in range(noise)}


def classified(n: int, seed: int, bad: Any = None, usual: float = 0.1, worse: float = 0.5) -> Columns:  # noqa: ANN401
    """Four classes, told wrongly more often where `bad(inputs)` is true."""
    lots = np.random.default_rng(seed + 1000)
    given = inputs(n, seed)
    chance = np.where(bad(given), worse, usual) if bad else np.full(n, usual)
    wrong = lots.random(n) < chance
    target = lots.integers(0, 4, n)
    return {"target": target, "prediction": np.where(wrong, (target + lots.integers(1, 4, n)) % 4, target)} | given


def predicted(n: int, seed: int, bad: Any = None, worse: float = 3.0) -> Columns:  # noqa: ANN401
    """Numbers, further off where `bad(inputs)` is true."""
    lots = np.random.default_rng(seed + 2000)
    given = inputs(n, seed)
    scale = np.where(bad(given), worse, 1.0) if bad else np.ones(n)
    target = lots.normal(10, 3, n)
    return {"target": target, "prediction": target + scale * lots.normal(size=n)} | given


def texts(found: Mapping[str, Any]) -> list[set[str]]:
    """The slices, as words."""
    return [{words(each) for each in one["conditions"]} for one in found["slices"]]


def words(condition: Mapping[str, Any]) -> str:
    """As `age > 60`."""
    if condition["level"] is not None:
        return f"{condition['feature']} = {condition['level']}"
    sign, bound = ("≤", condition["high"]) if condition["low"] is None else (">", condition["low"])
    return f"{condition['feature']} {sign} {bound:g}"
