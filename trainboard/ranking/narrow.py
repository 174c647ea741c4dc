"""A spec around the best runs of an experiment: its ranges narrowed to where they are, its text kept otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from specs.braces import as_text
from specs.edit import set_value, written
from specs.load import loads
from specs.model import Between, Choice, Normal, Shape, SpecError
from specs.render import as_yaml, key
from trainboard.actions import Refused
from trainboard.ranking.columns import cell, is_number
from trainboard.ranking.table import Line, ordered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from specs.model import Distribution, Scalar, Spec
    from trainboard.compare import Comparison, Entry
    from trainboard.ranking.columns import Column
    from trainboard.records import Experiment

TOP = 5
"""Runs that are the best, where nobody says another number."""
MARGIN = 0.5
"""Of the best runs' span, added to either side of it; beyond the old range nothing is tried."""
LEAST = 0.1
"""Of the old range that the new one has at least, to either side of its middle."""
LOG_FROM = 30.0
"""Times that the greatest value of a list is the least, from which on it was meant logarithmic."""
EVEN, STEEP = 1.1, 1.4
"""Factors between neighbours that are the same up to the first, and larger than the second, are meant so, too."""
FIGURES = 3
"""Of the numbers that are made up."""
ENDING = "-narrow"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A draft: nothing is written."""

    path: Path
    """Where it would lie: beside the spec that it is from, as paths in it are relative. No such file is there."""
    text: str
    runs: tuple[str, ...]
    """The best ones."""
    changes: tuple[str, ...]
    """What was narrowed, a line each."""


def narrowed(found: Comparison, column: Column, experiment: Experiment, top: int = TOP) -> Narrowed:
    """The experiment's spec around its best runs by a metric. Looks which files are there. Raises `Refused`."""
    if not found.goals.get(column.name):
        raise Refused("no run has a metric of which one knows what is better")
    best = best_of(found, column, experiment, top)
    source = Path(experiment.source)
    try:
        text = overridden(experiment)
        spec = loads(text, source, (), experiment.bases)
        changed = list(changes(spec, best))
        if not changed:
            raise Refused(f"{experiment.id}: its spec sweeps nothing that could be narrowed")
        for name, value, _ in changed:
            text = set_value(text, f"sweep.{name}", _whole(text, name, value))
        path = free(source, spec.name)
        text = set_value(text, "name", as_yaml(path.stem))
        loads(text, path, (), experiment.bases)
    except SpecError as error:
        raise Refused(f"{experiment.id}: its spec cannot be narrowed in place: {error.message}") from error
    told = tuple(f"{name}: {said}" for name, _, said in changed)
    return Narrowed(path, text, tuple(entry.key for entry in best), told)


def best_of(found: Comparison, column: Column, experiment: Experiment, top: int) -> list[Entry]:
    """The best runs of an experiment, the best first. Raises `Refused` where none has a value."""
    lines = [Line(entry.key, (entry,)) for entry in found.entries if entry.experiment == experiment.id]
    ranked = [line.first for line in ordered(lines, column, found) if _finite(cell(line.first, column))]
    if not ranked:
        raise Refused(f"{experiment.id}: no run has a finite value of {column.name} yet")
    return ranked[: max(1, top)]


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def overridden(experiment: Experiment) -> str:
    """The spec's text with what it was submitted with on the command line. Raises `SpecError`."""
    text = experiment.text
    for word in experiment.overrides:
        name, _, value = word.partition("=")
        text = set_value(text, name, value)
    return text


def free(source: Path, name: str) -> Path:
    """A file beside the spec that is not there yet."""
    stem = name.removesuffix(ENDING) + ENDING
    names = (f"{stem}{number}.yaml" for number in ("", *range(2, 1000)))
    found = next((source.with_name(each) for each in names if not source.with_name(each).exists()), None)
    if found is None:
        raise Refused(f"{source.parent}: there are a thousand of {stem}.yaml already")
    return found


