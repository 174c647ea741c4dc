"""Texts of schedulers and tools → base types. Pure: any text gives an answer or a `ValueError`, never a guess."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from backends.base import Gpu, JobState

if TYPE_CHECKING:
    from collections.abc import Mapping

SLURM_STATES: Mapping[str, JobState] = {
    "PENDING": JobState.PENDING,
    "CONFIGURING": JobState.PENDING,
    "REQUEUED": JobState.PENDING,
    "REQUEUE_FED": JobState.PENDING,
    "REQUEUE_HOLD": JobState.HELD,
    "SPECIAL_EXIT": JobState.HELD,
    "RESV_DEL_HOLD": JobState.HELD,
    "RUNNING": JobState.RUNNING,
    "SUSPENDED": JobState.RUNNING,
    "STOPPED": JobState.RUNNING,
    "SIGNALING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "STAGE_OUT": JobState.COMPLETING,
    "COMPLETING": JobState.COMPLETING,
    "COMPLETED": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "BOOT_FAIL": JobState.NODE_FAIL,
    "NODE_FAIL": JobState.NODE_FAIL,
    "LAUNCH_FAILED": JobState.FAILED,
    "RECONFIG_FAIL": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
    "REVOKED": JobState.CANCELLED,
    "TIMEOUT": JobState.TIMEOUT,
    "DEADLINE": JobState.TIMEOUT,
    "OUT_OF_MEMORY": JobState.OUT_OF_MEMORY,
    "PREEMPTED": JobState.PREEMPTED,
}
"""Slurm's words (squeue(1), JOB STATE CODES) → ours. A word that is not here is UNKNOWN, and alive."""

HOLD_REASONS = frozenset({"JobHeldUser", "JobHeldAdmin"})

QUEUE_FIELDS = ["%i", "%T", "%u", "%P", "%V", "%S", "%e", "%l", "%N", "%r", "%k", "%j"]
"""squeue -o: id, state, user, partition, submitted, started, ends, limit, nodes, reason, comment, name."""


JOB_ID = re.compile(r"\d+(_(\d+|\[[\d,:%.-]+\]))?(\+\d+)?", re.ASCII)
"""squeue's %i: a job, a task of an array or those of it that wait (cut with dots where many), a part of a job."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One line of squeue, its texts as they are."""

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
    comment: str
    name: str


def slurm_state(word: str, reason: str = "") -> JobState:
    """Slurm's state word, `CANCELLED by 1000` and `CANCELLED+` too, → ours."""
    head = word.split()[0].rstrip("+") if word.split() else ""
    state = SLURM_STATES.get(head, JobState.UNKNOWN)
    return JobState.HELD if state is JobState.PENDING and reason in HOLD_REASONS else state


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
    entries = []
    for record in records:
        fields = record.lstrip("\r\n").split(mark)
        if len(fields) != len(QUEUE_FIELDS):
            raise ValueError(f"squeue's answer has {len(fields)} fields instead of {len(QUEUE_FIELDS)}")
        job_id, word, _, partition, submitted, started, ends, limit, nodes, reason, comment, name = fields
        job_id = job_id.rpartition("\n")[2].strip()  # what a site's squeue says first ends with its line
        if not JOB_ID.fullmatch(job_id):
            raise ValueError(f"squeue's answer has {job_id[:40]!r} for a job id")
        entries.append(
            QueueEntry(
                job_id,
                slurm_state(word, reason),
                word,
                partition,
                slurm_time(submitted),
                slurm_time(started),
                slurm_time(ends),
                slurm_duration(limit),
                nodes,
                "" if reason == "None" else reason,
                "" if comment == "(null)" else comment,
                name,
            )
        )
    return tuple(entries)


def slurm_time(text: str) -> float | None:
    """A time as Slurm prints it with SLURM_TIME_FORMAT=%s, or in its standard form (local time); None for none."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text) or None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def slurm_duration(text: str) -> float | None:
    """`[days-]hours:minutes:seconds`, `minutes:seconds` → seconds; None for UNLIMITED and the like."""
    match = re.fullmatch(r"(?:(\d{1,6})-)?(?:(\d{1,6}):)?(\d{1,6}):(\d\d)", text.strip())
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


@dataclass(frozen=True, slots=True)
class Account:
    """What sacct says of one job."""

    job_id: str
    state: JobState
    exit_code: int | None
    signal: int
    started: float | None
    ended: float | None


ACCOUNT_FIELDS = "JobID,State,ExitCode,Start,End"


def parse_sacct(text: str) -> dict[str, Account]:
    """`sacct -n -P -X -o ACCOUNT_FIELDS` → by job id; of a requeued job the last line counts."""
    found = {}
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != 5:
            continue  # a warning of sacct's, or a line cut short: no evidence
        job_id, word, code, started, ended = fields
        number, _, signal = code.partition(":")
        found[job_id] = Account(
            job_id,
            slurm_state(word),
            int(number) if number.isdigit() else None,
            int(signal) if signal.isdigit() else 0,
            slurm_time(started),
            slurm_time(ended),
        )
    return found


def parse_stdout_path(text: str) -> str | None:
    """The log of a job from `scontrol show job`; the last mention, as its name and comment stand before it.

    Of the patterns in it Slurm has put in the values, but for `%%`, which it shows as it was written.
    """
    paths = re.findall(r"^ *StdOut=(.+)$", text, re.MULTILINE)
    return paths[-1].strip().replace("%%", "%") if paths else None


def parse_job_id(out: str) -> str | None:
    """The id that `sbatch --parsable` printed (`123` or `123;cluster`), past warnings before it."""
    for line in reversed(out.splitlines()):
        match = re.fullmatch(r"(\d{1,12})(?:;\S+)?", line.strip())
        if match is not None:
            return match[1]
    return None


def parse_gpu(line: str) -> Gpu | None:
    """One line of `nvidia-smi --query-gpu` with `remote.GPU_FIELDS`; None for a line that is none."""
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != 8 or not (fields[0].isascii() and fields[0].isdigit()):
        return None
    index, uuid, name, utilization, used, total, temperature, power = fields
    mebibytes = [figure(used), figure(total)]
    memory = [None if value is None else int(value * 2**20) for value in mebibytes]
    return Gpu(int(index), uuid, name, figure(utilization), memory[0], memory[1], figure(temperature), figure(power))


def figure(text: str) -> float | None:
    """A number; None for `[N/A]`, `[Not Supported]` and the like."""
    return float(text) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text, re.ASCII) else None
