"""The dispatcher: what goes next, where to, and what became of it. Any number of them may work on one store."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from backends.base import BackendError, JobState
from specs.model import RETRIABLE, SpecError
from trainboard.actions import Refused
from trainboard.dependency import OPEN, Gate
from trainboard.ledger import ledger
from trainboard.looks import Pauses
from trainboard.placement import Taken, moves, place
from trainboard.query import Queue
from trainboard.ready import candidates, free, groups, groups_again, movable, patient
from trainboard.records import new_token
from trainboard.retry import next_attempts
from trainboard.rooms import ANSWERED, Rooms
from trainboard.sender import Sender
from trainboard.sending import RESEND, drop, explain, overdue, said

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence

    from backends.base import Backend
    from specs.model import Retry, Spec
    from trainboard.documents import Record, Records
    from trainboard.ledger import Ledger
    from trainboard.plans import Planner
    from trainboard.ready import Group
    from trainboard.records import Attempt, Experiment
    from trainboard.store import Store

    Task = asyncio.Task[None]

NOTICED, REPEATED = 15.0, 60.0
"""Seconds until a wish that a backend has not fulfilled is told by us, and until it is told again."""

STRANDED = 2
"""Answers, one after the other, in which an attempt is seen stranded before it is handed over again: in the first one
it may be on its way."""

PRUNED = 3600.0
"""Seconds between two looks for code that nobody needs."""


class Dispatcher:
    """Sends what waits, moves it, tries it again, and carries out what the user wants of it."""

    def __init__(
        self,
        backends: Callable[[], Mapping[str, Backend]],
        store: Store,
        planner: Planner,
        clock: Callable[[], float] = time.time,
        resend: float = RESEND,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`backends`: by name, as they are now (the config may grow)."""
        self._backends = backends
        self.store = store
        self._planner = planner
        self.clock = clock
        self._resend = resend
        self._monotonic = monotonic
        self._sender = Sender(store, planner, clock, resend)
        self._ledger: Ledger | None = None
        self._pauses = Pauses()
        """Of backends."""
        self._stuck = Pauses()
        """Of experiments that cannot be planned."""
        self._sending: dict[str, float] = {}
        """By backend: since when a submission is under way. One at a time."""
        self._rooms = Rooms(backends, self._sending, self._pauses, monotonic, self._begin)
        self._queues: dict[str, Queue] = {}
        """By backend: its queue as it was seen last."""
        self._stranded: Counter[str] = Counter()
        """By token: in how many answers one after the other it was seen stranded."""
        self._telling: dict[str, Task] = {}
        """By backend: orders under way."""
        self._deciding = asyncio.Lock()
        self._tasks: set[Task] = set()
        self._begun: set[Task] = set()
        """By the decision under way."""
        self._failure: BaseException | None = None
        self._wishes: dict[tuple[str, str], float] = {}
        """By token and verb: when a backend is told (again)."""
        self._moving: dict[str, float] = {}
        """By token: until when it is not taken back again; one that had begun is about to be seen."""
        self._pruned: float | None = None

    async def begin(self, only: str | None = None) -> set[Task]:
        """Decide, and begin what is to be done on hosts: the new tasks. Waits for no host; cheap with nothing to do.

        For a loop: `await dispatcher.begin()` each second and whenever records or hosts changed.
        `only`: the id of the one experiment that is looked at. Raises `StoreError`.
        """
        async with self._deciding:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                raise failure
            self._begun = set()
            current = await self._current()
            self._begin_orders(current, only)
            await self._begin_again(current, only)
            taken = await self._begin_new(current, only)
            if only is None:
                await self._begin_moves(current, taken)
                self._begin_pruning(current)
            return self._begun

    async def step(self, only: str | None = None) -> None:
        """`begin`, again and again until nothing more can be done now. Takes as long as the slowest host.

        For a command: `await dispatcher.step(experiment.id)` after a submission. Raises `StoreError`.
        """
        under_way: set[Task] = set()
        while under_way := under_way | await self.begin(only):
            _, under_way = await asyncio.wait(under_way, timeout=ANSWERED, return_when=asyncio.FIRST_COMPLETED)

    async def openings(self, name: str) -> int:
        """How many more runs of an experiment would start now: see `trainboard.openings`.

        Raises `StoreError`, `SpecError`.
        """
        from trainboard.openings import openings

        async with self._deciding:
            current = await self._current()
            experiment = current.records.experiments[name]
            if current.standings.get(name, OPEN).gate is Gate.WAITS:
                return 0
            spec = await self._planner.spec(experiment)
            kinds = {each: backend.kind for each, backend in self._backends().items()}
            where = tuple(each for each in current.where[name] if each in kinds)
            needs = (spec.resources, spec.slurm)
            found = {each: self._rooms.room((each, needs), kinds[each], asked=True) for each in where}
            rooms = {(each, needs): room for each, room in found.items() if room is not None}
            return openings(current, name, where, needs, rooms, spec.sweep.at_most)

    def wake(self, backend: str) -> None:
        """This host answers (again), or the user wants it asked: forget what kept us from it."""
        self._pauses.clear(backend)

    def see(self, backend: str, queue: Queue) -> None:
        """This host answered: room that came free is used at once, and what was seen stranded twice is sent again."""
        self.wake(backend)
        before, self._queues[backend] = self._queues.get(backend, Queue()), queue
        if before.alive - queue.alive:
            self._rooms.looks.outdate(backend)
        for token in before.stranded - queue.stranded:
            del self._stranded[token]
        self._stranded.update(queue.stranded)

    async def policies(self, experiments: Iterable[Experiment]) -> dict[str, Retry]:
        """By experiment: when its runs are tried again."""
        return await self._planner.policies(experiments)

    @property
    def troubles(self) -> Mapping[str, str]:
        """By backend: why it takes nothing at the moment, in one line."""
        return self._pauses.reasons()

    async def close(self) -> None:
        """Let go of what is under way: it is found again by whoever dispatches next."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[None, None, None]) -> Task:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        self._begun.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure

    # what is stored

    async def _current(self) -> Ledger:
        """The ledger of what is stored now, after the attempts that follow ended ones were added."""
        records = await self.store.load()
        if self._ledger is None or self._ledger.records is not records:
            current = await asyncio.to_thread(ledger, records)
            if await self._follow(current):
                current = await asyncio.to_thread(ledger, await self.store.load())
            self._ledger = current
        return self._ledger

    async def _follow(self, current: Ledger) -> bool:
        """Add the attempts that follow ended ones, drop those that nobody wants; whether there were any."""
        runs = await self._followed(current)
        if not runs and not current.dropped:
            return False
        names = {current.records.runs[run].experiment for run in runs}
        policies = await self.policies(current.records.experiments[name] for name in names)
        now = self.clock()

        def change(records: Records) -> list[Record]:
            made: list[Record] = [*next_attempts(records, runs, policies, now, new_token)]
            return [*made, *drop(records, [each.id for each in current.dropped], now)]

        return bool(await self.store.change(change))

    async def _followed(self, current: Ledger) -> list[str]:
        """The runs whose newest attempt has ended and may be followed by another."""
        found = []
        for each in current.ended:
            run = current.run_of(each)
            if run.requeued is not None or (each.withdrawn and run.cancelled is None):
                found.append(run.id)
            elif run.cancelled is None and not each.rejected and str(each.state) in RETRIABLE:
                policy = await self._planner.policy(current.experiment_of(each))
                if str(each.state) in policy.on:
                    found.append(run.id)
        return found

    # unsent attempts

    async def _begin_new(self, current: Ledger, only: str | None) -> Taken:
        """Place what can go, and begin to send it."""
        unsent = {name for name in current.unsent if only in (None, name) and not self._busy(current.where[name])}
        if not unsent:
            return Taken()
        # Of ten thousand runs each part of this takes longer than a frame of the screen: hence the threads.
        waiting = await asyncio.to_thread(free, current, unsent, self.clock())
        kinds = {name: backend.kind for name, backend in self._backends().items()}
        specs, reasons = await self._specs(current, waiting)
        possible = {name: attempts for name, attempts in waiting.items() if name in specs}
        found, more = await asyncio.to_thread(candidates, current, possible, specs, kinds)
        sizes = await asyncio.to_thread(lambda: {(each.where, each.needs) for each in found})
        placement = await asyncio.to_thread(place, found, self._rooms.known(sizes, kinds), current.queued)
        await self._explain(reasons | more | dict(placement.reasons), current)
        for name, parts in (await asyncio.to_thread(groups, current, found, placement.chosen)).items():
            if name not in self._sending:
                self._begin_sending(name, parts)
        return placement.taken

    def _busy(self, where: Collection[str]) -> bool:
        """Whether something is sent to all of these now: what can go nowhere else waits for that."""
        return bool(where) and all(name in self._sending for name in where)

    async def _specs(self, current: Ledger, names: Iterable[str]) -> tuple[dict[str, Spec], dict[str, str]]:
        """The specs of experiments; and by token, why some of them cannot be planned."""
        now = self._monotonic()
        specs: dict[str, Spec] = {}
        reasons: dict[str, str] = {}
        for name in names:
            reason = self._stuck.reason(name, now)
            if not reason:
                try:
                    specs[name] = await self._planner.spec(current.records.experiments[name])
                    continue
                except SpecError as error:
                    reason = str(error)
            reasons |= {each.id: reason for each in current.unsent.get(name, ())}
        return specs, reasons

    async def _explain(self, reasons: Mapping[str, str], current: Ledger) -> None:
        """Store why attempts are not sent, where that is news."""
        attempts = current.records.attempts
        news = {token: reason for token, reason in reasons.items() if attempts[token].reason != reason}
        if news:
            await self.store.change(partial(explain, reasons=news))

    # sending

    async def _begin_again(self, current: Ledger, only: str | None) -> None:
        """Hand over again what nobody has seen since it was handed over."""
        now, stuck = self.clock(), dict[str, str]()
        by_backend: dict[str, list[Attempt]] = {}
        for each in current.submitting:
            name = current.run_of(each).experiment
            again = self._stranded[each.id] >= STRANDED or overdue(each, now, self._resend)
            if not again or only not in (None, name):
                continue
            if reason := self._stuck.reason(name, self._monotonic()):
                stuck[each.id] = reason
            else:
                by_backend.setdefault(each.backend, []).append(each)
        await self._explain(stuck, current)
        for name, attempts in by_backend.items():
            if name in self._backends() and name not in self._sending and not self._paused(name):
                for each in attempts:
                    del self._stranded[each.id]
                self._begin_sending(name, groups_again(current, attempts))

    def _paused(self, name: str) -> bool:
        return bool(self._pauses.reason(name, self._monotonic()))

    def _begin_sending(self, name: str, parts: Sequence[Group]) -> None:
        self._sending[name] = self._monotonic()
        self._begin(self._send(name, parts))

    async def _send(self, name: str, parts: Sequence[Group]) -> None:
        """Hand over groups to one backend, one after the other: the order of the runs is their order in its queue."""
        try:
            for group in parts:
                try:
                    refused = await self._sender.hand_over(self._backends()[name], group)
                except (Refused, SpecError) as error:
                    self._stuck.fail(group.experiment, str(error), self._monotonic())
                    continue
                if refused is not None:
                    self._pauses.fail(name, said(refused), self._monotonic(), refused.__cause__)
                    return
                self._stuck.clear(group.experiment)
                self._pauses.clear(name)
        finally:
            del self._sending[name]
            self._rooms.looks.forget(name)

    # moves and orders

    async def _begin_moves(self, current: Ledger, taken: Taken) -> None:
        """Take attempts back that have waited for long on a busy backend, where a server would start them at once."""
        kinds = {name: backend.kind for name, backend in self._backends().items()}
        now = self._monotonic()
        self._moving = {token: until for token, until in self._moving.items() if now < until}
        attempts = [
            each
            for each in patient(current, self.clock())
            if each.backend in kinds and each.id not in self._moving and not self._paused(each.backend)
        ]
        specs, _ = await self._specs(current, {current.run_of(each).experiment for each in attempts})
        waiting = await asyncio.to_thread(movable, current, attempts, specs, kinds)
        servers = [name for name, kind in kinds.items() if kind != "slurm" and name not in self._sending]
        sizes = {(name, each.needs) for each in waiting for name in each.where if name in servers}
        for name, needs in sizes:
            self._rooms.room((name, needs), kinds[name], asked=True)
        looks = self._rooms.looks.pair(kinds, now)
        targets = await asyncio.to_thread(moves, waiting, looks, servers, taken)
        by_backend: dict[str, dict[str, str]] = {}
        for each in waiting:
            if each.token in targets:
                by_backend.setdefault(each.backend, {})[each.token] = targets[each.token]
        for name, chosen in by_backend.items():
            if name in self._telling:
                continue
            self._moving |= dict.fromkeys(chosen, now + REPEATED)
            self._begin_telling(name, partial(self._sender.move, targets=chosen))

    def _begin_orders(self, current: Ledger, only: str | None) -> None:
        """Tell backends what the user wants, where whoever the user told it could not, or was not heard."""
        now, wished = self._monotonic(), dict[tuple[str, str], float]()
        by_backend: dict[tuple[str, str], list[Attempt]] = {}
        for verb, attempts in current.wishes.items():
            for each in attempts:
                at = wished[each.id, verb] = self._wishes.get((each.id, verb), now + self._notice(each))
                if now >= at and only in (None, current.run_of(each).experiment) and self._may_end(each, verb):
                    by_backend.setdefault((each.backend, verb), []).append(each)
        self._wishes = wished
        for (name, verb), told in by_backend.items():
            if name not in self._backends() or name in self._telling or self._paused(name):
                continue
            self._wishes |= {(each.id, verb): now + REPEATED for each in told}
            self._begin_telling(name, partial(self._sender.tell, verb=verb, attempts=told))

    def _notice(self, attempt: Attempt) -> float:
        """Seconds until we tell: whoever the user asked has told it just now, and the next poll shows it."""
        return 0.0 if attempt.state is JobState.SUBMITTING else NOTICED

    def _may_end(self, attempt: Attempt, verb: str) -> bool:
        """Not while its submission may still be under way: what comes after the cancelling would begin it."""
        if verb != "cancel" or attempt.state is not JobState.SUBMITTING:
            return True
        return attempt.backend not in self._sending and overdue(attempt, self.clock(), self._resend)

    def _begin_telling(self, name: str, tell: Callable[[Backend], Coroutine[None, None, None]]) -> None:
        self._telling[name] = self._begin(self._tell(name, tell))

    async def _tell(self, name: str, tell: Callable[[Backend], Coroutine[None, None, None]]) -> None:
        try:
            await tell(self._backends()[name])
        except BackendError as error:
            self._pauses.fail(name, said(error), self._monotonic(), error)
        finally:
            del self._telling[name]

    # code

    def _begin_pruning(self, current: Ledger) -> None:
        now = self._monotonic()
        if self._pruned is None or now - self._pruned >= PRUNED:
            self._pruned = now
            self._begin(self._prune(on_record(current), sendable(current)))

    async def _prune(self, needed: Collection[str], sendable: Collection[str]) -> None:
        await asyncio.to_thread(self._planner.archives.prune, needed, sendable)


def on_record(current: Ledger) -> set[str]:
    """The code of all experiments, with what git said of it: it can be looked at for as long as they are known."""
    known = current.records.experiments.values()
    return {digest for each in known for digest in (each.code, *each.git.values()) if digest}


def sendable(current: Ledger) -> set[str]:
    """The code of experiments of which an attempt may still be sent."""
    left = {
        current.records.runs[run].experiment
        for run, attempt in current.newest.items()
        if attempt.state is not JobState.COMPLETED and run in current.records.runs
    }
    return {each.code for each in current.records.experiments.values() if each.code and each.id in left}
