"""How well a job uses its GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainboard.diagnose.finding import Severity
from trainboard.diagnose.jobrules.base import facts, newest, told
from trainboard.diagnose.jobrules.windows import first_sample, gpus, now_of, recent
from trainboard.diagnose.rule import Rule
from trainboard.naming import is_usage
from trainboard.show import duration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.jobseen import JobSeen

    Column = NDArray[np.float64]

IDLE, INIT = 900.0, 1200.0
"""Seconds without work of a GPU; and that a job may take to its first sample."""
NOTHING = 1.0
"""Percent that are no use at all."""
COVERED, SAMPLES = 0.8, 8
"""Of a window, the share that the samples span; and how many there are at least."""

WINDOW = 1800.0
"""Seconds over which use is judged."""
LOW, VERY_LOW, DIPS = 70.0, 30.0, 10.0
"""Percent: use below the first in 95 of 100 samples is low, below the second very low; at the last it waits."""

UNEVEN = 40.0
"""Percent between the means of the busiest and the laziest GPU."""

HOT_WINDOW, HOT_SAMPLES, HOT, SLOWER = 300.0, 5, 0.1, 1.1
"""Seconds; samples in them; the share of those with clocks lowered for heat; and how much longer steps take then."""

WAITS, DATA, MUCH = 0.5, 0.3, 0.5
"""The share of samples in which a GPU waits for CPUs or disks; of a step that goes to data, told and a warning."""
CPU_BUSY, IO_BUSY = 0.9, 0.5
"""Of its CPUs; of the time of the machine's CPUs."""


def gpu_idle(seen: JobSeen) -> Finding | None:
    """None of its GPUs does anything, though it had the time to begin.

    Trigger: every sample of 15 minutes, sliding, is ≤ 1 %, after the first sample or 20 minutes from the start.
    Defaults: 15 min, 1 %, 20 min.
    Source: the policy of Princeton's jobstats, with a window that slides; idle jobs that began well are found too.
    Advice: look whether it hangs, computes on the CPU, or should be over.
    """
    used = _idle(seen)
    if not used or not all(used.values()):
        return None
    number = len(used)
    which = "Its GPU has" if number == 1 else f"All its {number} GPUs have"
    return told(
        "gpu_idle",
        Severity.WARNING,
        "GPU idle",
        f"{which} done nothing for {duration(IDLE)}.",
        "Look whether it hangs, computes on the CPU (model.to(device)) or waits; else give the GPU back.",
        evidence=facts(gpus=float(number), seconds=IDLE),
        metric=f"usage/gpu{next(iter(used))}/util",
    )


def gpu_unused(seen: JobSeen) -> Finding | None:
    """Some of its GPUs do nothing, or far less than others.

    Trigger: of several GPUs some are idle for 15 minutes, or the means over 30 minutes differ by more than 40 points.
    Defaults: 15 min, 40 points.
    Source: jobstats' issue on 7 of 8 GPUs; SageMaker's LoadBalancing.
    Advice: ask for as many as it uses, or start as many processes as there are GPUs.
    """
    used = _idle(seen)
    lazy = sorted(number for number, idle in used.items() if idle)
    if len(used) > 1 and lazy and len(lazy) < len(used):
        which = ", ".join(map(str, lazy[:8]))
        return told(
            "gpu_unused",
            Severity.WARNING,
            "unused GPUs",
            f"{len(lazy)} of its {len(used)} GPUs have done nothing for {duration(IDLE)}: {which}.",
            "Ask for as many GPUs as it uses, or start a process for each of them (torchrun --nproc-per-node).",
            evidence=facts(unused=float(len(lazy)), gpus=float(len(used))),
            metric=f"usage/gpu{lazy[0]}/util",
        )
    means = {number: float(use.mean()) for number, use in _uses(seen).items()}
    if len(means) < 2 or max(means.values()) - min(means.values()) <= UNEVEN:
        return None
    least = min(means, key=lambda number: means[number])
    return told(
        "gpu_unused",
        Severity.WARNING,
        "unused GPUs",
        f"Its GPUs are used unevenly: GPU {least} at {means[least]:.0f} % where the busiest is at "
        f"{max(means.values()):.0f} %.",
        "Share the work out evenly: the same batch on each rank, and nothing that only rank 0 does.",
        evidence=facts(least=means[least], most=max(means.values())),
        metric=f"usage/gpu{least}/util",
    )


