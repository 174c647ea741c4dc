"""What runs predicted, asked for where it lies: a summary of one file, and two runs compared."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from backends.predicting import Predicted
from trainboard.predictions.parse import parse_sample, parse_summary
from trainboard.predictions.summary import Comparison, Moved, Refusal, Slice, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Backend
    from specs.model import Predictions
    from trainboard.predictions.paired import Outcomes, Paired

MOVED = 25
"""Samples that changed most, each way."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file of predictions is."""

    backend: Predicted | Backend
    predictions: Predictions
    """Its path, filled in, and what its columns are."""
    directory: str = ""
    """Of the attempt that wrote it; empty: the path is whole."""
    name: str = ""
    """Of the run, for people."""

    def asked(self, ask: str, **more: object) -> dict[str, Any]:
        """What the program on the host is asked."""
        columns = {key: value for key, value in asdict(self.predictions).items() if value and key != "path"}
        found = {"ask": ask, "path": self.predictions.path, "directory": self.directory, "columns": columns}
        return found | more

    async def told(self, ask: str, **more: object) -> Mapping[str, Any] | Refusal:
        """What it says. Raises a `BackendError`."""
        if not isinstance(self.backend, Predicted):
            return Refusal("this backend cannot read predictions where they lie")
        found = await self.backend.predicted(self.asked(ask, **more))
        if "refused" in found:
            refusal = await asyncio.to_thread(parse_summary, found)
            assert isinstance(refusal, Refusal)
            return refusal
        return found


async def errors(place: Place) -> Summary | Refusal:
    """What a file of predictions says; read again only when it has changed. Raises a `BackendError`."""
    told = await place.told("summary")
    if isinstance(told, Refusal):
        return told
    try:
        return await asyncio.to_thread(parse_summary, told)
    except ValueError as error:
        return Refusal(str(error))


async def compared(first: Place, second: Place) -> Comparison | Refusal:
    """The predictions of two runs for the same samples, wherever each lies. Raises a `BackendError`."""
    from trainboard.predictions.paired import paired

    summaries = await asyncio.gather(errors(first), errors(second))
    for place, summary in zip((first, second), summaries, strict=True):
        if isinstance(summary, Refusal):
            return named(place, summary)
    one, other = summaries
    assert isinstance(one, Summary)
    assert isinstance(other, Summary)
    slices = _slices(one, other)
    conditions = [[asdict(condition) for condition in each.conditions] for each in slices]
    found = await _outcomes(first, second, conditions)
    if isinstance(found, Refusal):
        return found
    pairs = await asyncio.to_thread(paired, *found)
    if isinstance(pairs, Refusal):
        return pairs
    comparison = await asyncio.to_thread(_compared, found, pairs, slices)
    return await _with_moved(comparison, first, second, pairs)


def named(place: Place, refusal: Refusal) -> Refusal:
    """A refusal that says of which run it is."""
    return Refusal(f"{place.name}: {refusal.reason}" if place.name else refusal.reason, refusal.advice)


def _slices(first: Summary, second: Summary) -> list[Slice]:
    """The slices of both, each once, and as many as a row has room for."""
    from trainboard.predictions.paired import MOST

    found = {each.text: each for each in (*first.slices[: MOST // 2], *second.slices[: MOST // 2])}
    return list(found.values())


async def _outcomes(first: Place, second: Place, slices: Sequence[object]) -> tuple[Outcomes, Outcomes] | Refusal:
    """The errors of both, of the same share of samples."""
    from trainboard.predictions.paired import parse_outcomes

    both = []
    for place in (first, second):
        told = await place.told("outcomes", slices=slices)
        if isinstance(told, Refusal):
            return named(place, told)
        try:
            both.append(await asyncio.to_thread(parse_outcomes, told))
        except ValueError as error:
            return named(place, Refusal(str(error)))
    return both[0], both[1]


def _compared(found: tuple[Outcomes, Outcomes], pairs: Paired, slices: Sequence[Slice]) -> Comparison:
    """All but the samples."""
    from trainboard.predictions.paired import bootstrap, chance, changes

    task, differences = found[0].task, pairs.second - pairs.first
    notes = []
    repeated = sum(each.repeated for each in found)
    if repeated:
        notes.append(f"{repeated} rows have an id that another row has too: they are left out")
    if pairs.part > 1:
        notes.append(f"one of {pairs.part} samples is compared, chosen by its id alike in both")
    lower, upper = bootstrap(differences)
    return Comparison(
        task=task,
        matched="by id" if found[0].by_id else "by row",
        n=len(differences),
        only_first=pairs.only_first,
        only_second=pairs.only_second,
        sampled=pairs.part,
        before=float(pairs.first.mean()),
        after=float(pairs.second.mean()),
        lower=lower,
        upper=upper,
        p=chance(task, differences),
        better=int((differences < 0).sum()),
        worse=int((differences > 0).sum()),
        changes=changes(task, pairs, [each.text for each in slices]),
        improved=(),
        worsened=(),
        notes=tuple(notes),
    )


async def _with_moved(comparison: Comparison, first: Place, second: Place, pairs: Paired) -> Comparison | Refusal:
    """The samples that changed most, looked up in both files."""
    from dataclasses import replace

    import numpy as np

    differences = pairs.second - pairs.first
    order = np.argsort(differences, kind="stable")
    better = [int(at) for at in order[:MOVED] if differences[at] < 0]
    worse = [int(at) for at in order[::-1][:MOVED] if differences[at] > 0]
    keys = [int(pairs.keys[at]) for at in (*better, *worse)]
    if not keys:
        return comparison
    rows = []
    for place in (first, second):
        told = await place.told("rows", keys=keys)
        if isinstance(told, Refusal):
            return named(place, told)
        rows.append(told.get("rows", {}))

    def moved(at: int) -> Moved | None:
        key = str(int(pairs.keys[at]))
        if key not in rows[0] or key not in rows[1]:
            return None  # the file was written anew meanwhile
        one, other = parse_sample(rows[0][key]), parse_sample(rows[1][key])
        change = float(differences[at])
        return Moved(one.id, one.row, one.target, one.prediction, other.prediction, change, one.inputs)

    return replace(
        comparison,
        improved=tuple(filter(None, map(moved, better))),
        worsened=tuple(filter(None, map(moved, worse))),
    )
