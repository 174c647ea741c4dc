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
        self._file = SeriesFile(series_path(folder, row.key))
        self._turn = asyncio.Lock()
        """Held from the store to the tale, so that `show_all` neither doubles nor misses a sample."""
        self._extractor = Extractor(row.total)
        self.finished = False
        """The whole log of an ended run has been read."""

    async def open(self) -> None:
        """Take up what is stored; tells the objective's samples."""
        async with self._turn:
            samples = await self._restore()
        names = list(dict.fromkeys(sample.metric for sample in samples))
        wanted = objective(names, self.row.objective)
        self._say([sample for sample in samples if sample.metric == wanted], restarted=True)

    async def show_all(self) -> None:
        """Tell all samples of all metrics anew."""
        async with self._turn:
            stored = await asyncio.to_thread(self._file.load)
            self._say(stored.samples, restarted=True)

    async def follow(self, path: str) -> None:
        """Read the log until the job has ended and nothing is left. Raises a `BackendError` when the link breaks."""
        async with self._turn:
            await self._restore()
        if self.finished:
            return
        pieces = until_ended(self._backend, path, self._extractor.offset, self.ended)
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                await self._take(piece)
        async with self._turn:
            samples = self._extractor.finish(time.time())
            self.finished = True
            await self._store(samples)
            self._say(samples)

    async def _restore(self) -> list[Sample]:
        stored = await asyncio.to_thread(self._file.load)
        self.finished = bool(stored.state.get("finished"))
        state = stored.state.get("extractor")
        self._extractor = Extractor.restore(state, self.row.total) if state else Extractor(self.row.total)
        return stored.samples

    async def _take(self, piece: Chunk) -> None:
        async with self._turn:
            if piece.restarted:
                self._extractor = Extractor(self.row.total)
                await asyncio.to_thread(self._file.clear)
            samples = await asyncio.to_thread(self._extractor.feed, piece.data, time.time())
            await self._store(samples)
            self._say(samples, restarted=piece.restarted)

    async def _store(self, samples: list[Sample]) -> None:
        state = {"extractor": self._extractor.state(), "finished": self.finished}
        await asyncio.to_thread(self._file.append, samples, self._extractor.offset, state)

    def _say(self, samples: list[Sample], restarted: bool = False) -> None:
        self._tell(Sampled(self.row.key, tuple(samples), restarted, self._extractor.progress, self.finished))


def series_path(folder: Path, key: str) -> Path:
    """The series file of a row."""
    return folder / f"{quote(key, safe='')}.series"


async def until_ended(backend: Backend, path: str, offset: int, ended: asyncio.Event) -> AsyncGenerator[Chunk]:
    """The pieces of a log as it grows, and after `ended` all that is left of it."""
    stopped = asyncio.create_task(ended.wait())
    try:
        async with contextlib.aclosing(backend.follow(path, offset)) as pieces:
            while not stopped.done():
                piece = asyncio.ensure_future(anext(pieces))
                await asyncio.wait({piece, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not piece.done():
                    piece.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await piece
                    break
                chunk = piece.result()
                if not isinstance(chunk, Unreadable):
                    offset = chunk.offset + len(chunk.data)
                    yield chunk
    finally:
        stopped.cancel()
    async for rest in remainder(backend, path, offset):
        yield rest


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
