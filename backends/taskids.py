"""Job ids as Slurm prints them: `12`, `12_4`, `12_[0-6,9-99:3%20]`, `12+1`. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

JOB_ID = re.compile(r"\d+(_(\d+|\[[\d,:%.-]+\]))?(\+\d+)?", re.ASCII)
"""A job, a task of an array, those of its tasks that wait, or a part of a job."""

TASK_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?", re.ASCII)


def array_of(job_id: str) -> str:
    """The id of the array that a task, or a line of tasks, belongs to; of a job of its own its id."""
    return job_id.partition("_")[0]


def tasks_of(job_id: str) -> tuple[range, ...]:
    """The tasks of an array that an id stands for; none for a job of its own."""
    text = job_id.partition("_")[2].strip("[]").partition("%")[0]
    matches = (TASK_RANGE.fullmatch(part) for part in text.split(",")) if text else ()
    return tuple(
        range(int(match[1]), int(match[2] or match[1]) + 1, int(match[3] or 1) or 1) for match in matches if match
    )


class Numbered:
    """What has a job id."""

    __slots__ = ()

    job_id: str

    @property
    def array(self) -> str:
        """The id of the job or of its array."""
        return array_of(self.job_id)

    @property
    def tasks(self) -> tuple[range, ...]:
        """Of the array; none for a job of its own."""
        return tasks_of(self.job_id)


def among(ranges: Sequence[range], wanted: Iterable[int]) -> Iterator[int]:
    """Those of `wanted` (a dict or a set) that are in the ranges; an array of a million costs no more than we ask."""
    known = wanted if isinstance(wanted, (dict, set, frozenset)) else set(wanted)
    for each in ranges:
        if len(each) < len(known):
            yield from (task for task in each if task in known)
        else:
            yield from (task for task in known if task in each)


def shifted(ranges: Iterable[range], by: int) -> list[range]:
    """The ranges with every number greater by so much."""
    return [range(each.start + by, each.stop + by, each.step) for each in ranges]


def task_list(tasks: Iterable[int]) -> str:
    """Tasks as sbatch's `--array` and scancel take them: `0-6,9`."""
    parts: list[list[int]] = []
    for task in sorted(set(tasks)):
        if parts and parts[-1][1] == task - 1:
            parts[-1][1] = task
        else:
            parts.append([task, task])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def folded(ids: Iterable[str]) -> list[str]:
    """The same jobs in fewer words: the tasks of one array as `12_[0-6,9]`."""
    arrays: dict[str, list[int]] = {}
    alone: dict[str, None] = {}
    for job_id in ids:
        array, _, task = job_id.partition("_")
        if task.isascii() and task.isdigit():
            arrays.setdefault(array, []).append(int(task))
        else:
            alone[re.sub(r"%\d+", "", job_id)] = None  # scancel knows no throttle
    return [*alone, *(f"{array}_[{task_list(tasks)}]" for array, tasks in arrays.items())]
