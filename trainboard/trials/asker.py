"""The asker: tells what trials came to, asks for the next ones as there is room, and keeps the rungs.

What is authoritative are the records: a run's parameters, what it came to, the rungs that it has reached. All else is
made anew from them, so that a process that is killed at any moment is followed by one that goes on where it was.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from backends.base import JobState
from backends.text import one_line
from specs.model import SpecError, Unit
from specs.references import ReferenceProblem
from specs.tree import nearest, quoted
from trainboard.events import Noticed
from trainboard.ledger import histories, newest_attempts
from trainboard.records import Run, new_token
from trainboard.retry import following, fresh
from trainboard.store import StoreError
from trainboard.trials import rungs
from trainboard.trials.standing import PAUSED, paused, settled, sweep_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from specs.combos import Params
    from specs.model import Asha, Spec
    from trainboard.control import Control
    from trainboard.dispatch import Dispatcher
    from trainboard.documents import Record, Records
    from trainboard.events import Event, Sampled
    from trainboard.plans import Planner
    from trainboard.records import Attempt, Experiment
    from trainboard.rows import Row
    from trainboard.store import Store
    from trainboard.tasks import Troubles
    from trainboard.trials.standing import Sweep
    from trainboard.trials.suggest import Suggester

OLD = 86400.0
"""Seconds after which an end counts as read, though nobody has read it."""

FAILURES = 10
"""Trials in a row that fail, after which no more are asked for."""

TOGETHER = 32
"""Trials that are asked for at once, at most."""

PROMOTED = "promoted to"
"""How the cause of an attempt begins that goes on behind a rung."""


class Asker:
    """Works in the process that polls; `take` and `see` bring what is new."""

    def __init__(
        self,
        store: Store,
        planner: Planner,
        dispatcher: Dispatcher,
        control: Control,
        series: Path,
        tell: Callable[[Event], None],
        troubles: Troubles,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`series`: the folder of the series files."""
        self._store = store
        self._planner = planner
        self._dispatcher = dispatcher
        self._control = control
        self._series = series
        self._tell = tell
        self._troubles = troubles
        self._clock = clock
        self._rows: Mapping[str, Row] = {}
        self._news: dict[str, set[tuple[str, float]]] = {}
        """Runs with new samples: index and step of the last one of each event; what is stored has none."""
        self._fresh = True
        """Nothing has been looked at in this process yet: all that runs has news."""
        self._suggesters: dict[str, Suggester] = {}
        self._seen: dict[str, _Seen] = {}
        """By experiment, as they were seen last."""
        self._warned: set[str] = set()

    def see(self, rows: Mapping[str, Row]) -> None:
        """The rows as they are now."""
        self._rows = rows

    def take(self, event: Sampled) -> None:
        """New samples of a row."""
        if event.samples:
            last = event.samples[-1]
            self._news.setdefault(event.key, set()).add((last.index, last.step))
        elif event.stored:
            self._news.setdefault(event.key, set()).add(("", 0.0))

    async def look(self) -> None:
        """One look at every sweep; trouble is told and not raised, and that of one keeps no other from going on."""
        try:
            records = await self._store.load()
            asking = [each for each in records.experiments.values() if each.trials]
            for experiment in asking:
                await self._look_at(experiment.id)
        except StoreError as error:
            self._troubles.meet("store", str(error))
        else:
            self._fresh = False

    async def _look_at(self, name: str) -> None:
        what = f"sweep {name}"
        try:
            seen = await self._see(name)
            spec = await self._planner.spec(seen.experiment)
            await self._settle(spec, seen)
            if spec.sweep.asha is not None:
                await self._keep_rungs(spec.sweep.asha, spec, name)
            await self._go_on(spec, name)
        except (SpecError, ReferenceProblem, ImportError) as error:
            advice = ": install trainboard[optuna] here" if isinstance(error, ImportError) else ""
            self._troubles.meet(what, f"{name} asks for no trials: {one_line(str(error), 300)}{advice}")
        except OSError as error:
            where = error.filename or self._series
            self._troubles.meet(what, f"{name} asks for no trials meanwhile: {where}: {error.strerror or error}")
        else:
            self._troubles.over(what)

    async def _see(self, name: str) -> _Seen:
        """One sweep's records as they are now; where nothing has changed, the same object again."""
        records = await self._store.load()
        known = self._seen.get(name)
        if known is None or known.records is not records:
            known = self._seen[name] = _Seen.of(records, name)
        return known

    # what they came to

    async def _settle(self, spec: Spec, seen: _Seen) -> None:
        """Put on record what ended runs came to."""
        ended = [run for run in seen.runs if self._is_over(spec, run, seen)]
        if not ended:
            return
        from trainboard.trials.values import rungs_of, value_of

        told: dict[str, tuple[int, float | None]] = {}
        reached: dict[str, list[float | None]] = {}
        asha = spec.sweep.asha
        printed: tuple[str, ...] = ()
        for run in ended:
            attempt = seen.newest[run.id]
            if attempt.started is None:
                told[run.id] = attempt.number, None
                continue
            value, recording = await asyncio.to_thread(value_of, self._series, seen.experiment, run, attempt)
            told[run.id] = attempt.number, value
            if asha is not None and not run.stopped:  # nobody may have looked while it ran
                found = await asyncio.to_thread(rungs_of, self._series, seen.experiment, run, attempt, asha)
                reached[run.id] = found
                if value is not None and not found and attempt.state is JobState.COMPLETED:
                    self._warn(seen.experiment, asha)
            if value is None and attempt.state is JobState.COMPLETED:
                printed = tuple(recording)

        def change(records: Records) -> list[Record]:
            now = newest_attempts(records)
            made: list[Record] = []
            for id, (number, value) in told.items():
                if now[id].number == number and now[id].state.ended:
                    run = replace(records.runs[id], told=number, value=value)
                    if len(rungs_there := reached.get(id, ())) > len(run.rungs):
                        run = replace(run, rungs=rungs_there, passed=len(rungs_there))
                    made.append(run)
            return made

        await self._store.change(change)
        await self._give_up(seen.experiment, printed)

    def _warn(self, experiment: Experiment, asha: Asha) -> None:
        """A run came to its end and to no rung; this is told once."""
        if experiment.id not in self._warned:
            self._warned.add(experiment.id)
            why = f"{experiment.objective} is not printed with {asha.unit} up to {asha.min:g}"
            advice = "print them with it, or count in seconds (sweep.asha.unit)"
            self._tell(Noticed("warning", f"{experiment.id}: a run ended and reached no rung: {why}; {advice}"))

    def _is_over(self, spec: Spec, run: Run, seen: _Seen) -> bool:
        """Whether a run has ended for good, all that it told was read, and that is not on record."""
        attempt = seen.newest[run.id]
        if settled(run, attempt) or not attempt.state.ended or run.requeued is not None or attempt.withdrawn:
            return False
        if following(run, seen.history[run.id], spec.retry, 0.0, lambda: "") is not None:
            return False
        read = attempt.diagnosed is not None or attempt.started is None
        return read or self._clock() - (attempt.ended or attempt.created) >= OLD

    async def _give_up(self, experiment: Experiment, printed: Sequence[str]) -> None:
        """Ask for no more where nothing but failures came of it."""
        sweep = (await self._see(experiment.id)).sweep
        if experiment.halted or not sweep.left or sweep.failing < min(FAILURES, experiment.trials):
            return
        why = f"the last {sweep.failing} trials failed"
        wanted = experiment.objective or ""
        if printed and all(wanted != name for name in printed):
            why = f"{sweep.failing} trials in a row told no {quoted(wanted)}{nearest(wanted, printed)}"
        await self._halt(experiment.id, why)
        advice = f"`trainboard release {experiment.id}` goes on"
        self._tell(Noticed("error", f"{experiment.id} asks for no more trials: {why}; {advice}"))

    async def _halt(self, name: str, why: str) -> None:
        def change(records: Records) -> list[Record]:
            known = records.experiments[name]
            return [] if known.halted else [replace(known, halted=why)]

        await self._store.change(change)

    # rungs

    async def _keep_rungs(self, asha: Asha, spec: Spec, name: str) -> None:
        """Put on record which rungs runs have reached, and have those pause that are not among the best there."""
        from trainboard.trials.values import rungs_of

        seen = await self._see(name)
        resumes = can_resume(spec)
        for run in seen.runs:
            attempt = seen.newest[run.id]
            row = self._rows.get(run.id)
            if attempt.state.ended or attempt.started is None or run.cancelled is not None or row is None:
                continue
            if len(run.rungs) > run.passed:  # it was decided, and not done
                await self._pause(seen, run, row, asha)
            elif self._may_have_reached(asha, run, attempt):
                reached = await asyncio.to_thread(rungs_of, self._series, seen.experiment, run, attempt, asha)
                if len(reached) > len(run.rungs):
                    seen = await self._reached(seen, run, reached, asha, resumes=resumes)
                    if len(now := seen.run(run.id).rungs) > seen.run(run.id).passed and now:
                        await self._pause(seen, seen.run(run.id), row, asha)

    def _may_have_reached(self, asha: Asha, run: Run, attempt: Attempt) -> bool:
        """Whether its file is to be read: not each time that it prints something."""
        from trainboard.trials.values import counts

        news, next_rung = self._news.pop(run.id, set()), len(run.rungs)
        if next_rung >= len(asha.rungs):
            return False
        if asha.unit is Unit.SECONDS:
            return self._clock() - (attempt.started or 0.0) >= asha.rungs[next_rung]
        near = all(counts(index, asha.unit) and step < asha.rungs[next_rung] for index, step in news)
        return self._fresh or not near

    async def _reached(
        self, seen: _Seen, run: Run, reached: Sequence[float | None], asha: Asha, *, resumes: bool
    ) -> _Seen:
        """Decide on record, rung by rung, by what is there then."""

        def change(records: Records) -> list[Record]:
            now = _Seen.of(records, seen.experiment.id)
            others, changed = [each for each in now.runs if each.id != run.id], now.run(run.id)
            while len(changed.rungs) < len(reached) and len(changed.rungs) == changed.passed:
                changed = replace(changed, rungs=[*changed.rungs, reached[len(changed.rungs)]])
                goal = now.experiment.goal
                if rungs.may_pass(changed, [*others, changed], goal, asha.reduction, resumes=resumes):
                    changed = replace(changed, passed=len(changed.rungs))
            return [changed]

        await self._store.change(change)
        return await self._see(seen.experiment.id)

    async def _pause(self, seen: _Seen, run: Run, row: Row, asha: Asha) -> None:
        """Stop a run at its rung: its program is told to end, and what it saved stays."""
        far = asha.rungs[len(run.rungs) - 1]
        at = f"{far:g} {asha.unit if far != 1 else str(asha.unit).removesuffix('s')}"
        await self._control.stop(row, f"{PAUSED}{rungs.told(run, seen.runs, seen.experiment.goal, at)}")

    # going on

    async def _go_on(self, spec: Spec, name: str) -> None:
        """Have paused runs go on, and ask for new ones, as many as there is room for."""
        seen = await self._see(name)
        sweep, newest = seen.sweep, seen.newest
        waiting = [] if sweep.experiment.halted else self._promotable(spec, sweep, newest)
        await self._finish(sweep, over=not waiting and not sweep.left and not sweep.alive)
        if not waiting and not sweep.left:
            return
        room = min(TOGETHER, await self._dispatcher.openings(name))
        if room > 0 and waiting:
            await self._promote(name, [run.id for run in waiting[:room]])
        several = max(1, len(spec.sweep.seeds))
        count = min(sweep.left, (room - len(waiting[:room])) // several or int(room > 0 and not waiting))
        if count > 0:
            await self._ask(spec, sweep, count)

    async def _finish(self, sweep: Sweep, *, over: bool) -> None:
        """Put on record that nothing more will come; or that something does after all, as of what is run again."""
        if over == (sweep.experiment.finished is not None):
            return
        at = self._clock() if over else None

        def change(records: Records) -> list[Record]:
            known = records.experiments[sweep.experiment.id]
            return [] if known != sweep.experiment else [replace(known, finished=at)]

        await self._store.change(change)

    def _promotable(self, spec: Spec, sweep: Sweep, newest: Mapping[str, Attempt]) -> list[Run]:
        if spec.sweep.asha is None or not can_resume(spec):
            return []
        runs = [run for trial in sweep.trials for run in trial.runs]
        last = not sweep.left and not sweep.alive
        goal, reduction = sweep.experiment.goal, spec.sweep.asha.reduction
        return rungs.promotable(runs, newest, goal, reduction, last=last)

    async def _promote(self, name: str, ids: Sequence[str]) -> None:
        """A new attempt of each, where its checkpoints are."""
        now = self._clock()

        def change(records: Records) -> list[Record]:
            made: list[Record] = []
            seen = _Seen.of(records, name)
            for id in ids:
                run, attempt = seen.run(id), seen.newest[id]
                if paused(run, attempt):
                    cause = f"{PROMOTED} rung {len(run.rungs) + 1}"
                    made.append(replace(run, cancelled=None, stopped="", passed=len(run.rungs)))
                    made.append(fresh(run, attempt.number + 1, now, new_token(), cause, attempt.backend))
            return made

        await self._store.change(change)

    async def _ask(self, spec: Spec, sweep: Sweep, count: int) -> None:
        """New trials, which become unsent runs; none where another process has just asked for them."""
        from trainboard.trials.suggest import Suggester

        experiment = sweep.experiment
        suggester = self._suggesters.get(experiment.id)
        if suggester is None:
            suggester = self._suggesters[experiment.id] = Suggester(spec, experiment.goal)
        found = await asyncio.to_thread(suggester.next, sweep.trials, count)
        if not found:
            await self._halt(experiment.id, "every setting has been tried")
            return
        digest = await asyncio.to_thread(self._program, spec, experiment)
        await self._store.change(
            partial(asked, spec=spec, sweep=sweep, found=found, digest=digest, now=self._clock())
        )

    def _program(self, spec: Spec, experiment: Experiment) -> str:
        """What its runs' identities are made with; empty where the code is not known. Blocks."""
        from backends.base import Snapshot
        from trainboard.actions import Refused
        from trainboard.identity import program

        try:
            code = self._planner.archives.load(experiment.code) if experiment.code else None
        except Refused:
            return ""
        return program(spec, code) if isinstance(code, Snapshot) else ""


class _Seen:
    """One sweep's records."""

    def __init__(self, experiment: Experiment, runs: Sequence[Run], history: Mapping[str, list[Attempt]]) -> None:
        self.experiment = experiment
        self.runs = [run for run in runs if history[run.id]]
        self.history = history
        self.newest = {id: attempts[-1] for id, attempts in history.items() if attempts}
        self._by_id = {run.id: run for run in self.runs}
        self.records: Records | None = None

    @classmethod
    def of(cls, records: Records, name: str) -> _Seen:
        runs = [run for run in records.runs.values() if run.experiment == name]
        found = cls(records.experiments[name], runs, histories(records, {run.id for run in runs}))
        found.records = records
        return found

    @cached_property
    def sweep(self) -> Sweep:
        """How it stands."""
        return sweep_of(self.experiment, self.runs, self.newest)

    def run(self, id: str) -> Run:
        return self._by_id[id]


def can_resume(spec: Spec) -> bool:
    """Whether a run that was stopped goes on from its checkpoint."""
    return bool(spec.outputs.checkpoint and spec.retry.resume)


def asked(
    records: Records, spec: Spec, sweep: Sweep, found: Sequence[Sequence[Params]], digest: str, now: float
) -> list[Record]:
    """The runs of new trials, each with an unsent attempt; none where there are others than were looked at. Pure."""
    from specs.expand import setting_of, trial_names
    from trainboard.identity import identity

    experiment = records.experiments[sweep.experiment.id]
    runs = [run for run in records.runs.values() if run.experiment == experiment.id]
    number = max((run.trial + 1 for run in runs if run.trial is not None), default=0)
    if experiment.halted or number != max((each.number + 1 for each in sweep.trials), default=0):
        return []
    index = max((run.index + 1 for run in runs), default=0)
    params = [each for trial in found for each in trial]
    names = trial_names(spec.sweep, params, [run.name for run in runs])
    numbers = [number + at for at, trial in enumerate(found) for _ in trial]
    made: list[Record] = []
    for place, (name, each, trial) in enumerate(zip(names, params, numbers, strict=True), index):
        setting = setting_of(spec, place, name, each)
        same = identity(setting, spec, digest) if digest else ""
        id = f"{experiment.id}.{place}"
        run = Run(id, experiment.id, place, name, each, spec.priority, identity=same, trial=trial)
        made += [run, fresh(run, 1, now, new_token())]
    return made
