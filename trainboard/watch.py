"""The watch: tells what it sees as one stream of events, and does what a front end asks for."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from backends.base import BackendError
from specs.model import SpecError
from trainboard.actions import Refused
from trainboard.commandlog import newest
from trainboard.config import ConfigError, add_backend, load, offered_hosts
from trainboard.events import Noticed
from trainboard.muting import mute_of
from trainboard.options import CAREFUL, PLAIN, Options
from trainboard.place import Place
from trainboard.scripts import scripts
from trainboard.shell import shell_of
from trainboard.sight import Sight
from trainboard.store import StoreError
from trainboard.submit import carry_out, choose, consider

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence

    from backends.base import Chunk, Sought, Wanted
    from specs.model import Setting, Spec
    from trainboard.commandlog import Logged
    from trainboard.documents import Change
    from trainboard.profiling import Profiling
    from trainboard.prospect import Prospect
    from trainboard.recording import Recording
    from trainboard.rows import Row
    from trainboard.scripts import Scripts
    from trainboard.shell import Shell
    from trainboard.use.uses import Uses
    from trainboard.written import Written


class Watch(Sight):
    """`events()` runs it; the other methods are for the front end (`Actions`)."""

    def submit_first(self, spec: Spec) -> None:
        """Submit this to the first backend as soon as the watch runs: for the demo."""
        self._first = partial(self._submit_first, spec)

    async def _submit_first(self, spec: Spec) -> None:
        try:
            await self.submit(spec, self.backends[0].name, PLAIN)
        except Refused as error:
            self._tell(Noticed("error", str(error)))

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
        return [self._table.rows[run.id] for run, _ in made]

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
        rows = [self._table.rows[key] for key in keys if key in self._table.rows]
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

    async def mute(self, rule: str, key: str, scope: str, *, on: bool = True) -> None:
        """Mute a rule, or show again what it finds."""
        await self._change(lambda _: [mute_of(rule, self._table.row(key), scope, time.time(), on=on)])

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
            return await self._curves.series(self._table.row(key))
        except OSError as error:
            raise Refused(f"{error.filename or self._paths.series}: {error.strerror or error}") from error

    async def read_log(self, key: str, offset: int, limit: int) -> Chunk:
        """A piece of this row's log."""
        return await self._logs.read(self._table.row(key), offset, limit)

    async def search_log(self, key: str, wanted: Wanted, offset: int, *, backwards: bool = False) -> Sought:
        """One step of looking for a line in this row's log."""
        return await self._logs.search(self._table.row(key), wanted, offset, backwards=backwards)

    async def save_log(self, key: str, path: Path, *, overwrite: bool = False) -> AsyncGenerator[tuple[int, int]]:
        """Copy this row's log to a file of this machine."""
        async with aclosing(self._logs.save(self._table.row(key), path, overwrite=overwrite)) as progress:
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
        return shell_of(self._table.row(key), self._config, self._paths.ssh_config)

    def profiling(self, key: str) -> Profiling:
        """What looks into this row's program."""
        from trainboard.profiling import Profiling

        return Profiling(self._table.row(key), self._by_name(), self._paths.profiles)

    def outputs(self, key: str) -> Written:
        """What this row wrote that can be looked at."""
        from trainboard.plans import Planner
        from trainboard.written import Written

        return Written(
            self._table.row(key), self._by_name(), Planner(self._environ, self._archives), self._table.rows.values()
        )

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
        row = self._table.rows.get(key)
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
