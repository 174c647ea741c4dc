"""Jobs that are over: the accounting's and ours as one list, arrays folded, filtered. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.base import JobState  # noqa: TC001  # dataclass fields are read at run time
from backends.sightings import OURS
from backends.taskids import array_of
from backends.taskids import folded as folded_ids
from trainboard.show import clean, duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from backends.cluster import Finished
    from trainboard.records import Attempt, Run

APART = 86400.0
"""Seconds: a record of a job with the same id that began so much earlier or later is of another job."""


@dataclass(frozen=True, slots=True)
class Past:
    """One job, or attempt of ours, that is over. Times are seconds since the epoch."""

    backend: str
    job_id: str
    name: str
    state: JobState
    run: str = ""
    """Of a run of ours its id."""
    experiment: str = ""
    number: int = 0
    """Of an attempt of ours."""
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    elapsed: float | None = None
    exit_code: int | None = None
    signal: int = 0
    gpus: int | None = None
    """None: nobody knows."""
    partition: str = ""
    nodes: str = ""
    user: str = ""
    reason: str = ""
    """Why it ended so, where that is known."""

    @property
    def gpu_hours(self) -> float | None:
        """GPUs times hours."""
        return None if self.gpus is None or self.elapsed is None else self.gpus * self.elapsed / 3600

    def as_json(self) -> dict[str, Any]:
        """The keys that `history --json` promises."""
        return {
            "backend": self.backend,
            "job_id": self.job_id or None,
            "run": self.run or None,
            "experiment": self.experiment or None,
            "attempt": self.number or None,
            "name": self.name,
            "state": str(self.state),
            "submitted": self.submitted,
            "started": self.started,
            "ended": self.ended,
            "elapsed": self.elapsed,
            "exit_code": self.exit_code,
            "signal": self.signal or None,
            "gpus": self.gpus,
            "gpu_hours": self.gpu_hours,
            "partition": self.partition or None,
            "nodes": self.nodes or None,
            "user": self.user or None,
            "reason": self.reason or None,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: a job, or the tasks of an array that are over."""

    jobs: tuple[Past, ...]
    """The newest first."""

    @property
    def first(self) -> Past:
        """The job that stands for all."""
        return self.jobs[0]

    @property
    def ids(self) -> str:
        """As `12`, `12_[0-6,9]`."""
        return " ".join(folded_ids(job.job_id for job in self.jobs)) if len(self.jobs) > 1 else self.first.job_id

    @property
    def states(self) -> str:
        """As `FAILED`, `8 COMPLETED 2 FAILED`."""
        if len(self.jobs) == 1:
            return str(self.first.state)
        counted = Counter(str(job.state) for job in self.jobs)
        return " ".join(f"{count} {state}" for state, count in counted.most_common())

    @property
    def ended(self) -> float | None:
        """When the last of them did."""
        return max((job.ended for job in self.jobs if job.ended is not None), default=None)

    @property
    def elapsed(self) -> float | None:
        """Of one job; of several the sum."""
        known = [job.elapsed for job in self.jobs if job.elapsed is not None]
        return sum(known) if known else None

    @property
    def gpu_hours(self) -> float | None:
        """Of all of them, as far as it is known."""
        known = [hours for job in self.jobs if (hours := job.gpu_hours) is not None]
        return sum(known) if known else None


def of_accounting(backend: str, job: Finished) -> Past:
    """A job that we know of from the accounting alone."""
    return Past(
        backend=backend,
        job_id=job.job_id,
        name=job.name,
        state=job.state,
        submitted=job.submitted,
        started=job.started,
        ended=job.ended,
        elapsed=job.elapsed,
        exit_code=job.exit_code,
        signal=job.signal,
        gpus=job.gpus,
        partition=job.partition,
        nodes=job.nodes,
        user=job.user,
    )


def of_attempt(attempt: Attempt, run: Run, gpus: int | None, job: Finished | None = None) -> Past:
    """An attempt of ours, with what the accounting adds to our record; the state is ours, which has more evidence."""
    started = attempt.started or (job.started if job else None)
    ended = attempt.ended or (job.ended if job else None)
    elapsed = job.elapsed if job else attempt.peaks.get("seconds")
    if elapsed is None and started is not None and ended is not None:
        elapsed = max(0.0, ended - started)
    return Past(
        backend=attempt.backend,
        job_id=attempt.job_id,
        name=f"{run.experiment}/{run.name}",
        state=attempt.state,
        run=run.id,
        experiment=run.experiment,
        number=attempt.number,
        submitted=attempt.submitted or attempt.created,
        started=started,
        ended=ended,
        elapsed=elapsed if started is not None else 0.0,
        exit_code=attempt.exit_code if attempt.exit_code is not None else (job.exit_code if job else None),
        signal=job.signal if job else 0,
        gpus=job.gpus if job else gpus,
        partition=job.partition if job else "",
        nodes=job.nodes if job else "",
        user=job.user if job else "",
        reason=attempt.why or attempt.reason,
    )


