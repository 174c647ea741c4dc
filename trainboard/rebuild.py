"""The store made anew from the attempt directories of the backends, and what only the store knew put back."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backends.base import BackendError, JobState, Watched
from trainboard.actions import Refused
from trainboard.documents import Records
from trainboard.files import private_folder
from trainboard.lease import LOOK, Lease
from trainboard.origin import Lineage, lineage, origin_of, renamed
from trainboard.reconcile import updated_attempt
from trainboard.salvage import salvaged
from trainboard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from backends.base import Backend, Job
    from trainboard.documents import Record
    from trainboard.records import Attempt, Experiment, Run
    from trainboard.store import Store

__all__ = ["Account", "Harvest", "merged", "origin_of", "rebuild"]

AT_ONCE = 1000
"""Attempts whose state is asked for in one question."""
FILES = ("state.json", "state.journal")


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one backend has of ours."""

    backend: str
    lineages: tuple[Lineage, ...] = ()
    jobs: Mapping[str, Job] = field(default_factory=dict)
    """By token, where there is evidence of an attempt's state."""
    unreadable: int = 0
    """Attempt directories that do not say what they belong to."""
    reason: str = ""
    """Why it was not asked, in one line; empty where it was."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a rebuild did."""

    records: Records
    """As they are now."""
    harvests: tuple[Harvest, ...]
    stored: int
    """Records that are new or different."""
    aside: Path
    """The folder in which the old state is."""
    damaged: bool
    """The old state could not be read whole; what was legible of it was taken over."""


async def rebuild(
    folder: Path, backends: Sequence[Backend], store: Store, clock: Callable[[], float] = time.time
) -> Account:
    """Make the store of a state folder anew. A backend that does not answer keeps what was known of it.

    Raises `Refused` while another process works on this state, `StoreError` where it cannot be written.
    """
    async with _alone(folder):
        harvests = tuple(await asyncio.gather(*(harvest(backend) for backend in backends)))
        aside = await asyncio.to_thread(free_folder, folder, clock())
        known = await _put_aside(folder, aside, store)
        now = clock()
        changed = await store.change(lambda stored: merged(together(known, stored), harvests, now, stored))
        return Account(await store.load(), harvests, len(changed), aside, known is not None)


async def _put_aside(folder: Path, aside: Path, store: Store) -> Records | None:
    """Have the old state in a folder of its own; what was legible of it, where it is damaged. Raises `StoreError`."""
    try:
        try:
            await store.load()
        except StoreError as error:
            if isinstance(error.__cause__, OSError):
                raise  # it may be whole, but we cannot tell
            return await asyncio.to_thread(_move_aside, folder, aside)
        await asyncio.to_thread(_copy_aside, folder, aside)
    except OSError as error:
        raise StoreError(f"{aside}: the old state cannot be put there: {error.strerror or error}") from error
    return None


@contextlib.asynccontextmanager
async def _alone(folder: Path) -> AsyncGenerator[None]:
    """As the only process that polls and places. Raises `Refused` where another one does."""
    lease = Lease(folder, "rebuild")
    holder = await asyncio.to_thread(lease.look)
    if not lease.held:
        raise Refused(f"{holder or 'another process'} works on this state: end it first")
    beating = asyncio.create_task(_beat(lease))
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        lease.give_up()


async def _beat(lease: Lease) -> None:
    while True:
        await asyncio.sleep(LOOK)
        await asyncio.to_thread(lease.look)


async def harvest(backend: Backend) -> Harvest:
    """Everything of ours on one backend, with the state of each attempt as far as there is evidence."""
    try:
        found = await backend.scan()
        read = [lineage(each, backend.name) for each in found]
        lineages = tuple(each for each in read if each is not None and each.attempt.backend == backend.name)
        names = {each.plan.get("token"): f"{each.plan.get('experiment')}/{each.plan.get('run')}" for each in found}
        watched = [to_watch(each, names[each.attempt.id]) for each in lineages]
        jobs: dict[str, Job] = {}
        for start in range(0, len(watched), AT_ONCE):
            answer = await backend.jobs(watched[start : start + AT_ONCE])
            jobs |= {job.token: job for job in answer if job.token}
    except BackendError as error:
        return Harvest(backend.name, reason=error.bare)
    return Harvest(backend.name, lineages, jobs, read.count(None))


def to_watch(of: Lineage, name: str) -> Watched:
    """What a backend needs to know to tell the state of an attempt."""
    attempt = of.attempt
    return Watched(attempt.id, attempt.job_id, attempt.directory, attempt.created, attempt.batch, attempt.task, name)


def together(known: Records | None, stored: Records) -> Records:
    """What was salvaged, under what is stored."""
    if known is None:
        return stored
    return Records(
        {**known.experiments, **stored.experiments},
        {**known.runs, **stored.runs},
        {**known.attempts, **stored.attempts},
    )


