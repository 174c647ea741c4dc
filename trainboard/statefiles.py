"""The two files of the state: `state.json`, which is replaced whole, and `state.journal` with what changed since.

A change costs one append to the journal. Folding it in makes a new `state.json` of a greater generation first, and
then a new journal. A crash in between leaves a journal that is older than the file beside it and repeats what that
says already, which does no harm. Where the journal is the newer of the two, something is missing.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trainboard import journal
from trainboard.documents import (
    Lines,
    Records,
    generation_of,
    parse,
    pieces_of,
    updated,
    with_generation,
)
from trainboard.files import DISK, Disk, Unsure, install, write_all, write_draft, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trainboard.journal import Place

Stamp = tuple[int, int]
"""Tells one `state.json` from every other: when it was written, in nanoseconds, and its size."""
ATTEMPTS = 3
"""At reading two files that others replace one after the other."""
BREATH = 50e-6
"""Seconds: long enough that a thread which waits for the interpreter gets it."""


class Damaged(Exception):
    """The files are not what they should be; `str()` is one line that says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the files say at one moment."""

    stamp: Stamp | None = None
    """Of `state.json`; None: there is none."""
    place: Place | None = None
    """Up to where the journal is in it; None: there is none."""
    lines: Lines = field(default_factory=dict)
    records: Records = field(default_factory=Records)

    @property
    def size(self) -> int:
        """Of the journal, in bytes."""
        return self.place.end if self.place else 0

    @property
    def folded(self) -> bool:
        """Whether `state.json` alone says it all."""
        return self.place is None or self.place == journal.begun(self.place.generation)[1]

    def due(self, least: int) -> bool:
        """Whether the journal should be folded in: it is larger than this, and than a quarter of `state.json`."""
        return self.size > max(least, (self.stamp or (0, 0))[1] // 4)


def breathe() -> None:
    """Let the other threads of this process run: the interpreter is for one at a time."""
    time.sleep(BREATH)


class StateFiles:
    """The files of one folder. Reading needs no lock; what writes says which of two locks its caller must hold.

    `disk` stands in for the system calls that change files.
    """

    def __init__(self, folder: Path, disk: Disk = DISK) -> None:
        self.state = folder / "state.json"
        self.journal = folder / "state.journal"
        self._draft = folder / "state.json.fold"
        self._disk = disk

    def read(self, before: Content) -> Content:
        """What the files say now; the same object where nothing changed. Raises `OSError` and `Damaged`."""
        for attempt in range(ATTEMPTS):
            try:
                content = self._followed(self._base(before, anew=attempt > 0))
            except (ValueError, RecursionError) as error:
                if attempt < ATTEMPTS - 1:  # a look at the moment when a writer cut off what a crash left
                    continue
                raise Damaged(
                    f"{self.journal}: damaged, and left as it is: repair it, or move it away to go on without what "
                    f"changed since {self.state.name} was written ({error})"
                ) from error
            if content is not None:
                return content
        raise Damaged(
            f"{self.journal}: damaged, or goes with a newer {self.state.name} than the one that is here: put that "
            "back, or move the journal away to go on without it"
        )

    def create(self, lines: Lines, records: Records) -> Content:
        """The first `state.json` of a folder. Hold the lock for writing. Raises `OSError`."""
        lines = with_generation(lines, 1)
        write_whole(self.state, b"".join(pieces_of(lines)), disk=self._disk)
        return Content(self._stamp(), None, lines, records)

    def append(self, now: Content, changed: Lines, lines: Lines, records: Records) -> Content:
        """Add what changed to the journal: on disk when this returns. Hold the lock for writing.

        Raises `OSError`, where nothing is stored, and of those `Unsure`, where that is not known.
        """
        if now.place is None:
            text, start = journal.begun(generation_of(lines))
            added, place = journal.record(changed, start)
            write_whole(self.journal, text + added, disk=self._disk)
        else:
            added, place = journal.record(changed, now.place)
            self._append(added, now.place.end)
        return Content(now.stamp, place, lines, records)

    def draft(self, content: Content) -> None:
        """Write what is to replace `state.json`. Hold the lock for folding. Raises `OSError`."""
        lines = with_generation(content.lines, generation_of(content.lines) + 1)
        later_than = content.stamp[0] if content.stamp else 0
        write_draft(self._draft, pieces_of(lines, breathe), later_than=later_than, disk=self._disk)

    def install(self, drafted: Content, now: Content) -> Content:
        """Put the draft in place, and begin a journal with what changed since. Hold both locks. Raises `OSError`.

        Where the draft is not a beginning of what is there now, everything stays as it is.
        """
        since = self._since(drafted, now)
        if since is None:
            self._draft.unlink()
            return now
        generation = generation_of(now.lines) + 1
        text, place = journal.begun(generation)
        if since:
            added, place = journal.record(since, place)
            text += added
        install(self._draft, self.state, self._disk)
        write_whole(self.journal, text, disk=self._disk)
        return Content(self._stamp(), place, with_generation(now.lines, generation), now.records)

    def _base(self, before: Content, *, anew: bool) -> Content:
        """The content to go on from: what is known, where `state.json` is the same, or what that says."""
        try:
            # A file server tells the true state of a file that is opened, and may answer a plain stat from a cache.
            with self.state.open("rb") as file:
                seen = os.fstat(file.fileno())
                stamp = seen.st_mtime_ns, seen.st_size
                if stamp == before.stamp and not anew:
                    return before
                text = file.read()
        except FileNotFoundError:
            return before if before.stamp is None else Content()
        with self._damage_told():
            lines, records = parse(text, (before.lines, before.records), breathe)
            generation_of(lines)
        return Content(stamp, None, lines, records)

    def _followed(self, base: Content) -> Content | None:
        """The content with what the journal adds; None where it adds to another one. Raises `ValueError`."""
        place = base.place
        data = self._tail(place.end - journal.MARK if place else 0)
        if data is None:
            return None if place else base
        if place is None:
            place = journal.beginning(data)
            if place.generation > generation_of(base.lines):
                return None
        elif not data.startswith(place.mark):
            return None
        start = place.end if base.place is None else journal.MARK
        changed, end = journal.scan(data[start:], place, breathe)
        if end == base.place:
            return base
        lines, records = updated(changed, base.lines, base.records, breathe)
        return Content(base.stamp, end, lines, records)

    def _since(self, drafted: Content, now: Content) -> Lines | None:
        """What changed between the two; None where the one does not follow from the other."""
        if now.stamp != drafted.stamp or drafted.place is None:
            return None
        data = self._tail(drafted.place.end - journal.MARK)
        if data is None or not data.startswith(drafted.place.mark):
            return None
        changed, end = journal.scan(data[journal.MARK :], drafted.place)
        return changed if end == now.place else None

    def _append(self, added: bytes, end: int) -> None:
        """Write after this end of the journal; what a crash left there goes."""
        descriptor = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_size > end:
                self._disk.cut(descriptor, end)
            try:
                write_all(descriptor, added, self._disk)
                self._disk.sync(descriptor)
            except OSError as error:
                self._take_back(descriptor, end, error)
                raise
        finally:
            os.close(descriptor)

    def _take_back(self, descriptor: int, end: int, why: OSError) -> None:
        try:
            self._disk.cut(descriptor, end)
            self._disk.sync(descriptor)
        except OSError:
            raise Unsure(why.errno, why.strerror) from why

    def _tail(self, start: int) -> bytes | None:
        """The journal from there on; None where there is none."""
        try:
            with self.journal.open("rb") as file:
                file.seek(start)
                return file.read()
        except FileNotFoundError:
            return None

    def _stamp(self) -> Stamp:
        seen = self.state.stat()
        return seen.st_mtime_ns, seen.st_size

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, RecursionError) as error:
            raise Damaged(
                f"{self.state}: damaged, and left as it is: repair it, or move it away, and {self.journal.name} with "
                f"it, to start anew ({error})"
            ) from error
