"""The watch: tells hosts, rows, logs and curves as one stream of events, and does what a front end asks for."""

from __future__ import annotations

import asyncio
import operator
import time
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import BackendError, JobState
from specs.model import SpecError
from trainboard.actions import Refused
from trainboard.archive import Archives
from trainboard.asking import Asking
from trainboard.collect import Collector
from trainboard.commandlog import newest
from trainboard.config import ConfigError, add_backend, load, offered_hosts
from trainboard.control import Control
from trainboard.curves import Curves
from trainboard.dependency import Gate, standings
from trainboard.diagnosing import Diagnosing
from trainboard.dispatch import Dispatcher
from trainboard.documents import Records
from trainboard.engine import Engine
from trainboard.events import FindingsSeen, HostSeen, Link, Noticed, Sampled, TableSeen
from trainboard.fillings import Fillings
from trainboard.interpreter import responsive
from trainboard.lease import Lease
from trainboard.ledger import newest_attempts
from trainboard.logs import Logs
from trainboard.merging import Merging
from trainboard.muting import mute_of
from trainboard.notify.bell import terminal_bell
from trainboard.notify.notifier import Notifier
from trainboard.options import CAREFUL, PLAIN, Options
from trainboard.place import Place
from trainboard.plans import Planner
from trainboard.scripts import scripts
from trainboard.shell import shell_of
from trainboard.spaces import Spaces
from trainboard.store import StoreError
from trainboard.submit import carry_out, choose, consider
from trainboard.tasks import Tasks, Troubles
from trainboard.use.uses import Uses

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence

    from backends.base import Backend, Chunk, Sought, Wanted
    from specs.model import Setting, Spec
    from trainboard.commandlog import Logged
    from trainboard.config import Config
    from trainboard.documents import Change
    from trainboard.events import Event
    from trainboard.paths import Paths
    from trainboard.places import Places
    from trainboard.profiling import Profiling
    from trainboard.prospect import Prospect
    from trainboard.recording import Recording
    from trainboard.rows import Row
    from trainboard.scripts import Scripts
    from trainboard.shell import Shell
    from trainboard.store import Store

RECORDS_INTERVAL = 1.0
"""Seconds between two looks whether another process changed the store (one stat)."""