def _whole(text: str, name: str, value: str) -> str:
    """The new value of an axis, with the condition that it had."""
    condition = written(text, f"sweep.{name}.when") if _has(text, name) else None
    if condition is None:
        return value
    if value.startswith("["):
        return f"{{values: {value}, when: {condition}}}"
    return f"{value.removesuffix('}')}, when: {condition}}}"


def _has(text: str, name: str) -> bool:
    """Whether an axis is written as a mapping."""
    own = written(text, f"sweep.{name}")
    return own is not None and not own.lstrip().startswith("[")


def changes(spec: Spec, best: Sequence[Entry]) -> Iterator[tuple[str, str, str]]:
    """Of each axis that can be narrowed: its name, its new value as YAML, and what changed in words."""
    sweep = spec.sweep
    together = {name: group for group in sweep.zip for name in group}
    for name, values in sweep.axes.items():
        seen = [entry.params[name] for entry in best if name in entry.params]
        if not seen or len(values) < 2:
            continue
        if name in together:
            kept = _zipped(sweep.axes, together[name], best)
            new: tuple[Scalar, ...] = tuple(values[place] for place in kept)
        else:
            new = listed(values, seen)
        if new and new != tuple(values):
            yield name, flow(new), f"{flow(values)} → {flow(new)}"
    for name, drawn in sweep.drawn.items():
        seen = [entry.params[name] for entry in best if name in entry.params]
        if seen and (narrow := around(drawn, seen)) is not None and narrow != drawn:
            yield name, told(narrow), f"{told(drawn)} → {told(narrow)}"
    if sweep.points:
        texts = [{name: as_text(value) for name, value in entry.params.items()} for entry in best]
        kept_points = [
            point
            for point in sweep.points
            if any(all(each.get(name) == as_text(value) for name, value in point.items()) for each in texts)
        ]
        if kept_points and len(kept_points) < len(sweep.points):
            new_text = f"[{', '.join(map(mapping, kept_points))}]"
            yield "points", new_text, f"{len(sweep.points)} points → {len(kept_points)}"


def _zipped(axes: Mapping[str, Sequence[Scalar]], group: Sequence[str], best: Sequence[Entry]) -> list[int]:
    """The places of axes that move together at which the best runs are."""
    count = len(axes[group[0]])
    seen = {tuple(as_text(entry.params.get(name)) for name in group) for entry in best}
    return [place for place in range(count) if tuple(as_text(axes[name][place]) for name in group) in seen]


