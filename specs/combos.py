"""A sweep as the settings of its parameters: every combination, or samples by lot. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specs.braces import as_text
from specs.draws import draw, lot, pick
from specs.model import Choice, Method, Scalar
from specs.references import has_references, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from specs.model import Distribution, Sweep

Params = dict[str, Scalar]

MOST_RUNS = 100_000
"""More than anybody means; Slurm's own MaxJobCount is 10,000 by default."""
PATIENCE = 100
"""Draws in a row that bring nothing new before it is taken for granted that there is nothing more."""
SEED = "seed"
"""The parameter that `seeds` sets."""
VARIANT = "variant"
"""The parameter that names a swept variant."""


@dataclass(frozen=True, slots=True)
class Factor:
    """Axes that take their values together, and when they do."""

    names: tuple[str, ...]
    rows: Sequence[Mapping[str, Scalar]]
    """Values to choose from; empty where they are drawn."""
    when: Mapping[str, tuple[Scalar, ...]]
    distribution: Distribution | None = None


def count(sweep: Sweep, fixed: Mapping[str, Scalar] | None = None) -> int:
    """How many runs there are before any is excluded, found without making them; of drawn ones the most."""
    seeds = len(sweep.seeds) or 1
    if sweep.method is Method.LIST:
        return len(sweep.points) * seeds
    if sweep.method is Method.RANDOM:
        return sweep.samples * seeds
    listed = [factor for factor in factors(sweep) if factor.distribution is None]
    return _product(listed, sweep, fixed or {}) * (sweep.samples if sweep.drawn else 1) * seeds


def kept(sweep: Sweep, fixed: Mapping[str, Scalar]) -> Iterator[Params]:
    """All parameters of each run that is not excluded, references filled in; swept values go before fixed ones.

    Raises `ReferenceProblem`.
    """
    making = _Making(sweep, fixed, linked(sweep, fixed))
    match sweep.method:
        case Method.LIST:
            for point in sweep.points:
                yield from making.runs(point)
        case Method.RANDOM:
            yield from making.samples({}, factors(sweep), "")
        case Method.GRID:
            yield from making.grid()


def linked(sweep: Sweep, fixed: Mapping[str, Scalar]) -> frozenset[str]:
    """The parameters of which a value may have references."""
    return frozenset(name for name, values in possible(sweep, fixed).items() if any(map(has_references, values)))


def possible(sweep: Sweep, fixed: Mapping[str, Scalar]) -> dict[str, list[Scalar]]:
    """Every value that is written down for each parameter; none for one that is a number by lot."""
    found: dict[str, list[Scalar]] = {}
    written: Iterable[Mapping[str, Scalar]] = (fixed, *sweep.variants.values(), *sweep.points)
    for params in written:
        for name, value in params.items():
            found.setdefault(name, []).append(value)
    for name, values in sweep.axes.items():
        found.setdefault(name, []).extend(values)
    for name, distribution in sweep.drawn.items():
        found.setdefault(name, []).extend(distribution.values if isinstance(distribution, Choice) else ())
    if sweep.seeds:
        found.setdefault(SEED, []).extend(sweep.seeds)
    return found


def factors(sweep: Sweep) -> list[Factor]:
    """The axes, groups of them as one, in the order written; one that depends on another comes after it."""
    group_of = {name: group for group in sweep.zip for name in group}
    groups = dict.fromkeys(group_of.get(name, (name,)) for name in sweep.axes)
    found = [
        Factor(
            group, [dict(zip(group, row, strict=True)) for row in _rows(sweep, group)], sweep.when.get(group[0], {})
        )
        for group in groups
    ]
    found += [Factor((name,), (), sweep.when.get(name, {}), drawn) for name, drawn in sweep.drawn.items()]
    return _in_order(found) if sweep.when else found


def same(one: Scalar, other: Scalar) -> bool:
    """Whether two values are one parameter value: the same text for the program, or the same number."""
    if as_text(one) == as_text(other):
        return True
    numbers = [value for value in (one, other) if isinstance(value, int | float) and not isinstance(value, bool)]
    return len(numbers) == 2 and one == other


