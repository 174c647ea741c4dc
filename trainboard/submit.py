"""Submitting a spec: its runs become durable intents, and whoever dispatches sends them."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from specs.braces import fill, placeholders
from specs.expand import expand
from specs.model import RETRIABLE
from specs.outputs import one_place, shared_outputs
from specs.tree import nearest, quoted
from specs.watch import document
from trainboard.actions import Refused
from trainboard.code import Taken, take
from trainboard.dependency import resolve
from trainboard.doubts import MANY
from trainboard.identity import identity, program
from trainboard.ledger import newest_attempts
from trainboard.members import Choice, select
from trainboard.options import CAREFUL
from trainboard.plans import Planner, missing, plan_of, take_secrets
from trainboard.preflight import Report, examine
from trainboard.prospect import Prospect
from trainboard.records import Experiment, Run, new_token
from trainboard.retry import fresh
from trainboard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from backends.base import Backend, Plan
    from specs.model import Retry, Setting, Spec
    from trainboard.archive import Archives
    from trainboard.config import Config
    from trainboard.dispatch import Dispatcher
    from trainboard.documents import Record, Records
    from trainboard.options import Options
    from trainboard.records import Attempt
    from trainboard.store import Store

SPECIAL, ESCAPED = re.compile(r"[\\*?\[\]!# ]"), r"\\\g<0>"
"""What means something else in a pattern of `.gitignore`, and how it is written to mean itself."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What a submission wrote down; in the order of the runs."""

    experiment: Experiment | None
    """None where all of its runs exist already."""
    runs: tuple[Run, ...] = ()
    attempts: tuple[Attempt, ...] = ()


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
    check_method(spec)
    settings = await asyncio.to_thread(expand, spec)
    return list(zip(settings, await asyncio.to_thread(plans_of, spec, settings, environ), strict=True))


def plans_of(spec: Spec, settings: Sequence[Setting], environ: Mapping[str, str]) -> list[Plan]:
    """The plans of runs that are not on record. Raises `Refused`, `SpecError`."""
    taken = secrets_of(spec, environ)
    return [plan_of(spec, spec.name, setting, "0" * 16, taken) for setting in settings]


async def submit(
    spec: Spec,
    where: Sequence[Backend],
    dispatcher: Dispatcher,
    archives: Archives,
    environ: Mapping[str, str],
    options: Options,
) -> list[tuple[Run, Attempt]]:
    """Submit the runs of the spec, and send what can go now. Raises and returns as `consider` and `carry_out`."""
    return await carry_out(await consider(spec, where, dispatcher.store, archives, environ, options), dispatcher)


async def consider(
    spec: Spec,
    where: Sequence[Backend],
    store: Store,
    archives: Archives,
    environ: Mapping[str, str],
    options: Options,
) -> Prospect:
    """What a submission to these backends would do; the project is taken, and nothing else has changed.

    Where there are doubts about the project's files, they are to be asked about first, and nothing is checked yet.
    Raises `Refused` and `SpecError` for what cannot be submitted in any way, `StoreError`.
    """
    check_method(spec, options)
    settings = await asyncio.to_thread(expand, spec)
    secrets_of(spec, environ)
    sends, shared = sending(where), any(backend.shared for backend in where)
    if problem := one_place(spec, settings) or (shared_outputs(spec, settings) if shared else None):
        raise Refused(problem)
    code = await asyncio.to_thread(taken, spec, where, store, archives, doubtful=options.send)
    identities = await asyncio.to_thread(identities_of, spec, settings, code)
    records = await store.load()
    policies = await retries_of(records, Planner(environ, archives))
    choice = await asyncio.to_thread(select, settings, identities, spec.name, records, options, policies)
    names = tuple(backend.name for backend in where)
    prospect = Prospect(spec, options, choice, names, code, sends, Report(), identities, policies)
    if not options.check or not choice.settings or prospect.doubts:
        return prospect
    plans = await asyncio.to_thread(plans_of, spec, choice.settings, environ)
    return replace(prospect, report=await examine(spec, choice.settings, where, records, plans, code))


