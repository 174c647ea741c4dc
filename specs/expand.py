"""A spec's runs: every setting of its sweep, with a name, a command and what goes with it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from specs import outputs, paramsfile
from specs.braces import as_text
from specs.combos import MOST_RUNS, SEED, count, counted, identity, kept, shuffled
from specs.command import take_apart
from specs.model import Method, Scalar, Setting, Spec, SpecError
from specs.references import ReferenceProblem, fill_text, has_references
from specs.scanner import CommandError
from specs.tree import Place, Value, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from specs.combos import Params
    from specs.command import Template
    from specs.model import Sweep

LONGEST_NAME = 64
LONGEST_VALUE = 24


def expand(spec: Spec) -> tuple[Setting, ...]:
    """All runs in order: the last axis fastest, seeds within it. Raises `SpecError`: too many, none, doubles."""
    runs = count(spec.sweep, spec.params)
    if runs > MOST_RUNS:
        raise _error(spec, f"the sweep has {counted(runs)} runs; at most {MOST_RUNS:,} are allowed", "sweep")
    try:
        settings = _settings(spec)
        asks = spec.sweep.method.asks
        called = trial_names(spec.sweep, settings) if asks else names(settings, swept(spec.sweep))
        making = _Making.of(spec, settings)
        found = tuple(
            making.setting(index, name, params)
            for index, (name, params) in enumerate(zip(called, settings, strict=True))
        )
    except CommandError as error:
        raise _error(spec, f'"command": {error}', "command") from None
    except ReferenceProblem as error:
        raise _error(spec, str(error), "sweep") from None
    try:
        clash = outputs.one_place(spec, found)
    except SpecError as error:
        raise _error(spec, error.message, "outputs", "checkpoint") from None
    if clash:
        raise _error(spec, clash, "outputs", "checkpoint")
    return found


def setting_of(spec: Spec, index: int, name: str, params: Mapping[str, Scalar]) -> Setting:
    """One setting that was asked for, with the parameters that were found for it. Raises `SpecError`."""
    try:
        return _Making.of(spec, [params]).setting(index, name, dict(params))
    except CommandError as error:
        raise _error(spec, f'"command": {error}', "command") from None
    except ReferenceProblem as error:
        raise _error(spec, str(error), "sweep") from None


def swept(sweep: Sweep) -> set[str]:
    """The parameters that a sweep sets; others follow from them."""
    return {SEED, *sweep.axes, *sweep.drawn}.union(*sweep.points)


def names(settings: Sequence[Mapping[str, Scalar]], among: Collection[str]) -> list[str]:
    """Short names from what varies `among` these parameters, the seed last.

    They are safe as folder names, and unique even where case does not count.
    """
    if len(settings) == 1:
        return ["run"]
    keys = [key for key in dict.fromkeys(key for params in settings for key in params) if key in among]
    varying = sorted((key for key in keys if _varies(key, settings)), key=lambda key: key == SEED)
    return _called(settings, varying)


def trial_names(sweep: Sweep, settings: Sequence[Mapping[str, Scalar]], taken: Collection[str] = ()) -> list[str]:
    """The same from all that the sweep sets, for nobody knows yet what will vary; `taken` have others of it."""
    return _called(settings, [*sweep.axes, *sweep.drawn, *([SEED] if sweep.seeds else [])], taken)


def _called(
    settings: Sequence[Mapping[str, Scalar]], varying: Sequence[str], taken: Collection[str] = ()
) -> list[str]:
    written: dict[str, str] = {}
    short = Counter(key.rpartition(".")[2] for key in varying)
    labels = {key: key.rpartition(".")[2] if short[key.rpartition(".")[2]] == 1 else key for key in varying}
    found = [
        _cut(
            "-".join(
                [f"{label}={_value_name(params[key], written)}" for key, label in labels.items() if key in params]
            )
        )
        for params in settings
    ]
    seen = Counter(name.casefold() for name in (*found, *taken))
    return [
        name if name and seen[name.casefold()] == 1 else _marked(name, repr(identity(params)))
        for name, params in zip(found, settings, strict=True)
    ]


def _settings(spec: Spec) -> list[Params]:
    sweep = spec.sweep
    settings = list(kept(sweep, spec.params))
    if not settings:
        raise _error(spec, "the sweep leaves no run: everything is excluded", "sweep")
    once = {identity(params): params for params in reversed(settings)}
    if len(once) < len(settings):
        if not (sweep.when or sweep.drawn or sweep.method is Method.RANDOM or sweep.method.asks):
            raise _error(spec, f"two runs of the sweep have the same parameters: {_doubles(settings)}", "sweep")
        settings = [*reversed(once.values())]
    return shuffled(settings, sweep.random_seed) if sweep.shuffle else settings


def _doubles(settings: Sequence[Params]) -> str:
    """Which of them are the same, and what they are: the first two."""
    numbers: dict[object, list[int]] = {}
    for number, params in enumerate(settings, 1):
        numbers.setdefault(identity(params), []).append(number)
    first, second, *_ = next(each for each in numbers.values() if len(each) > 1)
    written = " ".join(f"{key}={as_text(value)}" for key, value in settings[first - 1].items())
    return f"the {first}. and the {second}., both {quoted(written)}"


@dataclass(frozen=True, slots=True)
class _Making:
    """What all runs of a spec share, taken apart once."""

    template: Template
    reads: Mapping[str, str]
    """Placeholder → file of parameters, of those that the command has."""
    env: Mapping[str, str | None]
    filled: Collection[str]
    """The variables that hold placeholders or references."""

    @classmethod
    def of(cls, spec: Spec, settings: Sequence[Mapping[str, Scalar]]) -> _Making:
        """Raises `CommandError` where one of the settings lacks what the command wants."""
        template = take_apart(spec.command)
        everywhere = set(settings[0]).intersection(*settings)
        anywhere = set[str]().union(*settings)
        template.check(everywhere, anywhere)
        reads = {name: file for name, file in paramsfile.FILES.items() if name in template.names}
        return cls(template, reads, spec.env, [name for name, value in spec.env.items() if value and _open(value)])

    def setting(self, index: int, name: str, params: Params) -> Setting:
        command = self.template.fill(params, name, checked=True)
        return Setting(index, name, params, command, self.environment(name, params), self.files(params))

    def environment(self, name: str, params: Params) -> Mapping[str, str | None]:
        if not self.filled:
            return self.env
        values = {key: fill_text(self.env[key] or "", params, name) for key in self.filled}
        return {**self.env, **values}

    def files(self, params: Params) -> dict[str, str]:
        if not self.reads:
            return {}
        try:
            wanted = {file for name, file in self.reads.items() if name not in params}
            return paramsfile.texts(sorted(wanted), params)
        except ValueError as error:
            raise ReferenceProblem(f"{{params_file}} cannot hold {error}, which lies within another value") from None


def _open(value: str) -> bool:
    return has_references(value) or "{" in value


def _varies(key: str, settings: Sequence[Mapping[str, Scalar]]) -> bool:
    first = as_text(settings[0][key]) if key in settings[0] else None
    return any((as_text(params[key]) if key in params else None) != first for params in settings)


def _value_name(value: Scalar, written: dict[str, str]) -> str:
    """How a value is written in a name; `written` keeps what was found."""
    text = as_text(value)
    if text not in written:
        written[text] = _safe(text)
    return written[text]


def _safe(text: str) -> str:
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


def _error(spec: Spec, message: str, *keys: str) -> SpecError:
    """At the innermost of these keys that the spec has."""
    value = _whole(spec)
    for key in keys:
        if not isinstance(value.content, dict) or key not in value.content:
            break
        entry = value.content[key]
        value = replace(entry.value, place=entry.place) if isinstance(entry.value.content, dict) else entry.value
    return value.place.error(message)


def _whole(spec: Spec) -> Value:
    """The spec's document as it was read: only an error needs it, and YAML with it."""
    from specs.draft import Draft
    from specs.extends import Files
    from specs.overrides import choose, override
    from specs.variants import VARIANTS, take_variants

    top = Files(spec.bases).read(spec.text, spec.source)
    if top is None:
        return Value(Place(str(spec.source)), "", None)
    draft = Draft(top.without(VARIANTS), spec.source, variants=take_variants(top))
    chosen = override(choose(draft, spec.overrides), spec.overrides).top
    return Value(chosen.place, "", chosen.entries)


def error_at(spec: Spec, message: str, *keys: str) -> SpecError:
    """An error at the innermost of these keys that the spec has."""
    return _error(spec, message, *keys)