def gpu_low(seen: JobSeen) -> Finding | None:
    """Its GPUs are used little.

    Trigger: over 30 minutes 95 of 100 samples are below 70 %; a warning below 30 %.
    Defaults: 70 %, 30 %, 30 min.
    Source: SageMaker's LowGPUUtilization.
    Advice: larger batches, more data-loader workers, mixed precision, compile; or several runs on one GPU.
    """
    highs = [float(np.percentile(use, 95)) for use in _uses(seen).values()]
    if not highs or max(highs) >= LOW or max(highs) <= NOTHING:
        return None
    most = max(highs)
    return told(
        "gpu_low",
        Severity.WARNING if most < VERY_LOW else Severity.INFO,
        "GPU used little",
        f"Its GPU is used to {most:.0f} % at most (95 of 100 samples of the last {duration(WINDOW)}).",
        "Take larger batches, more data-loader workers or torch.compile; or share the GPU among several runs.",
        evidence=facts(p95=most),
        metric=f"usage/gpu{gpus(seen)[0]}/util",
    )


def gpu_fluctuating(seen: JobSeen) -> Finding | None:
    """Its GPUs are busy at times and wait at times.

    Trigger: over 30 minutes the 95th percentile is ≥ 70 % and the 5th below 10 %.
    Defaults: 70 %, 10 %.
    Source: SageMaker's LowGPUUtilization.
    Advice: look where the time goes; overlap evaluation, saving and loading with computing.
    """
    for number, use in _uses(seen).items():
        low, high = np.percentile(use, (5, 95)).tolist()
        if high >= LOW and low < DIPS:
            return told(
                "gpu_fluctuating",
                Severity.INFO,
                "GPU waits at times",
                f"GPU {number} is at {high:.0f} % at times and at {low:.0f} % at others (mean {use.mean():.0f} %).",
                "Look where the time goes; load data ahead, evaluate and save less often.",
                evidence=facts(p5=low, p95=high, mean=float(use.mean())),
                metric=f"usage/gpu{number}/util",
            )
    return None


def throttled(seen: JobSeen) -> Finding | None:
    """A GPU lowers its clock for heat or want of power, and steps take longer.

    Trigger: the driver gives heat or the power brake as the reason in more than 10 % of 5 minutes, and steps take
    more than 1.1 × as long as usual; where nobody knows how long steps take, in more than 50 %.
    Defaults: 10 %, 1.1.
    Source: NVIDIA's clocks_event_reasons: 0x8, 0x20, 0x40, 0x80.
    Advice: tell those who run the machine; another node.
    """
    shares = {}
    for number in gpus(seen):
        values = recent(seen, f"usage/gpu{number}/throttled", HOT_WINDOW).values
        shares[number] = float((values > 0).mean()) if len(values) >= HOT_SAMPLES else 0.0
    number = max(shares, key=lambda each: shares[each], default=-1)
    share = shares.get(number, 0.0)
    if share <= HOT:
        return None
    slower = _slower(seen)
    if slower <= SLOWER if slower is not None else share < MUCH:
        return None
    heat = newest(seen, f"usage/gpu{number}/temperature")
    degrees = f" ({heat:.0f} °C)" if heat else ""
    how = f", and steps take {slower:.1f} times as long as usual" if slower is not None else ""
    return told(
        "throttled",
        Severity.WARNING,
        "GPU throttled",
        f"GPU {number} lowers its clock for heat or want of power in {share:.0%} of the last minutes{degrees}{how}.",
        "Tell those who run the machine; choose another node if it goes on.",
        evidence=facts(share=share, temperature=heat, slower=slower),
        metric=f"usage/gpu{number}/temperature",
    )


def input_bound(seen: JobSeen) -> Finding | None:
    """It waits for its data.

    Trigger: a GPU below 10 % while its CPUs are above 90 %, or while the machine waits for disks (iowait above 50 %,
    or processes of it in uninterruptible sleep), in more than half of 15 minutes; or the program prints that data
    takes more than 30 % of a step (a warning from 50 %).
    Defaults: 10 %, 90 %, 50 %, 30 %.
    Source: SageMaker's CPUBottleneck and IOBottleneck.
    Advice: more workers and CPUs, data on a local disk, fewer and larger files, augmentation on the GPU.
    """
    advice = (
        "Use more data-loader workers and CPUs (resources.cpus), put the data on a local disk in few large files, or "
        "augment on the GPU."
    )
    since = IDLE
    for number in gpus(seen):
        use = recent(seen, f"usage/gpu{number}/util", since)
        if len(use.values) < SAMPLES or use.span < COVERED * since:
            continue
        waits = use.values < DIPS
        busy = waits & (_at(seen, "usage/cpu", use.walls) >= CPU_BUSY * (newest(seen, "usage/cpus") or np.inf))
        disks = waits & (
            (_at(seen, "usage/iowait", use.walls) > IO_BUSY) | (_at(seen, "usage/waiting", use.walls) >= 1)
        )
        for what, found, cause in (("its CPUs, which are all busy", busy, "CPU"), ("disks", disks, "disk")):
            if found.mean() > WAITS:
                return told(
                    "input_bound",
                    Severity.WARNING,
                    "waits for data",
                    f"GPU {number} waits for {what} in {found.mean():.0%} of the last {duration(since)}.",
                    advice,
                    evidence=facts(share=float(found.mean()), of=cause),
                    metric=f"usage/gpu{number}/util",
                )
    share = _data_share(seen)
    if share is None or share <= DATA:
        return None
    return told(
        "input_bound",
        Severity.WARNING if share > MUCH else Severity.INFO,
        "waits for data",
        f"Data takes {share:.0%} of each step, by the times that it prints itself.",
        advice,
        evidence=facts(share=share),
    )