def merged(known: Records, harvests: Iterable[Harvest], now: float, stored: Records) -> list[Record]:
    """The records to store: what the backends tell, and what was known and none of them tells. Pure.

    `known`: what was in the store, or was salvaged of it. `stored`: what is in it at this moment.
    """
    experiments, runs, attempts = dict(known.experiments), dict(known.runs), dict(known.attempts)
    ids = {(each.name, each.created): each.id for each in experiments.values()}
    lineages = once(harvests)
    for each, found in sorted(lineages, key=lambda pair: (pair[0].experiment.created, pair[0].attempt.number)):
        same = (each.experiment.name, each.experiment.created)
        if same not in ids:
            ids[same] = free_id(each.experiment, experiments)
        of = renamed(each, ids[same])
        experiments.setdefault(of.experiment.id, of.experiment)
        attempt = attempt_now(attempts.get(of.attempt.id), of.attempt, found.jobs.get(of.attempt.id), now)
        attempts[attempt.id] = attempt
        if of.run.id not in known.runs:
            runs[of.run.id] = run_now(of.run, attempt)  # the newest attempt comes last
    return [
        *(each for each in experiments.values() if stored.experiments.get(each.id) != each),
        *(each for each in runs.values() if stored.runs.get(each.id) != each),
        *(each for each in attempts.values() if stored.attempts.get(each.id) != each),
    ]


def once(harvests: Iterable[Harvest]) -> list[tuple[Lineage, Harvest]]:
    """Every attempt with one backend: where several see its directory, one that has evidence of its state."""
    found: dict[str, tuple[Lineage, Harvest]] = {}
    for of in harvests:
        for each in of.lineages:
            if each.attempt.id not in found or each.attempt.id not in found[each.attempt.id][1].jobs:
                found[each.attempt.id] = (each, of)
    return list(found.values())


def free_id(experiment: Experiment, taken: Mapping[str, Experiment]) -> str:
    """The experiment's own id, or the next number of its name where another experiment has that."""
    if experiment.id not in taken:
        return experiment.id
    number = 1
    while f"{experiment.name}-{number}" in taken:
        number += 1
    return f"{experiment.name}-{number}"


def attempt_now(known: Attempt | None, found: Attempt, job: Job | None, now: float) -> Attempt:
    """An attempt as its backend tells it. What was known of its end stays, and so does what nobody tells."""
    if known is not None and (job is None or (known.state.ended and known.state is not JobState.LOST)):
        return known
    if job is None:
        reason = "found by rebuild, without a sign of what became of it"
        return replace(found, state=JobState.LOST, ended=now, reason=reason)
    return updated_attempt(known or found, job, now)


def run_now(found: Run, attempt: Attempt) -> Run:
    """A run with what the state of its attempt says of the user's wishes."""
    if attempt.state is JobState.CANCELLED and not attempt.withdrawn:
        return replace(found, cancelled=attempt.ended)
    return replace(found, held=attempt.state is JobState.HELD)


def states(records: Records) -> Mapping[str, int]:
    """How many attempts are in each state."""
    return Counter(str(attempt.state) for attempt in records.attempts.values())


def free_folder(folder: Path, now: float) -> Path:
    """A folder for the old state, by the time, that is not there yet. Blocks for a moment."""
    name = time.strftime("before-rebuild-%Y%m%d-%H%M%S", time.localtime(now))
    names = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
    return next(path for each in names if not (path := folder / each).exists())


def _copy_aside(folder: Path, aside: Path) -> None:
    """Copies of the files as they are; no other process can write meanwhile. Blocks. Raises `OSError`."""
    with _locked(folder):
        private_folder(aside)
        for name in FILES:
            if (folder / name).exists():
                shutil.copy2(folder / name, aside / name)


def _move_aside(folder: Path, aside: Path) -> Records:
    """Move damaged files away, and what is legible in them. Blocks. Raises `OSError`."""
    with _locked(folder):
        private_folder(aside)
        for name in FILES:
            if (folder / name).exists():
                (folder / name).rename(aside / name)
    texts = [(aside / name).read_bytes() if (aside / name).exists() else b"" for name in FILES]
    return salvaged(*texts)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """No other process folds or writes. Raises `Refused` where one does so for long."""
    import filelock

    try:
        with (
            filelock.FileLock(folder / "state.fold.lock", mode=0o600).acquire(10),
            filelock.FileLock(folder / "state.lock", mode=0o600).acquire(10),
        ):
            yield
    except filelock.Timeout as error:
        raise Refused(f"{error.lock_file}: another process has been writing for 10 s: try again") from error