def check_method(spec: Spec, options: Options = CAREFUL) -> None:
    """Raises `SpecError` where the sweep's method is not installed, `Refused` where it cannot do what is asked."""
    if not spec.sweep.method.asks:
        return
    from trainboard.trials.suggest import available

    available(spec)
    if options.only is not None:
        advice = "`trainboard requeue` runs those again that failed, --again begins another sweep"
        raise Refused(f"{spec.source}: method {spec.sweep.method} asks for its runs as it goes: {advice}")


def sending(where: Iterable[Backend]) -> bool:
    """Whether one of these backends gets the project sent."""
    return not all(backend.shared for backend in where)


def taken(
    spec: Spec, where: Sequence[Backend], store: Store, archives: Archives, *, doubtful: bool = False
) -> Taken | None:
    """The project, kept here; None where it cannot be and is not sent: then nobody knows which code ran.

    Folders that we write to are no code wherever they are. Raises `Refused` and `StoreError`. Blocks.
    """
    sends = sending(where)
    ours = [str(store.path.parent), *(folder for backend in where for folder in backend.folders)]
    exclude = [*spec.code.exclude, *inside(spec.workdir, ours)]
    if any(backend.shared for backend in where):
        exclude += written_by_runs(spec)  # into this very folder: what they left is no other code, and is not sent
    spec = replace(spec, code=replace(spec.code, exclude=tuple(exclude)))
    try:
        return take(spec, archives, doubtful=doubtful) if sends else take(spec, archives, most=MANY)
    except Refused:
        if sends:
            raise
        return None


def inside(project: Path, folders: Iterable[str]) -> list[str]:
    """Those of these folders that are in the project, as patterns of `.gitignore`."""
    here = project.resolve()
    found = [path for path in (Path(folder).expanduser().resolve() for folder in folders) if here in path.parents]
    return [f"/{SPECIAL.sub(ESCAPED, str(path.relative_to(here)))}/" for path in found]


def written_by_runs(spec: Spec) -> list[str]:
    """What the spec's runs leave in the project folder, as patterns of `.gitignore`."""
    outputs = spec.outputs
    patterns = [*outputs.collect, *outputs.sequences, *outputs.samples, *outputs.embeddings]
    patterns += filter(None, [outputs.checkpoint])
    inside = [each.removeprefix("./") for each in patterns if not each.startswith("/")]
    return [f"/{fill(each, dict.fromkeys(placeholders(each), '*'))}" for each in inside]


def identities_of(spec: Spec, settings: Sequence[Setting], code: Taken | None) -> dict[int, str]:
    """By setting; empty ones, which are like no other, where the code is not known."""
    if code is None:
        return {each.index: "" for each in settings}
    digest = program(spec, code.snapshot)
    return {each.index: identity(each, spec, digest) for each in settings}


async def retries_of(records: Records, planner: Planner) -> dict[str, Retry]:
    """When runs are tried again, by experiment, of those that have any that failed."""
    ended = {attempt.run for attempt in newest_attempts(records).values() if str(attempt.state) in RETRIABLE}
    names = {run.experiment for run in (records.runs.get(key) for key in ended) if run is not None}
    return {name: await planner.policy(records.experiments[name]) for name in names & records.experiments.keys()}


async def carry_out(prospect: Prospect, dispatcher: Dispatcher) -> list[tuple[Run, Attempt]]:
    """Submit, and send what can go now: the new runs with their newest attempts, in order.

    A run that its backend rejects is FAILED with the reason; one whose outcome is not known stays SUBMITTING; one
    that waits here is PENDING, unsent. Raises as `intend`; also `StoreError` where what came after could not be
    stored.
    """
    made = await intend(prospect, dispatcher.store, dispatcher.clock)
    if made.experiment is None:
        return []
    try:
        await dispatcher.step(made.experiment.id)
    except StoreError as error:
        raise StoreError(
            f"{made.experiment.id} is on record and will be sent; what came after is not: {error}"
        ) from error
    records = await dispatcher.store.load()
    newest = newest_attempts(records)
    return [(records.runs[run.id], newest[run.id]) for run in made.runs]


