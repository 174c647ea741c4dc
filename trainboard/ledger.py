"""The records of one moment, sorted by what there may be to do with them. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.dependency import standings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from trainboard.dependency import Standing
    from trainboard.documents import Records
    from trainboard.records import Attempt, Experiment, Run


WAITING = (JobState.SUBMITTING, JobState.PENDING, JobState.HELD)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Made once for each state of the store, so that a look with nothing to do costs nothing."""

    records: Records
    newest: Mapping[str, Attempt]
    """By run."""
    unsent: Mapping[str, tuple[Attempt, ...]]
    """By experiment, in the order in which they are sent: what waits here."""
    dropped: tuple[Attempt, ...]
    """Unsent ones that the user cancelled, or requeued, when they seemed to be on a backend."""
    ended: tuple[Attempt, ...]
    """Newest ones after which another attempt may come."""
    submitting: tuple[Attempt, ...]
    """Newest ones that were handed over with an outcome that is not known."""
    waiting: tuple[Attempt, ...]
    """Newest ones that wait on a backend and may go to another one, in the order in which they were to start."""
    wishes: Mapping[str, tuple[Attempt, ...]]
    """By verb (`cancel`, `hold`, `release`, `priority`, `order`): those on a backend that are not as it is wanted."""
    standings: Mapping[str, Standing]
    """Of the experiments that come after others."""
    where: Mapping[str, tuple[str, ...]]
    """By experiment: where its runs may go; for those that do not say it, where they have been."""
    alive: Mapping[str, int]
    """By experiment: how many attempts are on a backend and have not ended."""
    queued: Mapping[str, int]
    """By backend: how many attempts wait there."""

    def run_of(self, attempt: Attempt) -> Run:
        """The attempt's run."""
        return self.records.runs[attempt.run]

    def experiment_of(self, attempt: Attempt) -> Experiment:
        """The attempt's experiment."""
        return self.records.experiments[self.records.runs[attempt.run].experiment]


def ledger(records: Records) -> Ledger:
    """Sort the records; those without a run or an experiment are left out."""
    newest = newest_attempts(records)
    unsent: dict[str, list[Attempt]] = {}
    dropped: list[Attempt] = []
    ended: list[Attempt] = []
    submitting: list[Attempt] = []
    waiting: list[Attempt] = []
    wishes: dict[str, list[Attempt]] = {}
    been: dict[str, dict[str, None]] = {}
    alive, queued = Counter[str](), Counter[str]()
    for attempt in records.attempts.values():
        run = records.runs.get(attempt.run)
        if run is None or run.experiment not in records.experiments:
            continue
        if attempt.backend and not records.experiments[run.experiment].where:
            been.setdefault(run.experiment, {})[attempt.backend] = None
        if attempt.state.ended:
            over = attempt.state is JobState.COMPLETED and run.requeued is None
            if newest[attempt.run] is attempt and not over:
                ended.append(attempt)
        elif attempt.unsent:
            if run.cancelled is None and run.requeued is None:
                unsent.setdefault(run.experiment, []).append(attempt)
            else:
                dropped.append(attempt)
        else:
            alive[run.experiment] += 1
            if attempt.state in WAITING:
                queued[attempt.backend] += 1
            if verb := wish(run, attempt, newest[attempt.run]):
                wishes.setdefault(verb, []).append(attempt)
            elif attempt.state is JobState.SUBMITTING:
                submitting.append(attempt)
            elif attempt.state is JobState.PENDING and len(records.experiments[run.experiment].where) > 1:
                waiting.append(attempt)
    return Ledger(
        records,
        newest,
        {name: in_order(found, records) for name, found in unsent.items()},
        tuple(dropped),
        tuple(ended),
        tuple(submitting),
        in_order(waiting, records),
        {verb: tuple(found) for verb, found in wishes.items()},
        standings(records, newest),
        {name: tuple(found.where) or tuple(been.get(name, ())) for name, found in records.experiments.items()},
        alive,
        queued,
    )


def wish(run: Run, attempt: Attempt, newest: Attempt) -> str:
    """What is to be done with an attempt that is on a backend; empty where all is as it is wanted."""
    if newest is not attempt or run.cancelled is not None or run.requeued is not None:
        return "cancel"  # a run is never alive twice: an attempt that was given up and is found again has to end
    if run.held:
        return "hold" if attempt.state in WAITING and attempt.state is not JobState.HELD else ""
    if attempt.held:
        return "release"
    if attempt.state is not JobState.PENDING:
        return ""
    if attempt.priority not in (None, run.priority):
        return "priority"
    return "order" if attempt.place not in (None, run.place) else ""


def newest_attempts(records: Records) -> dict[str, Attempt]:
    """The newest attempt of every run."""
    newest: dict[str, Attempt] = {}
    for attempt in records.attempts.values():
        other = newest.get(attempt.run)
        if other is None or attempt.number > other.number:
            newest[attempt.run] = attempt
    return newest


def histories(records: Records, runs: Collection[str]) -> dict[str, list[Attempt]]:
    """The attempts of these runs, the oldest first."""
    found: dict[str, list[Attempt]] = {run: [] for run in runs}
    for attempt in records.attempts.values():
        if attempt.run in found:
            found[attempt.run].append(attempt)
    for attempts in found.values():
        attempts.sort(key=lambda attempt: attempt.number)
    return found


def in_order(attempts: Iterable[Attempt], records: Records) -> tuple[Attempt, ...]:
    """Attempts as they are to start: by priority, by place, then as they were submitted."""

    def key(attempt: Attempt) -> tuple[float, float, float, str, int]:
        run = records.runs[attempt.run]
        return -run.priority, run.place, records.experiments[run.experiment].created, run.experiment, run.index

    return tuple(sorted(attempts, key=key))


def sent_since(known: Records, now: Records) -> set[str]:
    """The backends to which attempts were sent since; records that did not change are the same objects."""
    changed = [each for key, each in now.attempts.items() if known.attempts.get(key) is not each]
    return {
        each.backend
        for each in changed
        if each.sent is not None and (each.id not in known.attempts or known.attempts[each.id].sent != each.sent)
    }
