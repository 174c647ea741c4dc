"""One job as scontrol shows it → what it asks for, and the same as words for sbatch. Pure."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from backends.cluster import JobAsked, Variant
from backends.inventory import NONE, bytes_of, gres_gpus, something, tres, tres_gpus, whole
from backends.parse import slurm_duration, slurm_time
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from backends.cluster import Node, Partition

FREE = ("JobName", "Comment", "AdminComment", "SystemComment", "Command", "WorkDir", "StdErr", "StdIn", "StdOut")
"""Fields whose values may be any text: each stands at the end of its line."""

SHORTEST = 600.0
"""Seconds: a job that is not longer is not asked for in half of its time."""

LEAST_MEMORY = 1 << 30
"""Bytes: nor one with less in half of its memory."""

MOST = 5
"""Variants that are asked for, besides the job as it is."""

_PAIR = re.compile(r"(?:^|\s)([A-Z][\w/:&]*)=(\S*)")
_WORD = re.compile(r"[\w.,:/=@+%\[\]()&|*^-]{1,200}", re.ASCII)


def parse_job(text: str) -> JobAsked | None:
    """`scontrol show job ID`; of several records the first. None where there is none."""
    known = fields_of(text)
    if not (known.get("JobId") or "").isdigit():
        return None
    asked = tres(known.get("ReqTRES") or known.get("TRES") or "")
    array, tasks = known.get("ArrayJobId"), known.get("ArrayTaskId")
    job_id = known["JobId"]
    if array is not None and tasks is not None:
        job_id = f"{array}_{tasks}" if tasks.isdigit() else f"{array}_[{tasks}]"
    nodes = whole(known.get("NumNodes")) or 1
    return JobAsked(
        job_id=job_id,
        name=one_line(known.get("JobName", "")),
        user=known.get("UserId", "").partition("(")[0],
        state=known.get("JobState", ""),
        reason=something(known.get("Reason")),
        partition=something(known.get("Partition")),
        account=something(known.get("Account")),
        qos=something(known.get("QOS")),
        priority=whole(known.get("Priority")),
        submitted=slurm_time(known.get("SubmitTime", "")),
        eligible=slurm_time(known.get("EligibleTime", "")),
        start=slurm_time(known.get("StartTime", "")),
        on=something(known.get("SchedNodeList")),
        limit=slurm_duration(known.get("TimeLimit", "")),
        nodes=nodes,
        cpus=whole(asked.get("cpu") or known.get("NumCPUs")) or 1,
        memory=bytes_of(asked.get("mem")),
        gpus=tres_gpus(known.get("ReqTRES") or known.get("TRES") or "") or _gpus(known, nodes),
        dependency=something(known.get("Dependency")),
        features=something(known.get("Features")),
        options=tuple(options(known)),
        tasks=tasks if tasks is not None and not tasks.isdigit() else "",
    )


def fields_of(text: str) -> dict[str, str]:
    """By key, the first value of each. What users write freely stands at the end of a line, and hides no other."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not found and "JobId=" not in line:
            continue  # what a site's scontrol says first
        if found and line.startswith("JobId="):
            break
        for match in _PAIR.finditer(line):
            name = match[1]
            free = name in FREE
            found.setdefault(name, line[match.start(2) :] if free else match[2])
            if free:
                break
    return found


def _gpus(known: Mapping[str, str], nodes: int) -> int:
    """Where the trackable resources have no GPUs: as the job asked for them."""
    by_job = sum(gres_gpus(known.get("TresPerJob", "").replace("gres/", "")).values())
    by_node = sum(gres_gpus((known.get("TresPerNode") or known.get("Gres") or "").replace("gres/", "")).values())
    return by_job or by_node * nodes


