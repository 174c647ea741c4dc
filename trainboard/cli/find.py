"""From the words of a command to rows, as they are now."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from backends.base import BackendError
from specs.tree import nearest, quoted
from trainboard.actions import Refused
from trainboard.cli.terminal import complain
from trainboard.events import Link
from trainboard.picture import PictureFile
from trainboard.query import query
from trainboard.rows import merge

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from backends.base import Backend, Job
    from trainboard.cli.desk import Desk
    from trainboard.rows import Row

FRESH = 2.5
"""A picture is as good as an answer for so many times the seconds between two polls of its backend."""


async def current_rows(
    desk: Desk,
    backends: Sequence[Backend],
    known: Mapping[str, tuple[Job, ...]] | None = None,
    said: set[str] | None = None,
) -> tuple[Row, ...]:
    """The table after asking these backends, but for those whose jobs are known.

    What does not answer is complained about, and ends nothing; `said`: the complaints until now, which grow.
    """
    said = set() if said is None else said
    jobs = dict(known or {})
    asked = [backend for backend in backends if backend.name not in jobs]
    answers = await asyncio.gather(*(ask(desk, backend, said) for backend in asked))
    found = {backend.name: answer for backend, answer in zip(asked, answers, strict=True)}
    jobs |= {name: answer for name, answer in found.items() if answer is not None}
    return merge(await desk.store.load(), jobs, away=[name for name, answer in found.items() if answer is None])


async def pictured(desk: Desk, backends: Sequence[Backend]) -> dict[str, tuple[Job, ...]]:
    """The jobs of those backends that another process polls and has a fresh picture of."""
    return {} if await desk.holder() is None else await asyncio.to_thread(_pictured, desk, backends)


def _pictured(desk: Desk, backends: Sequence[Backend]) -> dict[str, tuple[Job, ...]]:
    found: dict[str, tuple[Job, ...]] = {}
    for backend in backends:
        config = desk.config.backend(backend.name)
        picture = PictureFile(desk.paths.pictures, backend.name, backend.kind).read()
        if config is None or picture is None or picture.link is not Link.UP or picture.seen is None:
            continue
        if 0 <= time.time() - picture.seen <= FRESH * config.poll:
            found[backend.name] = picture.jobs
    return found


async def ask(desk: Desk, backend: Backend, said: set[str]) -> tuple[Job, ...] | None:
    """A backend's jobs, or None where it does not answer; that is said once."""
    try:
        policies = None if desk.places.readonly else desk.policies
        return (await query(backend, desk.store, {}, policies=policies)).jobs
    except BackendError as error:
        if (line := f"{told(backend, error)}; shown as last seen") not in said:
            said.add(line)
            complain(line)
        return None


def told(backend: Backend, error: BackendError) -> str:
    """The error with the backend's name, which its host may not be called by."""
    return f"{backend.name}: {error.bare}"


def find(rows: Sequence[Row], names: Collection[str]) -> list[Row]:
    """The rows that these words name: a run, a job as `backend:id`, or a whole experiment. Raises `Refused`."""
    found: dict[str, Row] = {}
    for name in names:
        matching = named(rows, name)
        if not matching:
            words = {word for row in rows for word in (row.key, row.experiment) if word}
            raise Refused(f"no run or experiment {quoted(name)}{nearest(name, words)}; `trainboard ls` lists them")
        found |= {row.key: row for row in matching}
    return list(found.values())


async def find_rows(
    desk: Desk, backends: Sequence[Backend], names: Collection[str], said: set[str] | None = None
) -> list[Row]:
    """The rows that these words name, as they are now; only hosts that may have them are asked. Raises `Refused`."""
    recorded, every = merge(await desk.store.load(), {}), {backend.name for backend in backends}
    homes: set[str] = set()
    for name in names:
        mine = [row for row in recorded if name in (row.key, row.experiment)]
        on = {row.backend for row in mine if row.backend} if mine else {name.partition(":")[0]}
        homes |= on if on <= every else every
    asked = [backend for backend in backends if backend.name in homes]
    return find(await current_rows(desk, asked, said=said), names)


async def find_one(desk: Desk, backends: Sequence[Backend], name: str) -> Row:
    """The one row that a word names, as it is now. Raises `Refused`."""
    found = await find_rows(desk, backends, [name])
    if len(found) > 1:
        keys = sorted((row.key for row in found), key=lambda key: (len(key), key))
        raise Refused(f"{quoted(name)} is {len(found)} runs; say which, from {keys[0]} to {keys[-1]}")
    return found[0]


def named(rows: Sequence[Row], name: str) -> list[Row]:
    """The rows that a word names. Raises `Refused` for a job id that two backends have."""
    exact = [row for row in rows if name in (row.key, row.experiment, f"{row.backend}:{row.job_id}")]
    if exact:
        return exact
    by_id = [row for row in rows if row.job_id and row.job_id == name]
    if len({row.backend for row in by_id}) > 1:
        jobs = " or ".join(f"{row.backend}:{name}" for row in by_id)
        raise Refused(f"job {quoted(name)} is on more than one backend, say which: {jobs}")
    return by_id
