"""The watch: polls, follows, reconciles, tells it all as one stream of events, and does what a front end asks for."""

from __future__ import annotations

import asyncio
import contextlib
import operator
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.base import BackendError, Unreadable
from specs.model import SpecError
from trainboard.actions import Refused
from trainboard.config import ConfigError, add_backend, load, offered_hosts
from trainboard.documents import Records
from trainboard.events import LogGrew, LogUnavailable, Noticed, TableSeen
from trainboard.place import Place
from trainboard.query import query
from trainboard.rows import merge
from trainboard.sampler import Sampler
from trainboard.store import StoreError
from trainboard.submit import choose_backend, submit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Coroutine, Mapping, Sequence

    from backends.base import Backend
    from specs.model import Spec
    from trainboard.config import Config
    from trainboard.events import Event
    from trainboard.paths import Paths
    from trainboard.places import Places
    from trainboard.rows import Row
    from trainboard.store import Store

TAIL = 256 * 1024
"""Bytes of a log that are shown when it is opened; what comes is added."""

HEALTH_INTERVAL = 5.0
"""Seconds between two readings of a host."""

RECORDS_INTERVAL = 1.0
"""Seconds between two looks whether another process changed the store (one stat)."""

FOREIGN_SAMPLED = 10
"""Running jobs of others' making whose curves are read without being selected, per backend."""