def _uses(seen: JobSeen) -> dict[int, Column]:
    """How each GPU was used over the window; without those of which that is not known for most of it."""
    first = first_sample(seen)
    if seen.ended or first is None or first > now_of(seen) - WINDOW:
        return {}
    found = {number: recent(seen, f"usage/gpu{number}/util", WINDOW) for number in gpus(seen)}
    return {
        number: each.values
        for number, each in found.items()
        if len(each.values) >= SAMPLES and each.span >= COVERED * WINDOW
    }


def _idle(seen: JobSeen) -> dict[int, bool]:
    """Of each GPU that was measured for long enough, whether it did nothing."""
    row = seen.row
    if seen.ended or row is None or row.started is None:
        return {}
    begun, first = now_of(seen) - IDLE, first_sample(seen)
    if begun < (first if first is not None else row.started + INIT):
        return {}
    found = {number: recent(seen, f"usage/gpu{number}/util", IDLE) for number in gpus(seen)}
    return {
        number: bool((each.values <= NOTHING).all())
        for number, each in found.items()
        if len(each.values) >= SAMPLES and each.span >= COVERED * IDLE
    }


def _at(seen: JobSeen, name: str, walls: Column) -> Column:
    """What a series said last at these moments; 0 where it said nothing."""
    found = recent(seen, name, 2 * IDLE)
    if not len(found.values):
        return np.zeros(len(walls))
    places = np.searchsorted(found.walls, walls, side="right") - 1
    return np.where(places >= 0, found.values[np.maximum(places, 0)], 0.0)


def _slower(seen: JobSeen) -> float | None:
    """How many times longer a step takes of late than it usually does; None where nobody knows."""
    from trainboard.rhythm import rhythm

    row = seen.row
    own = {name: each for name, each in seen.series.items() if not is_usage(name)}
    found = rhythm(own, row.started if row else None)
    if found is None or found.pace <= 0:
        return None
    late = (found.ends >= now_of(seen) - HOT_WINDOW) & (found.work > 0) & (found.over == 0)
    return float(found.gaps[late].sum() / found.work[late].sum() / found.pace) if late.sum() >= 3 else None


def _data_share(seen: JobSeen) -> float | None:
    """The share of a step that goes to data, as the program prints it; None where it does not."""
    from trainboard.durations import printed

    own = {name: each for name, each in seen.series.items() if not is_usage(name)}
    told = printed(own, -np.inf)
    data, step = told.get("data"), told.get("step")
    if data is None or step is None or min(len(data), len(step)) < 20:
        return None
    data, step = data[len(data) // 10 :], step[len(step) // 10 :]  # the first of an epoch waits for its workers
    share = float(np.median(data)) / float(np.median(step)) if float(np.median(step)) > 0 else 0.0
    return share if share <= 1 else None


RULES = (
    Rule("gpu_idle", Severity.WARNING, 150, gpu_idle, "usage of GPUs", ("stalled",)),
    Rule("gpu_unused", Severity.WARNING, 152, gpu_unused, "usage of several GPUs", ("stalled",)),
    Rule("throttled", Severity.WARNING, 154, throttled, "usage of GPUs"),
    Rule("input_bound", Severity.WARNING, 156, input_bound, "usage of GPUs and CPUs, printed times"),
    Rule("gpu_low", Severity.WARNING, 158, gpu_low, "usage of GPUs", ("input_bound", "stalled", "throttled")),
    Rule("gpu_fluctuating", Severity.INFO, 160, gpu_fluctuating, "usage of GPUs", ("input_bound", "throttled")),
)
