"""Small results that attempts leave are brought to this machine, once each has ended."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from backends.base import BackendError, CommandFailed, JobState
from backends.text import one_line
from specs.model import SpecError
from specs.outputs import collect_patterns
from trainboard.files import private_folder
from trainboard.looks import Pauses
from trainboard.records import Attempt
from trainboard.sending import said
from trainboard.show import size
from trainboard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from backends.base import Backend, Result
    from trainboard.documents import Records
    from trainboard.plans import Planner
    from trainboard.records import Experiment, Run
    from trainboard.store import Store

PIECE, PIECES = 1 << 20, 500
"""Bytes, and parts of files, in one request: others get their turn on a slow line."""

NAMED = 3
"""Files that stay there and are called by name; of more, their number."""

STALE = 86400.0
"""Seconds after which a draft is one that a crash left."""

Piece = tuple[str, int, int]
"""A path, an offset, a length."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be brought of an attempt."""

    patterns: tuple[str, ...]
    """Globs, filled in; relative to where the program ran."""
    limit: int
    """Bytes, together."""
    folder: Path
    """Where it goes: `<state>/results/<run>/<attempt>`."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What was brought."""

    files: int = 0
    bytes: int = 0
    reason: str = ""
    """What was left there and why, in one line; empty where all is here."""


