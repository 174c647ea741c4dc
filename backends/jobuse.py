"""What Slurm's accounting tells of a job's use: sacct's and sstat's answers. Pure.

Sums over the steps of a job are made as its own `seff` makes them: the seconds of processor of all steps; of memory
that of the step with most, where a step has the largest resident set of its tasks times their number, which is more
than it can have used at once. Bytes, seconds, percent; None: nobody tells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from backends.base import JobState
from backends.parse import slurm_state, slurm_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIELDS = (
    *("JobID", "JobIDRaw", "State", "Submit", "Start", "Elapsed", "Timelimit", "AllocCPUS", "NNodes", "NTasks"),
    *("ReqMem", "AllocTRES", "TotalCPU", "MinCPU", "MaxRSS", "AveDiskRead", "AveDiskWrite"),
)
"""What every sacct from 17.11 on knows."""

TRES = ("TRESUsageInTot", "TRESUsageOutTot")
"""What it knows since 18.08."""

STEP_FIELDS = ("JobID", "NTasks", "MaxRSS", "AveCPU", "AveDiskRead", "AveDiskWrite")
"""The same of sstat, which has `TRES` since then, too."""

MOST_USE, MOST_MEMORY = 1e6, 2.0**50
"""Percent and bytes beyond which a figure of GPUs is none."""

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}

_AMOUNT = re.compile(r"(\d{1,18}(?:\.\d{1,6})?)([KMGTP]?)", re.ASCII | re.IGNORECASE)
_ASKED = re.compile(r"(\d{1,18}(?:\.\d{1,6})?[KMGTP]?)([cn]?)", re.ASCII | re.IGNORECASE)
_TIME = re.compile(r"(?:(\d{1,6})-)?(?:(\d{1,6}):)?(\d{1,6}):(\d{1,6}(?:\.\d{1,9})?)", re.ASCII)
_JOB = re.compile(r"\d+(?:_\d+)?(?:\+\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobUse:
    """What one job, or one task of an array, was given and has used, as Slurm counts it."""

    job_id: str
    state: JobState = JobState.UNKNOWN
    nodes: int | None = None
    cpus: int | None = None
    gpus: int = 0
    memory_asked: float | None = None
    """On all its nodes."""
    time_limit: float | None = None
    submitted: float | None = None
    started: float | None = None
    elapsed: float | None = None
    cpu: float | None = None
    """Seconds of processor."""
    memory: float | None = None
    """The most at once, as `seff` estimates it."""
    tasks: int = 1
    """Of the step that has most of it: with more than one it is an estimate from above."""
    gpu_use: float | None = None
    """Percent of one of its GPUs, where the site records that."""
    gpu_memory: float | None = None
    """On all of them, where the site records that."""
    read: float | None = None
    """Bytes, of all steps together."""
    written: float | None = None
    raw: str = ""
    """The number that Slurm gave it; sstat knows the tasks of an array by that."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job."""

    tasks: int = 1
    rss: float | None = None
    """Of its largest task."""
    cpu: float | None = None
    gpu_use: float | None = None
    """Of all its tasks and GPUs, added up."""
    gpu_memory: float | None = None
    read: float | None = None
    written: float | None = None

    @property
    def memory(self) -> float | None:
        """Of all its tasks, from above."""
        return None if self.rss is None else self.rss * max(1, self.tasks)


@dataclass(frozen=True, slots=True)
class NodeGpu:
    """One GPU of a job as nvidia-smi tells it on its node."""

    node: str
    index: int
    use: float | None
    """Percent."""
    memory: float | None
    memory_total: float | None


@runtime_checkable
class Accounted(Protocol):
    """A backend whose scheduler keeps account of what jobs use."""

    async def job_use(self, job_ids: Sequence[str]) -> Mapping[str, JobUse]:
        """By job id, what is known of each; a job that nobody knows is left out. Raises a `BackendError`."""

    async def node_gpus(self, job_id: str) -> tuple[NodeGpu, ...]:
        """The GPUs of a running job, on all its nodes, as they are now: a step in the job asks them.

        Raises a `BackendError`.
        """


