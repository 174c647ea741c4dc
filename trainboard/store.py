"""The store: the records of one user in one TinyDB file that any number of boards and commands share.

Every change is a pure function from what is stored to the records to store. It runs on the newest content, under
a lock that all processes share, so nobody overwrites what another wrote meanwhile. Changes that are asked for while
a write is under way share the next one.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from trainboard.documents import (
    Change,
    Document,
    Lines,
    Outcome,
    Record,
    Records,
    RecordT,
    apply,
    lines_of,
    parse,
    text_of,
)
from trainboard.files import private_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["AtomicJSON", "Change", "Database", "Record", "Records", "Store", "StoreError"]

Stamp = tuple[int, int]
"""Tells one content of the file from every other: when it was written, in nanoseconds, and its size."""


class StoreError(Exception):
    """The store could not be read or written; `str()` is one line that says where, why and what to do."""


class AtomicJSON(Storage):
    """A TinyDB storage: one JSON file, replaced whole, so that a crash leaves the old one or the new one.

    Each document has a line of its own. The file is the user's alone (0600). Raises `OSError`, and `ValueError`
    where the content is no TinyDB file.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)

    def read(self) -> dict[str, dict[str, Document]] | None:
        """The documents, for TinyDB; None where there is no file."""
        text = self.load()
        return None if text is None else json.loads(text)

    def write(self, data: dict[str, dict[str, Document]]) -> None:
        """Replace the documents, for TinyDB."""
        self.save(text_of(lines_of(data)))

    def load(self) -> bytes | None:
        """The file's text; None where there is no file."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def save(self, text: bytes) -> None:
        """Replace the file; on disk when this returns. One caller at a time: hold the lock."""
        previous = self.stamp()
        write_whole(self._path, text, later_than=previous[0] if previous else 0)

    def stamp(self) -> Stamp | None:
        """The stamp of the file as it is now; None where there is no file."""
        try:
            # A file server tells the true state of a file that is opened, and may answer a plain stat from a cache.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            seen = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        return seen.st_mtime_ns, seen.st_size


class TextTable(Table):
    """A TinyDB table whose document ids are text."""

    document_id_class = str  # type: ignore[assignment]  # declared as `int`; any class that makes an id will do


class Database(TinyDB):
    """The state file as a TinyDB database, for queries. Changes go through `Store`, which takes the lock."""

    table_class = TextTable
    default_storage_class = AtomicJSON  # type: ignore[assignment]  # declared by its default; any Storage will do


@dataclass(frozen=True, slots=True)
class _Content:
    """The file at one moment."""

    stamp: Stamp | None
    lines: Lines
    records: Records


_EMPTY = _Content(None, {}, Records())


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A change that waits to be written."""

    change: Change
    done: asyncio.Future[Outcome]


class Store:
    """The records of one state folder. Its calls belong to one event loop, and never block it.

    `patience`: for how long, in seconds, a write waits for other processes that write. `storage` stands in for
    the file `state.json` of the folder.
    """

    def __init__(self, folder: Path, *, patience: float = 10.0, storage: AtomicJSON | None = None) -> None:
        self.path = folder / "state.json"
        self._lock_path = folder / "state.lock"
        self._storage = storage or AtomicJSON(self.path)
        self._patience = patience
        self._content = _EMPTY
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    async def load(self) -> Records:
        """What is stored now; the same object as before while nothing changed. Raises `StoreError`."""
        return (await asyncio.to_thread(self._read)).records

    async def put(self, *records: Record) -> None:
        """Insert these, or replace those with the same id. On disk when this returns. Raises `StoreError`."""
        await self.change(lambda _: records)

    async def update(self, kind: type[RecordT], id: str, change: Callable[[RecordT], RecordT]) -> RecordT:
        """Replace one record by what a pure function makes of its newest state, and return it.

        Raises `StoreError`, and `KeyError` where there is no such record.
        """
        [record] = await self.change(lambda records: [change(records.of(kind)[id])])
        return cast("RecordT", record)

    async def change(self, change: Change) -> tuple[Record, ...]:
        """Store the records that a pure function makes of what is stored, and return them. On disk when this returns.

        Nothing comes between what the function sees and what is stored: an id that is free there is free. What it is
        given is good for the time of the call only. Where it raises, this raises the same and nothing is stored.
        Raises `StoreError`.
        """
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")
        waiting = _Waiting(change, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting())
        outcome = await waiting.done
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def close(self) -> None:
        """Take no more changes. Those under way are still written, or their callers hear of it."""
        self._closed = True

    async def _write_waiting(self) -> None:
        """Write what waits, all of it at once, until nothing does."""
        while self._waiting:
            batch = [waiting for waiting in self._waiting if not waiting.done.cancelled()]
            self._waiting = []
            outcomes: Sequence[Outcome] = [asyncio.CancelledError()] * len(batch)
            try:
                outcomes = await asyncio.to_thread(self._write, [waiting.change for waiting in batch])
            except Exception as error:  # whatever it is, those who wait must hear of it
                outcomes = [error] * len(batch)
            finally:
                for waiting, outcome in zip(batch, outcomes, strict=True):
                    if not waiting.done.cancelled():
                        waiting.done.set_result(outcome)

    def _read(self) -> _Content:
        """The file's content, decoded only where it changed since the last time."""
        before = self._content
        try:
            # First the stamp, then the content: what is replaced in between is read again, never taken for known.
            stamp = self._storage.stamp()
            if stamp == before.stamp:
                return before
            text = self._storage.load() if stamp else None
            content = _EMPTY if text is None else _Content(stamp, *parse(text, (before.lines, before.records)))
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise StoreError(
                f"{self.path}: damaged, and left as it is: repair it, or move it away to start anew ({error})"
            ) from error
        self._content = content
        return content

    def _write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """One locked read-modify-write for all changes; the file is not touched where they change nothing."""
        import filelock

        try:
            private_folder(self.path.parent)
            with filelock.FileLock(self._lock_path, mode=0o600).acquire(self._patience, poll_interval=0.01):
                content = self._read()
                lines, records, outcomes = apply(changes, content.lines, content.records)
                if lines != content.lines:
                    self._storage.save(text_of(lines))
                    self._content = _Content(self._storage.stamp(), lines, records)
                return outcomes
        except filelock.Timeout as error:
            raise StoreError(
                f"{self._lock_path}: held for {self._patience:g} s by {_holder(self._lock_path)}; nothing stored: "
                "try again"
            ) from error
        except OSError as error:
            raise StoreError(
                f"{self.path}: cannot be written: {error.strerror or error}; nothing stored: "
                "look at the folder's space and permissions, or name another with TRAINBOARD_HOME"
            ) from error


def _holder(lock: Path) -> str:
    """Who has a lock file, as far as the kernel tells: Linux does, in /proc/locks."""
    try:
        inode, table = str(lock.stat().st_ino), Path("/proc/locks").read_text()
    except OSError:
        return "another trainboard"
    for line in table.splitlines():
        words = line.split()  # 1: FLOCK ADVISORY WRITE 4711 08:01:131 0 EOF
        if len(words) > 5 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == inode:
            return f"process {words[4]}"
    return "another trainboard"
