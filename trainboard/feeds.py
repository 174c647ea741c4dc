"""What comes from the sources of one run, piece by piece: its log, and the files that its spec's globs find."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import time
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from backends.base import Chunk, CommandFailed, Results, Unreadable
from backends.text import one_line
from specs.model import LOG
from trainboard.naming import RUNNER, stream
from trainboard.show import size
from trainboard.sources import table

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from backends.base import Backend, Result

LOOK, EFFORT = 15.0, 20
"""Seconds between two looks for new files, or so many times as long as a look takes: folders may be large."""

PIECE = 256 * 1024
"""Bytes that are read at once."""

WHOLE = 64 << 20
"""Bytes of a file that is read whole, at most: a larger one is left."""

FOLLOWED, MOST = 16, 256
"""Files of one run that are followed, the newest; others are read when a look finds them changed. And all that are
read."""

SEAL = 64
"""Bytes before the place up to which a file was read: where others stand there, it is another file."""

Stamp = tuple[str, int, float]
"""A whole file's path, size and time of change."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was read of a source before."""

    offset: int = 0
    seal: bytes = b""
    stamp: Stamp | None = None
    """Of a file that is read whole."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a source, in order."""

    source: str
    """`LOG`, or a path from where the program runs."""
    data: bytes
    restarted: bool = False
    """What was read before is not in the source any more."""
    turned: bool = False
    """A new file begins that goes on where the one before it ended."""
    stamp: Stamp | None = None
    """This is all of a file, as it was then."""
    late: bool = False
    """There was more behind it: nobody knows when it was written."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files that were found."""

    found: Results
    final: bool
    """The run had ended before they were looked for."""


@dataclass(frozen=True, slots=True)
class _Done:
    """Nothing more comes from here for now."""

    source: str


