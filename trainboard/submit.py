"""Submitting a spec: the one place with the order intent → upload → start → record."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backends.base import BackendError, JobState, Plan, Rejected, Unclear
from backends.snapshot import pack
from specs.expand import expand
from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.records import Attempt, Experiment, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from backends.base import Backend, Snapshot
    from specs.model import Setting, Spec
    from trainboard.documents import Record, Records
    from trainboard.store import Store


@dataclass(frozen=True, slots=True)
class Intent:
    """One run that is about to be submitted."""

    run: Run
    attempt: Attempt
    plan: Plan


def choose_backend(spec: Spec, backends: Sequence[Backend], asked: str | None) -> Backend:
    """Where to submit: what was asked for, else the first of the spec's `where`, else the first of the config.

    Raises `Refused` for a name that is not in the config.
    """
    by_name = {backend.name: backend for backend in backends}
    name = asked or (spec.where[0] if spec.where else next(iter(by_name)))
    if name not in by_name:
        hint = nearest(name, by_name) or f" (the config has {', '.join(by_name)})"
        raise Refused(f"{spec.source}: unknown backend {quoted(name)}{hint}")
    return by_name[name]


def take_secrets(spec: Spec, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables that the spec takes from the caller. Raises `Refused` where one is not set."""
    names = [name for name, value in spec.env.items() if value is None]
    missing = [name for name in names if name not in environ]
    if missing:
        raise Refused(f"{spec.source}: env: {', '.join(missing)} not set here; export it, or give it a value")
    return {name: environ[name] for name in names}


def plan_for(spec: Spec, experiment: str, setting: Setting, token: str, taken: Mapping[str, str]) -> Plan:
    """The plan of a run's first attempt, without code to send."""
    return Plan(
        token=token,
        experiment=experiment,
        run=f"{setting.index:03d}-{setting.name}",
        attempt=1,
        command=setting.command,
        spec_text=spec.text,
        setup=spec.setup,
        env={name: value for name, value in spec.env.items() if value is not None},
        secrets=taken,
        resources=spec.resources,
        slurm=spec.slurm,
        workdir=spec.workdir,
    )


def next_experiment_id(name: str, taken: Mapping[str, Experiment]) -> str:
    """`name-1`, or the number after the highest that is there."""
    numbers = [key.removeprefix(f"{name}-") for key in taken if key.startswith(f"{name}-")]
    return f"{name}-{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"


def experiment_of(spec: Spec, id: str, created: float) -> Experiment:
    """The record of one submission of the spec."""
    goal, total = str(spec.metrics.goal), spec.metrics.total
    return Experiment(id, spec.name, str(spec.source), spec.text, created, spec.metrics.objective, goal, total)


async def preview(spec: Spec, environ: Mapping[str, str]) -> list[tuple[Setting, Plan]]:
    """The runs that a submission would make, without any effect. Raises `Refused`, `SpecError`."""
    settings = await asyncio.to_thread(expand, spec)
    taken = take_secrets(spec, environ)
    return [(setting, plan_for(spec, spec.name, setting, "0" * 16, taken)) for setting in settings]


async def submit(
    spec: Spec,
    backend: Backend,
    store: Store,
    environ: Mapping[str, str],
    clock: Callable[[], float] = time.time,
) -> list[tuple[Run, Attempt]]:
    """Submit every run of the spec.

    The intent of all of them is on disk before anything leaves this machine. A run that the backend rejects is FAILED
    with the reason; one whose outcome is not known stays SUBMITTING. Raises `Refused` and `SpecError` where nothing
    was submitted.
    """
    settings = await asyncio.to_thread(expand, spec)
    taken = take_secrets(spec, environ)
    code = await packed(spec, backend)
    intents = await intend(spec, settings, backend, store, taken, code, clock())
    made = []
    for intent in intents:  # one after the other: the order of the runs is their order in the queue
        change = await outcome(backend, intent.plan, clock)
        made.append((intent.run, await store.update(Attempt, intent.attempt.id, change)))
    return made


async def packed(spec: Spec, backend: Backend) -> Snapshot | None:
    """The project's archive, for a backend that does not share the folder. Raises `Refused`."""
    if backend.shared:
        return None
    try:
        return await asyncio.to_thread(pack, spec.workdir)
    except Rejected as error:
        raise Refused(f"{error}; {error.advice}" if error.advice else str(error)) from error


async def intend(
    spec: Spec,
    settings: Sequence[Setting],
    backend: Backend,
    store: Store,
    taken: Mapping[str, str],
    code: Snapshot | None,
    now: float,
) -> list[Intent]:
    """Write down what is about to be submitted: the experiment, its runs, an attempt of each."""
    tokens = [secrets.token_hex(8) for _ in settings]
    made: list[Intent] = []

    def records(stored: Records) -> list[Record]:
        experiment = experiment_of(spec, next_experiment_id(spec.name, stored.experiments), now)
        made.clear()
        for setting, token in zip(settings, tokens, strict=True):
            plan = replace(plan_for(spec, experiment.id, setting, token, taken), code=code)
            run = Run(f"{experiment.id}.{setting.index}", experiment.id, setting.index, setting.name, setting.params)
            directory = backend.directory(plan.folder)
            attempt = Attempt(token, run.id, 1, backend.name, JobState.SUBMITTING, now, directory)
            made.append(Intent(run, attempt, plan))
        return [experiment, *(record for intent in made for record in (intent.run, intent.attempt))]

    await store.change(records)
    return made


async def outcome(backend: Backend, plan: Plan, clock: Callable[[], float]) -> Callable[[Attempt], Attempt]:
    """Submit one attempt; what that means for its record."""
    try:
        job_id = await backend.submit(plan)
    except Unclear as error:
        reason = str(error)
        return lambda attempt: replace(attempt, reason=reason)
    except BackendError as error:
        reason, ended = f"{error}; {error.advice}" if error.advice else str(error), clock()
        return lambda attempt: replace(attempt, state=JobState.FAILED, ended=ended, reason=reason)
    submitted = clock()

    def started(attempt: Attempt) -> Attempt:
        # A poll may have seen it run by now; what it saw is newer than "pending".
        state = JobState.PENDING if attempt.state is JobState.SUBMITTING else attempt.state
        return replace(attempt, state=state, job_id=job_id, submitted=attempt.submitted or submitted, reason="")

    return started
