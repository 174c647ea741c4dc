"""The effects of dispatching: attempts are handed over, moved and told, and what came of it is stored."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from backends.base import BackendError, CommandFailed, JobState, Rejected, Unclear
from trainboard.ledger import histories
from trainboard.orders import ORDERING, fulfilled, ordered, put_in_order, told
from trainboard.ready import room_left
from trainboard.reconcile import watched
from trainboard.records import new_token
from trainboard.retry import MOVED, fresh
from trainboard.sending import mark, mark_again, outcomes, passes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from backends.base import Backend, Plan
    from specs.model import Spec
    from trainboard.documents import Record, Records
    from trainboard.plans import Planner
    from trainboard.ready import Group
    from trainboard.records import Attempt, Experiment, Run
    from trainboard.sending import Answer
    from trainboard.store import Store


class Sender:
    """Works with one backend at a time. A crash anywhere in it leaves what can be found again.

    All calls raise `StoreError`.
    """

    def __init__(self, store: Store, planner: Planner, clock: Callable[[], float], resend: float) -> None:
        self._store = store
        self._planner = planner
        self._clock = clock
        self._resend = resend

    async def hand_over(self, backend: Backend, group: Group) -> Rejected | None:
        """Mark the attempts as submitted, submit them, store the outcomes.

        Returns why the backend takes nothing now, where it does not. Raises `Refused` and `SpecError` where they
        cannot be planned; then nothing has changed.
        """
        records, batch = await self._store.load(), group.batch or new_token()
        experiment = records.experiments[group.experiment]
        plans = await self._plans(records, experiment, backend, group.tokens)
        now = self._clock()
        if group.batch:
            sent = dict(zip(group.tokens, group.sent, strict=True))
            change = partial(mark_again, sent=sent, now=now)
        else:
            room = room_for(experiment, await self._planner.spec(experiment), backend)
            change = partial(mark, plans=plans, backend=backend, batch=batch, now=now, room=room)
        marked = {each.id: each for each in await attempts_of(self._store, change)}
        if not marked:
            return None
        answers = await submit(backend, await asyncio.to_thread(together, plans, marked))
        new = await self._never_started(backend, marked, answers) if group.batch else marked.keys()
        await self._keep(answers, new, now)
        await self._hold_back(backend, marked)
        return next((each for each in answers.values() if isinstance(each, Rejected) and passes(each)), None)

    async def _plans(
        self, records: Records, experiment: Experiment, backend: Backend, tokens: Sequence[str]
    ) -> dict[str, Plan]:
        """The plans of attempts, by token. Raises `Refused`, `SpecError`."""
        book = await self._planner.book(experiment)
        code = await self._planner.code(experiment, backend)

        def make() -> dict[str, Plan]:
            found = [records.attempts[token] for token in tokens if token in records.attempts]
            attempts = [replace(each, backend=backend.name) for each in found]
            history = histories(records, {each.run for each in attempts})
            return {
                each.id: self._planner.plan(
                    book,
                    experiment,
                    records.runs[each.run],
                    history[each.run],
                    each,
                    code=code,
                    scheduled=backend.kind == "slurm",
                )
                for each in attempts
            }

        return await asyncio.to_thread(make)

    async def _never_started(
        self, backend: Backend, marked: Mapping[str, Attempt], answers: Mapping[str, Answer]
    ) -> frozenset[str]:
        """Those that are rejected now and, made sure by taking them back, were not begun by an earlier submission."""
        refused = [id for id, each in answers.items() if isinstance(each, Rejected) and not passes(each)]
        if not refused:
            return frozenset()
        records = await self._store.load()
        try:
            return await backend.withdraw([watched(marked[id], records.runs[marked[id].run]) for id in refused])
        except BackendError:
            return frozenset()  # it stays SUBMITTING, and is tried again

    async def _keep(self, answers: Mapping[str, Answer], new: Collection[str], sent: float) -> None:
        """Store the outcomes. `new`: for these a "no" is an end; the others may have been begun before."""
        first = {token: answer for token, answer in answers.items() if token in new}
        others = {token: answer for token, answer in answers.items() if token not in new}
        now = self._clock()

        def change(records: Records) -> list[Record]:
            ended = outcomes(records, first, sent, now, again=False)
            return [*ended, *outcomes(records, others, sent, now, again=True)]

        await self._store.change(change)

    async def _hold_back(self, backend: Backend, tokens: Collection[str]) -> None:
        """Hold what the user wanted held while it was on its way, when there was nothing yet that could be."""
        records = await self._store.load()
        found = [records.attempts[token] for token in tokens if token in records.attempts]
        held = [each for each in found if not each.state.ended and not each.unsent and records.runs[each.run].held]
        if held:
            with contextlib.suppress(BackendError):  # whoever dispatches tells it again
                await self.tell(backend, "hold", held)

    async def move(self, backend: Backend, targets: Mapping[str, str]) -> None:
        """Take waiting attempts back, and have each go on as a new one on another backend. Raises `BackendError`.

        Only what can never start here any more goes there. `targets`: by token.
        """
        records = await self._store.load()
        chosen = [records.attempts[token] for token in targets if token in records.attempts]
        taken = await backend.withdraw([watched(each, records.runs[each.run]) for each in chosen])
        tokens, now = {token: new_token() for token in taken}, self._clock()

        def change(records: Records) -> list[Record]:
            return [each for id in taken for each in moved(records, id, targets[id], now, tokens[id])]

        await self._store.change(change)

    async def tell(self, backend: Backend, verb: str, attempts: Sequence[Attempt]) -> None:
        """Cancel, hold, release or order attempts, as the user wants it. Raises `BackendError`."""
        runs, now = (await self._store.load()).runs, self._clock()
        if verb in ORDERING:
            await self._order(backend, verb, attempts, runs)
            return
        await told(backend, verb, [watched(each, runs[each.run]) for each in attempts])
        after = partial(fulfilled, verb=verb, tokens=[each.id for each in attempts], now=now, resend=self._resend)
        await self._store.change(after)

    async def _order(self, backend: Backend, verb: str, attempts: Sequence[Attempt], runs: Mapping[str, Run]) -> None:
        """A backend that answers and does not do it is not told again: its site forbids it."""
        refusal: CommandFailed | None = None
        try:
            await put_in_order(backend, verb, attempts, runs)
        except CommandFailed as error:
            refusal = error
        await self._store.change(partial(ordered, verb=verb, runs={each.id: runs[each.run] for each in attempts}))
        if refusal is not None:
            raise refusal


async def submit(backend: Backend, plans: Sequence[Plan]) -> dict[str, Answer]:
    """The backend's answer for each plan; whatever is no clear one is `Unclear`."""
    try:
        answers = await backend.submit(plans)
    except BackendError as error:
        return {plan.token: Unclear(f"submitted, no clear answer: {error}") for plan in plans}
    return {plan.token: answers.get(plan.token) or Unclear("submitted, no answer for this one") for plan in plans}


