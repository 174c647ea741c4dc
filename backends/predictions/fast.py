"""The same arithmetic with numpy; see `plain` for what each function does."""

import random
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from backends.predictions.plain import Column, Plain, number

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]  # then `Plain` is used


class Fast(Plain):
    """Columns are numpy's arrays."""

    fast = True

    def floats(self, values: Iterable[float]) -> Column:
        return numpy.array(list(values), float)

    def ints(self, values: Iterable[int]) -> Column:
        return numpy.array(list(values), numpy.int32)

    def numbers(self, cells: Sequence[Any]) -> Tuple[Any, int]:
        read = getattr(cells, "numbers", None)
        if read is not None:
            values, bad = read()
            return values, int(bad)
        try:
            return numpy.fromiter(map(float, cells), float, len(cells)), 0
        except (TypeError, ValueError, OverflowError):
            found = [number(cell) for cell in cells]
            return numpy.array([value for value, _ in found], float), sum(bad for _, bad in found)

    def cells(self, cells: Sequence[Any], at: Column) -> Sequence[Any]:
        some = getattr(cells, "some", None)
        return [cells[each] for each in at.tolist()] if some is None else some(at)

    def join(self, parts: Sequence[Any]) -> Column:
        return numpy.concatenate(parts)

    def take(self, column: Column, at: Column) -> Column:
        return column[at]

    def listed(self, column: Column) -> List[Any]:
        return list(column.tolist())

    def present(self, column: Column) -> Column:
        return numpy.flatnonzero(column >= 0 if column.dtype.kind == "i" else numpy.isfinite(column))

    def common(self, first: Column, second: Column) -> Column:
        return numpy.intersect1d(first, second, assume_unique=True)

    def differ(self, one: Column, other: Column) -> Column:
        return (one != other).astype(float)

    def less(self, one: Column, other: Column) -> Column:
        return one - other

    def shifted(self, column: Column, by: float) -> Column:
        return column - by

    def absolute(self, column: Column) -> Column:
        return numpy.abs(column)

    def times(self, one: Column, other: Column) -> Column:
        return one * other

    def total(self, column: Column) -> float:
        return float(column.sum())

    def dot(self, one: Column, other: Column) -> float:
        return float((one * other).sum())

    def ordered(self, column: Column) -> Column:
        return numpy.sort(column[numpy.isfinite(column)])

    def distinct(self, ordered: Column, most: int) -> Optional[List[float]]:
        if len(ordered) == 0:
            return []
        steps = numpy.flatnonzero(ordered[1:] != ordered[:-1])
        if len(steps) + 1 > most:
            return None
        return [float(ordered[0])] + [float(value) for value in ordered[steps + 1]]

    def binned(self, column: Column, edges: Sequence[float]) -> Column:
        found = numpy.searchsorted(numpy.array(edges, float), column).astype(numpy.int32)  # type: Any
        found[~numpy.isfinite(column)] = len(edges) + 1
        return found

    def looked_up(self, codes: Column, table: Sequence[int]) -> Column:
        return numpy.array(table, numpy.int32)[codes]

    def crossed(self, one: Column, other: Column, size: int) -> Column:
        return one.astype(numpy.int64) * size + other

    def tally(self, codes: Column, size: int, weights: Column = None) -> List[float]:
        return list(numpy.bincount(codes, weights, size).astype(float).tolist())

    def pairs(self, one: Column, other: Column, weights: Column = None) -> Dict[Tuple[int, int], float]:
        size = int(max(one.max(), other.max())) + 1 if len(one) else 1
        keys, at = numpy.unique(one.astype(numpy.int64) * size + other, return_inverse=True)
        sums = numpy.bincount(at.ravel(), weights, len(keys))
        return {divmod(int(key), size): float(value) for key, value in zip(keys, sums)}

    def largest(self, column: Column, most: int, above: float) -> List[int]:
        at = numpy.flatnonzero(column > above)
        if len(at) > most:
            least = numpy.partition(column[at], len(at) - most)[len(at) - most]
            at = at[column[at] >= least]
        order = numpy.lexsort((at, -column[at]))[:most]
        return [int(place) for place in at[order]]

    def within(self, codes: Column, low: int, high: int) -> Column:
        return (codes >= low) & (codes <= high)

    def both(self, one: Column, other: Column) -> Column:
        return one & other

    def either(self, one: Column, other: Column) -> Column:
        return one | other

    def outside(self, one: Column, other: Column) -> Column:
        return one & ~other

    def chosen(self, mask: Column, column: Column = None) -> float:
        return float(mask.sum() if column is None else column[mask].sum())

    def lots(self, first: int, count: int) -> Column:
        kind = numpy.uint64
        found = numpy.arange(first, first + count, dtype=kind) * kind(0x9E3779B97F4A7C15)
        found = (found ^ (found >> kind(30))) * kind(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> kind(27))) * kind(0x94D049BB133111EB)
        return (found >> kind(40)).astype(numpy.int32)

    def level(self, lots: Column, part: int) -> Column:
        return numpy.flatnonzero((lots & (part - 1)) == 0)

    def shuffles(self, size: int, seed: int) -> Iterator[Any]:
        _, state, _ = random.Random(seed).getstate()
        lots = numpy.random.RandomState()
        lots.set_state(("MT19937", numpy.array(state[:-1], numpy.uint32), state[-1], 0, 0.0))
        while True:
            yield numpy.argsort(lots.random_sample(size), kind="stable")

    def matrix(self, columns: Sequence[Any]) -> Column:
        return numpy.stack(columns, 1)

    def rows(self, cells: Sequence[Sequence[float]]) -> Column:
        return numpy.array(cells, float)

    def picked(self, matrix: Column, at: Column) -> Column:
        return matrix[at]

    def whole(self, matrix: Column) -> Column:
        return numpy.flatnonzero(numpy.isfinite(matrix).all(1))

    def span(self, matrix: Column) -> Tuple[float, float]:
        return float(matrix.min()), float(matrix.max())

    def softmax(self, matrix: Column) -> Column:
        powers = numpy.exp(matrix - matrix.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    def normal(self, matrix: Column, slack: float) -> Tuple[Any, int]:
        whole = matrix.sum(1, keepdims=True)
        off = numpy.abs(whole - 1) > slack
        scaled = numpy.where(whole > 0, matrix / numpy.where(whole > 0, whole, 1.0), 1.0 / matrix.shape[1])
        return numpy.where(off, scaled, matrix), int(off.sum())

    def best(self, matrix: Column) -> Column:
        return matrix.argmax(1).astype(numpy.int32)

    def greatest(self, matrix: Column) -> Column:
        return matrix.max(1)

    def of(self, matrix: Column, at: Column) -> Column:
        return numpy.where(at >= 0, matrix[numpy.arange(len(matrix)), numpy.maximum(at, 0)], 0.0)

    def squares(self, matrix: Column) -> Column:
        return (matrix * matrix).sum(1)

    def ranks(self, matrix: Column, at: Column) -> Column:
        own = matrix[numpy.arange(len(matrix)), numpy.maximum(at, 0)][:, None]
        later = numpy.arange(matrix.shape[1])[None, :] > at[:, None]
        found = ((matrix > own) | ((matrix == own) & later)).sum(1)
        return numpy.where(at >= 0, found, matrix.shape[1]).astype(numpy.int32)

    def losses(self, column: Column, least: float) -> Column:
        return -numpy.log(numpy.clip(column, least, 1.0))


def kernel(plain: bool = False) -> Plain:
    """The faster one of those that there are; `plain`: the other one."""
    return Plain() if plain or numpy is None else Fast()