async def intend(prospect: Prospect, store: Store, clock: Callable[[], float] = time.time) -> Submitted:
    """Write down the experiment, its runs and an unsent attempt of each, in one change; nothing leaves this machine.

    Runs that another process submitted meanwhile are not among them. Raises `Refused` where nothing was stored
    (`Doubtful`, `Unfit`: see `Prospect.objection`), `StoreError` where it could not be.
    """
    if (objection := prospect.objection()) is not None:
        raise objection
    now = clock()
    made: list[Submitted] = []

    def records(stored: Records) -> list[Record]:
        submitted = written(prospect, prospect.still(stored), stored, now)
        made[:] = [submitted]
        return [] if submitted.experiment is None else [submitted.experiment, *submitted.runs, *submitted.attempts]

    await store.change(records)
    return made[0]


def written(prospect: Prospect, choice: Choice, stored: Records, now: float) -> Submitted:
    """The records of a submission on top of what is stored. Raises `Refused` where it comes after nothing known."""
    spec = prospect.spec
    after, unknown = resolve(spec.after, stored)
    if unknown is not None:
        names = {each.name for each in stored.experiments.values()} | set(stored.experiments)
        raise Refused(f"{spec.source}: after: no experiment {quoted(unknown)}{nearest(unknown, names)}")
    if not choice.settings:
        return Submitted(None)
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
        sources=list(spec.metrics.sources),
        pattern=list(spec.metrics.pattern),
        watch=document(spec.watch),
        overrides=list(spec.overrides),
        where=list(prospect.where),
        code=prospect.code.snapshot.digest if prospect.code else "",
        after=list(after),
        bases=dict(spec.bases),
        git=dict(prospect.code.git) if prospect.code else {},
        forced=prospect.forced,
        folder=f"{id}-{secrets.token_hex(4)}",
        trials=spec.sweep.samples if spec.sweep.method.asks else 0,
        seeds=max(1, len(spec.sweep.seeds)),
    )
    runs = tuple(run_of(experiment, each, spec.priority, prospect.identities[each.index]) for each in choice.settings)
    if experiment.trials:
        runs = numbered(runs)
    return Submitted(experiment, runs, tuple(fresh(run, 1, now, new_token()) for run in runs))


def run_of(experiment: Experiment, setting: Setting, priority: int, identity: str) -> Run:
    """The record of a run; its number is that of its setting, also where others are left out."""
    id = f"{experiment.id}.{setting.index}"
    return Run(id, experiment.id, setting.index, setting.name, setting.params, priority, identity=identity)


def numbered(runs: Sequence[Run]) -> tuple[Run, ...]:
    """The first runs of a sweep that is asked for, with the numbers of their settings."""
    from trainboard.trials.suggest import setting_key

    settings = [setting_key(run.params) for run in runs]
    numbers = {each: number for number, each in enumerate(dict.fromkeys(settings))}
    return tuple(replace(run, trial=numbers[each]) for run, each in zip(runs, settings, strict=True))


def next_experiment_id(name: str, taken: Mapping[str, Experiment]) -> str:
    """`name-1`, or the number after the highest that is there."""
    numbers = [key.removeprefix(f"{name}-") for key in taken if key.startswith(f"{name}-")]
    return f"{name}-{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"


def secrets_of(spec: Spec, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables that the spec takes from the caller. Raises `Refused` where one is not set."""
    if absent := missing(spec, environ):
        raise Refused(f"{spec.source}: env: {', '.join(absent)} not set here; export it, or give it a value")
    return take_secrets(spec, environ)