def identity(params: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    """What makes a setting the one that it is."""
    return tuple(sorted([(key, as_text(value)) for key, value in params.items()]))


def shuffled(settings: Sequence[Params], random_seed: int) -> list[Params]:
    """In an order by lot, to which others that join them make no difference."""
    lots = [lot(random_seed, "shuffle", repr(identity(params))) for params in settings]
    return [params for _, params in sorted(zip(lots, settings, strict=True), key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class _Making:
    """A sweep at work."""

    sweep: Sweep
    fixed: Mapping[str, Scalar]
    linked: frozenset[str]

    def below(self, part: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
        """The fixed parameters that a setting lies over."""
        return self.sweep.variants.get(as_text(part[VARIANT]), self.fixed) if VARIANT in part else self.fixed

    def holds(self, when: Mapping[str, tuple[Scalar, ...]], part: Mapping[str, Scalar]) -> bool:
        """Whether a setting, as far as it is there, fulfils a condition."""
        for name, wanted in when.items():
            within = part if name in part else self.below(part)
            if name not in within or not any(same(within[name], value) for value in wanted):
                return False
        return True

    def runs(self, part: Mapping[str, Scalar]) -> list[Params]:
        """A setting with each seed, but for what is excluded."""
        found = []
        for seed in self.sweep.seeds or (None,):
            params = {**self.below(part), **part}
            if seed is not None:
                params[SEED] = seed
            if self.linked:
                params = resolve(params, self.linked)
            if not self.excluded(params):
                found.append(params)
        return found

    def excluded(self, params: Mapping[str, Scalar]) -> bool:
        return any(
            all(key in params and same(params[key], value) for key, value in entry.items())
            for entry in self.sweep.exclude
        )

    def grid(self) -> Iterator[Params]:
        listed = [factor for factor in factors(self.sweep) if factor.distribution is None]
        drawn = [factor for factor in factors(self.sweep) if factor.distribution is not None]
        parts: list[Params] = [{}]
        for factor in listed:
            nothing: Sequence[Mapping[str, Scalar]] = ({},)
            parts = [
                {**part, **row}
                for part in parts
                for row in (factor.rows if not factor.when or self.holds(factor.when, part) else nothing)
            ]
        for part in parts:
            if any(self.possible(factor.when, part, drawn) for factor in drawn):
                yield from self.samples(part, drawn, _mark(part))
            else:
                yield from self.runs(part)

    def possible(self, when: Mapping[str, tuple[Scalar, ...]], part: Params, drawn: Sequence[Factor]) -> bool:
        """Whether a condition may come to hold once the rest is drawn."""
        open_names = {name for factor in drawn for name in factor.names}
        return self.holds({name: wanted for name, wanted in when.items() if name not in open_names}, part)

    def samples(self, part: Params, drawn: Sequence[Factor], mark: str) -> Iterator[Params]:
        """Different settings by lot over a part that is given, as many as there are to be."""
        seen: set[object] = set()
        misses = number = 0
        while len(seen) < self.sweep.samples and misses < PATIENCE:
            made = self.drawn(part, drawn, f"{number}{mark}")
            number += 1
            key, runs = identity(made), []
            if key not in seen:
                runs = self.runs(made)
            misses = 0 if runs else misses + 1
            if runs:
                seen.add(key)
            elif not seen and self.hopeless(made, drawn):
                return
            yield from runs

    def drawn(self, part: Params, drawn: Sequence[Factor], sample: str) -> Params:
        made, seed = dict(part), self.sweep.random_seed
        for factor in drawn:
            if factor.when and not self.holds(factor.when, made):
                continue
            if factor.distribution is None:
                made |= factor.rows[pick(len(factor.rows), seed, factor.names[0], sample)]
            else:
                made[factor.names[0]] = draw(factor.distribution, seed, factor.names[0], sample)
        return made

    def hopeless(self, made: Params, drawn: Sequence[Factor]) -> bool:
        """Whether a setting is excluded for what is not drawn, so that no other draw is better."""
        if not self.sweep.exclude or self.linked:
            return False
        names = {name for factor in drawn for name in factor.names}
        bare = {name: value for name, value in {**self.below(made), **made}.items() if name not in names}
        return self.excluded(bare)


def _rows(sweep: Sweep, group: Sequence[str]) -> Iterator[tuple[Scalar, ...]]:
    return zip(*(sweep.axes[name] for name in group), strict=True)


def _in_order(found: Sequence[Factor]) -> list[Factor]:
    """The factors so that none comes before what its condition looks at."""
    of = {name: factor for factor in found for name in factor.names}
    ordered: dict[tuple[str, ...], Factor] = {}
    begun: set[tuple[str, ...]] = set()

    def put(factor: Factor) -> None:
        if factor.names in begun:
            return
        begun.add(factor.names)
        for name in factor.when:
            if name in of:
                put(of[name])
        ordered[factor.names] = factor

    for factor in found:
        put(factor)
    return [*ordered.values()]


def _product(listed: Sequence[Factor], sweep: Sweep, fixed: Mapping[str, Scalar]) -> int:
    """How many combinations there are: those that agree in all that conditions look at are counted as one kind."""
    looked_at = {name for factor in listed for name in factor.when}
    if looked_at and any(VARIANT in factor.names for factor in listed):
        looked_at.add(VARIANT)
    making = _Making(sweep, fixed, frozenset())
    kinds: Counter[tuple[tuple[str, Scalar], ...]] = Counter({(): 1})
    for factor in listed:
        rows = Counter(tuple((name, row[name]) for name in factor.names if name in looked_at) for row in factor.rows)
        now: Counter[tuple[tuple[str, Scalar], ...]] = Counter()
        for kind, times in kinds.items():
            if not factor.when or making.holds(factor.when, dict(kind)):
                for row, more in rows.items():
                    now[kind + row] += times * more
            else:
                now[kind] += times
        kinds = now
        if len(kinds) > MOST_RUNS:
            break
    return sum(kinds.values())


def _mark(part: Mapping[str, Scalar]) -> str:
    """What tells the draws of one combination from those of the others."""
    if not part:
        return ""
    return ":" + hashlib.sha256(repr(identity(part)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
