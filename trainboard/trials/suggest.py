"""The next settings of a sweep: by lot, or by what came of those before, which is optuna's part. Blocks.

This is the only place that knows optuna, an extra. Its study is in memory alone: what is on record of the runs makes
it anew, so there is no second database that could say something else.
"""

from __future__ import annotations

import hashlib
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from specs.braces import as_text
from specs.combos import FIRST, SEED, Making, by_lot, factors, identity
from specs.expand import error_at
from specs.model import Between, Choice, Method, Shape
from trainboard.trials.standing import Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from specs.combos import Factor, Params
    from specs.model import Scalar, Spec
    from trainboard.trials.standing import Trial

TRIES = 50
"""Suggestions in a row that bring nothing new before a setting is drawn by lot instead."""
DIGITS = 6
"""Significant digits of a number that is suggested, as of one by lot: enough, and short in names."""

Key = tuple[tuple[str, str], ...]


def available(spec: Spec, find: Callable[[str], object] = find_spec) -> None:
    """Raise `SpecError` at the method where it needs what is not installed: what `find` does not find."""
    if spec.sweep.method is Method.TPE and find("optuna") is None:
        advice = "pip install 'trainboard[optuna]'; random, asha, grid and list need nothing"
        raise error_at(spec, f"method tpe needs optuna, which is not installed: {advice}", "sweep", "method")


class Suggester:
    """One sweep's next settings. With the same trials it finds the same ones, in whatever process."""

    def __init__(self, spec: Spec, goal: str) -> None:
        self._spec = spec
        self._goal = goal
        self._study: _Study | None = None
        self._keys: dict[int, Key] = {}
        """Of the trials that there are."""

    def next(self, trials: Sequence[Trial], count: int) -> list[tuple[Params, ...]]:
        """So many settings after these, each as the parameters of its runs; fewer where there are no others.

        Raises `ReferenceProblem`, `ImportError`.
        """
        for each in trials:
            if each.number not in self._keys:
                self._keys[each.number] = setting_key(each.params)
        seen = set(self._keys.values())
        number = max((each.number for each in trials), default=-1) + 1
        found: list[tuple[Params, ...]] = []
        while len(found) < count:
            made = self._one(trials, number + len(found), seen)
            if made is None:
                break
            seen.add(setting_key(made[0]))
            found.append(made)
        return found

    def _one(self, trials: Sequence[Trial], number: int, seen: Collection[Key]) -> tuple[Params, ...] | None:
        if self._spec.sweep.method is Method.TPE and number >= FIRST and factors(self._spec.sweep):
            if self._study is None:
                self._study = _Study(self._spec, self._goal)
            made = self._study.next(trials, number, seen)
            if made is not None:
                return made
        return self._drawn(number, seen)

    def _drawn(self, number: int, seen: Collection[Key]) -> tuple[Params, ...] | None:
        """The first one in the order by lot that is not there yet."""
        sweep = self._spec.sweep
        every = by_lot(sweep, self._spec.params, number + 1 + len(seen))
        several = max(1, len(sweep.seeds))
        for runs in _together(every, several):
            if setting_key(runs[0]) not in seen:
                return runs
        return None


def _together(every: Iterator[Params], several: int) -> Iterator[tuple[Params, ...]]:
    """Runs that differ in their seeds only."""
    if several == 1:
        yield from ((each,) for each in every)
        return
    runs: list[Params] = []
    for each in every:
        if runs and setting_key(runs[0]) != setting_key(each):
            yield tuple(runs)
            runs = []
        runs.append(each)
    if runs:
        yield tuple(runs)


def setting_key(params: Mapping[str, Scalar]) -> Key:
    """What makes a setting the one that it is, whatever its seed."""
    return identity({name: value for name, value in params.items() if name != SEED})