class Watch:
    """Sees all backends and the store. `events()` runs it; the other methods are for the front end (`Actions`)."""

    def __init__(
        self, config: Config, paths: Paths, store: Store, places: Places, environ: Mapping[str, str], folder: Path
    ) -> None:
        """`folder` is where the user stands: spec files are offered from there."""
        self._config = config
        self._paths = paths
        self._store = store
        self._makers = places
        self._environ = environ
        self._folder = folder
        self._places = {each.name: Place(places.make(each), each.poll) for each in config.backends}
        self._records = Records()
        self._rows: dict[str, Row] = {}
        self._merging = asyncio.Lock()
        self._merged: tuple[object, ...] = ()
        """What the rows were merged from."""
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._samplers: dict[str, Sampler] = {}
        self._logs: dict[str, str | None] = {}
        """Of jobs that are not ours: where their output goes, once somebody wanted to know."""
        self._shown: str | None = None
        self._showing: asyncio.Task[None] | None = None
        self._first: Spec | None = None
        self._focused = True
        self._trouble = ""
        """What was told of the store last; empty while it works."""
        self._going = asyncio.Event()
        self._going.set()

    @property
    def backends(self) -> tuple[Backend, ...]:
        """All of them, in the order of the config."""
        return tuple(place.backend for place in self._places.values())

    async def events(self) -> AsyncGenerator[Event]:
        """Watch, for as long as the events are read."""
        try:
            await self._refresh_records()
            self._begin(self._watch_store())
            for place in self._places.values():
                self._begin_place(place)
            if self._first is not None:
                self._begin(self._submit_first(self._first))
            while True:
                yield await self._events.get()
        finally:
            await self._end()

    def submit_first(self, spec: Spec) -> None:
        """Submit this to the first backend as soon as the watch runs: for the demo."""
        self._first = spec

    async def _submit_first(self, spec: Spec) -> None:
        try:
            await self.submit(spec, self.backends[0].name)
        except Refused as error:
            self._events.put_nowait(Noticed("error", str(error)))

    # what a front end asks for

    async def submit(self, spec: Spec, backend: str | None) -> Sequence[Row]:
        """Submit every run of the spec."""
        chosen = choose_backend(spec, self.backends, backend)
        try:
            made = await submit(spec, chosen, self._store, self._environ)
        except (StoreError, SpecError) as error:
            raise Refused(str(error)) from error
        self._places[chosen.name].wake(by_user=True)
        await self._refresh_records()
        return [self._rows[run.id] for run, _ in made]

    async def cancel(self, keys: Collection[str]) -> None:
        """Cancel these rows, backend by backend."""
        rows = [self._rows[key] for key in keys if key in self._rows and not self._rows[key].state.ended]
        for name in dict.fromkeys(row.backend for row in rows):
            place = self._places.get(name)
            if place is None:
                raise Refused(f"{name} is not in the config any more")
            chosen = [row.watched() for row in rows if row.backend == name]
            try:
                await place.backend.cancel(chosen)
            except BackendError as error:
                raise Refused(f"not cancelled: {error}") from error
            place.wake(by_user=True)

    def show(self, key: str | None) -> None:
        """Stream this row's log."""
        if self._showing is not None:
            self._showing.cancel()
        self._shown, self._showing = key, None
        row = self._rows.get(key or "")
        if row is not None:
            self._showing = self._begin(self._show(row))

    def refresh(self) -> None:
        """Query every host now, those that wait for a login too."""
        for place in self._places.values():
            place.wake(by_user=True)

    def pause(self, paused: bool) -> None:
        """Stop or go on polling."""
        if paused:
            self._going.clear()
        else:
            self._going.set()
            self._look_again()

    def focus(self, focused: bool) -> None:
        """Whether somebody looks."""
        if focused and not self._focused:
            self._look_again()
        self._focused = focused

    def _look_again(self) -> None:
        for place in self._places.values():
            place.wake()

    def backend_names(self) -> Sequence[str]:
        """Where a spec can be submitted to."""
        return list(self._places)

    def spec_files(self) -> Sequence[Path]:
        """YAML files of the user's folder, then the examples that come with the program."""
        import specs

        examples = Path(specs.__file__).parent / "examples"
        return [*sorted(self._folder.glob("*.y*ml")), *sorted(examples.glob("*.yaml"))]

    def spec_source(self, key: str) -> Path | None:
        """The spec file that a run came from."""
        row = self._rows.get(key)
        experiment = self._records.experiments.get(row.experiment or "") if row else None
        return Path(experiment.source) if experiment else None

    def offered_hosts(self) -> Sequence[str]:
        """Hosts of ~/.ssh/config that are no backend yet."""
        return offered_hosts(self._config, self._paths)

    async def add_host(self, host: str) -> str:
        """Make such a host a backend."""
        try:
            kind = await self._makers.detect_kind(host)
            await asyncio.to_thread(add_backend, self._paths.config, host, kind, host)
            self._config = await asyncio.to_thread(load, self._paths)
        except (BackendError, ConfigError) as error:
            raise Refused(str(error)) from error
        added = next(each for each in self._config.backends if each.name == host)
        place = self._places[host] = Place(self._makers.make(added), added.poll)
        self._begin_place(place)
        return f"{host} added as {'a Slurm cluster' if kind == 'slurm' else 'a server without a scheduler'}"

    # what goes on by itself

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._events.put_nowait(Noticed("error", f"{type(error).__name__}: {error}"))

    async def _end(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(place.backend.close() for place in self._places.values()), return_exceptions=True)

    def _begin_place(self, place: Place) -> None:
        self._events.put_nowait(place.event())
        self._begin(self._poll(place))
        self._begin(self._watch_health(place))

    async def _poll(self, place: Place) -> None:
        """Ask one backend for its jobs, for ever; one query at a time."""
        while True:
            await self._going.wait()
            try:
                place.answer(await query(place.backend, self._store, place.absences))
            except BackendError as error:
                place.fail(error)
            except StoreError as error:
                self._tell_trouble(error)
            else:
                await self._refresh_records()
            self._events.put_nowait(place.event())
            await place.rest(place.delay(self._focused))

    async def _watch_health(self, place: Place) -> None:
        """Readings of one host, for as long as it answers."""
        while True:
            await place.answered.wait()
            try:
                async with contextlib.aclosing(place.backend.health(HEALTH_INTERVAL)) as readings:
                    async for reading in readings:
                        place.health = reading
                        self._events.put_nowait(place.event())
            except BackendError as error:
                # The poll of the same host meets the same trouble, and it is the poll that tells.
                place.suspect(error)

    async def _watch_store(self) -> None:
        """See what other processes write."""
        while True:
            await asyncio.sleep(RECORDS_INTERVAL)
            known = self._records
            await self._refresh_records()
            if self._records is not known:
                new = (each for each in self._records.attempts.values() if each.id not in known.attempts)
                for name in {each.backend for each in new} & set(self._places):
                    self._places[name].wake()

    async def _refresh_records(self) -> None:
        """Take over what is stored, and tell the table if it is different; a store that fails changes nothing."""
        try:
            self._records = await self._store.load()
        except StoreError as error:
            self._tell_trouble(error)
        else:
            self._trouble = ""
        await self._tell_table()

    def _tell_trouble(self, error: StoreError) -> None:
        """Once, however often it is met."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            self._events.put_nowait(Noticed("error", self._trouble))

    async def _tell_table(self) -> None:
        """Merge, in a thread, if anything is new; tell if anything is different."""
        async with self._merging:
            jobs = {name: place.jobs for name, place in self._places.items()}
            sources = (self._records, *jobs.values())
            if len(sources) == len(self._merged) and all(map(operator.is_, sources, self._merged)):
                return
            rows = await asyncio.to_thread(merge, self._records, jobs, self._rows)
            first, self._merged = not self._merged, sources
            if not first and len(rows) == len(self._rows) and all(self._rows.get(row.key) is row for row in rows):
                return
            self._rows = {row.key: row for row in rows}
            self._events.put_nowait(TableSeen(rows, time.time()))
        self._sample_rows()

    # logs and curves

    def _sample_rows(self) -> None:
        """Have a sampler for every row whose curve is wanted, and tell those whose job has ended."""
        for key, sampler in self._samplers.items():
            if key not in self._rows or self._rows[key].state.ended:
                sampler.ended.set()
        foreign: dict[str, int] = {}
        for row in self._rows.values():
            if row.key in self._samplers:
                continue
            if row.ours:
                wanted = row.started is not None
            else:
                foreign[row.backend] = foreign.get(row.backend, 0) + (alive := row.started is not None)
                wanted = (alive and foreign[row.backend] <= FOREIGN_SAMPLED and not row.state.ended) or (
                    row.key == self._shown
                )
            if wanted and row.backend in self._places:
                self._begin(self._sample(row))

    async def _sample(self, row: Row) -> None:
        """Follow one row's log for its metrics until its job has ended, through lost connections."""
        place = self._places[row.backend]
        sampler = self._samplers[row.key] = Sampler(row, place.backend, self._paths.series, self._events.put_nowait)
        if row.state.ended:
            sampler.ended.set()
        await sampler.open()
        while not sampler.finished:
            await place.answered.wait()
            try:
                path = await self._log_of(row, place.backend)
                if path is None:
                    return
                await sampler.follow(path)
            except BackendError as error:
                place.suspect(error)

    async def _log_of(self, row: Row, backend: Backend) -> str | None:
        """Where a row's output goes; a scheduler is asked once for a job."""
        if row.log is not None:
            return row.log
        if row.key not in self._logs:
            self._logs[row.key] = await backend.log_path(row.job)
        return self._logs[row.key]

    async def _show(self, row: Row) -> None:
        """Tell the tail of a row's log, then what is added to it."""
        self._events.put_nowait(LogGrew(row.key, 0, b"", restarted=True))
        place = self._places.get(row.backend)
        if place is None:
            self._events.put_nowait(LogUnavailable(row.key, f"{row.backend} is not in the config any more"))
            return
        if (sampler := self._samplers.get(row.key)) is not None:
            await sampler.show_all()
        else:
            self._sample_rows()
        while True:
            try:
                await self._show_tail(row, place.backend)
            except BackendError as error:
                self._events.put_nowait(LogUnavailable(row.key, str(error)))
                place.suspect(error)
                await place.answered.wait()

    async def _show_tail(self, row: Row, backend: Backend) -> None:
        """Tell a log from near its end on, until the connection breaks."""
        path = await self._log_of(row, backend)
        if path is None:
            self._events.put_nowait(LogUnavailable(row.key, "Slurm does not tell where this job's output goes"))
            await asyncio.Event().wait()  # until another row is shown
            return
        first = True
        async with contextlib.aclosing(backend.follow(path, -TAIL)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Unreadable):
                    self._events.put_nowait(LogUnavailable(row.key, f"{path}: {piece.reason}"))
                else:
                    self._events.put_nowait(LogGrew(row.key, piece.offset, piece.data, piece.restarted or first))
                    first = False