def merged(
    accounted: Mapping[str, Sequence[Finished]],
    attempts: Iterable[Attempt],
    runs: Mapping[str, Run],
    gpus: Mapping[str, int],
    since: float,
) -> tuple[Past, ...]:
    """Both lists as one, no job twice, the newest end first.

    `accounted`: by backend. `attempts`: ours, of any state. `gpus`: by experiment, where that is known.
    """
    by_token = {job.token: job for jobs in accounted.values() for job in jobs if job.token}
    by_id = {(backend, job.job_id): job for backend, jobs in accounted.items() for job in jobs}
    taken: set[tuple[str, str]] = set()
    found: list[Past] = []
    for attempt in attempts:
        run = runs.get(attempt.run)
        job = by_token.get(attempt.id) or same(by_id.get((attempt.backend, attempt.job_id)), attempt)
        if job is not None:
            taken.add((attempt.backend, job.job_id))
        elif not attempt.state.ended:
            taken.add((attempt.backend, attempt.job_id))
        ended = attempt.ended or (job.ended if job else None)
        if run is None or not attempt.state.ended or attempt.withdrawn or ended is None or ended < since:
            continue
        found.append(of_attempt(attempt, run, gpus.get(run.experiment), job))
    found += [
        of_accounting(backend, job)
        for backend, jobs in accounted.items()
        for job in jobs
        if (backend, job.job_id) not in taken
    ]
    return tuple(sorted(found, key=lambda past: (-(past.ended or 0.0), past.backend, past.job_id, past.run)))


def same(job: Finished | None, attempt: Attempt) -> Finished | None:
    """The record, where it is of this attempt: a cluster that was set up anew counts its jobs from one again.

    The tasks of an array have its mark all together, and a site may put a mark of its own in its place.
    """
    if job is None or (OURS.fullmatch(job.token) and job.token.partition("+")[0] not in (attempt.id, attempt.batch)):
        return None
    known, other = job.submitted, attempt.submitted or attempt.created
    return job if known is None or abs(known - other) < APART else None


def folded(pasts: Iterable[Past]) -> list[Line]:
    """The tasks of one array in one line, at the place of the newest."""
    groups: dict[tuple[str, str], list[Past]] = {}
    for past in pasts:
        key = (
            past.backend,
            array_of(past.job_id) if "_" in past.job_id else f"{past.job_id}#{past.run}#{past.number}",
        )
        groups.setdefault(key, []).append(past)
    return [Line(tuple(jobs)) for jobs in groups.values()]


def matching(pasts: Iterable[Past], words: Sequence[str]) -> list[Past]:
    """Those in which each of the words is found somewhere, whatever the case."""
    wanted = [word.lower() for word in words]

    def text(past: Past) -> str:
        parts = past.backend, past.job_id, past.name, past.state, past.run, past.partition, past.nodes, past.reason
        return " ".join(parts).lower()

    return [past for past in pasts if all(word in text(past) for word in wanted)]


TITLES = ("ENDED", "STATE", "BACKEND", "JOB", "RUN", "TOOK", "GPUS", "GPU-HOURS", "EXIT", "NAME", "WHY")


def cells(line: Line, now: float) -> tuple[str, ...]:
    """A row of the table."""
    first, ended, hours = line.first, line.ended, line.gpu_hours
    more = f" ({len(line.jobs)} tasks)" if len(line.jobs) > 1 else ""
    return (
        f"{duration(now - ended)} ago" if ended is not None else "-",
        line.states,
        clean(first.backend, 40),
        clean(line.ids, 60) or "-",
        first.run or "-",
        duration(line.elapsed),
        "-" if first.gpus is None else str(first.gpus),
        "-" if hours is None else f"{hours:.1f}",
        exit_text(first) if len(line.jobs) == 1 else "",
        clean(first.name, 200) + more,
        clean(first.reason, 200) if len(line.jobs) == 1 else "",
    )


def exit_text(past: Past) -> str:
    """`0`, `1`, `signal 9`."""
    if past.signal:
        return f"signal {past.signal}"
    return "-" if past.exit_code is None else str(past.exit_code)


def in_sum(pasts: Sequence[Past]) -> str:
    """One line under the list."""
    hours = sum(hours for past in pasts if (hours := past.gpu_hours) is not None)
    states = Counter(str(past.state) for past in pasts)
    counted = ", ".join(f"{count} {state}" for state, count in states.most_common())
    jobs = f"{len(pasts):,} job{'' if len(pasts) == 1 else 's'}"
    return f"{jobs}{f' ({counted})' if pasts else ''}, {hours:,.1f} GPU-hours"
