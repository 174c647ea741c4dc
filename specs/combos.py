"""A sweep as the settings of its parameters: every combination, or samples by lot. Pure."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from specs.alike import Entries, same
from specs.braces import as_text
from specs.draws import draw, lot, pick, size, whole
from specs.kinds import Kinds
from specs.model import Choice, Method, Scalar
from specs.references import has_references, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from specs.kinds import Kind
    from specs.model import Distribution, Sweep

Params = dict[str, Scalar]

MOST_RUNS = 100_000
"""More than anybody means; Slurm's own MaxJobCount is 10,000 by default."""
MOST_KINDS = 1000
"""Combinations that conditions tell apart, before it is enough to know that there are more than `MOST_RUNS` runs."""
PATIENCE = 100
"""Draws in a row that bring nothing new before what is left is looked for, or taken to be nothing."""
SEED = "seed"
"""The parameter that `seeds` sets."""
FIRST = 10
"""Trials that are drawn by lot before there is enough to learn from, where settings are asked for; optuna's own."""
VARIANT = "variant"
"""The parameter that names a swept variant."""


def counted(number: int) -> str:
    """A count for people; of a very large one its power of ten: Python refuses to write more than 4,300 digits."""
    return f"{number:,}" if number < 10**24 else f"about 10^{math.log10(number):.0f}"


@dataclass(frozen=True, slots=True)
class Factor:
    """Axes that take their values together, and when they do."""

    names: tuple[str, ...]
    rows: Sequence[Mapping[str, Scalar]]
    """Values to choose from; empty where they are drawn."""
    when: Mapping[str, tuple[Scalar, ...]]
    distribution: Distribution | None = None


def count(sweep: Sweep, fixed: Mapping[str, Scalar] | None = None) -> int:
    """How many runs there are before any is excluded, found without making them; of drawn ones the most.

    Of many more than `MOST_RUNS` at least so many.
    """
    seeds = len(sweep.seeds) or 1
    if sweep.method is Method.LIST:
        return len(sweep.points) * seeds
    if sweep.method is Method.RANDOM or sweep.method.asks:
        return sweep.samples * seeds
    combinations = _product(sweep, fixed or {}) if sweep.when else math.prod(map(len, _groups(sweep).values()))
    return combinations * (sweep.samples if sweep.drawn else 1) * seeds


def kept(sweep: Sweep, fixed: Mapping[str, Scalar]) -> Iterator[Params]:
    """All parameters of each run that is not excluded, references filled in; swept values go before fixed ones.

    Where settings are asked for, those that are asked for first. Raises `ReferenceProblem`.
    """
    making = Making.of(sweep, fixed)
    match sweep.method:
        case Method.LIST:
            for point in sweep.points:
                yield from making.runs(point)
        case Method.RANDOM:
            yield from making.mixed()
        case Method.TPE | Method.ASHA:
            yield from by_lot(sweep, fixed, min(FIRST, sweep.samples))
        case Method.GRID:
            yield from making.grid()


def by_lot(sweep: Sweep, fixed: Mapping[str, Scalar], samples: int) -> Iterator[Params]:
    """The same of so many different settings, each axis drawn; more of them begin with the same ones."""
    return Making.of(replace(sweep, samples=samples), fixed).mixed()


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
    found = [
        Factor(
            group, [dict(zip(group, row, strict=True)) for row in _rows(sweep, group)], sweep.when.get(group[0], {})
        )
        for group in _groups(sweep)
    ]
    found += [Factor((name,), (), sweep.when.get(name, {}), drawn) for name, drawn in sweep.drawn.items()]
    return _in_order(found) if sweep.when else found


