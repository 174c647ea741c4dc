"""`trainboard watch`: polls, places, tries again, diagnoses, notifies, and says what happens in lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from typing import TYPE_CHECKING

from trainboard.cli.desk import open_desk
from trainboard.cli.journal import Journal
from trainboard.cli.terminal import TerminalPrompter
from trainboard.events import EngineSeen, Sampled, TableSeen
from trainboard.show import clean, finite

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

    from trainboard.cli.desk import Desk
    from trainboard.cli.journal import Line
    from trainboard.documents import Records
    from trainboard.events import Event
    from trainboard.rows import Row

TICK = 0.5
"""Seconds of silence after which it is looked whether all is done."""
QUIET, PATIENCE = 2.0, 30.0
"""With `--once`: seconds without new samples after which the logs of what runs have been read, and for how long that
may take."""


def watch(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Until a signal ends it, or with `--once` until nothing waits for a host that answers; 1 where one does not."""
    return asyncio.run(run(chosen, environ))


async def run(chosen: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Both signals end it as leaving the board does."""
    watching = asyncio.ensure_future(follow(chosen, open_desk(environ, TerminalPrompter())))
    loop = asyncio.get_running_loop()
    ended = []

    def end() -> None:
        ended.append(True)
        watching.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        return await watching
    except asyncio.CancelledError:
        if not ended:
            raise
        return 0


async def follow(chosen: argparse.Namespace, desk: Desk) -> int:
    """Read the events and print their lines."""
    watch, journal, reading = desk.watch("watch"), Journal(), Reading()

    async def waiting() -> list[Row]:
        return reachable(await desk.store.load(), watch.unsettled(), journal.down)

    async with contextlib.aclosing(watch.events()) as events, contextlib.aclosing(ticking(events)) as ticks:
        async for event in ticks:
            if event is not None:
                reading.take(event, time.monotonic())
                for line in journal.lines(event):
                    say(line, as_json=chosen.json)
            asked = chosen.once and journal.asked_all(watch.backend_names())
            if asked and reading.done(time.monotonic(), journal.down) and not await waiting():
                await watch.settle()
                if not await waiting():
                    break
    return 1 if chosen.once and journal.down else 0


async def ticking(events: AsyncGenerator[Event], pause: float = TICK) -> AsyncGenerator[Event | None]:
    """The events, and None whenever there was none for a while."""
    coming = asyncio.ensure_future(anext(events))
    try:
        while True:
            await asyncio.wait({coming}, timeout=pause)
            if not coming.done():
                yield None
                continue
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = asyncio.ensure_future(anext(events))
            yield event
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


class Reading:
    """Whether the logs of this process's runs have been read, as far as they go now."""

    def __init__(self) -> None:
        self._alive: set[str] = set()
        self._ended: dict[str, str] = {}
        """Runs that have ended, with where they were."""
        self._complete: set[str] = set()
        self._begun: set[str] = set()
        self._reads = False
        self._first: float | None = None
        self._last = 0.0

    def take(self, event: Event, now: float) -> None:
        """`now` is of a clock that never goes back."""
        self._first = now if self._first is None else self._first
        match event:
            case EngineSeen():
                self._reads = event.ours
            case TableSeen():
                ours = [row for row in event.rows if row.ours and row.started is not None]
                self._alive = {row.key for row in ours if not row.state.ended}
                self._ended = {row.key: row.backend for row in ours if row.state.ended}
            case Sampled():
                self._begun.add(event.key)
                self._last = now if event.samples else self._last
                if event.complete:
                    self._complete.add(event.key)

    def done(self, now: float, down: Collection[str] = ()) -> bool:
        """Nothing new came for a while, and nothing is known to be missing; or it takes too long, or is not on us.

        `down`: the hosts that do not answer.
        """
        if not self._reads or self._first is None or now - self._first > PATIENCE:
            return True
        missing = (self._ended.keys() & self._begun) - self._complete
        if self._alive - self._begun or any(self._ended[key] not in down for key in missing):
            return False
        return not self._begun or now - max(self._first, self._last) > QUIET


def reachable(records: Records, rows: Sequence[Row], down: Collection[str]) -> list[Row]:
    """Those of these rows that wait for another host than those that are down."""
    if not down:
        return list(rows)

    def places(row: Row) -> set[str]:
        return {row.backend} if row.backend else set(records.experiments[row.experiment or ""].where)

    return [row for row in rows if not places(row) or places(row) - set(down)]


def say(line: Line, *, as_json: bool) -> None:
    """One line, now."""
    now = time.time()
    if as_json:
        said = {"at": now, "what": line.what, "subject": line.subject, "text": line.text, **line.more}
        text = json.dumps(finite(said), allow_nan=False)
    else:
        text = clean(f"{time.strftime('%H:%M:%S', time.localtime(now))}  {line.subject}  {line.text}", 4000)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
