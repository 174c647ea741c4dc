"""Two runs' errors for the same samples: who got better, who worse, and whether that is more than chance. Pure."""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.predictions.tails import holm, student
from trainboard.predictions.summary import Change, Refusal, Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

RESAMPLES = 1000
"""Of the paired bootstrap."""

EXACT = 25
"""Samples that differ from which on McNemar's statistic is as good as its exact form."""

ROW = np.dtype([("key", "<u8"), ("error", "<f8"), ("target", "<u4"), ("slices", "<u4")])

MOST = 32
"""Slices that fit into the bits of a row."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The errors of one run's samples."""

    task: Task
    by_id: bool
    used: int
    rows: int
    part: int
    """One of so many is here, a power of two; chosen by its key, alike in all runs."""
    keys: NDArray[np.uint64]
    errors: NDArray[np.float64]
    targets: NDArray[np.uint32]
    slices: NDArray[np.uint32]
    """Bits: the slices that it is in."""
    repeated: int = 0
    """Samples whose id another one has too: they are left out."""


def parse_outcomes(told: Mapping[str, Any]) -> Outcomes:
    """What the program on a host says. Raises `ValueError` where it says something else."""
    try:
        count = int(told["count"])
        data = zlib.decompressobj().decompress(base64.b64decode(told["data"]), count * ROW.itemsize + 1)
        if len(data) != count * ROW.itemsize:
            raise TypeError(f"{len(data)} bytes of {count} rows")
        columns, at = [], 0
        for name in ROW.names or ():
            kind = ROW[name]
            columns.append(np.frombuffer(data, kind, count, at))
            at += count * kind.itemsize
        keys, errors, targets, slices = columns
        order = np.argsort(keys, kind="stable")
        alone = np.ones(count, bool)
        same = keys[order][1:] == keys[order][:-1]
        alone[1:] &= ~same
        alone[:-1] &= ~same
        kept = order[alone]
        return Outcomes(
            task=Task(told["task"]),
            by_id=bool(told["by_id"]),
            used=int(told["used"]),
            rows=int(told["rows"]),
            part=int(told["part"]),
            keys=keys[kept],
            errors=errors[kept],
            targets=targets[kept],
            slices=slices[kept],
            repeated=int(count - len(kept)),
        )
    except (KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(f"no outcomes of predictions: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Paired:
    """The samples that both have."""

    keys: NDArray[np.uint64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    slices: NDArray[np.uint32]
    only_first: int
    only_second: int
    part: int


def paired(first: Outcomes, second: Outcomes) -> Paired | Refusal:
    """Match the samples of two runs, by id or by row; why they cannot be."""
    if first.task is not second.task:
        return Refusal(f"one is a {first.task}, the other a {second.task}", "say which by outputs.predictions.task")
    by_id = first.by_id and second.by_id
    name_it = "name the column that tells samples apart: outputs.predictions: {path: …, id: COLUMN}"
    if first.by_id is not second.by_id:
        return Refusal("only one of the two has ids", name_it)
    if not by_id and first.rows != second.rows:
        return Refusal(f"without ids rows must be the same, and they are {first.rows} and {second.rows}", name_it)
    part = max(first.part, second.part)
    one, other = (np.flatnonzero(each.keys & np.uint64(part - 1) == 0) for each in (first, second))
    keys, a, b = np.intersect1d(first.keys[one], second.keys[other], assume_unique=True, return_indices=True)
    at, of = one[a], other[b]
    if not len(keys):
        return Refusal("no sample is in both", "their ids may be written in two ways")
    odd = int((first.targets[at] != second.targets[of]).sum())
    if odd:
        what = "ids" if by_id else "rows"
        advice = "they are of different data" if by_id else name_it
        return Refusal(f"{odd} of {len(keys)} {what} that are the same have different targets", advice)
    return Paired(
        keys,
        first.errors[at],
        second.errors[of],
        first.slices[at],
        (len(one) - len(keys)) * part,
        (len(other) - len(keys)) * part,
        part,
    )


def mcnemar(better: int, worse: int) -> float:
    """Two-sided: how likely so uneven a split is by chance."""
    n = better + worse
    if n == 0:
        return 1.0
    if n < EXACT:
        tail = sum(math.comb(n, k) for k in range(min(better, worse) + 1)) / 2.0**n
        return min(1.0, 2 * tail)
    return math.erfc(max(0.0, abs(better - worse) - 1) / math.sqrt(n) / math.sqrt(2))


def t_test(differences: NDArray[np.float64]) -> float:
    """Two-sided, of a mean that is not 0."""
    n = len(differences)
    spread = float(differences.std(ddof=1)) if n > 1 else 0.0
    if spread == 0:
        return float(n < 2 or not differences.any())
    return min(1.0, 2 * student(abs(float(differences.mean())) / spread * math.sqrt(n), n - 1))


def bootstrap(differences: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of the mean, by percentiles."""
    lots, n = np.random.default_rng(seed), len(differences)
    values, counts = np.unique(differences, return_counts=True)
    if len(values) <= 64:
        means = lots.multinomial(n, counts / n, RESAMPLES) @ values / n
    else:
        means = np.array([differences[lots.integers(0, n, n)].mean() for _ in range(RESAMPLES)])
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def chance(task: Task, differences: NDArray[np.float64]) -> float:
    """How likely such differences are where neither run is better."""
    if task is Task.REGRESSION:
        return t_test(differences)
    return mcnemar(int((differences < 0).sum()), int((differences > 0).sum()))


def changes(task: Task, found: Paired, texts: Sequence[str], seed: int = 0) -> tuple[Change, ...]:
    """What became of each slice, the largest change first."""
    told = []
    for at, text in enumerate(texts[:MOST]):
        inside = np.flatnonzero(found.slices >> np.uint32(at) & np.uint32(1))
        if not len(inside):
            continue
        first, second = found.first[inside], found.second[inside]
        interval = bootstrap(second - first, seed)
        told.append((text, len(inside), float(first.mean()), float(second.mean()), interval, second - first))
    corrected = holm([chance(task, each[-1]) for each in told])
    rows = [
        Change(text, n, before, after, *interval, p)
        for (text, n, before, after, interval, _), p in zip(told, corrected, strict=True)
    ]
    return tuple(sorted(rows, key=lambda each: -abs(each.after - each.before)))