def identity(params: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    """What makes a setting the one that it is."""
    return tuple(sorted([(key, as_text(value)) for key, value in params.items()]))


def shuffled(settings: Sequence[Params], random_seed: int) -> list[Params]:
    """In an order by lot, to which others that join them make no difference."""
    lots = [lot(random_seed, "shuffle", repr(identity(params))) for params in settings]
    return [params for _, params in sorted(zip(lots, settings, strict=True), key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class Making:
    """A sweep at work."""

    sweep: Sweep
    fixed: Mapping[str, Scalar]
    linked: frozenset[str]
    exclude: Entries

    @classmethod
    def of(cls, sweep: Sweep, fixed: Mapping[str, Scalar]) -> Making:
        return cls(sweep, fixed, linked(sweep, fixed), Entries.of(sweep.exclude))

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
            if not self.exclude.agree(params):
                found.append(params)
        return found

    def mixed(self) -> Iterator[Params]:
        """Settings with a value by lot of every axis."""
        every = factors(self.sweep)
        yield from self.samples({}, every, _all_listed(every, MOST_RUNS), "")

    def grid(self) -> Iterator[Params]:
        listed = [factor for factor in factors(self.sweep) if factor.distribution is None]
        drawn = [factor for factor in factors(self.sweep) if factor.distribution is not None]
        parts = self.combined({}, listed)
        all_drawn = _all_listed(drawn, MOST_RUNS // max(1, len(parts)))
        for part in parts:
            if any(self.possible(factor.when, part, drawn) for factor in drawn):
                yield from self.samples(part, drawn, all_drawn, _mark(part))
            else:
                yield from self.runs(part)

    def combined(self, part: Params, listed: Sequence[Factor]) -> list[Params]:
        """Every combination over a part that is given."""
        parts = [part]
        nothing: Sequence[Mapping[str, Scalar]] = ({},)
        for factor in listed:
            parts = [
                {**part, **row}
                for part in parts
                for row in (factor.rows if not factor.when or self.holds(factor.when, part) else nothing)
            ]
        return parts

    def possible(self, when: Mapping[str, tuple[Scalar, ...]], part: Params, drawn: Sequence[Factor]) -> bool:
        """Whether a condition may come to hold once the rest is drawn."""
        open_names = {name for factor in drawn for name in factor.names}
        return self.holds({name: wanted for name, wanted in when.items() if name not in open_names}, part)

    def samples(
        self, part: Params, drawn: Sequence[Factor], all_drawn: Sequence[Factor], mark: str
    ) -> Iterator[Params]:
        """Different settings by lot over a part that is given, as many as there are to be.

        `all_drawn`: what may be drawn, as lists; none where that is too much.
        """
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
        if len(seen) < self.sweep.samples and all_drawn:
            yield from self.rest(part, all_drawn, seen)

    def rest(self, part: Params, all_drawn: Sequence[Factor], seen: set[object]) -> Iterator[Params]:
        """What is still to be found where draws hit what was drawn before, in an order by lot."""
        for made in shuffled(self.combined(part, all_drawn), self.sweep.random_seed):
            if len(seen) == self.sweep.samples:
                return
            if (key := identity(made)) not in seen and (runs := self.runs(made)):
                seen.add(key)
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
        return self.exclude.agree(bare)


def _groups(sweep: Sweep) -> dict[tuple[str, ...], tuple[Scalar, ...]]:
    """The axes that go together, in the order written, with the values of the first of them."""
    group_of = {name: group for group in sweep.zip for name in group}
    return {group: sweep.axes[group[0]] for group in (group_of.get(name, (name,)) for name in sweep.axes)}


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


def _all_listed(found: Sequence[Factor], most: int) -> list[Factor]:
    """The same factors with lists of all that may be drawn; none where they have more combinations than `most`."""
    sizes = (len(factor.rows) if factor.distribution is None else size(factor.distribution) for factor in found)
    if math.prod(sizes) > most:
        return []
    return [
        factor
        if factor.distribution is None
        else replace(factor, rows=[{factor.names[0]: value} for value in whole(factor.distribution)])
        for factor in found
    ]


def _product(sweep: Sweep, fixed: Mapping[str, Scalar]) -> int:
    """How many combinations there are: those that fulfil the same conditions are counted as one kind."""
    listed = [factor for factor in factors(sweep) if factor.distribution is None]
    told_apart = [VARIANT] if any(VARIANT in factor.names for factor in listed) else []
    found = Kinds.of((factor.when for factor in listed), told_apart)
    making = Making(sweep, fixed, frozenset(), Entries.of(()))
    kinds: Counter[Kind] = Counter({(): 1})
    for factor in listed:
        rows = found.rows(factor.names, factor.rows)
        now: Counter[Kind] = Counter()
        for kind, times in kinds.items():
            if not factor.when or making.holds(factor.when, found.part(kind)):
                for row, more in rows.items():
                    now[kind + row] += times * more
            else:
                now[kind] += times
        kinds = now
        if len(kinds) > MOST_KINDS and sum(kinds.values()) > MOST_RUNS:
            break
    return sum(kinds.values())


def _mark(part: Mapping[str, Scalar]) -> str:
    """What tells the draws of one combination from those of the others."""
    if not part:
        return ""
    return ":" + hashlib.sha256(repr(identity(part)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
