"""Diagnosing: the rules look at runs as their samples and logs come; what they find is kept in the store."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from backends.base import CommandFailed
from backends.text import one_line
from specs.model import LOG
from specs.watch import watch_of
from trainboard.actions import Refused
from trainboard.case import Case
from trainboard.dependency import OPEN
from trainboard.diagnose.hopeless.judging import Judging
from trainboard.events import Link
from trainboard.rows import run_row
from trainboard.stopping import stop_by_spec
from trainboard.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from backends.base import Health
    from specs.watch import Watch
    from trainboard.control import Control
    from trainboard.documents import Record, Records
    from trainboard.events import HostSeen, Sampled
    from trainboard.examination import Examined
    from trainboard.feeds import Piece
    from trainboard.logs import Logs
    from trainboard.records import Attempt
    from trainboard.rows import Row
    from trainboard.store import Store
    from trainboard.tasks import Troubles

LOOK = 1.0
"""Seconds between two looks at runs that have news."""

TAIL = 256 * 1024
"""Bytes at the end of a log that tell why a run ended."""

OLD = 86400.0
"""Seconds after which nobody asks by himself why a run ended."""

PATIENCE, LEFT = 60.0, 5.0
"""Seconds for which the end of a run waits until all its sources have been read, while its host answers; and that of
an attempt which a newer one has followed: nobody says of it when they are."""

HEALTH, HOURS = 10.0, 3
"""Seconds between two readings of a host that are kept, and for how many hours."""


class Diagnosing:
    """Works in the process that polls; `see`, `take`, `meet` and `hear` bring what is new."""

    def __init__(
        self,
        store: Store,
        records: Callable[[], Records],
        series: Path,
        logs: Logs,
        troubles: Troubles,
        clock: Callable[[], float] = time.time,
        control: Control | None = None,
    ) -> None:
        """`records`: as they are now; `series`: the folder of the series files; `control`: what stops runs
        where their spec wants it."""
        self._control = control
        self._judging = Judging(series)
        self._store = store
        self._records = records
        self._series = series
        self._logs = logs
        self._troubles = troubles
        self._clock = clock
        self._rows: Mapping[str, Row] = {}
        self._cases: dict[tuple[str, int], Case] = {}
        """By row and attempt."""
        self._done: set[tuple[str, int]] = set()
        """Attempts whose end was looked at."""
        self._health: dict[str, deque[Health]] = {}
        self._up: dict[str, float] = {}
        """Since when hosts answer."""
        self._known: tuple[Records | None, Mapping[str, Row]] = (None, {})
        """In which it was looked for attempts that have ended."""
        self._busy: dict[str, asyncio.Task[None]] = {}
        """What waits for hosts, by its name."""
        self._turn = asyncio.Lock()
        self._one = asyncio.Lock()
        """Held while rules work, in a thread: one is enough, and what they share is not for two."""
        self._on = False

    def see(self, rows: Mapping[str, Row]) -> None:
        """The rows as they are now."""
        self._rows = rows
        for (key, number), case in tuple(self._cases.items()):
            row = rows.get(key)
            if row is not None and _number(row) == number:
                case.row = row
            elif row is None or self._is_done(case.row):
                del self._cases[key, number]
        self._done = {each for each in self._done if each[0] in rows}

    def meet(self, host: HostSeen) -> None:
        """A reading of a host."""
        if host.link is Link.UP:
            self._up.setdefault(host.backend, self._clock())
        else:
            self._up.pop(host.backend, None)
        if host.health is None:
            return
        kept = self._health.setdefault(host.backend, deque(maxlen=int(HOURS * 3600 / HEALTH)))
        if not kept or host.health.at - kept[-1].at >= HEALTH:
            kept.append(host.health)

    def take(self, event: Sampled) -> None:
        """New samples of a row."""
        row = self._rows.get(event.key)
        if row is not None and row.started is not None and (case := self._case(row)) is not None:
            case.take(event)

    def hear(self, row: Row, piece: Piece, offset: int) -> None:
        """A piece of a source of a row, and where in its file it begins."""
        if piece.source == LOG and row.key in self._rows and (case := self._case(row)) is not None:
            case.hear(piece, offset, self._clock())

    def _case(self, row: Row) -> Case | None:
        """None where nobody looks, or its end was looked at."""
        id = row.key, _number(row)
        if id not in self._cases:
            now = self._rows.get(row.key, row)
            if not self._on or (now.state.ended and self._is_done(now)) or _number(now) != id[1]:
                return None
            self._cases[id] = Case(row)
        return self._cases[id]

    def _is_done(self, row: Row) -> bool:
        """Whether its end was looked at, or nobody asks for it."""
        attempt = self._records().attempts.get(row.token) if row.ours else None
        return (row.key, _number(row)) in self._done or (attempt is not None and not self._is_asked(attempt))

    def _is_asked(self, attempt: Attempt) -> bool:
        """Whether it has ended, not long ago, and nobody has looked why."""
        if attempt.diagnosed is not None or self._clock() - (attempt.ended or attempt.created) >= OLD:
            return False
        return attempt.state.ended and attempt.started is not None and not attempt.withdrawn

    async def run(self) -> None:
        """Look at runs that have news, for as long as this process polls."""
        self._on, self._known = True, (None, {})
        try:
            while True:
                await asyncio.sleep(LOOK)
                await self.look()
        finally:
            self._on = False
            self._cases.clear()
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def settle(self) -> None:
        """Look at everything that has ended on the hosts that answer, whether all its sources were read or not."""
        for _ in range(2):  # what was under way had begun with fewer
            await self.look(last=True)
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def look(self, *, last: bool = False) -> None:
        """One look at every run that it is time for; the ends of runs, for which hosts are asked, go on behind it."""
        async with self._turn:
            self._find_ended()
            for case in tuple(self._cases.values()):
                if not case.row.state.ended and case.is_due(self._clock()):
                    await self._look_at(case)
            ends: dict[str, list[Case]] = {}
            for id, case in tuple(self._cases.items()):
                if case.row.state.ended and self._is_done(case.row):
                    del self._cases[id]
                elif case.row.state.ended and self._is_end_due(case, last=last):
                    ends.setdefault(case.row.backend, []).append(case)
            for backend, cases in ends.items():
                self._begin(f"ends on {backend}", self._look_at_ends(cases))

    def _find_ended(self) -> None:
        """Attempts that have ended, whoever read them, by their rows; of one before the newest, as it was."""
        records, rows = self._records(), self._rows
        if records is self._known[0] and rows is self._known[1]:
            return
        self._known = records, rows
        for attempt in filter(self._is_asked, records.attempts.values()):
            run, row, id = records.runs.get(attempt.run), rows.get(attempt.run), (attempt.run, attempt.number)
            if run is None or row is None or id in self._done or run.experiment not in records.experiments:
                continue
            if row.token != attempt.id:
                before = self._cases[id].row if id in self._cases else row
                old = run_row(records.experiments[run.experiment], run, attempt, None, OPEN, "")
                row = replace(old, time_limit=before.time_limit)
            if row.state.ended:
                self._cases.setdefault(id, Case(row)).row = row

    def _is_end_due(self, case: Case, *, last: bool) -> bool:
        """Whether its host answers, and all is read or will not be."""
        now = self._clock()
        case.over = now if case.over is None else case.over
        since = self._up.get(case.row.backend)
        if since is None or not case.may_be_tried(now):
            return False
        newest = self._rows.get(case.row.key)
        patience = PATIENCE if newest is not None and newest.token == case.row.token else LEFT
        return last or case.complete or now - max(since, case.over) >= patience

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do what waits for a host, unless that is under way."""
        if name in self._busy:
            work.close()
            return
        task = self._busy[name] = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._busy.pop(name))

    async def _look_at_ends(self, cases: Sequence[Case]) -> None:
        """The newest first."""
        for case in sorted(cases, key=lambda case: -(case.row.ended or 0.0)):
            await self._look_at(case)

    async def _look_at(self, case: Case) -> None:
        """A defect of a rule, or a file that cannot be read, is told, and ends nothing else."""
        what, now = f"diagnosis of {case.row.key}", self._clock()
        try:
            if case.row.state.ended:
                await self._read_end(case)
            watch = self._watch(case.row)
            examined = await self._examine(case, watch, now)
            await self._keep(case, examined, now)
        except (Refused, StoreError) as error:  # a host, or the store, which is told by who asks them all the time
            case.fail(now)
            if isinstance(error, StoreError):
                self._troubles.meet("findings", str(error))
        except OSError as error:
            case.fail(now)
            where = error.filename or self._series
            self._troubles.meet(
                what, f"{where}: {error.strerror or error}; {case.row.name} is not diagnosed meanwhile"
            )
        except Exception as error:  # a defect of ours must not end the diagnosis of other runs
            case.fail(now)
            case.examination = None
            wrong = one_line(f"{type(error).__name__}: {error}", 200)
            self._troubles.meet(what, f"{case.row.name}: cannot be diagnosed: {wrong}")
        else:
            case.work()
            self._troubles.over(what)
            if watch.stop_on or (watch.early_stop is not None and watch.early_stop.act):
                self._begin(f"stop of {case.row.key}", self._stop(case.row, watch))

    async def _read_end(self, case: Case) -> None:
        """The end of its log, empty where it has none or it cannot be read. Raises `Refused` where the host cannot be
        asked."""
        try:
            chunk = await self._logs.read(case.row, -TAIL, TAIL)
        except Refused as error:
            if error.__cause__ is not None and not isinstance(error.__cause__, CommandFailed):
                raise
            case.end(b"")
        else:
            case.end(chunk.data, chunk.offset)

    async def _examine(self, case: Case, watch: Watch, now: float) -> Examined:
        """In a thread, where what the rules need is imported as well: it takes a while."""
        row, rows, records = case.row, self._rows, self._records()
        health = tuple(self._health.get(row.backend, ()))

        def examine() -> Examined:
            from trainboard.examination import Examination
            from trainboard.keeping import of_attempt

            if case.examination is None:
                case.examination = Examination(row, watch, self._series, now)
            return case.examination.look(
                row, news, now, health, self._judging, rows, of_attempt(row, records.findings)
            )

        async with self._one:
            news = case.draw(now)
            return await asyncio.to_thread(examine)

    async def _keep(self, case: Case, examined: Examined, now: float) -> None:
        """Store what is new; an attempt whose end was looked at is done. Raises `StoreError`."""
        from trainboard.keeping import changes  # it is there by now

        row = case.row

        def change(records: Records) -> list[Record]:
            new: list[Record] = [*changes(row, examined.findings, records.findings, now, examined.grounds)]
            attempt = records.attempts.get(row.token)
            if row.state.ended and attempt is not None:
                new.append(replace(attempt, diagnosed=now, why=examined.why))
            return new

        if change(self._records()):  # else there is nothing to wait for a lock for
            await self._store.change(change)
            self._troubles.over("findings")
        if row.state.ended:
            id = row.key, _number(row)
            self._done.add(id)
            self._cases.pop(id, None)

    async def _stop(self, row: Row, watch: Watch) -> None:
        """End a run where its spec wants that; what its host does not do now, it is told when it can."""
        if self._control is None:
            return
        try:
            await stop_by_spec(row, watch, await self._store.load(), self._control)
        except StoreError as error:
            self._troubles.meet("findings", str(error))

    def _watch(self, row: Row) -> Watch:
        experiment = self._records().experiments.get(row.experiment or "")
        return watch_of(experiment.watch if experiment is not None else {})


def _number(row: Row) -> int:
    """Of its attempt."""
    return row.attempt or 1