@dataclass
class Feeds:
    """The sources of one run on its host; `pieces` reads them all."""

    backend: Backend
    log: str | None
    """Path of the log; None: it is not read."""
    directory: str
    """Of the attempt."""
    globs: Sequence[str]
    known: Callable[[str], Known]
    """What was read of a source before; asked once, when it is begun."""
    ended: asyncio.Event
    """Set when the run has ended: what is left is read then."""
    look: float = LOOK
    usage: str | None = None
    """Path of what the runner measures of the run; None: nobody does."""
    complain: Callable[[str], None] = lambda _: None
    """Told why some files are not read, in one line; nothing where all are."""
    _queue: asyncio.Queue[Piece | _Listing | _Done | Exception] = field(default_factory=lambda: asyncio.Queue(1))
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _seen: dict[str, Stamp] = field(default_factory=dict)
    """Files that were read to their end, as they were then."""
    _troubles: dict[str, str] = field(default_factory=dict)
    """By source why it is not read; by nothing why some are not found."""
    _told: str | None = None
    """What was complained of last."""

    async def pieces(self) -> AsyncGenerator[Piece]:
        """What there is, then what comes, until the run has ended and nothing is left.

        The pieces of one source come in order. Raises a `BackendError` when the link breaks.
        """
        looking = bool(self.globs and self.directory)
        try:
            if self.log is not None:
                self._begin(LOG, self._follow(LOG, self.log))
            if self.usage is not None:
                self._begin(RUNNER, self._follow(RUNNER, self.usage))
            if looking:
                self._begin("", self._find())
            while self._tasks:
                match await self._queue.get():
                    case Exception() as error:
                        raise error
                    case _Listing(found, final):
                        self._take(found, final)
                    case _Done(source):
                        del self._tasks[source]
                    case Piece() as piece:
                        yield piece
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self, source: str, reading: AsyncGenerator[Piece | _Listing]) -> None:
        self._tasks[source] = asyncio.create_task(self._pump(source, reading), name=f"samples from {source}")

    async def _pump(self, source: str, reading: AsyncGenerator[Piece | _Listing]) -> None:
        """Hand on what a source gives, one at a time, and at last how it ended."""
        last: _Done | Exception = _Done(source)
        try:
            async with contextlib.aclosing(reading):
                async for each in reading:
                    await self._queue.put(each)
        except Exception as error:  # whatever it is, the reader of the pieces raises it
            last = error
        await self._queue.put(last)

    async def _find(self) -> AsyncGenerator[_Listing]:
        """Look for files now, every so often, and once more when the run has ended."""
        final = False
        while not final:
            final, begun = self.ended.is_set(), time.monotonic()
            try:
                found = await self.backend.results(self.directory, self.globs)
            except CommandFailed:  # somebody removed the attempt's directory
                found = Results()
            yield _Listing(found, final)
            with contextlib.suppress(TimeoutError):
                pause = max(self.look, EFFORT * (time.monotonic() - begun))
                async with asyncio.timeout(0 if final else pause):
                    await self.ended.wait()

    def _take(self, found: Results, final: bool) -> None:
        """Begin to read the files that are new or have changed, the newest first."""
        self._meet("", left_out(found))
        for files in streams(found.files):
            older: list[asyncio.Task[None]] = []  # of these, those that come to an end
            for file in files:
                whole = table.kind(file.path).whole
                source = stream(file.path) if whole else file.path
                path, stamp = f"{found.folder}/{file.path}", (file.path, file.size, file.changed)
                if source not in self._tasks and self._seen.get(source) != stamp:
                    self._seen[source] = stamp
                    if not whole:
                        once = file is not files[-1] or (len(self._tasks) > FOLLOWED and not final)
                        self._begin(source, self._follow(source, path, once, tuple(older)))
                        if once:
                            older.append(self._tasks[source])
                    elif self.known(source).stamp != stamp and file.size <= WHOLE:
                        self._begin(source, self._read_whole(source, path, stamp))

    def _meet(self, source: str, trouble: str) -> None:
        """Why a source is not read now, or some are not found; nothing where all is well: told where it is news."""
        if trouble:
            self._troubles[source] = trouble
        else:
            self._troubles.pop(source, None)
        first, more = next(iter(self._troubles.values()), ""), len(self._troubles) - 1
        trouble = f"{first} (and {more} more)" if more > 0 else first
        if trouble != self._told:
            self._told = trouble
            self.complain(trouble)

    async def _follow(
        self, source: str, path: str, once: bool = False, after: Sequence[asyncio.Task[None]] = ()
    ) -> AsyncGenerator[Piece]:
        """A file from where it was read to; `once`: to its end as it is now; `after`: what is read before it."""
        if after:
            await asyncio.wait(after)
        known = self.known(source)
        offset, seal = known.offset, known.seal
        restarted = await self._is_another(path, known)
        if restarted:
            known = Known()
        troubled = partial(self._meet, source)
        read = remainder(self.backend, path, known.offset, troubled)
        chunks = read if once else until_ended(self.backend, path, known.offset, self.ended, troubled)
        async for chunk in chunks:
            if restarted or chunk.restarted:
                turned = source == LOG and await self._is_turned(path)
                if turned and not await self._is_another(f"{path}.1", Known(offset, seal)):
                    async for rest in remainder(self.backend, f"{path}.1", offset):
                        yield Piece(source, rest.data, late=True)
                yield Piece(source, b"", restarted=not turned, turned=turned)
                restarted, seal = False, b""
            yield Piece(source, chunk.data, late=chunk.offset + len(chunk.data) < chunk.size)
            offset, seal = chunk.offset + len(chunk.data), (seal + chunk.data)[-SEAL:]

    async def _is_another(self, path: str, known: Known) -> bool:
        """Whether a file is not the one that was read so far."""
        if not known.seal:
            return False
        try:
            before = await self.backend.read(path, known.offset - len(known.seal), len(known.seal))
        except CommandFailed:
            return False  # it is not there now; when it is, what it begins with tells
        return before.data != known.seal

    async def _is_turned(self, path: str) -> bool:
        """Whether a log with a limit goes on in a new file: its older part is beside it."""
        with contextlib.suppress(CommandFailed):
            return (await self.backend.read(f"{path}.1", 0, 1)).size > 0
        return False

    async def _read_whole(self, source: str, path: str, stamp: Stamp) -> AsyncGenerator[Piece]:
        """A file that is written whole, unless it is written again meanwhile: then the next look finds it."""
        parts = [chunk.data async for chunk in remainder(self.backend, path, 0)]
        data = b"".join(parts)
        if len(data) == stamp[1]:
            yield Piece(source, data, stamp=stamp)
        else:
            del self._seen[source]