class _Study:
    """What optuna knows of a sweep: brought up to date with the trials, made anew where one of them is different."""

    def __init__(self, spec: Spec, goal: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)  # what it says would go over the screen
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self._optuna: Any = optuna
        self._spec, self._goal = spec, goal
        self._factors = factors(spec.sweep)
        self._making = Making.of(spec.sweep, spec.params)
        self._open: dict[int, Any] = {}
        """Number → optuna's trial, of those that are alive."""
        self._over: dict[int, tuple[Fate, float | None, int]] = {}
        """Number → what was told of those that are not."""
        self._study: Any = None

    def next(self, trials: Sequence[Trial], number: int, seen: Collection[Key]) -> tuple[Params, ...] | None:
        """The runs of the next setting; None where all that comes is there already, or excluded."""
        self._bring_up(trials)
        for attempt in range(TRIES):
            self._study.sampler = self._sampler(number, len(self._over), attempt)
            asked = self._study.ask()
            part: dict[str, Scalar] = {}
            for factor in self._factors:
                if not factor.when or self._making.holds(factor.when, part):
                    part |= self._suggested(asked, factor)
            runs = tuple(self._making.runs(part))
            if runs and setting_key(runs[0]) not in seen:
                self._open[number] = asked
                return runs
            self._study.tell(asked, state=self._optuna.trial.TrialState.FAIL)
        return None

    def _sampler(self, number: int, told: int, attempt: int) -> Any:  # noqa: ANN401  # optuna's class
        text = f"{self._spec.sweep.random_seed}\n{number}\n{told}\n{attempt}".encode()
        seed = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
        grouped = bool(self._spec.sweep.when)
        return self._optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=FIRST, multivariate=True, group=grouped, constant_liar=True
        )

    def _bring_up(self, trials: Sequence[Trial]) -> None:
        changed = any(each.number in self._over and self._over[each.number] != _outcome(each) for each in trials)
        known = self._open.keys() | self._over.keys()
        missing = known - {each.number for each in trials}
        if self._study is None or changed or any(number in self._over for number in missing):
            self._begin()
        for each in trials:
            if each.number not in self._open and each.number not in self._over:
                self._add(each)
            if each.fate is not Fate.ALIVE and each.number in self._open:
                self._tell(each)

    def _begin(self) -> None:
        optuna = self._optuna
        self._study = optuna.create_study(
            direction="maximize" if self._goal == "maximize" else "minimize",
            storage=optuna.storages.InMemoryStorage(),
        )
        self._open, self._over = {}, {}

    def _add(self, trial: Trial) -> None:
        """A trial that was asked for elsewhere, or before: alive at first."""
        known = {_name(each): each for each in self._factors if self._value(each, trial.params) is not None}
        self._study.sampler = self._optuna.samplers.RandomSampler(seed=0)  # it is not asked: all is given
        self._study.enqueue_trial({name: self._value(each, trial.params) for name, each in known.items()})
        self._open[trial.number] = asked = self._study.ask()
        for factor in known.values():
            self._suggested(asked, factor)

    def _tell(self, trial: Trial) -> None:
        states, asked = self._optuna.trial.TrialState, self._open.pop(trial.number)
        self._over[trial.number] = _outcome(trial)
        match trial.fate:
            case Fate.DONE:
                self._study.tell(asked, trial.value)
            case Fate.CUT:
                asked.report(trial.value, step=len(trial.runs[0].rungs))
                self._study.tell(asked, state=states.PRUNED)
            case _:
                self._study.tell(asked, state=states.FAIL)

    def _value(self, factor: Factor, params: Mapping[str, Scalar]) -> float | int | None:
        """What a setting has there in optuna's words; None where it has nothing, or what cannot be told."""
        if any(name not in params for name in factor.names):
            return None
        match factor.distribution:
            case Between(low, high):
                value = params[factor.names[0]]
                number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
                return number if number is not None and low <= number <= high else None
            case Choice(values=values):
                rows: Sequence[Mapping[str, Scalar]] = [{factor.names[0]: value} for value in values]
            case _:
                rows = factor.rows
        sure = [name for name in factor.names if name not in self._making.linked]
        same = (
            at for at, row in enumerate(rows) if all(as_text(row[name]) == as_text(params[name]) for name in sure)
        )
        return next(same, None)

    def _suggested(self, asked: Any, factor: Factor) -> Mapping[str, Scalar]:  # noqa: ANN401  # optuna's class
        """What is suggested. Choices go by their places: 1, 1.0 and true would be one choice to optuna."""
        name = factor.names[0]
        match factor.distribution:
            case Between(low, high, Shape.INT | Shape.LOG_INT as shape):
                return {name: int(asked.suggest_int(name, int(low), int(high), log=shape is Shape.LOG_INT))}
            case Between(low, high, shape):
                number = asked.suggest_float(name, float(low), float(high), log=shape is Shape.LOG_UNIFORM)
                return {name: min(max(float(f"{number:.{DIGITS}g}"), low), high)}
            case Choice(values=values):
                return {name: values[asked.suggest_categorical(name, range(len(values)))]}
            case _:
                place: int = asked.suggest_categorical(_name(factor), range(len(factor.rows)))
                return factor.rows[place]


def _name(factor: Factor) -> str:
    """What optuna calls it."""
    return "+".join(factor.names)


def _outcome(trial: Trial) -> tuple[Fate, float | None, int]:
    return trial.fate, trial.value, len(trial.runs[0].rungs)
