"""What the user wants of runs that wait or run: hold, release, requeue, cancel, priority, order."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from backends.base import BackendError, JobState
from specs.model import MOST_PRIORITY
from trainboard.dependency import OPEN, Gate, standings
from trainboard.ledger import WAITING, newest_attempts
from trainboard.orders import fulfilled, ordered, told
from trainboard.reconcile import watched
from trainboard.records import new_token
from trainboard.retry import next_attempts
from trainboard.trials.halting import halted, resumed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from backends.base import Backend, Watched
    from trainboard.dependency import Standing
    from trainboard.documents import Record, Records
    from trainboard.records import Attempt, Run
    from trainboard.rows import Row
    from trainboard.store import Store

    Order = Callable[[Backend, Sequence[Watched]], Awaitable[None]]
    Wanted = Callable[[Run, Attempt], Iterable[Record]]
    """What becomes of a run and its newest attempt, if anything."""


class Control:
    """One meaning everywhere: of one row or many, of runs here and on backends, of Slurm jobs that are not ours.

    What is wanted of a run of ours is in the store before any backend is told; what a backend does not take now,
    the dispatcher tells it later. Each call returns what was not done, one line each. Raises `StoreError`.
    Rows that have ended are left alone, but by `requeue`, and by `cancel`, after which no retry comes.
    """

    def __init__(
        self, backends: Callable[[], Mapping[str, Backend]], store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self._backends = backends
        self._store = store
        self._clock = clock

    async def cancel(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """End them; no retry and no move comes after it."""
        now = self._clock()
        ours = await self._want(rows, partial(cancelled, now=now), "cancelled")
        alive = [each for each in ours if not each.state.ended and not each.unsent]
        return await self._tell("cancel", alive, [row for row in foreign(rows) if not row.state.ended])

    async def stop(self, row: Row, why: str) -> tuple[str, ...]:
        """Cancel a run as its spec wants it, and keep why; not one that has ended, or has a newer attempt."""
        ours = await self._want([row], partial(stopped, token=row.token, now=self._clock(), why=why))
        alive = [each for each in ours if each.id == row.token and not each.state.ended and not each.unsent]
        return await self._tell("cancel", alive, [])

    async def hold(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Keep those that have not begun from starting."""
        ours = await self._want(rows, held, "held")
        there = [each for each in ours if each.state in WAITING and not each.unsent]
        return await self._tell("hold", there, [row for row in foreign(rows) if row.state in WAITING])

    async def release(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Let them start; also those that wait for an experiment that failed."""
        runs = [row.run for row in rows if row.run is not None]

        def change(records: Records) -> list[Record]:
            newest = newest_attempts(records)
            gates = standings(records, newest)
            # One that has ended may be about to be tried again.
            chosen = [records.runs[run] for run in runs if run in newest]
            goes_on = resumed(records, set(runs))
            return [*goes_on, *(released(run, gates.get(run.experiment, OPEN)) for run in chosen)]

        await self._store.change(change)
        ours = await self._newest(runs)
        there = [each for each in ours if not each.state.ended and (each.held or each.state is JobState.HELD)]
        return await self._tell("release", there, [row for row in foreign(rows) if row.state in WAITING])

    async def requeue(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """A new attempt of the same run: at once where it has ended, else as soon as it is ended."""
        now = self._clock()
        refused = tuple(
            f"{row.key} was not started by trainboard: only who submitted it can requeue it" for row in foreign(rows)
        )
        ours = await self._want(rows, partial(requeued, now=now))
        alive = [each for each in ours if not each.state.ended and not each.unsent]
        ended = [each.run for each in ours if each.state.ended]
        if ended:
            await self._store.change(lambda records: next_attempts(records, ended, {}, now, new_token))
        return refused + await self._tell("cancel", alive, [])

    async def prioritise(self, rows: Sequence[Row], by: int) -> tuple[str, ...]:
        """Add to the priority of those that wait."""

        def raised(run: Run, attempt: Attempt) -> Iterable[Record]:
            priority = max(-MOST_PRIORITY, min(MOST_PRIORITY, run.priority + by))
            return [replace(run, priority=priority)] if attempt.state in WAITING else []

        there = [each for each in await self._want(rows, raised) if each.state in WAITING and not each.unsent]
        runs = (await self._store.load()).runs
        others = [row for row in foreign(rows) if row.state in WAITING]
        levels = {runs[each.run].priority for each in there}
        failures: list[str] = []
        for level in sorted(levels | ({by} if others else set())):

            async def order(backend: Backend, attempts: Sequence[Watched], level: int = level) -> None:
                await backend.prioritise(attempts, level)
                await self._ordered("priority", attempts, there, runs)

            some = [each for each in there if runs[each.run].priority == level]
            failures += await self._order(order, "priority", some, others if level == by else [])
        return tuple(failures)

    async def to_top(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Put those that wait, in this order, before all others of the user's."""
        order = {row.run: number for number, row in enumerate(rows) if row.run is not None}

        def change(records: Records) -> list[Record]:
            waiting = {run for run, attempt in newest_attempts(records).items() if attempt.state in WAITING}
            chosen = [records.runs[run] for run in order if run in waiting and run in records.runs]
            others = [records.runs[run] for run in waiting if run in records.runs]
            lowest = min((run.place for run in others), default=0.0)
            highest = max((run.priority for run in others), default=0)  # a place counts within one priority
            return [replace(run, priority=highest, place=lowest - len(chosen) + at) for at, run in enumerate(chosen)]

        await self._store.change(change)
        ours = await self._newest(order)
        there = [each for each in ours if each.state in WAITING and not each.unsent]
        runs = (await self._store.load()).runs

        async def top(backend: Backend, attempts: Sequence[Watched]) -> None:
            await backend.to_top(attempts)
            for verb in ("order", "priority"):
                await self._ordered(verb, attempts, there, runs)

        return await self._order(top, "order", there, [row for row in foreign(rows) if row.state in WAITING])

    async def _ordered(
        self, verb: str, told: Sequence[Watched], ours: Iterable[Attempt], runs: Mapping[str, Run]
    ) -> None:
        """A backend was told; whether one heard of it whose submission is not clear yet is not known."""
        tokens = {each.token for each in told}
        heard = [each for each in ours if each.id in tokens and each.state is not JobState.SUBMITTING]
        await self._store.change(partial(ordered, verb=verb, runs={each.id: runs[each.run] for each in heard}))

    async def _want(self, rows: Sequence[Row], wanted: Wanted, halts: str = "") -> list[Attempt]:
        """Store what is wanted of our runs; their newest attempts after it, in the order of the rows.

        `halts`: why sweeps ask for no more trials where this is wanted of all that is on the way.
        """
        runs = [row.run for row in rows if row.run is not None]

        def change(records: Records) -> list[Record]:
            newest = newest_attempts(records)
            made = [each for run in runs if run in newest for each in wanted(records.runs[run], newest[run])]
            return [*made, *(halted(records, set(runs), halts, self._clock()) if halts else ())]

        await self._store.change(change)
        return await self._newest(runs)

    async def _newest(self, runs: Iterable[str | None]) -> list[Attempt]:
        newest = newest_attempts(await self._store.load())
        return [newest[run] for run in dict.fromkeys(runs) if run in newest]

    async def _tell(self, verb: str, attempts: Sequence[Attempt], rows: Sequence[Row]) -> tuple[str, ...]:
        """Have backends do it now, and store what they did."""

        async def order(backend: Backend, some: Sequence[Watched]) -> None:
            await told(backend, verb, some)
            tokens = [each.token for each in some if each.token]
            if verb != "cancel" and tokens:
                await self._store.change(partial(fulfilled, verb=verb, tokens=tokens, now=0.0, resend=0.0))

        return await self._order(order, verb, attempts, rows)

    async def _order(
        self, order: Order, what: str, attempts: Sequence[Attempt], rows: Sequence[Row]
    ) -> tuple[str, ...]:
        """Tell every backend what concerns it, all at the same time; one line for each that did not do it."""
        runs = (await self._store.load()).runs
        by_backend: dict[str, list[Watched]] = {}
        for each in attempts:
            by_backend.setdefault(each.backend, []).append(watched(each, runs[each.run]))
        for row in rows:
            by_backend.setdefault(row.backend, []).append(row.watched())
        done = await asyncio.gather(*(self._one(order, what, name, some) for name, some in by_backend.items()))
        return tuple(line for line in done if line)

    async def _one(self, order: Order, what: str, name: str, attempts: Sequence[Watched]) -> str:
        backend = self._backends().get(name)
        if backend is None:
            return f"{what}: {name} is not in the config any more"
        try:
            await order(backend, attempts)
        except BackendError as error:
            return f"{what}: {name}: {error.bare}" + (f"; {error.advice}" if error.advice else "")
        return ""


def foreign(rows: Collection[Row]) -> list[Row]:
    """Jobs that we did not start."""
    return [row for row in rows if row.run is None]


def cancelled(run: Run, attempt: Attempt, now: float) -> Iterable[Record]:
    """Not for a run that is COMPLETED; one that failed may have been about to be tried again."""
    if attempt.state is not JobState.COMPLETED:
        yield replace(run, cancelled=now, stopped=run.stopped if attempt.state.ended else "", requeued=None)
        if attempt.unsent:
            yield replace(attempt, state=JobState.CANCELLED, ended=now, reason="cancelled before it was sent")


def stopped(run: Run, attempt: Attempt, token: str, now: float, why: str) -> Iterable[Record]:
    """A run that the user has cancelled or requeued meanwhile is theirs."""
    if attempt.id == token and not attempt.state.ended and run.cancelled is None and run.requeued is None:
        yield replace(run, cancelled=now, stopped=why)


def held(run: Run, attempt: Attempt) -> Iterable[Record]:
    """A run that has begun is not held."""
    if attempt.state in WAITING:
        yield replace(run, held=True)
        if not attempt.unsent:
            yield replace(attempt, held=True)


def released(run: Run, standing: Standing) -> Run:
    """One that was not held is let go from what it comes after, where that has failed."""
    return replace(run, held=False, released=run.released or (standing.gate is Gate.BLOCKED and not run.held))


def requeued(run: Run, attempt: Attempt, now: float) -> Iterable[Record]:
    """What waits here needs no new attempt: its back-off is over."""
    if attempt.unsent:
        yield replace(attempt, not_before=None)
    else:
        yield replace(run, requeued=now, cancelled=None, stopped="")
