"""The store: the records of one user in one TinyDB file that any number of boards and commands share.

Every change is a pure function from what is stored to the records to store. It runs on the newest content, under
a lock that all processes share, so nobody overwrites what another wrote meanwhile. Changes that are asked for while
a write is under way share the next one.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from io import UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Table

from trainboard.documents import (
    Change,
    Document,
    Outcome,
    Record,
    Records,
    RecordT,
    apply,
    documents_of,
)
from trainboard.files import DISK, Disk, Unsure, private_folder
from trainboard.statefiles import Content, Damaged, StateFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Change", "Database", "ReadOnly", "Record", "Records", "Store", "StoreError"]

FOLD_ABOVE = 256 * 1024
"""Bytes of a journal that cost a reader nothing worth a new `state.json`."""


LOOK = "look at the folder's space and permissions, or name another with TRAINBOARD_HOME"
"""What to do about a file of the state folder that cannot be written."""


class StoreError(Exception):
    """The store could not be read or written; `str()` is one line that says where, why and what to do."""


class Held(StoreError):
    """Another process kept the lock."""


class ReadOnly(Storage):
    """The state of a folder, journal and all, for TinyDB to read. Raises `OSError` and `Damaged`."""

    def __init__(self, path: Path | str) -> None:
        self._files = StateFiles(Path(path).parent)

    def read(self) -> dict[str, dict[str, Document]] | None:
        """The documents; None where there are none."""
        content = self._files.read(Content())
        return documents_of(content.lines) if content.stamp else None

    def write(self, data: dict[str, dict[str, Document]]) -> None:
        """Raises `UnsupportedOperation`: without the lock, others would lose what they wrote."""
        raise UnsupportedOperation("changes go through Store")


class TextTable(Table):
    """A TinyDB table whose document ids are text."""

    document_id_class = str  # type: ignore[assignment]  # declared as `int`; any class that makes an id will do


class Database(TinyDB):
    """The state as a TinyDB database, given the path of `state.json`, for queries. Changes go through `Store`."""

    table_class = TextTable
    default_storage_class = ReadOnly  # type: ignore[assignment]  # declared by its default; any Storage will do


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A change that waits to be written."""

    change: Change
    done: asyncio.Future[Outcome]


class Store:
    """The records of one state folder. Its calls belong to one event loop, and never block it.

    `patience`: for how long, in seconds, a write waits for other processes that write. `fold_above`: bytes of the
    journal from which on it is folded into `state.json`, if that is not far larger. `disk` stands in for the system
    calls that change files.
    """

    def __init__(
        self, folder: Path, *, patience: float = 10.0, fold_above: int = FOLD_ABOVE, disk: Disk = DISK
    ) -> None:
        self.path = folder / "state.json"
        self.not_folded: StoreError | None = None
        """Why the journal could not be folded into `state.json` last time. It grows meanwhile; nothing is lost."""
        self._files = StateFiles(folder, disk)
        self._lock_path = folder / "state.lock"
        self._fold_lock_path = folder / "state.fold.lock"
        self._patience = patience
        self._fold_above = self._fold_next = fold_above
        self._content = Content()
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._folding: asyncio.Future[None] | None = None
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

    async def fold(self) -> None:
        """Write the journal into `state.json`. Raises `StoreError`.

        It happens by itself where the journal becomes long, so this is for who wants that file to say all.
        """
        if self._folding is not None:
            await self._folding
        await asyncio.to_thread(self._fold_where, lambda content: not content.folded)

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
            self._fold_if_due()

    def _fold_if_due(self) -> None:
        """Fold the journal, in another thread, where it has become long."""
        if self._content.due(self._fold_next) and (self._folding is None or self._folding.done()):
            # Not a task: the thread ends what it began even where the loop is closed meanwhile.
            self._folding = asyncio.get_running_loop().run_in_executor(None, self._fold)

    def _read(self) -> Content:
        """What the files say, decoded only where it changed since the last time."""
        try:
            self._content = content = self._files.read(self._content)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        except Damaged as error:
            raise StoreError(str(error)) from error
        return content

    def _write(self, changes: Sequence[Change]) -> Sequence[Outcome]:
        """One locked read-modify-write for all changes; no file is touched where they change nothing."""
        with self._failures_told("nothing stored", unsure="the next look shows whether it is stored"):
            private_folder(self.path.parent)
            with self._locked(self._lock_path, self._patience):
                content = self._read()
                applied = apply(changes, content.lines, content.records)
                if applied.changed and content.stamp is None:
                    self._content = self._files.create(applied.lines, applied.records)
                elif applied.changed:
                    self._content = self._files.append(content, applied.changed, applied.lines, applied.records)
                return applied.outcomes

    def _fold(self) -> None:
        """Fold a journal that has become long. It must grow a lot more before a fold that failed is tried again."""
        try:
            self._fold_where(lambda content: content.due(self._fold_above))
        except Held:  # somebody else folds, or writes without end
            return
        except StoreError as error:
            self.not_folded, self._fold_next = error, 2 * self._content.size
        else:
            self.not_folded, self._fold_next = None, self._fold_above

    def _fold_where(self, due: Callable[[Content], bool]) -> None:
        """Replace `state.json` by what it and the journal say. But for milliseconds, others may write meanwhile."""
        with self._failures_told("nothing is lost"), self._locked(self._fold_lock_path, 0):
            content = self._read()
            if due(content):
                self._files.draft(content)
                with self._locked(self._lock_path, self._patience):
                    self._content = self._files.install(content, self._read())

    @contextmanager
    def _locked(self, lock: Path, patience: float) -> Iterator[None]:
        import filelock

        try:
            with filelock.FileLock(lock, mode=0o600).acquire(patience, poll_interval=0.002):
                yield
        except filelock.Timeout as error:
            raise Held(f"{lock}: held for {patience:g} s by {_holder(lock)}; nothing stored: try again") from error

    @contextmanager
    def _failures_told(self, stored: str, unsure: str | None = None) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            stored = unsure or stored if isinstance(error, Unsure) else stored
            raise StoreError(
                f"{self.path}: cannot be written: {error.strerror or error}; {stored}: {LOOK}"
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
