"""The merged table of a board: made again whenever something changed, at a cost in proportion to what did."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from trainboard.dependency import OPEN, standings
from trainboard.documents import Records
from trainboard.ledger import newest_attempts
from trainboard.rows import kept, merge, rank, run_row, undelivered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from backends.base import Job
    from trainboard.dependency import Standing
    from trainboard.records import Attempt, Experiment, Run
    from trainboard.rows import Row

Kept = TypeVar("Kept", "Experiment", "Run", "Attempt")


class Merging:
    """`merge` again and again, in any thread."""

    def __init__(self) -> None:
        self._one = Lock()
        """A caller that is cancelled leaves its thread behind."""
        self._records = Records()
        self._jobs: dict[str, Collection[Job]] = {}
        self._away: Collection[str] = ()
        self._seen: dict[str, Job] = {}
        self._newest: dict[str, Attempt] = {}
        self._gates: dict[str, Standing] = {}
        self._rows: dict[str, Row] = {}

    def merge(
        self, records: Records, jobs: Mapping[str, Collection[Job]], away: Collection[str] = ()
    ) -> tuple[Row, ...]:
        """What `merge` makes of these; a row that did not change is the same object as last time.

        Everything is compared only where a backend showed other jobs, or fell silent or answers again, or where more
        changed than runs and attempts.
        """
        with self._one:
            changes = self._changes(records, jobs) if away == self._away else None
            self._away = away
            if changes is None:
                self._begin(records, jobs)
            else:
                self._go_on(records, *changes)
            self._records, self._jobs = records, dict(jobs)
            return tuple(self._rows.values())

    def _begin(self, records: Records, jobs: Mapping[str, Collection[Job]]) -> None:
        """Merge all."""
        self._rows = {row.key: row for row in merge(records, jobs, self._rows, self._away)}
        self._seen = {job.token: job for found in jobs.values() for job in found if job.token}
        self._newest = newest_attempts(records)
        self._gates = standings(records, self._newest)

    def _changes(
        self, records: Records, jobs: Mapping[str, Collection[Job]]
    ) -> tuple[list[Run], list[Attempt]] | None:
        """The runs and attempts that are new; None where that is not all there may be to do."""
        before = self._records
        if jobs.keys() != self._jobs.keys() or any(jobs[name] is not self._jobs[name] for name in jobs):
            return None
        runs, attempts = changed(before.runs, records.runs), changed(before.attempts, records.attempts)
        if runs is None or attempts is None or changed(before.experiments, records.experiments) != []:
            return None
        same = all(self._is_as_before(attempt, before.attempts.get(attempt.id)) for attempt in attempts)
        return (runs, attempts) if same else None

    def _is_as_before(self, attempt: Attempt, old: Attempt | None) -> bool:
        """Whether what others' jobs there are does not depend on this attempt any more than it did."""
        if old is not None and (old.run, old.number) != (attempt.run, attempt.number):
            return False
        if old is not None and (old.backend, old.job_id) == (attempt.backend, attempt.job_id):
            return True
        return not (old and old.job_id) and f"{attempt.backend}:{attempt.job_id}" not in self._rows

    def _go_on(self, records: Records, runs: list[Run], attempts: list[Attempt]) -> None:
        """Make the rows of these anew, and of runs that wait for them."""
        for attempt in attempts:
            newest = self._newest.get(attempt.run)
            if newest is None or newest.id == attempt.id or attempt.number > newest.number:
                self._newest[attempt.run] = attempt
        gates = standings(records, self._newest)
        late = {name for name in gates if gates[name] != self._gates.get(name)}
        touched = [run.id for run in runs] + [attempt.run for attempt in attempts]
        if late:
            touched += [run.id for run in records.runs.values() if run.experiment in late]
        self._gates = gates
        moved = [self._renew(records, key) for key in dict.fromkeys(touched)]
        if any(moved):
            self._rows = {row.key: row for row in sorted(self._rows.values(), key=rank)}

    def _renew(self, records: Records, key: str) -> bool:
        """Make one row anew; whether it comes at another place."""
        run, newest, old = records.runs.get(key), self._newest.get(key), self._rows.get(key)
        experiment = records.experiments.get(run.experiment) if run else None
        if run is None or newest is None or experiment is None:
            return False
        gate = self._gates.get(run.experiment, OPEN)
        order = undelivered(run, newest, self._away)
        self._rows[key] = row = kept(old, (experiment, run, newest, self._seen.get(newest.id), gate, order), run_row)
        return old is None or rank(old) != rank(row)


def changed(old: Mapping[str, Kept], new: Mapping[str, Kept]) -> list[Kept] | None:
    """The records that are new or another object; None where some are gone."""
    if old is new:
        return []
    found = {key: record for key, record in new.items() if old.get(key) is not record}
    added = sum(key not in old for key in found)
    return list(found.values()) if len(new) - added == len(old) else None
