"""What the watch sees of hosts, rows, logs and curves, told as one stream of events, and what goes on by itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.archive import Archives
from trainboard.asking import Asking
from trainboard.collect import Collector
from trainboard.control import Control
from trainboard.curves import Curves
from trainboard.dependency import Gate, standings
from trainboard.diagnosing import Diagnosing
from trainboard.dispatch import Dispatcher
from trainboard.documents import Records
from trainboard.engine import Engine
from trainboard.events import FindingsSeen, HostSeen, Link, Sampled, TableSeen
from trainboard.fillings import Fillings
from trainboard.interpreter import responsive
from trainboard.lease import Lease
from trainboard.ledger import newest_attempts, sent_since
from trainboard.logs import Logs
from trainboard.notify.bell import terminal_bell
from trainboard.notify.notifier import Notifier
from trainboard.place import Place
from trainboard.plans import Planner
from trainboard.spaces import Spaces
from trainboard.store import StoreError
from trainboard.table import Table
from trainboard.tasks import Tasks, Troubles
from trainboard.use.uses import Uses

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
    from pathlib import Path

    from backends.base import Backend
    from trainboard.config import Config
    from trainboard.events import Event
    from trainboard.paths import Paths
    from trainboard.places import Places
    from trainboard.rows import Row
    from trainboard.store import Store
    from trainboard.trials.asker import Asker

RECORDS_INTERVAL = 1.0
"""Seconds between two looks whether another process changed the store (one stat)."""


class Sight:
    """Sees all backends and the store, as long as `events()` is read."""

    def __init__(
        self,
        config: Config,
        paths: Paths,
        store: Store,
        places: Places,
        environ: Mapping[str, str],
        folder: Path,
        role: str = "board",
        *,
        readonly: bool = False,
    ) -> None:
        """`folder` is where the user stands: spec files are offered from there. `role`: what others see us as.

        `readonly`: it looks and does nothing: it places, retries, stops, collects and notifies for nobody.
        """
        self._readonly = readonly
        self._config = config
        self._paths = paths
        self._store = store
        self._makers = places
        self._environ = environ
        self._folder = folder
        self._places = {each.name: Place(places.make(each), each.poll) for each in config.backends}
        self._records = Records()
        self._table = Table(self._places, self._table_changed)
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        tell = self._tell
        self._tasks, self._troubles = Tasks(tell), Troubles(tell)
        self._archives = Archives(paths.code)
        self._dispatcher = Dispatcher(self._by_name, store, Planner(environ, self._archives))
        self._control = Control(self._by_name, store)
        self._spaces = Spaces(self._places, Planner(environ, self._archives), tell)
        self._collector = Collector(self._by_name, store, Planner(environ, self._archives), paths.results)
        self._engine = Engine(
            self._places,
            store,
            self._dispatcher,
            Lease(paths.state, role, takes=not readonly),
            paths.pictures,
            tell,
            self._troubles,
            self._refresh_records,
            readonly=readonly,
        )
        self._fillings = Fillings(self._places, paths.disks, self._engine.driving, tell, self._troubles)
        self.questions = Asking(self._by_name, store, paths, self._table.row)
        self._logs = Logs(self._places, tell)
        self._notifier = Notifier(
            config.notify,
            store,
            paths,
            environ,
            tell,
            bell=terminal_bell() if role == "board" else None,
            troubles=self._troubles,
        )
        self._diagnosing = Diagnosing(
            store,
            lambda: self._records,
            paths.series,
            self._logs,
            self._troubles,
            control=None if readonly else self._control,
        )
        self._curves = Curves(
            self._places,
            self._logs,
            paths.series,
            tell,
            self._tasks,
            self._troubles,
            self._diagnosing.hear,
        )
        self._asker: Asker | None = None
        """There once a sweep is asked for, in the process that polls."""
        self._uses = Uses(lambda: self._records, lambda name: self._by_name().get(name), paths.series)
        self._showing: asyncio.Task[None] | None = None
        self._shown: Row | None = None
        """Of which the log is streamed, as it was then."""
        self._first: Callable[[], Coroutine[None, None, None]] | None = None
        """What is done as soon as it runs."""

    @property
    def backends(self) -> tuple[Backend, ...]:
        """All of them, in the order of the config."""
        return tuple(place.backend for place in self._places.values())

    async def events(self) -> AsyncGenerator[Event]:
        """Watch, for as long as the events are read."""
        with responsive():
            async with aclosing(self._watched()) as events:
                async for event in events:
                    yield event

    async def _watched(self) -> AsyncGenerator[Event]:
        try:
            for place in self._places.values():
                self._tell(place.event())
            await self._refresh_records()
            for work in (
                self._engine.run(),
                self._watch_store(),
                self._curves.read_along(),
                self._follow_engine(),
                self._diagnose(),
                *(() if self._readonly else (self._collect(), self._notifier.run(), self._ask())),
                self._spaces.watch(lambda: self._records),
                self._fillings.watch(),
            ):
                self._tasks.begin(work)
            if self._first is not None:
                self._tasks.begin(self._first())
            while True:
                yield await self._events.get()
        finally:
            await self._tasks.end()
            await self._dispatcher.close()
            await self._collector.close()
            await asyncio.gather(*(backend.close() for backend in self.backends), return_exceptions=True)
            await self._makers.close()

    async def settle(self) -> None:
        """Return when all is sent, and all results are here, as far as that can be now and this process does it."""
        await self._engine.settle()
        if self._engine.driving.is_set() and not self._readonly:
            with suppress(StoreError):  # the engine meets the same trouble, and tells it
                await self._collector.settle(self._answering())
            await self._diagnosing.settle()
        await self._refresh_records()
        await self._notifier.settle()

    def unsettled(self) -> list[Row]:
        """Runs that are to be sent, or of which nobody knows whether they were; not those that the user holds."""
        found = [
            row
            for row in self._table.rows.values()
            if row.ours and ((row.unsent and not row.held) or row.state is JobState.SUBMITTING)
        ]
        if not found:
            return []
        gates = standings(self._records, newest_attempts(self._records))
        shut = {name for name, standing in gates.items() if standing.gate is Gate.BLOCKED}
        return [row for row in found if row.experiment not in shut or self._records.runs[row.key].released]

    def show(self, key: str | None) -> None:
        """Stream this row's log."""
        if self._showing is not None:
            self._showing.cancel()
            self._showing = None
        row = self._shown = self._table.rows.get(key or "")
        self._tasks.begin(self._curves.show(row))
        if row is not None:
            self._showing = self._tasks.begin(self._logs.show(row))

    # what goes on by itself

    def _by_name(self) -> Mapping[str, Backend]:
        return {name: place.backend for name, place in self._places.items()}

    async def _follow_engine(self) -> None:
        """Logs are read for metrics by the process that polls."""
        while True:
            await self._engine.driving.wait()
            self._curves.read_logs(True)
            await self._engine.idle.wait()
            self._curves.read_logs(False)

    async def _collect(self) -> None:
        """What runs leave is brought here by the process that polls, from the hosts that answer."""
        while True:
            await self._engine.driving.wait()
            await asyncio.sleep(RECORDS_INTERVAL)  # first, too: at the start there is enough to do
            try:
                await self._collector.begin(self._answering())
            except StoreError as error:
                self._troubles.meet("store", str(error))  # whether it is over, the next look at it tells

    async def _diagnose(self) -> None:
        """Runs are diagnosed by the process that polls."""
        while True:
            self._notifier.drives = False
            await self._engine.driving.wait()
            self._notifier.drives = not self._readonly
            diagnosing = self._tasks.begin(self._diagnosing.run())
            try:
                await self._engine.idle.wait()
            finally:
                diagnosing.cancel()
                await asyncio.gather(diagnosing, return_exceptions=True)

    async def _ask(self) -> None:
        """Sweeps whose trials are asked for are led by the process that polls."""
        while True:
            await self._engine.driving.wait()
            await asyncio.sleep(RECORDS_INTERVAL)
            if not self._engine.driving.is_set():
                self._asker = None
            elif any(each.trials for each in self._records.experiments.values()):
                await self._asking().look()

    def _asking(self) -> Asker:
        if self._asker is None:
            from trainboard.trials.asker import Asker

            parts = self._store, Planner(self._environ, self._archives), self._dispatcher, self._control
            self._asker = Asker(*parts, self._paths.series, self._tell, self._troubles)
            self._asker.see(self._table.rows)
        return self._asker

    def _tell(self, event: Event) -> None:
        """To the front end, and to what goes on by itself."""
        self._events.put_nowait(event)
        self._notifier.take(event)
        match event:
            case Sampled():
                self._diagnosing.take(event)
                if self._asker is not None:
                    self._asker.take(event)
            case HostSeen():
                self._diagnosing.meet(event)

    def _answering(self) -> set[str]:
        return {name for name, place in self._places.items() if place.link is Link.UP}

    async def _watch_store(self) -> None:
        """See what other processes write."""
        while True:
            await asyncio.sleep(RECORDS_INTERVAL)
            await self._refresh_records()

    async def _refresh_records(self) -> None:
        """Take over what is stored, and tell the table if it is different; a store that fails changes nothing."""
        known = self._records
        try:
            self._records = await self._store.load()
        except StoreError as error:
            self._troubles.meet("store", str(error))
        else:
            self._troubles.over("store")
        if self._records.findings is not known.findings or self._records.mutes is not known.mutes:
            self._tell(findings_seen(self._records))
        if self._records is not known:
            self._engine.stir()
            sent = await asyncio.to_thread(sent_since, known, self._records)
            for name in sent & set(self._places):
                self._places[name].wake()
        await self._table.merge(lambda: self._records)

    def _table_changed(self, rows: tuple[Row, ...]) -> None:
        """The table is different."""
        self._diagnosing.see(self._table.rows)
        if self._asker is not None:
            self._asker.see(self._table.rows)
        self._tell(TableSeen(rows, time.time()))
        self._curves.see(self._table.rows)
        self._show_on()

    def _show_on(self) -> None:
        """The row that is shown has got a log, or another one with its next attempt."""
        before = self._shown
        now = self._table.rows.get(before.key) if before is not None else None
        if before is not None and now is not None and now.log not in (None, before.log):
            self.show(before.key)


def findings_seen(records: Records) -> FindingsSeen:
    """All findings, the oldest first; of those that came together a cause after what follows from it."""
    findings = sorted(records.findings.values(), key=lambda each: (each.first, not each.root, each.id))
    return FindingsSeen(tuple(findings), tuple(each for each in records.mutes.values() if each.on))
