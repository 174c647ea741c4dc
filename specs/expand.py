"""A spec's runs: every setting of its sweep, with a name and a command."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from specs import outputs
from specs.command import RUN, as_text, take_apart
from specs.model import Method, Scalar, Setting, Spec, SpecError, Sweep
from specs.scanner import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_RUNS = 100_000
"""More than anybody means; Slurm's own MaxJobCount is 10,000 by default."""
LONGEST_NAME = 64
LONGEST_VALUE = 24
SEED = "seed"
"""The parameter that `seeds` sets."""

Params = dict[str, Scalar]


def expand(spec: Spec) -> tuple[Setting, ...]:
    """All runs in order: the last axis fastest, seeds within it. Raises `SpecError`: too many, none, doubles."""
    if count(spec.sweep) > MOST_RUNS:
        raise _error(spec, f"the sweep has {count(spec.sweep):,} runs; at most {MOST_RUNS:,} are allowed")
    template = take_apart(spec.command)
    settings = list(kept(spec.sweep, spec.params))
    if not settings:
        raise _error(spec, "the sweep leaves no run: everything is excluded")
    if len({_identity(params) for params in settings}) < len(settings):
        raise _error(spec, "two runs of the sweep have the same parameters")
    called = names(settings)
    try:
        commands = [template.fill({RUN: name, **params}) for name, params in zip(called, settings, strict=True)]
    except CommandError as error:
        raise _error(spec, f'"command": {error}') from None
    rows = zip(called, settings, commands, strict=True)
    found = tuple(Setting(index, *row) for index, row in enumerate(rows))
    if clash := outputs.one_place(spec, found):
        raise _error(spec, clash)
    return found


def count(sweep: Sweep) -> int:
    """How many runs there are before any is excluded; found without making them."""
    return math.prod(len(factor) for factor in factors(sweep))


def factors(sweep: Sweep) -> list[tuple[Mapping[str, Scalar], ...]]:
    """The lists of part settings whose product the runs are: axes or groups of them, or points; then seeds."""
    found: list[tuple[Mapping[str, Scalar], ...]] = []
    if sweep.method is Method.LIST:
        found.append(sweep.points)
    else:
        group_of = {name: group for group in sweep.zip for name in group}
        groups = dict.fromkeys(group_of.get(name, (name,)) for name in sweep.axes)
        for group in groups:
            columns = zip(*(sweep.axes[name] for name in group), strict=True)
            found.append(tuple(dict(zip(group, values, strict=True)) for values in columns))
    if sweep.seeds:
        found.append(tuple({SEED: seed} for seed in sweep.seeds))
    return found


def kept(sweep: Sweep, fixed: Mapping[str, Scalar]) -> Iterator[Params]:
    """All parameters of each run that is not excluded; a swept value goes before a fixed one."""
    for combination in itertools.product(*factors(sweep)):
        params = dict(fixed)
        for part in combination:
            params.update(part)
        if not any(_agrees(params, entry) for entry in sweep.exclude):
            yield params


def names(settings: Sequence[Mapping[str, Scalar]]) -> list[str]:
    """Short names from what varies, the seed last; safe as folder names and unique also where case does not count."""
    if len(settings) == 1:
        return ["run"]
    keys = dict.fromkeys(key for params in settings for key in params)
    varying = sorted((key for key in keys if _varies(key, settings)), key=lambda key: key == SEED)
    short = Counter(key.rpartition(".")[2] for key in varying)
    labels = {key: key.rpartition(".")[2] if short[key.rpartition(".")[2]] == 1 else key for key in varying}
    found = [
        _cut("-".join(f"{label}={_value_name(params[key])}" for key, label in labels.items() if key in params))
        for params in settings
    ]
    seen = Counter(name.casefold() for name in found)
    return [
        name if name and seen[name.casefold()] == 1 else _marked(name, repr(_identity(params)))
        for name, params in zip(found, settings, strict=True)
    ]


def same(one: Scalar, other: Scalar) -> bool:
    """Whether two values are one parameter value: the same text for the program, or the same number."""
    numbers = [value for value in (one, other) if isinstance(value, int | float) and not isinstance(value, bool)]
    return as_text(one) == as_text(other) or (len(numbers) == 2 and one == other)


def _agrees(params: Mapping[str, Scalar], entry: Mapping[str, Scalar]) -> bool:
    return all(key in params and same(params[key], value) for key, value in entry.items())


def _identity(params: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, as_text(value)) for key, value in params.items()))


def _varies(key: str, settings: Sequence[Mapping[str, Scalar]]) -> bool:
    return len({as_text(params[key]) if key in params else None for params in settings}) > 1


def _value_name(value: Scalar) -> str:
    text = as_text(value)
    if re.fullmatch(rf"[A-Za-z0-9._+-]{{1,{LONGEST_VALUE}}}", text, re.ASCII):
        return text
    readable = re.sub(r"[^A-Za-z0-9]+", "_", text, flags=re.ASCII).strip("_")[: LONGEST_VALUE // 2]
    return _marked(readable, text)


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else _marked(name, name)


def _marked(name: str, text: str) -> str:
    """A name, cut to its length, with a mark of what it stands for."""
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{mark}" if name else mark


def _error(spec: Spec, message: str) -> SpecError:
    return SpecError(str(spec.source), None, message)