def amount(text: str) -> float | None:
    """Bytes of `215124K`, `2.50G`, `162`; None for what is none."""
    match = _AMOUNT.fullmatch(text.strip())
    return float(match[1]) * UNITS[match[2].upper()] if match else None


def cpu_time(text: str) -> float | None:
    """Seconds of `1-02:03:04`, `02:03:04`, `00:01.234`; None for `UNLIMITED`, `Partition_Limit` and the like."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    days, hours, minutes = (int(part or 0) for part in match.groups()[:3])
    return ((days * 24 + hours) * 60 + minutes) * 60 + float(match[4])


def tres(text: str) -> dict[str, str]:
    """`cpu=2,gres/gpu=1,mem=500M` by name."""
    pairs = (word.partition("=") for word in text.split(",") if "=" in word)
    return {name.strip(): value.strip() for name, _, value in pairs}


def gpus_of(found: Mapping[str, str]) -> int:
    """How many GPUs an `AllocTRES` has: those without a type, which are all, else those of each type."""
    if "gres/gpu" in found:
        return whole(found["gres/gpu"]) or 0
    return sum(whole(value) or 0 for name, value in found.items() if name.startswith("gres/gpu:"))


def memory_asked(text: str, cpus: int | None, nodes: int | None) -> float | None:
    """Bytes on all nodes of `ReqMem`: `4Gn` for each node and `1000Mc` for each CPU (before 21.08), `600M` in all.

    None for 0, which is all that the nodes have, and where nobody knows how many there are.
    """
    match = _ASKED.fullmatch(text.strip())
    each = amount(match[1]) if match else None
    if match is None or not each:
        return None
    by = {"c": cpus, "n": nodes, "": 1}[match[2].lower()]
    return None if by is None else each * by


def whole(text: str) -> int | None:
    """A whole number; None where it is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def parse_use(text: str, fields: Sequence[str]) -> dict[str, JobUse]:
    """`sacct -n -P -o fields` by job id: each job with what its steps tell. A line that is not whole is left out."""
    jobs: dict[str, dict[str, str]] = {}
    steps: dict[str, list[Step]] = {}
    for line in text.splitlines():
        words = line.split("|")
        if len(words) != len(fields):
            continue
        known = dict(zip(fields, words, strict=True))
        job_id, _, step = known["JobID"].partition(".")
        if not _JOB.fullmatch(job_id):
            continue
        if step:
            steps.setdefault(job_id, []).append(step_of(known, known["TotalCPU"]))
        else:
            jobs[job_id] = known  # of one that was requeued the last line counts
    return {job_id: used(job_of(job_id, known), steps.get(job_id, ())) for job_id, known in jobs.items()}


def parse_steps(text: str, fields: Sequence[str]) -> dict[str, list[Step]]:
    """`sstat -a -n -P -o fields` → the running steps of each job, by its own number."""
    found: dict[str, list[Step]] = {}
    for line in text.splitlines():
        words = line.split("|")
        known = dict(zip(fields, words, strict=False))
        raw = words[0].partition(".")[0]
        if len(words) != len(fields) or not _JOB.fullmatch(raw):
            continue
        step = step_of(known, "")
        mean = cpu_time(known["AveCPU"])
        found.setdefault(raw, []).append(replace(step, cpu=None if mean is None else mean * step.tasks))
    return found


def job_of(job_id: str, known: Mapping[str, str]) -> JobUse:
    """A job's own line."""
    cpus, nodes, given = whole(known["AllocCPUS"]), whole(known["NNodes"]), tres(known["AllocTRES"])
    return JobUse(
        job_id,
        slurm_state(known["State"]),
        nodes,
        cpus,
        gpus_of(given),
        amount(given.get("mem", "")) or memory_asked(known["ReqMem"], cpus, nodes),
        cpu_time(known["Timelimit"]),
        slurm_time(known["Submit"]),
        slurm_time(known["Start"]),
        cpu_time(known["Elapsed"]),
        cpu_time(known["TotalCPU"]),
        raw=known["JobIDRaw"].strip(),
    )


