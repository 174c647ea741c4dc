"""Sweeps whose settings are asked for one after the other: what they need, and the rungs of their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specs.gather import Gather
from specs.model import Asha, Choice, Method, Normal, Unit
from specs.tree import nearest, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specs.axes import Axis
    from specs.draft import Draft
    from specs.model import SpecError
    from specs.tree import Section, Value

ASHA = ("min", "max", "unit", "reduction")
"""The keys of the rungs."""
MOST_TRIALS = 10_000
"""Of a sweep that is asked for: with more, finding the next setting takes longer than most runs."""


def check(draft: Draft, section: Section, method: Method, axes: Mapping[str, Axis | None]) -> None:
    """Raise `SpecError`, or a group of them, where a sweep that is asked for lacks something, or has too much."""
    word, gather = section.need("method"), Gather()
    if section.get("samples") is None:
        gather.add([word.error(f'{method} needs "sweep.samples", the number of trials')])
    elif (samples := section["samples"]).integer(least=1) > MOST_TRIALS:
        gather.add([samples.error(f"must be at most {MOST_TRIALS:,} with method {method}, not {samples.shown}")])
    if draft.top.section("metrics").get("objective") is None:
        gather.add([word.error(f'{method} needs "metrics.objective", by which trials are judged')])
    if section.get("shuffle") is not None:
        gather.add([section["shuffle"].error(f"does not go with method {method}, which has an order of its own")])
    if method is Method.ASHA and section.get("asha") is None:
        gather.add([word.error('asha needs "sweep.asha", its rungs, as asha: {min: 1, max: 27, unit: epochs}')])
    if method is Method.ASHA or section.get("asha") is not None:
        gather.add(_alone(section))
    if method is Method.TPE:
        gather.add(_unlearnable(axes))
    gather.done()


def _alone(section: Section) -> list[SpecError]:
    """At a rung single runs are compared."""
    seeds = section.get("seeds")
    if seeds is None:
        return []
    return [seeds.error("does not go with rungs, where single runs are compared; run seeds of the best afterwards")]


def _unlearnable(axes: Mapping[str, Axis | None]) -> list[SpecError]:
    """Axes of which nothing can be learned as they are written."""
    found = []
    for axis in axes.values():
        match axis.drawn if axis is not None else None, axis:
            case Normal(), axis if axis is not None:
                found.append(axis.value.error("has no bounds, which tpe needs: give min and max, not mean and std"))
            case Choice(weights=weights), axis if axis is not None and weights:
                found.append(axis.value.error("has weights, for which tpe has its own: leave them out"))
    return found


def read_asha(draft: Draft, section: Section, method: Method | None) -> Asha | None:
    """The rungs of a sweep; None where it has none. Raises `SpecError`, or a group of them."""
    value = section.get("asha")
    if value is None:
        return None
    if method is not None and not method.asks:
        raise section.entries["asha"].place.error('"sweep.asha" needs "method: asha", or tpe')
    if not isinstance(value.content, dict):
        raise value.error("is a word of the sweep itself, and takes {min: 1, max: 27, unit: epochs}")
    rungs, gather = value.section(), Gather()
    unit = gather(_unit, rungs)
    least, most = gather(_least, rungs), gather(_most, draft, rungs, unit)
    reduction = gather(rungs.integer, "reduction", 3, least=2)
    if least is not None and most is not None and not least < most:
        at = rungs.get("max") or rungs["min"]
        gather.add([at.error(f'must be so that "min", which is {least:g}, is less than "max", which is {most:g}')])
    gather.done()
    return Asha(least, most, unit, reduction)


def _unit(rungs: Section) -> Unit:
    value = rungs.get("unit")
    if value is None:
        return Unit.EPOCHS
    try:
        return Unit(value.text())
    except ValueError:
        known = "epochs, steps or seconds"
        raise value.error(f"must be {known}, not {quoted(value.text())}{nearest(value.text(), list(Unit))}") from None


def _least(rungs: Section) -> float:
    return _positive(rungs.need("min"))


def _most(draft: Draft, rungs: Section, unit: Unit | None) -> float:
    value = rungs.get("max")
    if value is not None:
        return _positive(value)
    total = draft.top.section("metrics").section("total")
    word = next((name for name in total if unit is not None and name in (unit, str(unit).removesuffix("s"))), None)
    if word is None:
        raise rungs.place.error('"sweep.asha.max" is missing, how far a run is at its end, as "metrics.total" is')
    return total[word].number()


def _positive(value: Value) -> float:
    if value.number() <= 0:
        raise value.error(f"must be more than 0, not {value.shown}")
    return value.number()
