"""What the log of a job says of its GPUs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Severity
from trainboard.diagnose.jobrules.base import by_rank, ended_at, facts, near, standing, told, words
from trainboard.diagnose.rule import Rule
from trainboard.show import clean

if TYPE_CHECKING:
    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.jobseen import JobSeen
    from trainboard.diagnose.messages import Hit

XIDS = {
    13: ("the program did something wrong on the GPU", "application"),
    31: ("the program read or wrote outside of its GPU memory", "application"),
    43: ("the program was stopped on the GPU", "application"),
    48: ("its memory has an error that cannot be corrected (double-bit ECC)", "memory"),
    63: ("a row of its memory was replaced", "memory"),
    64: ("a row of its memory could not be replaced", "memory"),
    74: ("its link to another GPU (NVLink) failed", "link"),
    79: ("it has fallen off the bus", "bus"),
    92: ("its memory corrects many errors", "memory"),
    94: ("its memory has an error that was contained", "memory"),
    95: ("its memory has an error that was not contained", "memory"),
    119: ("its system processor does not answer", "firmware"),
    120: ("its system processor failed", "firmware"),
}
"""What the driver's numbers mean, as NVIDIA's catalogue of Xid errors says; in short."""

AVOID = "Run it again without that node (slurm.sbatch --exclude), and tell those who run the machine."

ECC = re.compile(r"usage/gpu\d+/ecc")
"""Errors of a GPU's memory that could not be corrected, since its driver was loaded."""

BENIGN = frozenset((45, 63, 92))
"""Follow-ups, and what was put right."""

SCALE = 1.0
"""A loss scale that fell to this: half precision does not do."""


def cuda_oom(seen: JobSeen) -> Finding | None:
    """The memory of a GPU ran out.

    Trigger: `CUDA out of memory` and its like of HIP, JAX, TensorFlow and cuBLAS, and the training does not go on.
    Defaults: of a running job once it is stalled.
    Source: messages of PyTorch, XLA, TensorFlow.
    Advice: a smaller batch with gradient accumulation, mixed precision, activation checkpointing.
    """
    hits = standing(seen, "cuda_oom")
    if not hits:
        return None
    others = _others(hits[0].line)
    return told(
        "cuda_oom",
        Severity.ERROR,
        "out of GPU memory",
        f"The memory of the GPU ran out{by_rank(hits)}{_tried(hits[0].line)}{others}.",
        "Take a smaller batch with gradient accumulation, mixed precision, activation checkpointing, or a larger GPU."
        if not others
        else "Ask for a GPU of its own: another process has memory on this one.",
        [*hits, *near(seen, hits[0])],
        facts(hits=hits[0].count),
        ended_at(seen),
    )


def gpu_hardware(seen: JobSeen) -> Finding | None:
    """A GPU is broken.

    Trigger: an uncorrectable ECC error, printed or counted by the driver since the run began; a GPU that has fallen
    off the bus; an Xid that is of memory, link, bus or firmware.
    Defaults: Xid 45, 63 and 92 are told and are no error.
    Source: NVIDIA's catalogue of Xid errors.
    Advice: leave the node out, and tell the people who run it.
    """
    for name, each in seen.series.items():
        if ECC.fullmatch(name) and len(each) > each.newest and each.values[-1] > each.values[each.newest]:
            return _corrupt(seen, name, float(each.values[-1] - each.values[each.newest]))
    xids = [hit for hit in standing(seen, "xid") if (XIDS.get(_xid(hit)) or ("", "?"))[1] != "application"]
    serious = [hit for hit in xids if _xid(hit) not in BENIGN]
    hits = [*standing(seen, "gpu_hardware"), *serious]
    if not hits and not xids:
        return None
    first = (hits or xids)[0]
    number = _xid(first) if first.id == "xid" else 0
    meaning = XIDS[number][0] if number in XIDS else "the driver reports a fault of it" if number else first.line
    bus = f" {first.facts['bus']}" if first.facts.get("bus") else ""
    return told(
        "gpu_hardware",
        Severity.ERROR if hits else Severity.INFO,
        "GPU hardware fault",
        f"GPU{bus}{_of_node(seen)}: {clean(meaning, 200)}{f' (Xid {number})' if number else ''}.",
        AVOID,
        hits or xids,
        facts(xid=number or None),
        ended_at(seen),
    )


def _corrupt(seen: JobSeen, name: str, errors: float) -> Finding:
    """The memory of a GPU has lost what was in it."""
    number = name.removeprefix("usage/gpu").partition("/")[0]
    return told(
        "gpu_hardware",
        Severity.ERROR,
        "GPU hardware fault",
        f"GPU {number}{_of_node(seen)}: its memory had {errors:g} errors since the run began that cannot be "
        "corrected (ECC).",
        AVOID,
        evidence=facts(errors=errors),
        metric=name,
    )


