"""From a run's log to its series: bytes are followed, read for metrics, stored, and told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from backends.base import CommandFailed, Unreadable
from trainboard.events import Sampled
from trainboard.extract.extractor import Extractor
from trainboard.extract.names import objective
from trainboard.series import Sample, SeriesFile

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from backends.base import Backend, Chunk
    from trainboard.rows import Row

PIECE = 256 * 1024


class Sampler:
    """Keeps the series of one row up to date, as long as somebody runs `follow`."""

    def __init__(self, row: Row, backend: Backend, folder: Path, tell: Callable[[Sampled], None]) -> None:
        self.row = row
        self.ended = asyncio.Event()
        """Set when the job has ended: what is left of its log is read then, and `follow` returns."""
        self._backend = backend
        self._tell = tell
        self._file = SeriesFile(series_path(folder, row.key, row.attempt))
        self._turn = asyncio.Lock()
        """Held from the store to the tale, so that `show_all` neither doubles nor misses a sample."""
        self._extractor = Extractor(row.total)
        self._known, self._read_to = 0, 0
        """Samples in the file that have been told, and how far of the log they reach."""
        self._stamp: object = None
        """What the file looked like when it was read for `catch_up`."""
        self.opened = False
        self.complete = asyncio.Event()
        """Set when the whole log of an ended run has been read, and told."""

    @property
    def finished(self) -> bool:
        """Whether the whole log of an ended run has been read."""
        return self.complete.is_set()

    async def open(self) -> None:
        """Take up what is stored; tells the objective's samples."""
        async with self._turn:
            samples = await self._restore()
        names = list(dict.fromkeys(sample.metric for sample in samples))
        wanted = objective(names, self.row.objective)
        self._say([sample for sample in samples if sample.metric == wanted], restarted=True)
        self.opened = True

    async def catch_up(self) -> None:
        """Tell what another process stored since; nothing is read where the file is as it was."""
        async with self._turn:
            stamp = await asyncio.to_thread(self._look)
            if stamp != self._stamp:
                self._stamp = stamp
                await self._catch_up()

    def _look(self) -> object:
        try:
            seen = self._file.path.stat()
        except FileNotFoundError:
            return None
        return seen.st_ino, seen.st_mtime_ns, seen.st_size

    async def show_all(self) -> None:
        """Tell all samples of all metrics anew."""
        async with self._turn:
            # By a reader of its own: what others wrote since is told when `follow` finds it.
            stored = await asyncio.to_thread(SeriesFile(self._file.path).load)
            self._say(stored.samples[: self._known], restarted=True)

    async def follow(self, path: str) -> None:
        """Read the log until the job has ended and nothing is left. Raises a `BackendError` when the link breaks."""
        while not self.finished:
            async with self._turn:
                await self._catch_up()
            if not self.finished:
                await self._read(path)

    async def _read(self, path: str) -> None:
        """Read on, to the end or until it turns out that another process reads the same log and was faster."""
        pieces = until_ended(self._backend, path, self._extractor.offset, self.ended)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                if not await self._take(piece):
                    return
        async with self._turn:
            samples = self._extractor.finish(time.time())
            await self._store(samples, finished=True)

    async def _catch_up(self) -> None:
        """Go on from what is stored, and tell what another process put there since."""
        known, read_to = self._known, self._read_to
        samples = await self._restore()
        restarted = len(samples) < known or self._read_to < read_to
        if restarted or len(samples) > known or self.finished:
            self._say(samples if restarted else samples[known:], restarted)

    async def _restore(self) -> list[Sample]:
        stored = await asyncio.to_thread(self._file.load)
        state = stored.state.get("extractor")
        try:
            self._extractor = Extractor.restore(state, self.row.total) if state else Extractor(self.row.total)
        except ValueError:  # another version wrote it: the log tells it all again
            await asyncio.to_thread(self._file.clear)
            return await self._restore()
        if stored.state.get("finished"):
            self.complete.set()
        else:
            self.complete.clear()
        self._known, self._read_to = len(stored.samples), stored.offset
        return stored.samples

    async def _take(self, piece: Chunk) -> bool:
        """Read, store and tell a piece; False where another process has written since we did."""
        async with self._turn:
            if piece.restarted:
                self._extractor = Extractor(self.row.total)
                await asyncio.to_thread(self._file.clear)
                self._known, self._read_to = 0, 0
                self._say([], restarted=True)
            samples = await asyncio.to_thread(self._extractor.feed, piece.data, time.time())
            return await self._store(samples)

    async def _store(self, samples: list[Sample], finished: bool = False) -> bool:
        """Store and tell these samples; False, and neither, where another process has written since we did."""
        offset, state = self._extractor.offset, {"extractor": self._extractor.state(), "finished": finished}
        if not await asyncio.to_thread(self._file.append, samples, offset, state):
            return False
        self._known, self._read_to = self._known + len(samples), offset
        self._say(samples, complete=finished)
        if finished:
            self.complete.set()
        return True

    def _say(self, samples: list[Sample], restarted: bool = False, complete: bool = False) -> None:
        complete = complete or self.finished
        self._tell(Sampled(self.row.key, tuple(samples), restarted, self._extractor.progress, complete))


def series_path(folder: Path, key: str, attempt: int | None = None) -> Path:
    """The series file of a row's attempt: each attempt has a log of its own."""
    number = f"#{attempt}" if attempt and attempt > 1 else ""
    return folder / f"{quote(key + number, safe='')}.series"


async def until_ended(backend: Backend, path: str, offset: int, ended: asyncio.Event) -> AsyncGenerator[Chunk]:
    """The pieces of a log as it grows, and after `ended` all that is left of it."""
    async with contextlib.aclosing(backend.follow(path, offset)) as pieces:
        while (piece := await next_unless(pieces, ended)) is not None:
            if not isinstance(piece, Unreadable):
                offset = piece.offset + len(piece.data)
                yield piece
    async for rest in remainder(backend, path, offset):
        yield rest


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


async def remainder(backend: Backend, path: str, offset: int) -> AsyncGenerator[Chunk]:
    """What a file holds from `offset` on; nothing for one that is not there."""
    while True:
        try:
            chunk = await backend.read(path, offset, PIECE)
        except CommandFailed:
            return  # it ended without a log, or somebody removed it
        if not chunk.data:
            return
        offset += len(chunk.data)
        yield chunk