def streams(files: Iterable[Result]) -> list[list[Result]]:
    """The files that are read: what is written one after the other together, in order; the newest of all first.

    Of files that are written whole, and replace each other, the newest alone.
    """
    found: dict[str, list[Result]] = {}
    for file in sorted(files, key=lambda file: (-file.changed, file.path))[:MOST]:
        together = found.setdefault(stream(file.path), [])
        if not together or not table.kind(file.path).whole:
            together.append(file)
    return [sorted(together, key=lambda file: file.path) for together in found.values()]


def left_out(found: Results) -> str:
    """Why some files are not read, in one line; empty where all are."""
    if len(found.files) > MOST:
        return f"{len(found.files)} files are found, of which the newest {MOST} are read"
    large = next((file for file in found.files if table.kind(file.path).whole and file.size > WHOLE), None)
    return found.left if large is None else f"{one_line(large.path, 100)} is left out: {size(large.size)}"


async def until_ended(
    backend: Backend, path: str, offset: int, ended: asyncio.Event, troubled: Callable[[str], None] = lambda _: None
) -> AsyncGenerator[Chunk]:
    """The pieces of a file as it grows, and after `ended` all that is left of it.

    `troubled` is told why it cannot be read now, as of `remainder`, and nothing when it can be again.
    """
    async with contextlib.aclosing(backend.follow(path, offset)) as pieces:
        while (piece := await next_unless(pieces, ended)) is not None:
            if isinstance(piece, Unreadable):
                troubled(_trouble(path, piece.reason))
            else:
                troubled("")
                offset = piece.offset + len(piece.data)
                yield piece
    async for rest in remainder(backend, path, offset, troubled):
        yield rest


def _trouble(path: str, reason: str) -> str:
    """What to tell of a file that cannot be read; nothing of one that is not there: it may come, or never came."""
    reason = reason.rpartition(": ")[2]
    return "" if reason == os.strerror(errno.ENOENT) else f"{one_line(path, 200)} cannot be read: {reason}"


async def next_unless(pieces: AsyncGenerator[Chunk | Unreadable], ended: asyncio.Event) -> Chunk | Unreadable | None:
    """The next piece, or None once `ended` is set; nothing of either is left running, whatever happens."""
    piece, stopped = asyncio.ensure_future(anext(pieces)), asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait({piece, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return piece.result() if piece.done() else None
    finally:
        piece.cancel()
        stopped.cancel()
        await asyncio.gather(piece, stopped, return_exceptions=True)


async def remainder(
    backend: Backend, path: str, offset: int, troubled: Callable[[str], None] = lambda _: None
) -> AsyncGenerator[Chunk]:
    """What a file holds from `offset` on, all of one that has become shorter; nothing of one that is not there.

    `troubled` is told why one that is there cannot be read, in one line.
    """
    restarted = False
    while True:
        try:
            chunk = await backend.read(path, offset, PIECE)
        except CommandFailed as error:
            troubled(_trouble(path, str(error)))  # nothing where it ended without a log, or somebody removed it
            return
        troubled("")
        if chunk.size < offset:
            offset, restarted = 0, True
        elif chunk.data or restarted:
            yield replace(chunk, restarted=restarted)
            offset, restarted = chunk.offset + len(chunk.data), False
        else:
            return
