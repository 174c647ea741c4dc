"""Plans → what sbatch is given, and sbatch's answer → what became of them. Pure."""

from __future__ import annotations

import hashlib
import math
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.base import NoRoom, Rejected, Unclear
from backends.parse import parse_job_id
from backends.taskids import task_list
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.base import Completed, Plan

WARNING = 60
"""Seconds ahead of its time limit that Slurm warns a job with USR2 (not USR1: NCCL catches that)."""

UNHEARD = re.compile(
    r"timed? ?out|unable to contact|connect|communicat|socket|zero bytes|protocol|try again", re.IGNORECASE
)
"""Words of sbatch after which the job may exist all the same (the request arrived, the answer did not)."""

FULL = re.compile(r"queue full|unable to accept job|Submit\w*Limit|invalid job array specification", re.IGNORECASE)
"""Words of a limit on the number of jobs: there will be room again. Too large an array may be sent in parts."""

POLICY = re.compile(r"violates accounting/QOS policy", re.IGNORECASE)
"""What sbatch says of every limit of the accounting; which one, it says before, where it does."""

LIMIT = re.compile(r"\b(?:QOS|Assoc)[A-Z]\w+|\bMaxSubmit\w+")
"""A limit's name, as AssocMaxSubmitJobLimit or QOSMaxWallDurationPerJobLimit."""

