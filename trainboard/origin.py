"""What an attempt directory says of the records that it came from: `plan.json`'s `origin`, written and read. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backends.base import JobState
from specs.watch import document, watch_of
from trainboard.records import Attempt, Experiment, Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from backends.base import Found
    from specs.model import Scalar

VERSION = 1


@dataclass(frozen=True, slots=True)
class Lineage:
    """An attempt with its run and experiment, as its directory tells."""

    experiment: Experiment
    run: Run
    attempt: Attempt
    """SUBMITTING: the directory does not say what became of it."""


def origin_of(experiment: Experiment, run: Run, attempt: Attempt | None = None) -> dict[str, Any]:
    """`Plan.origin`: JSON values, from which `lineage` makes these records anew."""
    return {
        "version": VERSION,
        "experiment": {name: _plain(getattr(experiment, name)) for name in EXPERIMENT},
        "run": {name: _plain(getattr(run, name)) for name in RUN},
        "attempt": {name: getattr(attempt, name) for name in ATTEMPT} if attempt else {},
    }


def lineage(found: Found, backend: str) -> Lineage | None:
    """The records of an attempt directory that was found on a backend; None where it tells too little.

    The attempt's backend is the one that it was sent to: hosts with a shared home show each other's directories.
    """
    try:
        return _lineage(found, found.plan, backend)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def renamed(of: Lineage, id: str) -> Lineage:
    """The same under another experiment id."""
    run = f"{id}.{of.run.index}"
    return Lineage(
        replace(of.experiment, id=id), replace(of.run, id=run, experiment=id), replace(of.attempt, run=run)
    )


def _lineage(found: Found, plan: Mapping[str, Any], backend: str) -> Lineage:
    origin = plan["origin"]
    if origin["version"] != VERSION:
        raise ValueError(f"version {origin['version']!r}")
    of_experiment, of_run = _read(EXPERIMENT, origin["experiment"]), _read(RUN, origin["run"])
    of_attempt = {"created": of_experiment["created"]} | _read(ATTEMPT, origin["attempt"])
    of_attempt["backend"] = of_attempt.get("backend") or backend
    folder = found.directory.split("/")[-3]
    experiment = Experiment(id=_text(plan["experiment"]), text=found.spec_text, folder=folder, **of_experiment)
    run = Run(id=f"{experiment.id}.{of_run['index']}", experiment=experiment.id, **of_run)
    attempt = Attempt(
        id=_text(plan["token"]),
        run=run.id,
        number=_integer(plan["attempt"]),
        state=JobState.SUBMITTING,
        directory=found.directory,
        job_id=found.job_id,
        sent=of_attempt["created"],
        batch=_text(plan.get("batch", "")),
        task=_integer(plan.get("task", 0)),
        **of_attempt,
    )
    return Lineage(experiment, run, attempt)


def _read(table: Mapping[str, Callable[[Any], Any]], said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a table that are said, each checked. Raises `TypeError`, `ValueError`."""
    return {name: check(said[name]) for name, check in table.items() if name in said}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"no text: {value!r:.80}")
    return value


def _optional(value: object) -> str | None:
    return None if value is None else _text(value)


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"no integer: {value!r:.80}")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"no number: {value!r:.80}")
    return float(value)  # type: ignore[arg-type]  # int or float, as of the line above


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"no list: {value!r:.80}")
    return tuple(_text(each) for each in value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"no yes or no: {value!r:.80}")
    return value


def _named(value: Mapping[object, object]) -> dict[str, str]:
    return {_text(name): _text(each) for name, each in value.items()}


def _numbers(value: Mapping[object, object]) -> dict[str, float]:
    return {_text(name): _number(each) for name, each in value.items()}


def _watch(value: Mapping[str, Any]) -> dict[str, Any]:
    return document(watch_of(value))


def _params(value: Mapping[object, object]) -> dict[str, Scalar]:
    return {_text(name): _scalar(each) for name, each in value.items()}


def _scalar(value: object) -> Scalar:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise TypeError(f"no scalar: {value!r:.80}")
    return value


EXPERIMENT: Mapping[str, Callable[[Any], Any]] = {
    "name": _text,
    "source": _text,
    "created": _number,
    "objective": _optional,
    "goal": _text,
    "total": _numbers,
    "sources": _texts,
    "pattern": _texts,
    "overrides": _texts,
    "where": _texts,
    "code": _text,
    "after": _texts,
    "bases": _named,
    "git": _named,
    "forced": _flag,
    "watch": _watch,
    "trials": _integer,
    "seeds": _integer,
}
"""The fields of an experiment that travel, and how each is checked. Its directory tells id, text, folder anyway."""
RUN: Mapping[str, Callable[[Any], Any]] = {
    "index": _integer,
    "name": _text,
    "params": _params,
    "priority": _integer,
    "identity": _text,
    "trial": lambda value: None if value is None else _integer(value),
}
"""What the user wanted of a run since (held, cancelled, its place) is not known on its host."""
ATTEMPT: Mapping[str, Callable[[Any], Any]] = {"backend": _text, "created": _number, "cause": _text}
