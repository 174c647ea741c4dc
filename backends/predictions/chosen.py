"""Which slices are told: those that others do not say already."""

from typing import Any, Dict, List, Tuple

from backends.predictions.bins import NONE
from backends.predictions.plain import Column
from backends.predictions.slices import LEVEL, Search, Sums, Tried, judged

MOST = 20
"""That are told."""

LOOKED = 150
"""That are looked at, the clearest first."""

OWN = 0.5
"""The part of a slice that no slice before it has, at least."""

WITHIN = 0.95
"""The part of a slice that lies in another, so that it is a part of that."""


def chosen(search: Search) -> List[Dict[str, Any]]:
    """The slices for the reader."""
    kernel = search.errors.kernel
    told = []  # type: List[Tuple[Tried, Any]]
    union = None
    for each in [each for each in search.found if search.own(each)][:LOOKED]:
        mask = chooses(search, each)
        if told and not new(search, each, mask, told, union):
            continue
        told.append((each, mask))
        union = mask if union is None else kernel.either(union, mask)
        if len(told) == MOST:
            break
    return [described(search, each) for each, _ in told]


def chooses(search: Search, each: Tried) -> Column:
    """Which rows it has."""
    kernel, mask = search.errors.kernel, None
    for at, low, high in each.conditions:
        own = kernel.within(search.inputs[at].codes, low, high)
        mask = own if mask is None else kernel.both(mask, own)
    return mask


def sums(search: Search, mask: Column) -> Sums:
    """Of these rows."""
    errors, kernel = search.errors, search.errors.kernel
    rows = kernel.chosen(mask)
    weight = rows if errors.weight is None else kernel.chosen(mask, errors.weight)
    return rows, weight, kernel.chosen(mask, errors.weighted), kernel.chosen(mask, errors.square)


def new(search: Search, each: Tried, mask: Column, told: List[Tuple[Tried, Any]], union: Column) -> bool:
    """Whether it says more than those that are told: most of it lies elsewhere, or it is the worse part of one."""
    kernel = search.errors.kernel
    rest = kernel.outside(mask, union)
    rows = kernel.chosen(rest)
    if rows >= max(search.least, OWN * each.sums[0]):
        own = sums(search, rest)
        covered = sums(search, union)
        whole = tuple(all_ - one for all_, one in zip(search.whole, covered))
        return judged(search.errors, own, whole)[1] * search.tried <= LEVEL  # type: ignore[arg-type]  # four, as each is
    for other, theirs in told:
        if kernel.chosen(kernel.both(mask, theirs)) >= WITHIN * each.sums[0]:
            inside = kernel.both(mask, theirs)
            if not search.worse(sums(search, inside), other.sums, len(search.sums)):
                return False
            return each.sums[2] / each.sums[1] > other.sums[2] / other.sums[1]
    return False


def described(search: Search, each: Tried) -> Dict[str, Any]:
    """One of them."""
    errors = search.errors
    rows, weight, total, squares = each.sums
    mean, low, high = errors.interval(rows, weight, total, squares)
    return {
        "conditions": [condition(search, *one) for one in each.conditions],
        "n": int(rows),
        "share": weight / errors.whole,
        "mean": mean,
        "rest": (errors.sum - total) / (errors.whole - weight),
        "lower": low,
        "upper": high,
        "p": each.p,
        "part": total / errors.sum if errors.sum else 0.0,
    }


def condition(search: Search, at: int, low: int, high: int) -> Dict[str, Any]:
    """One condition: a level, or a range that is open on one side."""
    binned = search.inputs[at]
    found = {"feature": binned.name, "low": None, "high": None, "level": None}  # type: Dict[str, Any]
    if not binned.numeric or binned.labels[low] == NONE or (binned.few and low == high):
        found["level"] = binned.labels[low]
    elif low > 0:
        found["low"] = binned.bounds[low][0]
    else:
        found["high"] = binned.bounds[high][1]
    return found
