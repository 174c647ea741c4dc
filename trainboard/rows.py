"""The merged table: runs of ours and jobs that we did not start, as one kind of row."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from backends.base import Job, JobState, Watched
from specs.metrics import source_globs
from specs.model import LOG
from trainboard.dependency import OPEN, Gate, standings
from trainboard.ledger import newest_attempts, wish
from trainboard.retry import due
from trainboard.show import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from specs.model import Scalar
    from trainboard.dependency import Standing
    from trainboard.documents import Records
    from trainboard.records import Attempt, Experiment, Run


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Times are seconds since the epoch."""

    key: str
    """Stable for the life of the row: the run's id, or `backend:job_id` for a job that is not ours."""
    backend: str
    job_id: str
    name: str
    state: JobState
    run: str | None = None
    """The run's id; None for a job that is not ours."""
    experiment: str | None = None
    token: str = ""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    reason: str = ""
    partition: str = ""
    nodes: str = ""
    time_limit: float | None = None
    directory: str = ""
    log: str | None = None
    objective: str | None = None
    goal: str = "minimize"
    total: Mapping[str, float] = field(default_factory=dict)
    sources_wanted: tuple[str, ...] = (LOG,)
    """Where its metrics are read: `LOG`, and globs relative to where its program runs, its parameters filled in."""
    pattern: tuple[str, ...] = ()
    """The spec's own expressions for metrics in lines."""
    index: int = 0
    """Its number in its experiment, or in the array that it is a task of."""
    attempt: int | None = None
    cause: str = ""
    """Why there is this attempt."""
    unsent: bool = False
    """It waits on our side; `backend` is empty while none is chosen, and there is no log."""
    not_before: float | None = None
    """The reason is a back-off, which is over then."""
    held: bool = False
    """The user wants it to wait."""
    priority: int = 0
    place: float = 0.0
    """Among waiting runs of one priority the smaller goes first."""
    array: str = ""
    """The id of the array that it is a task of."""
    batch: str = ""
    task: int = 0
    job_name: str = ""
    """What its scheduler calls it."""
    checkpoints: tuple[float, ...] = ()
    """When it saved the newest ones, the oldest first."""
    trials: int = 0
    """So many settings its experiment asks for in all; 0: all of its runs are there."""
    seeds: int = 1
    """Runs of each of these settings."""
    why: str = ""
    """Why it failed, in one plain sentence; empty where it did not, or nobody looked yet."""
    sources: tuple[object, ...] = field(default=(), compare=False, repr=False)
    """What it was made of."""

    @property
    def ours(self) -> bool:
        """Whether we started it."""
        return self.run is not None

    @property
    def job(self) -> Job:
        """What its backend needs to find it again."""
        return Job(self.backend, self.job_id, self.name, self.state, self.token)

    def reason_at(self, now: float) -> str:
        """The reason, with how long a back-off still is."""
        if self.not_before is None or due(self.not_before, now):
            return self.reason
        return f"{self.reason}, in {duration(math.ceil(self.not_before - now))}"

    def watched(self) -> Watched:
        """What its backend needs to know to end it."""
        known = self.token, self.job_id, self.directory, self.submitted or 0.0
        return Watched(*known, self.batch, self.task, self.job_name)

    def as_json(self) -> dict[str, Any]:
        """The keys that `ls --json` and `submit --json` promise."""
        return {
            "run": self.run,
            "experiment": self.experiment,
            "backend": self.backend or None,
            "job_id": self.job_id or None,
            "state": str(self.state),
            "name": self.name,
            "params": dict(self.params),
            "submitted": self.submitted,
            "started": self.started,
            "ended": self.ended,
            "exit_code": self.exit_code,
            "reason": self.reason,
        }


def merge(
    records: Records,
    jobs: Mapping[str, Collection[Job]],
    before: Mapping[str, Row] = MappingProxyType({}),
    away: Collection[str] = (),
) -> tuple[Row, ...]:
    """Our runs, each by its newest attempt, and the jobs that are not ours; newest first.

    `jobs`: by backend, what its last answered query showed. `before`: the last rows by key; a row that did not change
    is the same object again. `away`: the backends that do not answer.
    """
    seen = {job.token: job for found in jobs.values() for job in found if job.token}
    newest = newest_attempts(records)
    gates = standings(records, newest)
    rows = [
        kept(
            before.get(run.id),
            (
                records.experiments[run.experiment],
                run,
                newest_one,
                seen.get(newest_one.id),
                gates.get(run.experiment, OPEN),
                undelivered(run, newest_one, away),
            ),
            run_row,
        )
        for run in records.runs.values()
        if (newest_one := newest.get(run.id)) is not None and run.experiment in records.experiments
    ]
    known = {(attempt.backend, attempt.job_id) for attempt in records.attempts.values()}
    rows += [
        kept(before.get(f"{job.backend}:{job.job_id}"), (job,), job_row)
        for found in jobs.values()
        for job in found
        if not job.token and (job.backend, job.job_id) not in known
    ]
    return tuple(sorted(rows, key=rank))


