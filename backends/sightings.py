"""Which jobs of a scheduler are which attempts of ours. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from backends.taskids import among, array_of, shifted, tasks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from backends.base import JobState, Watched


OURS = re.compile(r"[0-9a-f]{16}(?:\+\d+)?")
"""A comment that we have set: a token, or a batch and where the array begins in it. A site may set others instead."""


class Record(Protocol):
    """What squeue and sacct both tell of a job, or of several tasks of an array."""

    @property
    def job_id(self) -> str: ...
    @property
    def array(self) -> str: ...
    @property
    def tasks(self) -> tuple[range, ...]: ...
    @property
    def state(self) -> JobState: ...
    @property
    def comment(self) -> str: ...
    @property
    def workdir(self) -> str: ...
    @property
    def name(self) -> str: ...


Seen = TypeVar("Seen", bound=Record)


@dataclass(frozen=True, slots=True)
class Sighting(Generic[Seen]):
    """An attempt, in a job."""

    attempt: Watched
    job_id: str
    """Of this attempt alone: where the record stands for many tasks it is one of them."""
    record: Seen


class Watchlist:
    """Attempts by everything that a scheduler may tell of them."""

    def __init__(self, watched: Iterable[Watched]) -> None:
        self.attempts = {attempt.token: attempt for attempt in watched}
        self._by_id: dict[str, Watched] = {}
        self._by_array: defaultdict[str, dict[int, Watched]] = defaultdict(dict)
        self._by_batch: defaultdict[str, dict[int, Watched]] = defaultdict(dict)
        self._by_folder: dict[str, Watched] = {}
        for attempt in self.attempts.values():
            self._enter(attempt)

    def _enter(self, attempt: Watched) -> None:
        for tasks in tasks_of(attempt.job_id):
            self._by_array[array_of(attempt.job_id)][tasks.start] = attempt
        if attempt.job_id:
            self._by_id[attempt.job_id] = attempt
        if attempt.batch:
            self._by_batch[attempt.batch][attempt.task] = attempt
        self._by_folder[below_home(attempt.directory)] = attempt

    def find(self, records: Iterable[Seen]) -> tuple[dict[str, list[Sighting[Seen]]], list[Seen]]:
        """The sightings of attempts, by token, and the records that are of none."""
        seen: dict[str, list[Sighting[Seen]]] = {}
        others: list[Seen] = []
        rests: list[Seen] = []
        for record in records:
            sightings = list(self._in(record))
            for sighting in sightings:
                seen.setdefault(sighting.attempt.token, []).append(sighting)
            if not sightings:
                (rests if self._is_rest(record) else others).append(record)
        for record in rests:
            for attempt in self._by_array[record.job_id].values():
                seen.setdefault(attempt.token, [Sighting(attempt, attempt.job_id, record)])
        return seen, others

    def _is_rest(self, record: Seen) -> bool:
        """Whether it is what Slurm keeps of the tasks of our array that were cancelled before they began.

        Such a record has the id of the array and names no task: it stands for those that have none of their own.
        """
        return not record.tasks and record.state.ended and record.job_id in self._by_array

    def _in(self, record: Seen) -> Iterator[Sighting[Seen]]:
        if record.tasks:
            yield from self._tasks_in(record)
            return
        attempt = self.attempts.get(record.comment) or self._by_id.get(record.job_id)
        if attempt is None and not OURS.fullmatch(record.comment):
            attempt = self._in_folder(record)
        if attempt is not None and not contradicts(record, attempt):
            yield Sighting(attempt, record.job_id, record)

    def _tasks_in(self, record: Seen) -> Iterator[Sighting[Seen]]:
        batch, offset = batch_of(record)
        by_task, by_index = self._by_batch.get(batch, {}), self._by_array.get(record.array, {})
        found = {task - offset: by_task[task] for task in among(shifted(record.tasks, offset), by_task)}
        for index in among(record.tasks, by_index):
            if index not in found and not contradicts(record, by_index[index]):
                found[index] = by_index[index]
        for index, attempt in found.items():
            yield Sighting(attempt, f"{record.array}_{index}", record)

    def _in_folder(self, record: Seen) -> Watched | None:
        """By the attempt directory, where a scheduler keeps no comment; `~` may be any folder."""
        parts = record.workdir.split("/")
        for first in range(len(parts)):
            attempt = self._by_folder.get("/".join(parts[first:]) if first else record.workdir)
            if attempt is not None:
                return attempt
        return None


def batch_of(record: Record) -> tuple[str, int]:
    """The batch of an array of ours, and the task that its index 0 would be; a comment, or else the folder's name."""
    above, _, name = record.workdir.rpartition("/")
    named = name.rpartition("-")[0] if above.endswith("/.batches") else ""
    mark = record.comment if OURS.fullmatch(record.comment) else named
    batch, _, offset = mark.partition("+")
    return batch, int(offset) if offset.isascii() and offset.isdigit() else 0


def below_home(directory: str) -> str:
    """A path on a host without `~/`, which we cannot resolve."""
    return directory.removeprefix("~/")


def contradicts(record: Record, attempt: Watched) -> bool:
    """Whether a job with an attempt's id is another's: ids begin anew where a cluster is set up again."""
    ours = record.comment == attempt.token or (attempt.batch and batch_of(record)[0] == attempt.batch)
    if ours or not (record.comment or record.workdir):
        return False
    folder = below_home(attempt.directory)
    return not (record.workdir == folder or record.workdir.endswith(f"/{folder}"))
