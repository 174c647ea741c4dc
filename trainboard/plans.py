"""From records to plans: what a backend is handed for an attempt."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import Checkpoints, JobState, Plan
from specs.expand import expand, setting_of
from specs.model import Retry, SpecError
from specs.outputs import checkpoint_pattern
from trainboard.actions import Refused
from trainboard.origin import origin_of
from trainboard.retry import out_of_memory, retries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backends.base import Archive, Backend, Snapshot
    from specs.model import Resources, Setting, Spec
    from trainboard.archive import Archives
    from trainboard.records import Attempt, Experiment, Run

BOOKS = 16
"""Experiments whose settings are kept in memory."""

RESTARTABLE = (JobState.TIMEOUT, JobState.PREEMPTED, JobState.NODE_FAIL)
"""After these a scheduler can start the same job again by itself."""


@dataclass(frozen=True, slots=True)
class Book:
    """An experiment's spec, taken apart."""

    spec: Spec
    settings: tuple[Setting, ...]
    """Of a sweep that is asked for the first ones."""

    def setting(self, run: Run) -> Setting:
        """That of a run. Raises `SpecError`."""
        if run.trial is not None:
            return setting_of(self.spec, run.index, run.name, run.params)
        if run.index >= len(self.settings):
            raise SpecError(str(self.spec.source), None, f"has no run {run.index} any more")
        return self.settings[run.index]


class Planner:
    """Makes plans. What it takes from specs is kept: each is read once."""

    def __init__(self, environ: Mapping[str, str], archives: Archives) -> None:
        """`environ` gives the values of secrets, when a plan is made."""
        self.archives = archives
        self._environ = environ
        self._specs: dict[str, Spec] = {}
        self._books: OrderedDict[str, Book] = OrderedDict()

    async def spec(self, experiment: Experiment) -> Spec:
        """The experiment's spec. Raises `SpecError` where its text is none any more."""
        found = self._specs.get(experiment.id)
        if found is None:
            found = self._specs[experiment.id] = await asyncio.to_thread(read, experiment)
        return found

    async def policy(self, experiment: Experiment) -> Retry:
        """When its runs are tried again; never, where that cannot be read."""
        if not any("retry" in text for text in (experiment.text, *experiment.overrides, *experiment.bases.values())):
            return Retry()
        try:
            return (await self.spec(experiment)).retry
        except SpecError:
            return Retry()

    async def policies(self, experiments: Iterable[Experiment]) -> dict[str, Retry]:
        """The same of several, by their ids."""
        return {each.id: await self.policy(each) for each in experiments}

    async def book(self, experiment: Experiment) -> Book:
        """The experiment's spec and settings. Raises `SpecError`."""
        found = self._books.pop(experiment.id, None)
        if found is None:
            spec = await self.spec(experiment)
            found = Book(spec, await asyncio.to_thread(expand, spec))
        self._books[experiment.id] = found
        while len(self._books) > BOOKS:
            self._books.popitem(last=False)
        return found

    async def code(self, experiment: Experiment, backend: Backend) -> Snapshot | Archive | None:
        """What is sent of the project; None for a backend that shares the folder. Raises `Refused`."""
        if backend.shared:
            return None
        return await asyncio.to_thread(self.archives.load, experiment.code)

    def plan(
        self,
        book: Book,
        experiment: Experiment,
        run: Run,
        history: Sequence[Attempt],
        attempt: Attempt,
        *,
        code: Snapshot | Archive | None = None,
        scheduled: bool = False,
    ) -> Plan:
        """The plan of an attempt, without a batch.

        `history`: the run's attempts, the oldest first; `scheduled`: the backend has a scheduler. Raises `Refused`
        with what is missing, and `SpecError`.
        """
        setting, retry = book.setting(run), book.spec.retry
        made = plan_of(book.spec, experiment.id, setting, attempt.id, take_secrets(book.spec, self._environ))
        on = tuple(state for state in RESTARTABLE if scheduled and str(state) in retry.on)
        earlier = [each for each in history if each.number <= attempt.number]
        return replace(
            made,
            attempt=attempt.number,
            resources=resources_of(book.spec, history, attempt.number),
            code=code,
            priority=run.priority,
            place=run.place,
            restart_on=on,
            restarts=max(0, retry.max - retries(earlier)) if on else 0,
            experiment_folder=experiment.folder,
            origin=origin_of(experiment, run, attempt),
        )


def read(experiment: Experiment) -> Spec:
    """The spec that an experiment was submitted with. Raises `SpecError`."""
    from specs.load import loads

    return loads(experiment.text, Path(experiment.source), tuple(experiment.overrides), experiment.bases)


def take_secrets(spec: Spec, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables that the spec takes from the caller. Raises `Refused` where one is not set."""
    if absent := missing(spec, environ):
        raise Refused(f"needs {', '.join(absent)}: set it where the board runs")
    return {name: environ[name] for name, value in spec.env.items() if value is None}


def missing(spec: Spec, environ: Mapping[str, str]) -> list[str]:
    """The variables that the spec takes from the caller and that are not set."""
    return [name for name, value in spec.env.items() if value is None and name not in environ]


def resources_of(spec: Spec, history: Sequence[Attempt], number: int) -> Resources:
    """What the attempt of this number asks for: more memory for each attempt before it that had too little."""
    need, factor = spec.resources, spec.retry.memory
    if factor is None or need.memory is None:
        return need
    times = out_of_memory(history, number)
    return replace(need, memory=math.ceil(need.memory * factor**times)) if times else need


def plan_of(spec: Spec, experiment: str, setting: Setting, token: str, taken: Mapping[str, str]) -> Plan:
    """The plan of a run's first attempt, without code to send. Raises `SpecError`."""
    outputs, pattern = spec.outputs, checkpoint_pattern(spec, setting)
    return Plan(
        token=token,
        experiment=experiment,
        run=f"{setting.index:03d}-{setting.name}",
        attempt=1,
        command=setting.command,
        spec_text=spec.text,
        setup=spec.setup,
        env={name: value for name, value in setting.env.items() if value is not None},
        secrets=taken,
        resources=spec.resources,
        slurm=spec.slurm,
        workdir=spec.workdir,
        priority=spec.priority,
        at_most=spec.sweep.at_most,
        checkpoints=Checkpoints(pattern, outputs.keep, spec.retry.resume) if pattern is not None else None,
        log_limit=outputs.log_limit,
        files=setting.files,
    )
