"""squeue's answer → entries. Pure: half an answer is an error, never a shorter queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.parse import slurm_duration, slurm_state, slurm_time
from backends.taskids import JOB_ID, array_of, tasks_of

if TYPE_CHECKING:
    from backends.base import JobState

QUEUE_FIELDS = ("%i", "%T", "%P", "%V", "%S", "%e", "%l", "%N", "%r", "%a", "%q", "%k", "%Z", "%j")
"""squeue -o: id, state, partition, submitted, started, ends, limit, nodes, reason, account, QOS, and the free texts:
comment, folder, name."""

NONE = {"(null)", "N/A"}
"""What squeue prints for a text that is not set."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One line of squeue, its texts as they are: a job, a task of an array, or many of them that wait alike."""

    job_id: str
    state: JobState
    word: str
    """Slurm's own state word."""
    partition: str
    submitted: float | None
    started: float | None
    ends: float | None
    """When it ended, or will at its limit."""
    time_limit: float | None
    nodes: str
    reason: str
    account: str
    qos: str
    comment: str
    workdir: str
    name: str

    @property
    def array(self) -> str:
        """The id of the job or of its array."""
        return array_of(self.job_id)

    @property
    def tasks(self) -> tuple[range, ...]:
        """Of the array; none for a job of its own."""
        return tasks_of(self.job_id)

    @property
    def count(self) -> int:
        """So many jobs, as Slurm counts them against limits."""
        return sum(map(len, self.tasks)) or 1


def queue_format(mark: str) -> str:
    """The -o option for which `parse_squeue(…, mark)` reads the answer.

    `mark` is a word that we make up for the occasion: no name or comment can hold it by accident or on purpose, so
    free text with any character in it never shifts a column.
    """
    return mark.join(QUEUE_FIELDS) + end_mark(mark)


def end_mark(mark: str) -> str:
    """What ends a record: not the mark twice, for a field may be empty."""
    return f"{mark[:-1]}={mark[-1]}"


def parse_squeue(text: str, mark: str) -> tuple[QueueEntry, ...]:
    """The whole answer of squeue. Raises ValueError where it is not whole: half an answer is no answer."""
    *records, rest = text.split(end_mark(mark))
    if rest.strip():
        raise ValueError("squeue's answer is cut off")
    return tuple(_entry(record.lstrip("\r\n").split(mark)) for record in records)


def _entry(fields: list[str]) -> QueueEntry:
    if len(fields) != len(QUEUE_FIELDS):
        raise ValueError(f"squeue's answer has {len(fields)} fields instead of {len(QUEUE_FIELDS)}")
    job_id, word, partition, submitted, started, ends, limit, nodes, reason, account, qos, comment, workdir, name = (
        fields
    )
    job_id = job_id.rpartition("\n")[2].strip()  # what a site's squeue says first ends with its line
    if not JOB_ID.fullmatch(job_id):
        raise ValueError(f"squeue's answer has {job_id[:40]!r} for a job id")
    return QueueEntry(
        job_id=job_id,
        state=slurm_state(word, reason),
        word=word,
        partition=partition,
        submitted=slurm_time(submitted),
        started=slurm_time(started),
        ends=slurm_time(ends),
        time_limit=slurm_duration(limit),
        nodes=nodes,
        reason="" if reason == "None" else reason,
        account="" if account in NONE else account,
        qos="" if qos in NONE else qos,
        comment="" if comment in NONE else comment,
        workdir="" if workdir in NONE else workdir,
        name=name,
    )


REASONS_FORMAT = "%i|%r"
"""For `squeue -r`: one task a line."""


def parse_reasons(text: str) -> dict[str, str]:
    """Why each task of an array waits, by its id."""
    lines = (line.partition("|") for line in text.splitlines())
    return {job_id: reason.strip() for job_id, bar, reason in lines if bar and JOB_ID.fullmatch(job_id)}