PASSING = re.compile(r"temporarily", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Submission:
    """One call of sbatch: a plan by itself, or several as an array."""

    plans: tuple[Plan, ...]
    array_from: int = 0
    """The task of the batch that is index 0 of the array: an index is below MaxArraySize, a task need not be."""
    at_most: int | None = None

    @property
    def is_array(self) -> bool:
        """Whether its plans are tasks of an array."""
        return len(self.plans) > 1

    @property
    def mark(self) -> str:
        """The job's comment, by which it is found again."""
        first = self.plans[0]
        if not self.is_array:
            return first.token
        return f"{first.batch}+{self.array_from}" if self.array_from else first.batch

    def index(self, plan: Plan) -> int:
        """The array index of one of its plans."""
        return plan.task - self.array_from

    def job_id(self, plan: Plan, given: str) -> str:
        """The id of one of its plans, where sbatch gave this one."""
        return f"{given}_{self.index(plan)}" if self.is_array else given

    def part(self, size: int) -> Submission:
        """The first so many of its plans."""
        return Submission(self.plans[:size], self.array_from, self.at_most)

    @property
    def identity(self) -> tuple[str, ...]:
        """What nobody's options may change: the protocol rests on it."""
        first = self.plans[0]
        return (
            f"--job-name={first.experiment if self.is_array else first.job_name}",
            f"--comment={self.mark}",
            f"--output={'%a.log' if self.is_array else 'out.log'}",
            "--open-mode=append",
            *([f"--array={self._array()}"] if self.is_array else []),
        )

    def _array(self) -> str:
        tasks = task_list(self.index(plan) for plan in self.plans)
        return tasks if self.at_most is None else f"{tasks}%{self.at_most}"

    @property
    def options(self) -> list[str]:
        """All options of sbatch, one word each. Raises ValueError where a word holds white space."""
        return [*slurm_options(self.plans[0]), *self.identity]

    def folder(self, root: str, files: Mapping[str, str]) -> tuple[str, str]:
        """Where an array's own files lie, and the token that they come with: another content is another folder."""
        digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
        return f"{root}/{self.plans[0].home}/.batches/{self.mark}-{digest[:8]}", digest

    def files(self, python: str, programs: str) -> dict[str, str]:
        """launch.sh of an array, and the list that it goes by. `programs` is their folder, below the root."""
        folders = {self.index(plan): f"../../{plan.run}/{plan.attempt}" for plan in self.plans}
        lines = [folders.get(index, "") for index in range(max(folders) + 1)]
        return {"launch.sh": array_launch(self.options, python, programs), "attempts": "\n".join(lines) + "\n"}

    def links(self) -> dict[str, str]:
        """An array's logs, from what Slurm writes to where they belong."""
        return {f"{self.index(plan)}.log": f"../../{plan.run}/{plan.attempt}/out.log" for plan in self.plans}


def submissions(plans: Sequence[Plan], array_size: int) -> list[Submission]:
    """Plans of one batch in as few calls of sbatch as their options and MaxArraySize allow, in the order of tasks."""
    groups: dict[tuple[object, ...], list[Plan]] = {}
    for plan in sorted(plans, key=lambda plan: plan.task):
        array_from = plan.task // array_size * array_size
        alike = (array_from, max(0, plan.priority), *slurm_options(plan), *sorted(plan.secrets.items()))
        groups.setdefault(alike, []).append(plan)
    sizes = [len(group) for group in groups.values()]
    shares = shared(plans[0].at_most, sizes) if plans else []
    return [
        Submission(tuple(group), group[0].task // array_size * array_size, share)
        for group, share in zip(groups.values(), shares, strict=True)
    ]


def shared(at_most: int | None, sizes: Sequence[int]) -> list[int | None]:
    """`at_most` over several arrays, by their sizes: together they keep to it, but each has at least one."""
    if at_most is None:
        return [None] * len(sizes)
    shares: list[int | None] = []
    left, rest = at_most, sum(sizes)
    for number, size in enumerate(sizes):
        share = max(1, min(round(left * size / rest), left - (len(sizes) - number - 1)))
        shares.append(share)
        left, rest = left - share, rest - size
    return shares


def slurm_launch(plan: Plan, python: str, programs: str) -> str:
    """launch.sh for sbatch, which is called in the attempt directory; `programs` is their folder, below the root."""
    lines = [f"#SBATCH {option}" for option in Submission((plan,)).options]
    return "\n".join(["#!/bin/sh", *lines, f"exec {shlex.quote(python)} ../../../{programs}/runner.py ."]) + "\n"


def array_launch(options: Sequence[str], python: str, programs: str) -> str:
    """launch.sh for an array: every task goes to its attempt first."""
    lines = [f"#SBATCH {option}" for option in options]
    go = [
        'attempt=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" attempts)',
        '[ -n "$attempt" ] && cd "$attempt" || exit 1',
        f"exec {shlex.quote(python)} ../../../{programs}/runner.py .",
    ]
    return "\n".join(["#!/bin/sh", *lines, *go]) + "\n"


def slurm_options(plan: Plan) -> list[str]:
    """The options that plans of one array share. Raises ValueError where a word holds white space."""
    need, own = plan.resources, plan.slurm
    wanted = {
        "--partition": own.partition,
        "--account": own.account,
        "--qos": own.qos,
        "--gres": f"gpu:{need.gpus}" if need.gpus else None,
        "--cpus-per-task": need.cpus,
        "--mem": None if need.memory is None else f"{math.ceil(need.memory / 2**20)}M",
        "--time": None if need.time is None else math.ceil(need.time / 60),
        "--nice": -plan.priority if plan.priority < 0 else None,
    }
    options = [f"{option}={value}" for option, value in wanted.items() if value is not None]
    options += [
        *own.sbatch,
        # Without a reason to go on by itself, who tries again is the board, with a new attempt.
        "--requeue" if plan.restart_on else "--no-requeue",
        f"--signal=B:USR2@{warning(need.time)}",
    ]
    for option in options:
        if option.split() != [option]:
            raise ValueError(f"an option for sbatch must be one word: {option!r}")
    return options


def warning(limit: int | None) -> int:
    """Seconds ahead of the limit at which the job is warned: at most a tenth of a short one."""
    return WARNING if limit is None else max(1, min(WARNING, limit // 10))


def answer(backend: str, done: Completed) -> str | Rejected | Unclear:
    """What sbatch's end means: a job id, a clear no, or neither."""
    out = done.out.decode(errors="replace")
    job_id = parse_job_id(out)
    if done.code == 0 and job_id is not None:
        return job_id
    text = done.err.decode(errors="replace") if done.err.strip() else out
    said, words = telling(text), one_line(telling(text))
    if done.code == 0 or not words or done.code < 0 or UNHEARD.search(said):
        return Unclear(f"sbatch gave no clear answer: {words or f'exit code {done.code}, no output'}")
    if no_room(text):
        return NoRoom(f"{backend}: {words}")
    if PASSING.search(said):
        return Unclear(f"sbatch gave no clear answer: {words}")
    return Rejected(f"{backend}: {words}")


def telling(text: str) -> str:
    """The lines of sbatch's words that tell what went wrong: a site may print a page of its own before them."""
    return "\n".join([line for line in text.splitlines() if "error:" in line or "failure:" in line]) or text


def no_room(text: str) -> bool:
    """Whether sbatch speaks of a limit on the number of jobs."""
    return bool(FULL.search(text) or (POLICY.search(text) and not LIMIT.search(text)))