class Collector:
    """Brings the results of attempts that have ended. A host that does not answer is tried again."""

    def __init__(
        self,
        backends: Callable[[], Mapping[str, Backend]],
        store: Store,
        planner: Planner,
        folder: Path,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`backends`: by name, as they are now; `folder`: `<state>/results`."""
        self._backends = backends
        self._store = store
        self._planner = planner
        self._folder = folder
        self._clock = clock
        self._monotonic = monotonic
        self._pauses = Pauses()
        """Of backends."""
        self._under_way: dict[str, asyncio.Task[None]] = {}
        """By backend."""
        self._quiet: Records | None = None
        """Records of which nothing is to be brought."""
        self._failure: BaseException | None = None

    async def begin(self, among: Collection[str] | None = None) -> None:
        """Begin to bring what is due, from each host on its own; cheap with nothing to do. Raises `StoreError`.

        `among`: the backends that answer; None: all.
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        records = await self._store.load()
        if records is self._quiet:
            return
        found = await asyncio.to_thread(due, records)
        if not found:
            self._quiet = records
        for name in found.keys() & self._backends().keys():
            asked = among is None or name in among
            if asked and name not in self._under_way and not self._pauses.reason(name, self._monotonic()):
                task = self._under_way[name] = asyncio.create_task(self._bring_all(name, found[name]))
                task.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        del self._under_way[name]
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure

    async def settle(self, among: Collection[str] | None = None) -> None:
        """Return when all is here that these hosts give now. Raises as `begin`."""
        await self.begin(among)
        while self._under_way:
            await asyncio.wait(tuple(self._under_way.values()))
            await self.begin(among)

    async def close(self) -> None:
        """Leave what is under way: it is begun again by whoever collects next."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bring_all(self, name: str, attempts: Sequence[Attempt]) -> None:
        """One after the other, until the host does not answer."""
        for attempt in attempts:
            try:
                await self.bring(attempt)
            except (BackendError, OSError, StoreError) as error:
                self._pauses.fail(name, str(error), self._monotonic(), error)
                return
            self._pauses.clear(name)

    async def bring(self, attempt: Attempt) -> Brought:
        """Bring the results of one attempt, again where they are here; of one that has ended that is kept.

        What goes wrong for good is the `reason` of what was brought, and is kept too. Raises a `BackendError` where
        the host does not answer, and `OSError` and `StoreError` where it cannot be kept here: it may work later.
        """
        records = await self._store.load()
        run = records.runs[attempt.run]
        try:
            wanted = await self._wanted(records.experiments[run.experiment], run, attempt)
            brought = await bring(self._backends()[attempt.backend], attempt.directory, wanted)
        except (CommandFailed, SpecError) as error:
            brought = Brought(reason=one_line(str(error)))
        except (BackendError, OSError) as error:
            await self._keep(attempt, None, one_line(said(error) if isinstance(error, BackendError) else str(error)))
            raise
        if attempt.state.ended:
            await self._keep(attempt, self._clock(), brought.reason)
        return brought

    async def _wanted(self, experiment: Experiment, run: Run, attempt: Attempt) -> Wanted:
        """Raises `SpecError`."""
        book = await self._planner.book(experiment)
        patterns = collect_patterns(book.spec, book.setting(run))
        return Wanted(patterns, book.spec.outputs.collect_limit, self._folder / run.id / str(attempt.number))

    async def _keep(self, attempt: Attempt, at: float | None, reason: str) -> None:
        def kept(stored: Attempt) -> Attempt:
            return replace(stored, collected=at or stored.collected, collect_reason=reason)

        await self._store.update(Attempt, attempt.id, kept)


def due(records: Records) -> dict[str, list[Attempt]]:
    """The attempts whose results are to be brought, by backend. Pure.

    Those that are LOST may still be running, or come back.
    """
    mentions = {name: wants(each) for name, each in records.experiments.items()}
    found: dict[str, list[Attempt]] = {}
    for attempt in records.attempts.values():
        if not attempt.state.ended or attempt.collected is not None or attempt.state is JobState.LOST:
            continue
        run = records.runs.get(attempt.run)
        began = attempt.started is not None and bool(attempt.directory) and not attempt.withdrawn
        if began and run is not None and mentions.get(run.experiment):
            found.setdefault(attempt.backend, []).append(attempt)
    return found


def wants(experiment: Experiment) -> bool:
    """Whether an experiment may have results to bring; its spec says it for sure."""
    return any("collect" in text for text in (experiment.text, *experiment.overrides, *experiment.bases.values()))


async def bring(backend: Backend, directory: str, wanted: Wanted) -> Brought:
    """Copy what an attempt left into a folder, which is replaced whole. Raises a `BackendError` and `OSError`."""
    if not wanted.patterns:
        return Brought()
    found = await backend.results(directory, wanted.patterns)
    chosen, left = within(found.files, wanted.limit)
    reasons = [why for why in (found.left, stays(left, wanted.limit)) if why]
    draft = wanted.folder.with_name(f".{wanted.folder.name}.{secrets.token_hex(4)}.part")
    try:
        await asyncio.to_thread(private_folder, draft)
        failed: dict[str, str] = {}
        for pieces in requests(chosen):
            parts = await backend.fetch(directory, pieces)
            failed |= await asyncio.to_thread(write, draft, pieces, parts)
        await asyncio.to_thread(put_in_place, draft, wanted.folder, failed)
    finally:
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
    here = [each for each in chosen if each.path not in failed]
    reasons += [f"{one_line(path)}: {why}" for path, why in list(failed.items())[:NAMED]]
    return Brought(len(here), sum(each.size for each in here), "; ".join(reasons))


def within(files: Iterable[Result], limit: int) -> tuple[list[Result], list[Result]]:
    """Those that are brought, the small ones first, and those that stay: beyond the limit, or with an odd name."""
    chosen: list[Result] = []
    left: list[Result] = []
    total = 0
    for each in sorted(files, key=lambda each: (each.size, each.path)):
        if is_safe(each.path) and total + each.size <= limit:
            total += each.size
            chosen.append(each)
        else:
            left.append(each)
    return chosen, left


def is_safe(path: str) -> bool:
    """Whether a path that a host told stays in the folder that it is put under."""
    parts = path.split("/")
    return "\0" not in path and not any(part in ("", ".", "..") for part in parts)


def stays(left: Sequence[Result], limit: int) -> str:
    """What is told of files that are not brought; empty where there are none."""
    if not left:
        return ""
    names = ", ".join(f"{one_line(each.path, 100)} ({size(each.size)})" for each in left[:NAMED])
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    return f"left there: {names}{more}: beyond outputs.collect_limit, {size(limit)}"


def requests(files: Iterable[Result]) -> Iterator[list[Piece]]:
    """Files in pieces, as many together as one request takes; the pieces of a file come in order."""
    pieces: list[Piece] = []
    room = PIECE
    for each in files:
        for offset in range(0, max(1, each.size), PIECE):
            length = min(PIECE, each.size - offset)
            if length > room or len(pieces) == PIECES:
                yield pieces
                pieces, room = [], PIECE
            pieces.append((each.path, offset, length))
            room -= length
    if pieces:
        yield pieces


def write(folder: Path, pieces: Sequence[Piece], parts: Sequence[bytes | str]) -> dict[str, str]:
    """Write pieces of files into a folder; those that failed, with the reason. Blocks. Raises `OSError`."""
    failed: dict[str, str] = {}
    for (path, offset, length), data in zip(pieces, parts, strict=True):
        target = folder / PurePosixPath(path)
        if not isinstance(data, bytes):
            failed[path] = data
        elif len(data) != length:
            failed[path] = "it changed while it was read"
        else:
            private_folder(target.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
                file.seek(offset)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
    return failed


def put_in_place(draft: Path, folder: Path, without: Iterable[str] = ()) -> None:
    """Put a folder, without some of its files, in the place of another. Blocks. Raises `OSError`."""
    for path in without:
        (draft / PurePosixPath(path)).unlink(missing_ok=True)
    old = draft.with_suffix(".old")
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    horizon = time.time() - STALE
    for each in folder.parent.glob(f".{folder.name}.*"):
        if each.stat().st_mtime < horizon:
            shutil.rmtree(each, ignore_errors=True)
