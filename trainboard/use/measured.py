"""What one attempt, or one job of others' making, was given and has used. Pure. Bytes, seconds, percent of a GPU.

Efficiencies are those of Slurm's `seff`: seconds of processor by elapsed time times CPUs, the most memory by what was
asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from trainboard.naming import USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backends.base import JobState
    from backends.jobuse import JobUse
    from specs.model import Resources
    from trainboard.records import Attempt
    from trainboard.rows import Row
    from trainboard.series import Series

IDLE = 1.0
"""Percent that are no use at all, as of the rule `gpu_idle`."""

FEW = 8
"""Samples of a GPU before which nobody can say that it is not used."""

FULL = 0.9
"""Of what a cgroup may have: the kernel keeps files in memory until about there."""

_GPU = re.compile(r"usage/gpu(\d+)/util")


@dataclass(frozen=True, slots=True)
class Use:
    """None: nobody tells."""

    state: JobState
    seconds: float | None = None
    """For which it ran, or runs until now."""
    time_limit: float | None = None
    queued: float | None = None
    """For which it waited."""
    nodes: int = 1
    cpus: float | None = None
    """That it was given."""
    cpu: float | None = None
    """Seconds of processor."""
    cpus_most: float | None = None
    """CPUs at once, at most."""
    memory: float | None = None
    """The most at once."""
    memory_asked: float | None = None
    gpus: int = 0
    gpu_use: float | None = None
    """The mean over time and over its GPUs."""
    gpu_memory: float | None = None
    """The most, of the GPU on which it has most."""
    gpu_memory_total: float | None = None
    """That such a GPU has."""
    gpu_memory_asked: float | None = None
    idle_gpus: tuple[int, ...] | None = None
    """Those that have done nothing so far."""
    read: float | None = None
    """Bytes from disks, all in all."""
    written: float | None = None
    disk: float | None = None
    disk_asked: float | None = None
    source: str = ""
    """Who measured it: `runner`, `slurm`, or both."""
    gpu_full: bool = False
    """The memory of a GPU did not suffice."""

    @property
    def cpu_efficiency(self) -> float | None:
        """Of the time of its CPUs, the share in which they worked for it."""
        return ratio(self.cpu, None if self.cpus is None or self.seconds is None else self.cpus * self.seconds)

    @property
    def memory_efficiency(self) -> float | None:
        """The most that it used by what it asked for."""
        return ratio(self.memory, self.memory_asked)

    @property
    def gpu_memory_efficiency(self) -> float | None:
        """The most of the memory of a GPU by what it asked for, else by what there is."""
        return ratio(self.gpu_memory, self.gpu_memory_asked or self.gpu_memory_total)

    @property
    def time_share(self) -> float | None:
        """Of the time that it may take, the share that it took."""
        return ratio(self.seconds, self.time_limit)

    def as_json(self) -> dict[str, Any]:
        """The keys that `usage --json` promises."""
        shares = ("cpu_efficiency", "memory_efficiency", "gpu_memory_efficiency", "time_share")
        known = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "gpu_full"}
        idle = None if self.idle_gpus is None else list(self.idle_gpus)
        return {**known, "state": str(self.state), "idle_gpus": idle} | {name: getattr(self, name) for name in shares}


def ratio(part: float | None, whole: float | None) -> float | None:
    """A share; None where one of both is not known, or there is nothing to have a share of."""
    return None if part is None or not whole or whole <= 0 else part / whole


def by_attempt(attempt: Attempt, asked: Resources | None, usage: Mapping[str, Series], now: float) -> Use:
    """An attempt of ours: what its runner told at its end, and by its samples."""
    peaks, measured = attempt.peaks, by_series(usage)
    ran = None if attempt.started is None else max(0.0, (attempt.ended or now) - attempt.started)
    since = attempt.submitted or attempt.created
    found = replace(
        measured,
        state=attempt.state,
        seconds=peaks.get("seconds", ran),
        queued=max(0.0, (attempt.started or attempt.ended or now) - since),
        cpu=larger(measured.cpu, peaks.get("cpu")),
        memory=memory_of(measured, peaks.get("memory"), usage),
        gpu_memory=peaks.get("gpu_memory", measured.gpu_memory),
        disk=peaks.get("disk"),
        source="runner" if peaks or usage else "",
    )
    return found if asked is None else given(found, asked)


def memory_of(measured: Use, peak: float | None, usage: Mapping[str, Series]) -> float | None:
    """The most memory. The peak of a cgroup that came near its limit is page cache, where samples were far below."""
    limits, told = top(usage.get(f"{USAGE}memory_limit")), usage.get(f"{USAGE}memory")
    enough = told is not None and len(samples(told)[0]) >= FEW
    if peak is not None and limits and enough and peak >= FULL * max(limits) and measured.memory is not None:
        return measured.memory
    return larger(measured.memory, peak)


def given(use: Use, asked: Resources) -> Use:
    """With what its spec asked for."""
    return replace(
        use,
        gpus=asked.gpus or use.gpus,
        cpus=asked.cpus if asked.cpus is not None else None,
        memory_asked=asked.memory,
        gpu_memory_asked=asked.gpu_memory,
        time_limit=asked.time,
        disk_asked=asked.disk,
    )


def by_job(job: JobUse) -> Use:
    """A job, by what Slurm accounts for."""
    waited = None if job.submitted is None or job.started is None else max(0.0, job.started - job.submitted)
    return Use(
        state=job.state,
        seconds=job.elapsed,
        time_limit=job.time_limit,
        queued=waited,
        nodes=job.nodes or 1,
        cpus=job.cpus,
        cpu=job.cpu,
        memory=job.memory,
        memory_asked=job.memory_asked,
        gpus=job.gpus,
        gpu_use=job.gpu_use,
        gpu_memory=job.gpu_memory,
        read=job.read,
        written=job.written,
        source="slurm",
    )


def by_row(row: Row, now: float) -> Use:
    """A job of which nobody tells more than when it ran."""
    ran = None if row.started is None else max(0.0, (row.ended or now) - row.started)
    waited = None if row.submitted is None or row.started is None else max(0.0, row.started - row.submitted)
    return Use(row.state, ran, row.time_limit, waited)


def together(own: Use, job: Use) -> Use:
    """What a runner measured, with what Slurm counted: it gave what was given, and sees all nodes of a job."""
    if not own.source:
        return replace(job, state=own.state)
    several = job.nodes > 1
    return replace(
        own,
        nodes=job.nodes,
        cpus=job.cpus or own.cpus,
        memory_asked=job.memory_asked or own.memory_asked,
        time_limit=job.time_limit or own.time_limit,
        gpus=job.gpus or own.gpus,
        cpu=larger(own.cpu, job.cpu) if several else own.cpu if own.cpu is not None else job.cpu,
        memory=larger(own.memory, job.memory) if several else own.memory if own.memory is not None else job.memory,
        gpu_use=own.gpu_use if own.gpu_use is not None else job.gpu_use,
        gpu_memory=own.gpu_memory if own.gpu_memory is not None else job.gpu_memory,
        queued=own.queued if own.queued is not None else job.queued,
        source="runner and slurm",
    )


def by_series(usage: Mapping[str, Series]) -> Use:
    """What the samples of the newest attempt tell."""
    import numpy as np

    from backends.base import JobState

    shares, idle = [], []
    memory: list[float] = []
    totals: list[float] = []
    for name, series in usage.items():
        if (found := _GPU.fullmatch(name)) is None:
            continue
        index = found[1]
        values, spans = samples(series)
        if len(values):
            shares.append(float(np.average(values, weights=spans)) if spans.sum() > 0 else float(values.mean()))
            if len(values) >= FEW and float(values.max()) <= IDLE:
                idle.append(int(index))
        memory += top(usage.get(f"{USAGE}gpu{index}/memory"))
        totals += top(usage.get(f"{USAGE}gpu{index}/memory_total"))
    told = [series for name, series in usage.items() if _GPU.fullmatch(name)]
    enough = told and min(len(samples(series)[0]) for series in told) >= FEW
    return Use(
        state=JobState.UNKNOWN,
        cpu=summed(usage.get(f"{USAGE}cpu")),
        cpus_most=max(top(usage.get(f"{USAGE}cpu")), default=None),
        memory=max(top(usage.get(f"{USAGE}memory")), default=None),
        gpus=len(told),
        gpu_use=sum(shares) / len(shares) if shares else None,
        gpu_memory=max(memory, default=None),
        gpu_memory_total=min(totals, default=None),
        idle_gpus=tuple(sorted(idle)) if enough else None,
        read=summed(usage.get(f"{USAGE}read")),
        written=summed(usage.get(f"{USAGE}write")),
    )


def samples(series: Series) -> tuple[Any, Any]:
    """The finite values of the newest attempt, and the seconds that each stands for: those since the one before."""
    import numpy as np

    steps, values = series.steps[series.newest :], series.values[series.newest :]
    spans = np.maximum(0.0, np.diff(steps, prepend=0.0)) if len(steps) else steps
    kept = np.isfinite(values) & np.isfinite(spans)
    return values[kept], spans[kept]


def top(series: Series | None) -> list[float]:
    """Its largest value in the newest attempt; nothing where it has none."""
    if series is None:
        return []
    values, _ = samples(series)
    return [float(values.max())] if len(values) else []


def summed(series: Series | None) -> float | None:
    """A rate over time: what it comes to."""
    if series is None:
        return None
    values, spans = samples(series)
    return float((values * spans).sum()) if len(values) else None


def larger(one: float | None, other: float | None) -> float | None:
    """The larger of both, as far as they are known."""
    return max((each for each in (one, other) if each is not None), default=None)
