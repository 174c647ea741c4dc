"""A tensor or a histogram in a few numbers: norm, mean, deviation, least, greatest, share of zeros, quantiles.

Every function gives them by these names, without those that what it was given does not tell.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from trainboard.layernames import PERCENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Tensor(Protocol):
    """What is read of a TensorProto."""

    dtype: int
    tensor_content: bytes
    half_val: Sequence[int]
    float_val: Sequence[float]
    double_val: Sequence[float]
    int_val: Sequence[int]
    int64_val: Sequence[int]
    bool_val: Sequence[bool]


class Histogram(Protocol):
    """What is read of a HistogramProto."""

    min: float
    max: float
    num: float
    sum: float
    sum_squares: float
    bucket_limit: Sequence[float]
    bucket: Sequence[float]


NARROW = 1e-6
"""A bucket around zero tells the share of zeros where it is narrower than this part of the whole range."""
_RAW = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "u1",
    5: "<i2",
    6: "i1",
    9: "<i8",
    10: "?",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
"""By the number of a TensorProto's data type: how its raw content is laid out."""
_BFLOAT16 = 14
_SHARES = np.array(PERCENTS) / 100
_QUANTILES = tuple(f"q.{percent:02}" for percent in PERCENTS)


quiet = np.errstate(all="ignore")
"""Overflows and numbers that are none are values here, and no warnings."""


@quiet
def array(tensor: Tensor) -> NDArray[np.float64] | None:
    """The numbers of a TensorProto, flat; None where it holds no numbers."""
    if tensor.tensor_content:
        return _raw(tensor.dtype, tensor.tensor_content)
    for values in (tensor.float_val, tensor.double_val, tensor.int_val, tensor.int64_val, tensor.bool_val):
        if len(values):
            return np.array(values, dtype=np.float64)
    if len(tensor.half_val):
        halves = np.array(tensor.half_val, dtype=np.int64).astype(np.uint16)
        return _raw(tensor.dtype, halves.tobytes())
    return None


@quiet
def of_values(values: NDArray[np.float64]) -> dict[str, float]:
    """Of the numbers themselves."""
    return {
        "norm": float(np.sqrt(np.square(values).sum())),
        "mean": float(values.mean()),
        "std": float(values.std()),
        "min": float(values.min()),
        "max": float(values.max()),
        "zeros": float((values == 0).mean()),
        **_told(np.quantile(values, _SHARES) if np.isfinite(values).all() else None),
    }


@quiet
def of_histogram(histogram: Histogram) -> dict[str, float]:
    """Of a histogram that keeps sums beside its buckets: exact but for the zeros."""
    count = histogram.num
    if not count > 0:
        return {}
    found = _moments(count, histogram.sum, histogram.sum_squares)
    found |= {"min": histogram.min, "max": histogram.max}
    limits, buckets = np.array(histogram.bucket_limit), np.array(histogram.bucket)
    if len(limits) == len(buckets):
        lefts = np.concatenate(([-math.inf], limits[:-1]))
        found |= _zeros(lefts, limits, buckets, histogram.min, histogram.max)
        found |= _quantiles(lefts, limits, buckets, histogram.min, histogram.max)
    return found


@quiet
def of_buckets(numbers: NDArray[np.float64]) -> dict[str, float]:
    """Of a tensor of buckets (left, right, count): as near as the buckets tell."""
    if numbers.size == 0 or numbers.size % 3:
        return {}
    lefts, rights, counts = numbers.reshape(-1, 3).T
    filled = counts > 0
    if not filled.any():
        return {}
    middles = (lefts + rights) / 2
    found = _moments(counts.sum(), (middles * counts).sum(), (middles**2 * counts).sum())
    least, greatest = float(lefts[filled].min()), float(rights[filled].max())
    found |= {"min": least, "max": greatest} | _zeros(lefts, rights, counts, least, greatest)
    return found | _quantiles(lefts, rights, counts, least, greatest)


def _moments(count: float, total: float, squares: float) -> dict[str, float]:
    mean = np.float64(total) / count
    # Rounding may leave a variance a little below zero; a nan stays one.
    variance = np.maximum(0.0, squares / count - np.square(mean))
    return {"norm": float(np.sqrt(squares)), "mean": float(mean), "std": float(np.sqrt(variance))}


def _quantiles(
    lefts: NDArray[np.float64],
    rights: NDArray[np.float64],
    counts: NDArray[np.float64],
    least: float,
    greatest: float,
) -> dict[str, float]:
    """Within a bucket as if its numbers were spread evenly over it; the narrow one of the zeros is one value."""
    filled = (counts > 0) & np.isfinite(counts)
    if not filled.any() or not (math.isfinite(least) and math.isfinite(greatest)):
        return {}
    lefts, rights, counts = (each[filled] for each in (lefts, rights, counts))
    near = NARROW * max(abs(least), abs(greatest))
    zero = (lefts >= -near) & (rights <= near) & (lefts <= 0) & (rights >= 0)
    lefts, rights = (np.where(zero, 0.0, np.clip(each, least, greatest)) for each in (lefts, rights))
    ends = np.cumsum(counts)
    wanted = _SHARES * ends[-1]
    at = np.minimum(np.searchsorted(ends, wanted), len(ends) - 1)
    inside = np.clip((wanted - (ends - counts)[at]) / counts[at], 0.0, 1.0)
    found = lefts[at] + inside * (rights - lefts)[at]
    found[0], found[-1] = least, greatest
    return _told(np.clip(np.maximum.accumulate(found), least, greatest))


def _told(values: NDArray[np.float64] | None) -> dict[str, float]:
    """Quantiles by their names."""
    return {} if values is None else dict(zip(_QUANTILES, values.tolist(), strict=True))


def _zeros(
    lefts: NDArray[np.float64],
    rights: NDArray[np.float64],
    counts: NDArray[np.float64],
    least: float,
    greatest: float,
) -> dict[str, float]:
    """The share of zeros, where a bucket around zero is so narrow that it holds nothing else."""
    if least == greatest:
        return {"zeros": float(least == 0)}
    near = NARROW * max(abs(least), abs(greatest))
    total = counts.sum()
    if least > 0 or greatest < 0:
        return {"zeros": 0.0}
    at_zero = (lefts >= -near) & (rights <= near) & (lefts <= 0) & (rights >= 0)
    around = (lefts <= 0) & (rights > 0) & ~at_zero & (counts > 0)
    if not total > 0 or (around.any() and not at_zero.any()):
        return {}
    return {"zeros": float(counts[at_zero].sum() / total)}


def _raw(kind: int, content: bytes) -> NDArray[np.float64] | None:
    if kind == _BFLOAT16:
        upper = np.frombuffer(content[: len(content) // 2 * 2], "<u2").astype(np.uint32)
        return (upper << 16).view(np.float32).astype(np.float64)
    layout = _RAW.get(kind)
    if layout is None:
        return None
    size = np.dtype(layout).itemsize
    return np.frombuffer(content[: len(content) // size * size], layout).astype(np.float64)