def options(known: Mapping[str, str]) -> Iterator[str]:
    """The words for sbatch that ask for the same; a value that is not plainly one word is left out."""
    limit = slurm_duration(known.get("TimeLimit", ""))
    wanted = {
        "--partition": known.get("Partition"),
        "--account": known.get("Account"),
        "--qos": known.get("QOS"),
        "--reservation": known.get("Reservation"),
        "--time": None if limit is None else str(max(1, math.ceil(limit / 60))),
        "--nodes": known.get("NumNodes"),
        "--ntasks": known.get("NumTasks"),
        "--cpus-per-task": known.get("CPUs/Task"),
        "--mem": known.get("MinMemoryNode"),
        "--mem-per-cpu": known.get("MinMemoryCPU"),
        "--constraint": known.get("Features"),
        "--licenses": known.get("Licenses"),
        "--nodelist": known.get("ReqNodeList"),
        "--exclude": known.get("ExcNodeList"),
        "--gres": _asked(known.get("TresPerNode") or known.get("Gres")),
        "--gpus": _asked(known.get("TresPerJob"), bare=True),
        "--gpus-per-task": _asked(known.get("TresPerTask"), bare=True),
    }
    for option, value in wanted.items():
        if value is not None and value not in NONE and _WORD.fullmatch(value) and value not in ("0", "0M"):
            yield f"{option}={value}"
    if known.get("OverSubscribe", known.get("Shared")) in ("NO", "0"):
        yield "--exclusive"


def _asked(text: str | None, *, bare: bool = False) -> str | None:
    """`gres:gpu:a100:2`, `gres/gpu:2`, `gres/gpu=2`, `gpu:2` → `gpu:a100:2`; `bare`: `a100:2`."""
    if not text or "gpu" not in text:
        return None
    parts = [part.removeprefix("gres:").removeprefix("gres/") for part in text.split(",")]
    parts = [part.replace("=", ":") for part in parts if part.startswith("gpu")]
    return ",".join(part.removeprefix("gpu:") if bare else part for part in parts) or None


# smaller ones


def smaller(job: JobAsked, partitions: Sequence[Partition], nodes: Sequence[Node] = ()) -> list[Variant]:
    """What may be asked for instead, the gentlest change first; each differs in one thing."""
    found: list[Variant] = []
    by_name = dict(option.split("=", 1) for option in job.options if "=" in option)
    if job.limit is not None and job.limit > SHORTEST:
        half = max(1, math.ceil(job.limit / 120))
        found.append(Variant(f"{minutes(half)} instead of {minutes(math.ceil(job.limit / 60))}", (f"--time={half}",)))
    found += _fewer_gpus(by_name)
    for option in ("--mem", "--mem-per-cpu"):
        if (memory := bytes_of(by_name.get(option))) is not None and memory > LEAST_MEMORY:
            found.append(Variant(f"half the memory ({option}={memory >> 21}M)", (f"{option}={memory >> 21}M",)))
    there = set(job.partition.split(","))
    for partition in partitions:
        if partition.name not in there and fits(job, partition, nodes):
            found.append(Variant(f"partition {partition.name}", (f"--partition={partition.name}",)))
    return found[:MOST]


def _fewer_gpus(by_name: Mapping[str, str]) -> Iterator[Variant]:
    for option in ("--gres", "--gpus", "--gpus-per-task"):
        stem, _, count = by_name.get(option, "").rpartition(":")
        if not count.isdigit() or "," in stem or int(count) < 2:
            continue
        for fewer in dict.fromkeys((int(count) // 2, 1)):
            what = f"{fewer} {'GPU' if fewer == 1 else 'GPUs'} instead of {count}"
            scope = {"--gres": " a node", "--gpus": "", "--gpus-per-task": " a task"}[option]
            yield Variant(f"{what}{scope}", (f"{option}={stem}:{fewer}" if stem else f"{option}={fewer}",))


def fits(job: JobAsked, partition: Partition, nodes: Sequence[Node] = ()) -> bool:
    """Whether a partition might take the job, as far as it can be told without asking."""
    if partition.state != "UP" or partition.only or (partition.most_nodes or job.nodes) < job.nodes:
        return False
    if partition.limit is not None and (job.limit is None or partition.limit < job.limit):
        return False
    here = [node for node in nodes if partition.name in node.partitions]
    return not here or not job.gpus or any(node.gpus for node in here)


def minutes(count: int) -> str:
    """`8h`, `1h30`, `2d`, `45m`."""
    if count < 60:
        return f"{count}m"
    if count < 2880 or count % 1440:
        return f"{count // 60}h{count % 60:02}" if count % 60 else f"{count // 60}h"
    return f"{count // 1440}d"
