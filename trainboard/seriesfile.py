"""The file that keeps the samples of one attempt, whatever they were read from: `cells` says what is in it.

Each append ends with a commit, which says how far each source was read. What stands after the last good commit is
overwritten by the next append, and read again from its source: a crash at any byte loses no sample and doubles none.
An append replaces the commit before it, unless that is `KEEP` bytes after the one before: commits stay a small part
of the file, and a crash costs little.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from trainboard import cells, oldseries
from trainboard.cells import CELL, Commit
from trainboard.files import private_folder, write_whole
from trainboard.stored import Columns, Stored, Tables

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from pathlib import Path

    from trainboard.series import Sample
    from trainboard.stored import Mark

KEEP = 256 * 1024
"""Bytes between commits that stay in a series file."""

PIECE = 8 << 20
"""Bytes that are read at once of a file that is thinned: it is never in memory whole."""

NEAR = 1 << 20
"""Bytes that are read at once of any other: the processor has them at hand while they are taken apart."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as we read or wrote it last."""

    header: bytes = b""
    """Empty: none is there, or one that is not ours."""
    size: int = 0
    base: Commit = field(default_factory=Commit)
    """The last commit that stays whatever is appended."""
    last: Commit = field(default_factory=Commit)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    complete: bool = False

    @property
    def free(self) -> int:
        """Where the next append goes: in the place of the last commit, or after it where it stays."""
        return self.last.start if self.last.start - self.base.end < KEEP else self.last.end


