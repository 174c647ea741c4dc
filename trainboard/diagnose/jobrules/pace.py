"""Jobs that go too slowly for their time limit, or do not go on at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backends.base import JobState
from trainboard.diagnose.finding import Severity
from trainboard.diagnose.jobrules.base import facts, told
from trainboard.diagnose.jobrules.silences import silence
from trainboard.diagnose.jobrules.windows import gpus, now_of, recent
from trainboard.diagnose.rule import Rule
from trainboard.show import clean, duration

if TYPE_CHECKING:
    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.jobseen import JobSeen

EARLIEST = 0.05
"""Of the run: sooner a forecast of its end is none."""

MOMENT = 300.0
"""Seconds over which it is judged what a silent job does."""


def time_limit_ahead(seen: JobSeen) -> Finding | None:
    """It will not be done before its time limit.

    Trigger: at least 5 % are done, and even the early end of the interval in which it will be done, nine times in
    ten, is after the limit.
    Defaults: 5 %; of the interval see `trainboard.forecast`.
    Source: pace and pauses of the run itself.
    Advice: ask for more time while it runs (scontrol), or let it save before the limit and resume.
    """
    found = seen.estimate
    if seen.ended or found is None or found.in_time is not False or found.limit is None or found.eta is None:
        return None
    if found.share is None or found.share < EARLIEST or found.eta_low is None:
        return None
    left = found.limit - seen.now
    saved = found.checkpoint
    last = f" Its last checkpoint is {duration(seen.now - saved)} old." if saved is not None else ""
    return told(
        "time_limit_ahead",
        Severity.WARNING,
        "time limit too short",
        f"It needs {duration(found.eta_low)} more at least ({duration(found.eta)} likely), and is ended in "
        f"{duration(left)}: {found.share:.0%} are done.{last}",
        "Ask for more time now, or let it save before the limit and resume: retry.on TIMEOUT, retry.resume.",
        evidence=facts(eta_low_s=found.eta_low, eta_s=found.eta, left_s=left, share=found.share),
    )


def stalled(seen: JobSeen) -> Finding | None:
    """It runs, and has been silent for far longer than ever before.

    Trigger: no sample for 180 s and 5 × the longest silence so far, evaluations and checkpoints included; without any
    sample, no line for an hour. An ended job is judged by its silence before its end.
    What it does meanwhile is told by what it uses: its GPUs are busy and cold (ranks wait for each other), a CPU is
    busy (a loop), processes wait for a disk, nothing moves, or its log grows without a step.
    Defaults: 180 s, 5 ×.
    Source: NVRx' safety factor of 5 on observed silences.
    Advice: by the class; py-spy dump shows where it is.
    """
    row = seen.row
    if row is None or row.started is None:
        return None
    if row.state is not JobState.RUNNING and row.state not in (JobState.TIMEOUT, JobState.CANCELLED):
        return None
    now, found = now_of(seen), silence(seen)
    if found is None:
        return None
    silent, longest = found
    id, what, advice = _class(seen, now, silent)
    before = f", where {duration(longest)} was the longest before" if longest else ""
    verb = "has been" if not seen.ended else "was"
    return told(
        "stalled",
        Severity.WARNING,
        id,
        f"It {verb} silent for {duration(silent)}{before}{what}.",
        advice,
        evidence=facts(silent_s=silent, longest_s=longest, doing=id),
        at=now - silent,
    )


def _class(seen: JobSeen, now: float, silent: float) -> tuple[str, str, str]:
    """What a silent job does: the cause, how it is told, and what to do."""
    window = min(MOMENT, silent)
    look = "Look where it is: py-spy dump --pid of its processes on the node (s opens a shell there)."
    use = [recent(seen, f"usage/gpu{number}/util", window).values for number in gpus(seen)]
    known = [float(each.mean()) for each in use if len(each) >= 3]
    cold = _is_cold(seen, window)
    cpu, waiting = recent(seen, "usage/cpu", window).values, recent(seen, "usage/waiting", window).values
    processes = recent(seen, "usage/processes", window).values
    if len(processes) >= 3 and processes.max() == 0:
        return (
            "its processes are gone",
            ": none of its processes is there any more",
            "Look at the end of its log; cancel and requeue it.",
        )
    if known and min(known) >= 95 and cold:
        return (
            "ranks wait for each other",
            ": its GPUs are busy and hardly draw power, as where ranks wait for each other",
            "A rank does not come to a collective operation: compare where the ranks are (py-spy dump), and look for "
            "one that raised an exception.",
        )
    if len(waiting) >= 3 and np.median(waiting) >= 1 and (not known or max(known) < 10):
        return (
            "a file system does not answer",
            ": its processes wait for a disk",
            "Look whether the file system answers (ls on its folders); tell those who run it.",
        )
    if seen.log_at is not None and now - seen.log_at < silent / 4:
        return (
            "it prints and does not get on",
            ", although its log goes on",
            "Read the end of its log: it tries something again and again.",
        )
    if len(cpu) >= 3 and float(np.median(cpu)) >= 0.8 and (not known or max(known) < 10):
        cores = float(np.median(cpu))
        return "a loop on the CPU", f": {clean(f'{cores:.1f}', 8)} CPUs are busy and its GPUs are not", look
    if len(cpu) >= 3 and float(np.median(cpu)) < 0.1 and (not known or max(known) < 10):
        return "it waits for something", ": neither its CPUs nor its GPUs do anything", look
    return "stalled", "", look


def _is_cold(seen: JobSeen, window: float) -> bool:
    """Whether every GPU draws less than 40 % of what it may."""
    shares = []
    for number in gpus(seen):
        power = recent(seen, f"usage/gpu{number}/power", window).values
        limit = recent(seen, f"usage/gpu{number}/power_limit", window).values
        if len(power) >= 3 and len(limit) and limit[-1] > 0:
            shares.append(float(np.median(power)) / float(limit[-1]))
    return bool(shares) and max(shares) < 0.4


RULES = (
    Rule(
        "stalled",
        Severity.WARNING,
        130,
        stalled,
        "the moments of samples and lines",
        ("nccl_timeout", "crash", "disk_full", "cuda_oom"),
    ),
    Rule(
        "time_limit_ahead",
        Severity.WARNING,
        145,
        time_limit_ahead,
        "progress and a time limit",
        ("stalled", "throttled", "input_bound"),
    ),
)