class Watch:
    """Sees all backends and the store. `events()` runs it; the other methods are for the front end (`Actions`)."""

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
        self._rows: dict[str, Row] = {}
        self._merging = Merging()
        self._one_merges = asyncio.Lock()
        self._merged: tuple[object, ...] = ()
        """What the rows were merged from."""
        self._away: frozenset[str] = frozenset()
        """The backends that did not answer then."""
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
        self.questions = Asking(self._by_name, store, paths, self._row)
        self._logs = Logs(self._places, tell)
        self._notifier = Notifier(
            config.notify, store, paths, environ, tell, bell=terminal_bell() if role == "board" else None
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
        self._uses = Uses(lambda: self._records, lambda name: self._by_name().get(name), paths.series)
        self._showing: asyncio.Task[None] | None = None
        self._shown: Row | None = None
        """Of which the log is streamed, as it was then."""
        self._first: Spec | None = None

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
                *(() if self._readonly else (self._collect(), self._notifier.run())),
                self._spaces.watch(lambda: self._records),
                self._fillings.watch(),
            ):
                self._tasks.begin(work)
            if self._first is not None:
                self._tasks.begin(self._submit_first(self._first))
            while True:
                yield await self._events.get()
        finally:
            await self._tasks.end()
            await self._dispatcher.close()
            await self._collector.close()
            await asyncio.gather(*(backend.close() for backend in self.backends), return_exceptions=True)
            await self._makers.close()

    def submit_first(self, spec: Spec) -> None:
        """Submit this to the first backend as soon as the watch runs: for the demo."""
        self._first = spec

    async def _submit_first(self, spec: Spec) -> None:
        try:
            await self.submit(spec, self.backends[0].name, PLAIN)
        except Refused as error:
            self._tell(Noticed("error", str(error)))

    # what a front end asks for

    async def consider(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Prospect:
        """What a submission would do."""
        by_name = self._by_name()
        where = [by_name[name] for name in choose(spec, self._config, [backend] if backend else ())]
        try:
            return await consider(spec, where, self._store, self._archives, self._environ, options)
        except (StoreError, SpecError) as error:
            raise Refused(str(error)) from error

    async def submit(self, spec: Spec, backend: str | None, options: Options = CAREFUL) -> Sequence[Row]:
        """Consider and carry out in one."""
        return await self.carry_out(await self.consider(spec, backend, options))

    async def carry_out(self, prospect: Prospect) -> Sequence[Row]:
        """Submit what was considered; this process sends the runs itself, whoever does the polling."""
        self._may("submit")
        try:
            made = await carry_out(prospect, self._dispatcher)
        except (StoreError, SpecError) as error:
            raise Refused(str(error)) from error
        await self._refresh_records()
        await self._asked({attempt.backend for _, attempt in made})
        return [self._rows[run.id] for run, _ in made]

    async def scripts(self, spec: Spec, settings: Sequence[Setting], backend: str | None) -> Scripts:
        """What these runs would be started with."""
        name = choose(spec, self._config, [backend] if backend else ())[0]
        config = next(each for each in self._config.backends if each.name == name)
        return await asyncio.to_thread(scripts, spec, settings, config, shared=self._places[name].backend.shared)

    async def cancel(self, keys: Collection[str]) -> None:
        """End these rows."""
        await self._control_rows(self._control.cancel, keys)

    async def hold(self, keys: Collection[str]) -> None:
        """Keep these rows from starting."""
        await self._control_rows(self._control.hold, keys)

    async def release(self, keys: Collection[str]) -> None:
        """Let these rows start."""
        await self._control_rows(self._control.release, keys)

    async def requeue(self, keys: Collection[str]) -> None:
        """Run these rows again."""
        await self._control_rows(self._control.requeue, keys)

    async def prioritise(self, keys: Collection[str], by: int) -> None:
        """Add to the priority of these rows."""
        await self._control_rows(lambda rows: self._control.prioritise(rows, by), keys)

    async def to_top(self, keys: Sequence[str]) -> None:
        """Put these rows before all others."""
        await self._control_rows(self._control.to_top, keys)

    async def _control_rows(
        self, control: Callable[[Sequence[Row]], Awaitable[tuple[str, ...]]], keys: Collection[str]
    ) -> None:
        """Do this with the rows of these keys. Raises `Refused` with what was not done."""
        self._may("change jobs")
        rows = [self._rows[key] for key in keys if key in self._rows]
        try:
            left = await control(rows)
        except StoreError as error:
            raise Refused(str(error)) from error
        await self._refresh_records()
        await self._asked({row.backend for row in rows})
        if left:
            raise Refused("; ".join(left))

    def _may(self, what: str) -> None:
        """Raises `Refused` where nothing is to be changed."""
        if self._readonly:
            raise Refused(f"--readonly: it does not {what}")

    async def _asked(self, names: Collection[str]) -> None:
        """What was asked for shows with the next answer of these hosts: whoever polls them asks them now."""
        if not self._engine.driving.is_set():
            await self._engine.refresh()
        for name in names:
            self._engine.wake(name)

    def show(self, key: str | None) -> None:
        """Stream this row's log."""
        if self._showing is not None:
            self._showing.cancel()
            self._showing = None
        row = self._shown = self._rows.get(key or "")
        self._tasks.begin(self._curves.show(row))
        if row is not None:
            self._showing = self._tasks.begin(self._logs.show(row))

    async def mute(self, rule: str, key: str, scope: str, *, on: bool = True) -> None:
        """Mute a rule, or show again what it finds."""
        await self._change(lambda _: [mute_of(rule, self._row(key), scope, time.time(), on=on)])

    async def read_findings(self, ids: Collection[str]) -> None:
        """The user has seen these findings."""
        now = time.time()
        await self._change(
            lambda records: [
                replace(found, read=now)
                for id in ids
                if (found := records.findings.get(id)) is not None and found.read is None
            ]
        )

    async def _change(self, change: Change) -> None:
        """Change the records, and show it. Raises `Refused`."""
        self._may("change what is on record")
        try:
            await self._store.change(change)
        except StoreError as error:
            raise Refused(str(error)) from error
        await self._refresh_records()

    def uses(self) -> Uses:
        """What answers questions about use."""
        return self._uses

    async def series(self, key: str) -> Recording:
        """All samples of a row, its attempts joined."""
        try:
            return await self._curves.series(self._row(key))
        except OSError as error:
            raise Refused(f"{error.filename or self._paths.series}: {error.strerror or error}") from error

    async def read_log(self, key: str, offset: int, limit: int) -> Chunk:
        """A piece of this row's log."""
        return await self._logs.read(self._row(key), offset, limit)

    async def search_log(self, key: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        """One step of looking for a line in this row's log."""
        return await self._logs.search(self._row(key), wanted, offset, backwards=backwards)

    async def save_log(self, key: str, path: Path, *, overwrite: bool = False) -> AsyncGenerator[tuple[int, int]]:
        """Copy this row's log to a file of this machine."""
        async with aclosing(self._logs.save(self._row(key), path, overwrite=overwrite)) as progress:
            async for each in progress:
                yield each

    async def commands(self) -> Sequence[Logged]:
        """What was run on hosts."""
        if self._makers.log.trouble:
            raise Refused(self._makers.log.trouble)
        try:
            return await asyncio.to_thread(newest, self._paths.commands)
        except OSError as error:
            raise Refused(f"{error.filename or self._paths.commands}: {error.strerror or error}") from error

    def shell(self, key: str) -> Shell:
        """What opens a shell where a row is."""
        return shell_of(self._row(key), self._config, self._paths.ssh_config)

    def profiling(self, key: str) -> Profiling:
        """What looks into this row's program."""
        from trainboard.profiling import Profiling

        return Profiling(self._row(key), self._by_name(), self._paths.profiles)

    def _row(self, key: str) -> Row:
        """A row that is there. Raises `Refused`."""
        try:
            return self._rows[key]
        except KeyError:
            raise Refused("this job is not in the table any more") from None

    def look(self, keys: Collection[str]) -> None:
        """These rows are on the screen."""
        self._curves.look(keys)

    def refresh(self) -> None:
        """Have every host asked now, those that wait for a login too."""
        self._tasks.begin(self._engine.refresh())

    def pause(self, paused: bool) -> None:
        """Stop or go on polling."""
        self._engine.pause(paused)

    def focus(self, focused: bool) -> None:
        """Whether somebody looks."""
        self._engine.focus(focused)

    def backend_names(self) -> Sequence[str]:
        """Where a spec can be submitted to."""
        return list(self._places)

    def spec_folder(self) -> Path:
        """The user's folder."""
        return self._folder

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
        self._may("change the config")
        try:
            kind = await self._makers.detect_kind(host)
            await asyncio.to_thread(add_backend, self._paths.config, host, kind, host)
            self._config = await asyncio.to_thread(load, self._paths)
        except (BackendError, ConfigError) as error:
            raise Refused(str(error)) from error
        added = next(each for each in self._config.backends if each.name == host)
        place = self._places[host] = Place(self._makers.make(added), added.poll)
        self._tell(place.event())
        self._engine.begin_place(place)
        return f"{host} added as {'a Slurm cluster' if kind == 'slurm' else 'a server without a scheduler'}"

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
            for row in self._rows.values()
            if row.ours and ((row.unsent and not row.held) or row.state is JobState.SUBMITTING)
        ]
        if not found:
            return []
        gates = standings(self._records, newest_attempts(self._records))
        shut = {name for name, standing in gates.items() if standing.gate is Gate.BLOCKED}
        return [row for row in found if row.experiment not in shut or self._records.runs[row.key].released]

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

    def _tell(self, event: Event) -> None:
        """To the front end, and to what goes on by itself."""
        self._events.put_nowait(event)
        self._notifier.take(event)
        match event:
            case Sampled():
                self._diagnosing.take(event)
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
        await self._tell_table()

    async def _tell_table(self) -> None:
        """Merge, in a thread, if anything is new; tell if anything is different."""
        async with self._one_merges:
            jobs = {name: place.jobs for name, place in self._places.items()}
            away = frozenset(name for name, place in self._places.items() if place.link in (Link.DOWN, Link.STALE))
            sources = (self._records, *jobs.values())
            same = len(sources) == len(self._merged) and all(map(operator.is_, sources, self._merged))
            if same and away == self._away:
                return
            self._away = away
            rows = await asyncio.to_thread(self._merging.merge, self._records, jobs, away)
            first, self._merged = not self._merged, sources
            if not first and len(rows) == len(self._rows) and all(self._rows.get(row.key) is row for row in rows):
                return
            self._rows = {row.key: row for row in rows}
            self._diagnosing.see(self._rows)
            self._tell(TableSeen(rows, time.time()))
        self._curves.see(self._rows)
        self._show_on()

    def _show_on(self) -> None:
        """The row that is shown has got a log, or another one with its next attempt."""
        before = self._shown
        now = self._rows.get(before.key) if before is not None else None
        if before is not None and now is not None and now.log not in (None, before.log):
            self.show(before.key)


def findings_seen(records: Records) -> FindingsSeen:
    """All findings, the oldest first; of those that came together a cause after what follows from it."""
    findings = sorted(records.findings.values(), key=lambda each: (each.first, not each.root, each.id))
    return FindingsSeen(tuple(findings), tuple(each for each in records.mutes.values() if each.on))


def sent_since(known: Records, now: Records) -> set[str]:
    """The backends to which attempts were sent since; records that did not change are the same objects."""
    changed = [each for key, each in now.attempts.items() if known.attempts.get(key) is not each]
    return {
        each.backend
        for each in changed
        if each.sent is not None and (each.id not in known.attempts or known.attempts[each.id].sent != each.sent)
    }