class SeriesFile:
    """The samples of one attempt on disk. Synchronous; several processes may use one file.

    Raises OSError where the disk does; then the same call may be tried again.
    """

    def __init__(self, path: Path, piece: int = PIECE) -> None:
        """`piece`: as `PIECE`, in whole cells."""
        self.path = path
        self._piece = piece
        self._seen: _Seen | None = None
        """None until the file was read."""

    @property
    def tables(self) -> Tables:
        """What the file names, as we know it."""
        return self._seen.last.tables if self._seen is not None else Tables()

    def load(self, most: int | None = None, until: int | None = None) -> Stored:
        """Everything up to the last commit, however the file was cut or damaged after it.

        `most`: of more samples than that, about so many that make the same curves; `until`: the first so many alone.
        """
        stored = self._load(most, until)
        if self._seen == _Seen():
            with oldseries.taken(self.path) as old:
                if old is not None:
                    self._write_whole(old)
            stored = self._load(most, until)
        return stored

    def read_on(self) -> Stored | None:
        """What came to the file since we read or wrote it last; None where it is another now, or has lost some."""
        seen = self._seen
        if seen is None:
            return None
        if not seen.header:
            return self.load()
        header, data, size = self._read(seen.base.end)
        if header != seen.header:
            return None
        found = self._take(header, data, size, seen.base)
        torn = self._seen is None or self._seen.last == seen.base
        if torn or found.count < seen.last.count:
            self._seen = None
            return None
        return found.after(seen.last.count)

    def append(self, source: str, samples: Iterable[Sample], mark: Mark, complete: bool = False) -> bool:
        """Add what a source gave, and commit how far it has been read with that.

        False, and nothing is written, where another process has written since we did: what it read is in the file,
        so `load` or `read_on` and go on from there.
        """
        if self._seen is None:
            self.load()
        seen = self._seen or _Seen()
        stays = seen.free == seen.last.end
        body, count, tables = cells.written(samples, source, seen.last.tables)
        crc = zlib.crc32(body, 0 if stays else seen.last.crc)
        marks = {**seen.marks, source: mark}
        commit = cells.commit(marks, complete, crc)
        header = seen.header or cells.header()
        try:
            with self._locked(seen) as file:
                if file is None:
                    return False
                at = seen.free if seen.header else 0
                file.truncate(at)
                file.seek(at)
                file.write((b"" if seen.header else header) + body + commit)
        except OSError:
            self._seen = None  # nobody knows how much was written: the next append looks
            raise
        start = seen.free + len(body)
        last = Commit(start, start + len(commit), seen.last.count + count, tables, crc)
        self._seen = _Seen(header, last.end, seen.last if stays else seen.base, last, marks, complete)
        return True

    def drop(self, source: str) -> bool:
        """Forget a source, its samples and its mark: what was read of it is not in it any more. False as `append`."""
        left = self.load().without(source)
        with self._locked(self._seen or _Seen()) as file:
            if file is None:
                return False
            if left.marks:
                self._write_whole(left)
            else:
                self.path.unlink()
        self.load()
        return True

    def _load(self, most: int | None, until: int | None) -> Stored:
        """The file from its start; from now on it is what we have seen."""
        with self._shared() as file:
            header, size = (b"", 0) if file is None else (file.read(CELL), os.fstat(file.fileno()).st_size)
            if file is None or not cells.is_header(header):
                self._seen = _Seen(size=size)
                return Stored()
            whole = most is None or most * CELL >= size
            at_once, room = (NEAR, Columns.room(size // CELL)) if whole else (self._piece, None)
            base, last, pieces, length = Commit(), Commit(), [Stored()], at_once
            while True:
                file.seek(last.end)
                data = memoryview(file.read(length))
                piece, commits = cells.read(data, last, room)
                if commits:
                    (base, last), length = (last, *commits)[-2:], at_once
                    piece = piece if until is None else piece.first(until)
                    pieces.append(piece if most is None else piece.thinned(most * len(data) // size))
                elif len(data) == length:  # what was written at once is longer than that
                    length *= 2
                else:
                    break
        stored = pieces[-1]
        self._seen = _Seen(header, size, base, last, stored.marks, stored.complete)
        found = [piece.columns for piece in pieces if piece.columns is not None]
        columns = Columns.joined(found) if room is None or not found else room[: sum(map(len, found))]
        left_out = sum(piece.left_out for piece in pieces)
        return Stored(columns, last.tables, stored.marks, stored.complete, left_out=left_out)

    def _take(self, header: bytes, data: memoryview, size: int, base: Commit) -> Stored:
        """What is in the file after a commit; from now on it is what we have seen."""
        stored, commits = cells.read(data, base)
        known = [base, base, *commits]
        self._seen = _Seen(header, size, known[-2], known[-1], stored.marks, stored.complete)
        return stored

    def _read(self, at: int) -> tuple[bytes, memoryview, int]:
        """The header, what stands from `at` on, and the size; nothing of a file that is not there."""
        with self._shared() as file:
            if file is None:
                return b"", memoryview(b""), 0
            header = file.read(CELL)
            file.seek(at)
            return header, memoryview(file.read()), os.fstat(file.fileno()).st_size

    @contextmanager
    def _shared(self) -> Generator[BinaryIO | None]:
        """The file, while nobody writes to it; None where it is not there."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            yield None
            return
        with file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield file

    @contextmanager
    def _locked(self, seen: _Seen) -> Generator[BinaryIO | None]:
        """The file, for us alone; None where it is not as we have seen it."""
        private_folder(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            status = os.fstat(descriptor)
            same = status.st_size == seen.size and (not seen.header or file.read(CELL) == seen.header)
            yield file if same and self._is(status) else None

    def _is(self, status: os.stat_result) -> bool:
        """Whether a file that is open is the one of this name: another process may have replaced it meanwhile."""
        try:
            return os.path.samestat(status, self.path.stat())
        except FileNotFoundError:
            return False

    def _write_whole(self, stored: Stored) -> None:
        """Put a file in the place of this one that has these samples and marks alone."""
        body = cells.notes(stored.tables) + cells.packed(stored.columns)
        commit = cells.commit(stored.marks, stored.complete, zlib.crc32(body))
        write_whole(self.path, cells.header() + body + commit)