def rank(row: Row) -> tuple[float, str, int, str]:
    """What rows are sorted by: newest first, those of one sweep by their number."""
    return -(row.submitted or 0.0), row.experiment or row.array, row.index, row.key


def kept(old: Row | None, sources: tuple[Any, ...], make: Callable[..., Row]) -> Row:
    """The old row, where what it was made of is the same; comparing is far cheaper than making."""
    return old if old is not None and old.sources == sources else make(*sources)


def waits_for(run: Run, attempt: Attempt, standing: Standing) -> str:
    """Why an attempt waits on our side."""
    if run.held:
        return "held"
    if standing.gate is Gate.WAITS or (standing.gate is Gate.BLOCKED and not run.released):
        return standing.reason
    return attempt.reason or attempt.cause


def undelivered(run: Run, attempt: Attempt, away: Collection[str]) -> str:
    """What the user wants of an attempt and its backend, which does not answer, has not done; empty: nothing."""
    if attempt.backend not in away or attempt.unsent or attempt.state.ended:
        return ""
    verb = wish(run, attempt, attempt)
    return "requeue" if verb == "cancel" and run.cancelled is None else verb


def run_row(
    experiment: Experiment, run: Run, attempt: Attempt, job: Job | None, standing: Standing, order: str
) -> Row:
    """A run of ours; `order`: as `undelivered`."""
    reason = waits_for(run, attempt, standing) if attempt.unsent else attempt.reason
    if run.stopped and attempt.state is JobState.CANCELLED:
        reason = run.stopped
    return Row(
        key=run.id,
        backend=attempt.backend,
        job_id=attempt.job_id,
        name=f"{experiment.id}/{run.name}",
        state=JobState.HELD if attempt.unsent and run.held else attempt.state,
        run=run.id,
        experiment=experiment.id,
        token=attempt.id,
        params=run.params,
        submitted=attempt.submitted or attempt.created,
        started=attempt.started,
        ended=attempt.ended,
        exit_code=attempt.exit_code,
        reason=f"{order} waits for {attempt.backend}" if order else reason,
        partition=job.partition if job else "",
        nodes=job.nodes if job else "",
        time_limit=job.time_limit if job else None,
        directory=attempt.directory,
        log=f"{attempt.directory}/out.log" if attempt.directory else None,
        objective=experiment.objective,
        goal=experiment.goal,
        total=experiment.total,
        sources_wanted=source_globs(experiment.sources, run.name, run.params),
        pattern=tuple(experiment.pattern),
        index=run.index,
        attempt=attempt.number,
        cause=attempt.cause,
        unsent=attempt.unsent,
        not_before=attempt.not_before if attempt.unsent and reason == attempt.cause else None,
        held=run.held,
        priority=run.priority,
        place=run.place,
        array=job.array if job else "",
        batch=attempt.batch,
        task=attempt.task,
        job_name=run.job_name,
        checkpoints=(job.checkpoints if job else ()) or tuple(attempt.checkpoints),
        trials=0 if experiment.halted or experiment.finished else experiment.trials,
        seeds=experiment.seeds,
        why=attempt.why,
        sources=(experiment, run, attempt, job, standing, order),
    )


def job_row(job: Job) -> Row:
    """A job that we did not start."""
    return Row(
        key=f"{job.backend}:{job.job_id}",
        backend=job.backend,
        job_id=job.job_id,
        name=job.name,
        state=job.state,
        submitted=job.submitted,
        started=job.started,
        ended=job.ended,
        exit_code=job.exit_code,
        reason=job.reason,
        partition=job.partition,
        nodes=job.nodes,
        time_limit=job.time_limit,
        log=job.log,
        index=task_of(job),
        array=job.array,
        job_name=job.name,
        sources=(job,),
    )


def task_of(job: Job) -> int:
    """The number of an array task, which its id ends in; 0 where there is none."""
    number = job.job_id.rpartition("_")[2]
    return int(number) if job.array and number.isdecimal() else 0