def listed(values: Sequence[Scalar], seen: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """A list of values: of numbers as many between the neighbours of the best; of words those that are seen."""
    numbers = [value for value in values if isinstance(value, int | float) and is_number(value)]
    if len(numbers) < len(values) or len(values) < 3 or not all(map(math.isfinite, numbers)):
        texts = {as_text(value) for value in seen}
        return tuple(value for value in values if as_text(value) in texts)
    found = [float(value) for value in seen if isinstance(value, int | float) and is_number(value)]
    if not found:
        return tuple(values)
    ordered_values = sorted(map(float, numbers))
    log = is_log(ordered_values)
    scale = math.log if log else float
    low, high = _halfway(ordered_values, min(found), max(found), log=log)
    count = len(values)
    ends = scale(low), scale(high)
    levels = [ends[0] + (ends[1] - ends[0]) * place / (count - 1) for place in range(count)]
    whole = all(isinstance(value, int) for value in numbers)
    made = [_rounded(math.exp(level) if log else level, high - low, whole=whole, log=log) for level in levels]
    return tuple(dict.fromkeys(made))


def is_log(values: Sequence[float]) -> bool:
    """Whether values, in order, were meant as steps of a logarithmic axis: over decades, or each so many times the
    one before."""
    if values[0] <= 0:
        return False
    ratios = [after / before for before, after in pairwise(values)]
    return values[-1] >= LOG_FROM * values[0] or max(ratios) <= EVEN * min(ratios) >= EVEN * STEEP


def _halfway(values: Sequence[float], low: float, high: float, *, log: bool) -> tuple[float, float]:
    """From halfway to the value below the lowest to halfway to that above the highest; never beyond the list."""

    def between(one: float, other: float) -> float:
        return math.sqrt(one) * math.sqrt(other) if log else one / 2 + other / 2

    below = max((value for value in values if value < low), default=low)
    above = min((value for value in values if value > high), default=high)
    return between(below, low), between(high, above)


def _rounded(value: float, span: float, *, whole: bool, log: bool) -> int | float:
    """A number that a person would have written."""
    if whole:
        return round(value)
    if log or span <= 0:
        return float(f"{value:.{FIGURES}g}")
    places = FIGURES - 1 - math.floor(math.log10(span))
    return round(value, places) + 0.0


def around(drawn: Distribution, seen: Sequence[Scalar]) -> Distribution | None:
    """What is drawn from, narrowed; None where the best tell nothing about it."""
    if isinstance(drawn, Choice):
        texts = {as_text(value) for value in seen}
        kept = [place for place, value in enumerate(drawn.values) if as_text(value) in texts]
        weights = tuple(drawn.weights[place] for place in kept) if drawn.weights else ()
        return Choice(tuple(drawn.values[place] for place in kept), weights) if kept else None
    numbers = [float(value) for value in seen if isinstance(value, int | float) and is_number(value)]
    if not numbers:
        return None
    if isinstance(drawn, Normal):
        middle = math.fsum(numbers) / len(numbers)
        spread = math.sqrt(math.fsum((each - middle) ** 2 for each in numbers) / len(numbers))
        std = min(drawn.std, max(spread, drawn.std / 4))
        return Normal(_rounded(middle, std, whole=False, log=False), float(f"{std:.{FIGURES}g}"))
    return _between(drawn, numbers)


def _between(drawn: Between, numbers: Sequence[float]) -> Between:
    """Two bounds, with a margin around the best; logarithmic where it was."""
    log = drawn.shape in (Shape.LOG_UNIFORM, Shape.LOG_INT)
    whole = drawn.shape in (Shape.INT, Shape.LOG_INT)
    scale = math.log if log else float
    old = scale(drawn.min), scale(drawn.max)
    low, high = scale(min(numbers)), scale(max(numbers))
    margin = max((high - low) * MARGIN, (old[1] - old[0]) * LEAST)
    ends = max(old[0], low - margin), min(old[1], high + margin)
    least, most = (math.exp(end) if log else end for end in ends)
    first: float
    last: float
    if whole:
        first, last = max(math.ceil(drawn.min), math.floor(least)), min(math.floor(drawn.max), math.ceil(most))
    else:
        first, last = (_rounded(end, most - least, whole=False, log=log) for end in (least, most))
        first, last = max(drawn.min, first), min(drawn.max, last)
    return Between(first, last, drawn.shape) if first < last else drawn


def flow(values: Sequence[Scalar]) -> str:
    """A list as YAML."""
    return f"[{', '.join(map(as_yaml, values))}]"


def mapping(point: Mapping[str, Scalar]) -> str:
    """A setting as YAML."""
    return "{" + ", ".join(f"{key(name)}: {as_yaml(value)}" for name, value in point.items()) + "}"


def told(drawn: Distribution) -> str:
    """What is drawn from, as a spec has it."""
    if isinstance(drawn, Choice):
        weights = f", weights: {flow(drawn.weights)}" if drawn.weights else ""
        return f"{{choice: {flow(drawn.values)}{weights}}}"
    if isinstance(drawn, Normal):
        return f"{{mean: {as_yaml(drawn.mean)}, std: {as_yaml(drawn.std)}, distribution: normal}}"
    return f"{{min: {as_yaml(drawn.min)}, max: {as_yaml(drawn.max)}, distribution: {drawn.shape}}}"