def step_of(known: Mapping[str, str], cpu: str) -> Step:
    """A step's line."""
    tasks = whole(known["NTasks"]) or 1
    taken, given = tres(known.get("TRESUsageInTot", "")), tres(known.get("TRESUsageOutTot", ""))
    each = amount(known["AveDiskRead"]), amount(known["AveDiskWrite"])
    read, written = (None if mean is None else mean * tasks for mean in each)
    return Step(
        tasks,
        amount(known["MaxRSS"]),
        spent_by(cpu_time(cpu), cpu_time(known.get("MinCPU", "")), tasks),
        told(amount(taken.get("gres/gpuutil", "")), MOST_USE),
        told(amount(taken.get("gres/gpumem", "")), MOST_MEMORY),
        first(amount(taken.get("fs/disk", "")), read),
        first(amount(given.get("fs/disk", "")), written),
    )


def told(value: float | None, most: float) -> float | None:
    """A figure of GPUs; None for the huge ones that stand for a GPU which is not supported."""
    return None if value is None or value > most else value


def used(job: JobUse, steps: Iterable[Step]) -> JobUse:
    """A job with what its steps used."""
    known = list(steps)
    if not known:
        return job
    largest = max(known, key=lambda step: step.memory or 0.0)
    shares = [step.gpu_use for step in known if step.gpu_use is not None]
    spent = sum(step.cpu or 0.0 for step in known)
    return replace(
        job,
        cpu=spent if spent > (job.cpu or 0.0) else job.cpu,
        memory=largest.memory,
        tasks=largest.tasks,
        gpu_use=min(100.0, max(shares) / max(1, job.gpus)) if shares else None,
        gpu_memory=max((step.gpu_memory for step in known if step.gpu_memory is not None), default=None),
        read=total(step.read for step in known),
        written=total(step.written for step in known),
    )


def total(values: Iterable[float | None]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def spent_by(total: float | None, least: float | None, tasks: int) -> float | None:
    """Seconds of processor of a step; where tasks were killed and nobody waited for them, their samples tell more.

    `least`: of the task that has least.
    """
    sampled = None if least is None else least * tasks
    return max((each for each in (total, sampled) if each is not None), default=None)


def first(*values: float | None) -> float | None:
    """The first that is known."""
    return next((value for value in values if value is not None), None)


GPU_FIELDS = "index,uuid,utilization.gpu,memory.used,memory.total"
MARK = "trainboard-gpu"
"""What each line of ours begins with: a node's profile may print lines of its own."""

ASK_GPUS = (
    f"nvidia-smi --query-gpu={GPU_FIELDS} --format=csv,noheader,nounits"
    f' | sed "s#^#{MARK}|$SLURMD_NODENAME|$CUDA_VISIBLE_DEVICES|#"'
)
"""What the step runs on each node."""


def parse_node_gpus(text: str) -> tuple[NodeGpu, ...]:
    """What `ASK_GPUS` printed on all nodes: of each those that the job has, in order.

    Where a node shows a job its own GPUs alone, they are all of its; else those that it was told to use.
    """
    found: dict[str, list[tuple[bool, NodeGpu]]] = {}
    for line in text.splitlines():
        mark, _, rest = line.partition("|")
        node, _, rest = rest.partition("|")
        visible, _, rest = rest.partition("|")
        words = [word.strip() for word in rest.split(",")]
        index = whole(words[0])
        if mark.strip() != MARK or len(words) != 5 or index is None:
            continue
        mine = bool({word.strip() for word in visible.split(",")} & {words[0], words[1]})
        sizes = [None if size is None else size * (1 << 20) for size in map(amount, words[3:])]
        found.setdefault(node, []).append((mine, NodeGpu(node, index, amount(words[2]), sizes[0], sizes[1])))
    own = {node: [gpu for mine, gpu in gpus if mine] or [gpu for _, gpu in gpus] for node, gpus in found.items()}
    return tuple(gpu for node in sorted(own) for gpu in sorted(own[node], key=lambda gpu: gpu.index))