def together(plans: Mapping[str, Plan], marked: Mapping[str, Attempt]) -> list[Plan]:
    """The plans of what was marked, each with its part in the batch."""
    return [replace(plans[id], batch=each.batch, task=each.task) for id, each in marked.items()]


async def attempts_of(store: Store, change: Callable[[Records], list[Attempt]]) -> list[Attempt]:
    """Make a change that is one of attempts only."""
    kept: list[Attempt] = []

    def remembered(records: Records) -> list[Attempt]:
        kept[:] = change(records)
        return kept

    await store.change(remembered)
    return kept


def room_for(experiment: Experiment, spec: Spec, backend: Backend) -> Callable[[Records], int | None]:
    """How many attempts of an experiment may be sent, by the records of the moment."""
    where = tuple(experiment.where) or (backend.name,)

    def room(records: Records) -> int | None:
        if spec.sweep.at_most is None:
            return None
        alive = sum(
            1
            for each in records.attempts.values()
            if not each.state.ended
            and not each.unsent
            and (run := records.runs.get(each.run)) is not None
            and run.experiment == experiment.id
        )
        return room_left(spec, where, {backend.name: backend.kind}, alive)

    return room


def moved(records: Records, id: str, target: str, now: float, token: str) -> list[Attempt]:
    """An attempt that was taken back, and the one that goes on for it, unless somebody else was faster."""
    attempt = records.attempts[id]
    run = records.runs[attempt.run]
    if attempt.withdrawn:
        return []
    ended = replace(
        attempt, state=JobState.CANCELLED, withdrawn=True, ended=now, reason=f"taken back for {target}", held=False
    )
    newest = max(each.number for each in records.attempts.values() if each.run == attempt.run)
    if newest > attempt.number or run.cancelled is not None or run.requeued is not None:
        return [ended]
    return [ended, fresh(run, attempt.number + 1, now, token, f"{MOVED} {attempt.backend}", target)]