def _of_node(seen: JobSeen) -> str:
    return f" of {clean(seen.row.nodes, 80)}" if seen.row is not None and seen.row.nodes else ""


def cuda_fault(seen: JobSeen) -> Finding | None:
    """A GPU kernel failed: an index out of range, an illegal access.

    Trigger: `device-side assert`, `illegal memory access` and their like; Xid 13, 31, 43.
    Defaults: —
    Source: CUDA's error strings.
    Advice: run it with CUDA_LAUNCH_BLOCKING=1, or once on the CPU: the traceback then names the line.
    """
    hits = [
        *standing(seen, "cuda_fault"),
        *(h for h in standing(seen, "xid") if _xid(h) in XIDS and XIDS[_xid(h)][1] == "application"),
    ]
    if not hits:
        return None
    asserted = any("device-side assert" in hit.line for hit in hits)
    what = (
        "an assertion failed in a GPU kernel, mostly a label or an index out of range"
        if asserted
        else "a GPU kernel failed"
    )
    return told(
        "cuda_fault",
        Severity.ERROR,
        "fault in a GPU kernel",
        f"It crashed on the GPU{by_rank(hits)}: {what}.",
        "Run it with CUDA_LAUNCH_BLOCKING=1, or once on the CPU: the traceback then names the line.",
        [*hits, *near(seen, hits[0])],
        at=ended_at(seen),
    )


def cuda_missing(seen: JobSeen) -> Finding | None:
    """The program finds no GPU that it can use.

    Trigger: no CUDA GPUs, a driver that is too old, a build without CUDA or without kernels for this card.
    Defaults: —
    Source: messages of PyTorch and CUDA.
    Advice: ask for a GPU; install a build that fits the driver and the card.
    """
    hits = standing(seen, "cuda_missing")
    if not hits:
        return None
    return told(
        "cuda_missing",
        Severity.ERROR,
        "no usable GPU",
        f"The program can use no GPU{by_rank(hits)}: {words(hits[0])}.",
        "Ask for a GPU (resources.gpus), and install a build of the framework that fits the driver and the card.",
        hits,
        at=ended_at(seen),
    )


def half_precision(seen: JobSeen) -> Finding | None:
    """Half precision overflows again and again: the loss scale collapses.

    Trigger: the loss scale falls to 1 or below, or is at its minimum.
    Defaults: 1; a few overflows at the start are how dynamic scaling finds its scale.
    Source: messages of apex, DeepSpeed, fairseq, Megatron.
    Advice: bfloat16, a lower learning rate; look for what overflows.
    """
    hits = [hit for hit in seen.hits if hit.id == "half_precision"]
    if not hits:
        return None
    scales = [
        float(str(value))
        for hit in hits
        for name in ("scale", "to", "least")
        if (value := hit.facts.get(name)) is not None
    ]
    low = min(scales, default=None)
    stuck = any("minimum loss" in hit.line.lower() or "already at minimum" in hit.line for hit in hits)
    if not stuck and (low is None or low > SCALE):
        return None
    return told(
        "half_precision",
        Severity.WARNING,
        "half precision overflows",
        f"Half precision overflows again and again: {hits[-1].count} steps skipped, the loss scale is down to "
        f"{low if low is not None else 1:g}.",
        "Use bfloat16, or a lower learning rate; gradients that are not finite come from somewhere else.",
        hits[-3:],
        facts(skipped=float(hits[-1].count), scale=low),
    )


def _xid(hit: Hit) -> int:
    return int(float(str(hit.facts.get("xid", 0))))


def _tried(line: str) -> str:
    found = re.search(r"Tried to allocate ([\d.]+ ?\w?i?B)", line)
    return f" (it tried to allocate {found[1]})" if found else ""


def _others(line: str) -> str:
    found = re.search(r"Process (\d+) has ([\d.]+ \w?i?B) memory in use", line)
    return (
        f"; process {found[1]} has {found[2]} of it"
        if found and "this process has" not in line[: found.start()].lower()
        else ""
    )


RULES = (
    Rule("gpu_hardware", Severity.ERROR, 202, gpu_hardware, "the log"),
    Rule("cuda_missing", Severity.ERROR, 208, cuda_missing, "the log", ("gpu_hardware",)),
    Rule("cuda_oom", Severity.ERROR, 210, cuda_oom, "the log"),
    Rule("cuda_fault", Severity.ERROR, 212, cuda_fault, "the log", ("gpu_hardware", "cuda_oom")),
    Rule("half_precision", Severity.WARNING, 120, half_precision, "the log", ("non_finite", "lr_too_high")),
)
