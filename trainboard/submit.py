"""Submitting a spec: its runs become durable intents, and whoever dispatches sends them."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import Rejected
from backends.snapshot import pack
from specs.expand import expand
from specs.outputs import one_place, shared_checkpoints
from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.dependency import resolve
from trainboard.ledger import newest_attempts
from trainboard.plans import missing, plan_of, take_secrets
from trainboard.records import Experiment, Run, new_token
from trainboard.retry import fresh
from trainboard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backends.base import Backend, Plan
    from specs.model import Setting, Spec
    from trainboard.archive import Archives
    from trainboard.config import Config
    from trainboard.dispatch import Dispatcher
    from trainboard.documents import Record, Records
    from trainboard.records import Attempt
    from trainboard.store import Store


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a submission wrote down; in the order of the runs."""

    experiment: Experiment
    runs: tuple[Run, ...]
    attempts: tuple[Attempt, ...]


def choose(spec: Spec, config: Config, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Backends where the spec's runs may go, in order: what was asked for, else its `where`, else the config's first.

    Raises `Refused` for a name that is not in the config.
    """
    names = asked or spec.where or (config.backends[0].name,)
    try:
        return config.resolve(names)
    except Refused as error:
        raise Refused(f"{spec.source}: {error}") from error


async def preview(spec: Spec, environ: Mapping[str, str]) -> list[tuple[Setting, Plan]]:
    """The runs that a submission would make, without any effect. Raises `Refused`, `SpecError`."""
    settings = await asyncio.to_thread(expand, spec)
    taken = secrets_of(spec, environ)
    return [(setting, plan_of(spec, spec.name, setting, "0" * 16, taken)) for setting in settings]


async def submit(
    spec: Spec,
    where: Sequence[Backend],
    dispatcher: Dispatcher,
    archives: Archives,
    environ: Mapping[str, str],
) -> list[tuple[Run, Attempt]]:
    """Submit every run of the spec, and send what can go now: the runs with their newest attempts, in order.

    A run that its backend rejects is FAILED with the reason; one whose outcome is not known stays SUBMITTING; one
    that waits here is PENDING, unsent. Raises as `intend`; also `StoreError`
    where what came after could not be stored.
    """
    made = await intend(spec, where, dispatcher.store, archives, environ, dispatcher.clock)
    try:
        await dispatcher.step(made.experiment.id)
    except StoreError as error:
        raise StoreError(
            f"{made.experiment.id} is on record and will be sent; what came after is not: {error}"
        ) from error
    records = await dispatcher.store.load()
    newest = newest_attempts(records)
    return [(records.runs[run.id], newest[run.id]) for run in made.runs]


async def intend(
    spec: Spec,
    where: Sequence[Backend],
    store: Store,
    archives: Archives,
    environ: Mapping[str, str],
    clock: Callable[[], float] = time.time,
) -> Submitted:
    """Write down the experiment, its runs and an unsent attempt of each, in one change; nothing leaves this machine.

    Raises `Refused` and `SpecError` where nothing was stored, `StoreError` where it could not be.
    """
    settings = await asyncio.to_thread(expand, spec)
    secrets_of(spec, environ)
    shared = any(backend.shared for backend in where)
    if problem := one_place(spec, settings) or (shared_checkpoints(spec, settings) if shared else None):
        raise Refused(problem)
    code = "" if all(backend.shared for backend in where) else await asyncio.to_thread(archived, spec, archives)
    now = clock()
    made: list[Submitted] = []

    def records(stored: Records) -> list[Record]:
        submitted = written(spec, settings, tuple(backend.name for backend in where), code, stored, now)
        made[:] = [submitted]
        return [submitted.experiment, *submitted.runs, *submitted.attempts]

    await store.change(records)
    return made[0]


def written(
    spec: Spec, settings: Sequence[Setting], where: Sequence[str], code: str, stored: Records, now: float
) -> Submitted:
    """The records of a submission on top of what is stored. Raises `Refused` where it comes after nothing known."""
    after, unknown = resolve(spec.after, stored)
    if unknown is not None:
        names = {each.name for each in stored.experiments.values()} | set(stored.experiments)
        raise Refused(f"{spec.source}: after: no experiment {quoted(unknown)}{nearest(unknown, names)}")
    id = next_experiment_id(spec.name, stored.experiments)
    experiment = Experiment(
        id=id,
        name=spec.name,
        source=str(spec.source),
        text=spec.text,
        created=now,
        objective=spec.metrics.objective,
        goal=str(spec.metrics.goal),
        total=spec.metrics.total,
        overrides=list(spec.overrides),
        where=list(where),
        code=code,
        after=list(after),
        folder=f"{id}-{secrets.token_hex(4)}",
    )
    runs = tuple(
        Run(f"{experiment.id}.{each.index}", experiment.id, each.index, each.name, each.params, spec.priority)
        for each in settings
    )
    return Submitted(experiment, runs, tuple(fresh(run, 1, now, new_token()) for run in runs))


def next_experiment_id(name: str, taken: Mapping[str, Experiment]) -> str:
    """`name-1`, or the number after the highest that is there."""
    numbers = [key.removeprefix(f"{name}-") for key in taken if key.startswith(f"{name}-")]
    return f"{name}-{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"


def secrets_of(spec: Spec, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables that the spec takes from the caller. Raises `Refused` where one is not set."""
    if absent := missing(spec, environ):
        raise Refused(f"{spec.source}: env: {', '.join(absent)} not set here; export it, or give it a value")
    return take_secrets(spec, environ)


def archived(spec: Spec, archives: Archives) -> str:
    """Keep the project's archive: its digest. Raises `Refused`. Blocks."""
    try:
        code = pack(spec.workdir)
    except Rejected as error:
        raise Refused(f"{error}; {error.advice}" if error.advice else str(error)) from error
    archives.save(code)
    return code.digest
