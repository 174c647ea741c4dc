"""squeue's answer → entries. Pure: half an answer is an error, never a shorter queue."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.parse import slurm_duration, slurm_state, slurm_time
from backends.taskids import JOB_ID, Numbered, array_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from backends.base import JobState

QUEUE_FIELDS = ("%i", "%T", "%P", "%V", "%S", "%e", "%l", "%N", "%r", "%a", "%q", "%k", "%Z", "%j")
"""squeue -o: id, state, partition, submitted, started, ends, limit, nodes, reason, account, QOS, and the free texts:
comment, folder, name."""

TOP = 200
"""Jobs in one list for `scontrol top`."""

NONE = {"(null)", "N/A"}
"""What squeue prints for a text that is not set."""


@dataclass(frozen=True, slots=True)
class QueueEntry(Numbered):
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
    def count(self) -> int:
        """So many jobs, as Slurm counts them against limits."""
        return sum(map(len, self.tasks)) or 1


def arrays_in(entries: Iterable[QueueEntry]) -> dict[str, QueueEntry]:
    """An entry of each array by its id; not of one whose list of tasks is cut short."""
    arrays = [each for each in entries if each.tasks]
    cut = {each.array for each in arrays if "..." in each.job_id}
    return {each.array: each for each in arrays if each.array not in cut}


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


STANDING_FORMAT = "%i|%Q|%P|%a|%q"
"""For `squeue -r --sort=-p,i`: job id, priority, and what makes jobs of one user comparable."""


@dataclass(frozen=True, slots=True)
class Standing(Numbered):
    """Where a job that waits, or a task of an array, stands among the user's own."""

    job_id: str
    priority: int
    """0: it is held."""
    queue: str
    """Partition, account and QOS."""


def parse_standings(text: str) -> list[Standing]:
    """The user's jobs that wait, in the order of the lines."""
    parts = (line.strip().split("|", 2) for line in text.splitlines())
    return [
        Standing(fields[0], int(fields[1]), fields[2])
        for fields in parts
        if len(fields) == 3 and JOB_ID.fullmatch(fields[0]) and fields[1].isascii() and fields[1].isdigit()
    ]


def topped(ids: Sequence[str], standings: Sequence[Standing]) -> list[list[str]]:
    """What `scontrol top` is to be told so that these come first, in this order: a list for each queue of theirs.

    Behind them come those that stand first now. Slurm takes what the named ones gain from all others in shares, and
    so would bring those that were put on top before level with the rest.
    """
    queues = {each.job_id: each.queue for each in standings} | {each.array: each.queue for each in standings}
    groups: dict[str, list[str]] = {}
    for job_id in ids:
        if job_id in queues:
            groups.setdefault(queues[job_id], []).append(job_id)
    for queue, group in groups.items():
        first = first_now([each for each in standings if each.queue == queue], frozenset(group))
        group += first[: max(0, TOP - len(group))]
    return list(groups.values())


def first_now(standings: Sequence[Standing], chosen: frozenset[str]) -> list[str]:
    """Those that go first, but for the chosen ones, as far as each has a place of its own; a whole array is one."""
    others = [each for each in standings if each.job_id not in chosen and each.array not in chosen]
    arrays = Counter(each.array for each in others)
    levels = Counter((each.array, each.priority) for each in others)
    parted = {array_of(job_id) for job_id in chosen}
    first: dict[str, None] = {}
    for each in others:
        level = levels[each.array, each.priority]
        if not each.priority or (level > 1 and (level < arrays[each.array] or each.array in parted)):
            break
        first[each.job_id if level == 1 else each.array] = None
    return list(first)


REASONS_FORMAT = "%i|%r"
"""For `squeue -r`: one task a line."""


def parse_reasons(text: str) -> dict[str, str]:
    """Why each task of an array waits, by its id."""
    lines = (line.partition("|") for line in text.splitlines())
    return {job_id: reason.strip() for job_id, bar, reason in lines if bar and JOB_ID.fullmatch(job_id)}
