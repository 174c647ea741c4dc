"""The same arithmetic with numpy; see `plain` for what each function does."""

import random
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from backends.predictions.plain import Plain, number

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]  # then `Plain` is used


class Fast(Plain):
    """Columns are numpy's arrays."""

    fast = True

    def floats(self, values: Iterable[float]) -> Any:
        return numpy.array(list(values), float)

    def ints(self, values: Iterable[int]) -> Any:
        return numpy.array(list(values), numpy.int32)

    def numbers(self, cells: Sequence[Any]) -> Tuple[Any, int]:
        try:
            return numpy.fromiter(map(float, cells), float, len(cells)), 0
        except (TypeError, ValueError, OverflowError):
            found = [number(cell) for cell in cells]
            return numpy.array([value for value, _ in found], float), sum(bad for _, bad in found)

    def join(self, parts: Sequence[Any]) -> Any:
        return numpy.concatenate(parts)

    def take(self, column: Any, at: Any) -> Any:
        return column[at]

    def listed(self, column: Any) -> List[Any]:
        found = column.tolist()  # type: List[Any]
        return found

    def present(self, column: Any) -> Any:
        return numpy.flatnonzero(column >= 0 if column.dtype.kind == "i" else numpy.isfinite(column))

    def common(self, first: Any, second: Any) -> Any:
        return numpy.intersect1d(first, second, assume_unique=True)

    def differ(self, one: Any, other: Any) -> Any:
        return (one != other).astype(float)

    def less(self, one: Any, other: Any) -> Any:
        return one - other

    def shifted(self, column: Any, by: float) -> Any:
        return column - by

    def absolute(self, column: Any) -> Any:
        return numpy.abs(column)

    def times(self, one: Any, other: Any) -> Any:
        return one * other

    def total(self, column: Any) -> float:
        return float(column.sum())

    def dot(self, one: Any, other: Any) -> float:
        return float((one * other).sum())

    def ordered(self, column: Any) -> Any:
        return numpy.sort(column[numpy.isfinite(column)])

    def distinct(self, ordered: Any, most: int) -> Optional[List[float]]:
        if len(ordered) == 0:
            return []
        steps = numpy.flatnonzero(ordered[1:] != ordered[:-1])
        if len(steps) + 1 > most:
            return None
        return [float(ordered[0])] + [float(value) for value in ordered[steps + 1]]

    def binned(self, column: Any, edges: Sequence[float]) -> Any:
        found = numpy.searchsorted(numpy.array(edges, float), column).astype(numpy.int32)
        found[~numpy.isfinite(column)] = len(edges) + 1
        return found

    def looked_up(self, codes: Any, table: Sequence[int]) -> Any:
        return numpy.array(table, numpy.int32)[codes]

    def crossed(self, one: Any, other: Any, size: int) -> Any:
        return one.astype(numpy.int64) * size + other

    def tally(self, codes: Any, size: int, weights: Any = None) -> List[float]:
        found = numpy.bincount(codes, weights, size).astype(float).tolist()  # type: List[float]
        return found

    def pairs(self, one: Any, other: Any, weights: Any = None) -> Dict[Tuple[int, int], float]:
        size = int(max(one.max(), other.max())) + 1 if len(one) else 1
        keys, at = numpy.unique(one.astype(numpy.int64) * size + other, return_inverse=True)
        sums = numpy.bincount(at.ravel(), weights, len(keys))
        return {divmod(int(key), size): float(value) for key, value in zip(keys, sums)}

    def largest(self, column: Any, most: int, above: float) -> List[int]:
        at = numpy.flatnonzero(column > above)
        if len(at) > most:
            least = numpy.partition(column[at], len(at) - most)[len(at) - most]
            at = at[column[at] >= least]
        order = numpy.lexsort((at, -column[at]))[:most]
        return [int(place) for place in at[order]]

    def within(self, codes: Any, low: int, high: int) -> Any:
        return (codes >= low) & (codes <= high)

    def both(self, one: Any, other: Any) -> Any:
        return one & other

    def either(self, one: Any, other: Any) -> Any:
        return one | other

    def outside(self, one: Any, other: Any) -> Any:
        return one & ~other

    def chosen(self, mask: Any, column: Any = None) -> float:
        return float(mask.sum() if column is None else column[mask].sum())

    def shuffles(self, size: int, seed: int) -> Iterator[Any]:
        _, state, _ = random.Random(seed).getstate()
        lots = numpy.random.RandomState()
        lots.set_state(("MT19937", numpy.array(state[:-1], numpy.uint32), state[-1]))
        while True:
            yield numpy.argsort(lots.random_sample(size), kind="stable")

    def matrix(self, columns: Sequence[Any]) -> Any:
        return numpy.stack(columns, 1)

    def rows(self, cells: Sequence[Sequence[float]]) -> Any:
        return numpy.array(cells, float)

    def picked(self, matrix: Any, at: Any) -> Any:
        return matrix[at]

    def whole(self, matrix: Any) -> Any:
        return numpy.flatnonzero(numpy.isfinite(matrix).all(1))

    def span(self, matrix: Any) -> Tuple[float, float]:
        return float(matrix.min()), float(matrix.max())

    def softmax(self, matrix: Any) -> Any:
        powers = numpy.exp(matrix - matrix.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    def normal(self, matrix: Any, slack: float) -> Tuple[Any, int]:
        whole = matrix.sum(1, keepdims=True)
        off = int((numpy.abs(whole - 1) > slack).sum())
        even = numpy.full_like(matrix, 1.0 / matrix.shape[1])
        return numpy.where(whole > 0, matrix / numpy.where(whole > 0, whole, 1.0), even), off

    def best(self, matrix: Any) -> Any:
        return matrix.argmax(1).astype(numpy.int32)

    def greatest(self, matrix: Any) -> Any:
        return matrix.max(1)

    def of(self, matrix: Any, at: Any) -> Any:
        return numpy.where(at >= 0, matrix[numpy.arange(len(matrix)), numpy.maximum(at, 0)], 0.0)

    def squares(self, matrix: Any) -> Any:
        return (matrix * matrix).sum(1)

    def ranks(self, matrix: Any, at: Any) -> Any:
        own = matrix[numpy.arange(len(matrix)), numpy.maximum(at, 0)][:, None]
        later = numpy.arange(matrix.shape[1])[None, :] > at[:, None]
        found = ((matrix > own) | ((matrix == own) & later)).sum(1)
        return numpy.where(at >= 0, found, matrix.shape[1]).astype(numpy.int32)

    def losses(self, column: Any, least: float) -> Any:
        return -numpy.log(numpy.clip(column, least, 1.0))


def kernel(plain: bool = False) -> Plain:
    """The faster one of those that there are; `plain`: the other one."""
    return Plain() if plain or numpy is None else Fast()
