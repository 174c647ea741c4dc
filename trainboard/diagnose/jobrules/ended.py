"""How a job ended, by its state, its exit code, and what its scheduler printed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from backends.base import JobState
from trainboard.diagnose.finding import Severity
from trainboard.diagnose.jobrules.base import EXPLAINED, by_rank, ended_at, facts, newest, peak, standing, told
from trainboard.diagnose.rule import Rule
from trainboard.naming import is_usage
from trainboard.show import clean, duration, size
from trainboard.trials.standing import PAUSED

if TYPE_CHECKING:
    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.jobseen import JobSeen

EARLY = 120.0
"""Seconds: a job that failed sooner never got to its training."""

FULL = 0.95
"""Of what its cgroup may have: with so much in use, SIGKILL is the kernel's."""

CODES = {
    126: "its command cannot be executed",
    127: "its command was not found",
    2: "its command was called wrongly, or a file was not there",
}
"""What exit codes mean to a shell."""


def host_oom(seen: JobSeen) -> Finding | None:
    """The memory of the machine, or what the job may have of it, ran out, and the kernel killed a process.

    Trigger: the state OUT_OF_MEMORY, a message of the kernel, of Slurm or of an allocator, or SIGKILL of a process
    while the memory of its cgroup was used to 95 %.
    Defaults: —
    Source: exit records of the runner (memory.events), Slurm's `oom_kill event`, MemoryError, std::bad_alloc.
    Advice: ask for more memory, load less at once, use fewer data-loader workers.
    """
    hits, denied = standing(seen, "host_oom"), standing(seen, "host_allocation")
    state = seen.state is JobState.OUT_OF_MEMORY
    killed = [] if hits or state else standing(seen, "killed")
    used, limit = peak(seen, "usage/memory"), newest(seen, "usage/memory_limit")
    full = used is not None and limit is not None and used >= FULL * limit
    if not (hits or denied or state or (killed and full)):
        return None
    bounds = f" (it may have {size(limit)})" if limit else ""
    most = f" It used {size(used)} at most." if used else ""
    what = "the kernel killed a process of the job" if hits or state or not denied else "an allocation was denied"
    early = not (hits or state or full) and used is not None and limit is not None
    end = "had not run out" if early else "ran out"
    refused = "It was refused memory although that" if early else "The memory"
    advice = "Ask for more memory (resources.memory), load the data in pieces, or use fewer data-loader workers."
    return told(
        "host_oom",
        Severity.ERROR,
        "out of host memory",
        f"{refused} that it may have on its machine{bounds} {end}: {what}{by_rank(hits or denied)}.{most}",
        "Look at the size that it asked for, and at a limit of its own (ulimit -v)." if early else advice,
        hits or denied or killed,
        facts(used_bytes=used, limit_bytes=limit),
        ended_at(seen),
    )


def time_limit(seen: JobSeen) -> Finding | None:
    """The job was ended at its time limit.

    Trigger: the state TIMEOUT, or the message of the scheduler.
    Defaults: —
    Source: Slurm, PBS and LSF messages; the runner's exit record.
    Advice: ask for more time, or save and resume.
    """
    hits = standing(seen, "time_limit")
    if seen.state is not JobState.TIMEOUT and not hits:
        return None
    limit = None if seen.row is None else seen.row.time_limit
    done = seen.estimate.share if seen.estimate else None
    how_far = f" when it was {done:.0%} through" if done is not None and done < 1 else ""
    return told(
        "time_limit",
        Severity.ERROR,
        "time limit",
        f"It was ended at its time limit{f' of {duration(limit)}' if limit else ''}{how_far}.",
        "Ask for more time (resources.time), or let it save checkpoints and resume: retry.on TIMEOUT, retry.resume.",
        hits,
        facts(limit_s=limit, share=done),
        ended_at(seen),
    )


def preempted(seen: JobSeen) -> Finding | None:
    """Its scheduler took the machine away for another job.

    Trigger: the state PREEMPTED, or the message of the scheduler.
    Defaults: —
    Source: Slurm messages and states.
    Advice: let it be requeued and resume from its checkpoint.
    """
    hits = standing(seen, "preempted")
    if seen.state is not JobState.PREEMPTED and not hits:
        return None
    return told(
        "preempted",
        Severity.WARNING,
        "preempted",
        "Its scheduler took the machine away for a job with more right to it.",
        "Let it save checkpoints and resume (retry.on PREEMPTED, retry.resume), or choose another partition.",
        hits,
        at=ended_at(seen),
    )


def node_failure(seen: JobSeen) -> Finding | None:
    """The machine that it ran on failed.

    Trigger: the state NODE_FAIL, or the message of the scheduler.
    Defaults: —
    Source: Slurm messages and states.
    Advice: run it again, without that node.
    """
    hits = standing(seen, "node_failure")
    if seen.state is not JobState.NODE_FAIL and not hits:
        return None
    named = next((str(hit.facts["node"]) for hit in hits if "node" in hit.facts), "")
    node = clean(named or (seen.row.nodes if seen.row else ""), 80)
    return told(
        "node_failure",
        Severity.ERROR,
        "node failure",
        f"The machine that it ran on{f' ({node})' if node else ''} failed; the program is not to blame.",
        "Run it again (retry.on NODE_FAIL); if it happens there again, leave the node out (slurm.sbatch --exclude).",
        hits,
        {"node": node} if node else {},
        ended_at(seen),
    )


def cancelled(seen: JobSeen) -> Finding | None:
    """Somebody ended it.

    Trigger: the state CANCELLED, but where a run pauses at a rung of its sweep; of a log file, Slurm's message that
    the job was cancelled.
    Defaults: —
    Source: Slurm messages and states.
    Advice: none.
    """
    hits = standing(seen, "cancelled")
    if seen.state is not JobState.CANCELLED and not (hits and seen.row is None):
        return None
    why = clean(seen.row.reason, 120) if seen.row else ""
    if why.startswith(PAUSED):  # as planned: the sweep itself tells how many
        return None
    return told(
        "cancelled",
        Severity.INFO,
        "cancelled",
        f"It was cancelled{f' ({why})' if why and why != 'cancelled' else ''}.",
        "Nothing is wrong, if that was you or a limit of your site.",
        hits,
        at=ended_at(seen),
    )


def lost(seen: JobSeen) -> Finding | None:
    """Nobody knows how the job ended.

    Trigger: the state LOST.
    Defaults: —
    Source: the reconciliation of the board: no exit record, nothing in the accounting.
    Advice: look whether its host was restarted; run it again.
    """
    if seen.state is not JobState.LOST:
        return None
    return told(
        "lost",
        Severity.WARNING,
        "lost without evidence",
        "It is gone, and neither an exit record nor its scheduler tells how it ended.",
        "Look whether its host was restarted or its folder removed; then run it again.",
        standing(seen, "killed"),
        at=ended_at(seen),
    )


def ended_early(seen: JobSeen) -> Finding | None:
    """It failed within its first minutes, before anything was measured.

    Trigger: failed less than 2 minutes after its start, without a sample.
    Defaults: 120 s.
    Source: —
    Advice: try its command by hand, check the spec, look at the first lines of the log.
    """
    row = seen.row
    if row is None or row.state is not JobState.FAILED or row.started is None or row.ended is None:
        return None
    took = row.ended - row.started
    if took > EARLY or any(len(each) for name, each in seen.series.items() if not is_usage(name)):
        return None
    return told(
        "ended_early",
        Severity.ERROR,
        "failed at its start",
        f"It failed {duration(took)} after it started, before it had measured anything: "
        f"{_end(row.exit_code, row.reason)}.",
        "Run `trainboard check` on the spec, and try the command by hand: a path, a module or an argument is wrong.",
        (),
        facts(seconds=took, exit_code=row.exit_code),
        row.ended,
    )


def failed(seen: JobSeen) -> Finding | None:
    """It ended with an error, and no other rule knows why.

    Trigger: the state FAILED; the exit code and the signal are named.
    Defaults: —
    Source: POSIX: codes above 128 are signals; 126 and 127 are the shell's.
    Advice: by the code.
    """
    row = seen.row
    if row is None or row.state is not JobState.FAILED:
        return None
    return told(
        "failed",
        Severity.ERROR,
        "ended with an error",
        f"It failed: {_end(row.exit_code, row.reason)}.",
        "Look at the last lines of its log.",
        (),
        facts(exit_code=row.exit_code),
        row.ended,
    )


def killed(seen: JobSeen) -> Finding | None:
    """A process was killed by SIGKILL, and nobody says who did it.

    Trigger: `Killed`, exit code 137 or -9, without a sign of memory or of a limit.
    Defaults: —
    Source: shells, srun and torchrun messages.
    Advice: it is mostly the kernel, for want of memory.
    """
    hits = standing(seen, "killed")
    code = seen.row.exit_code if seen.row is not None and seen.row.state is JobState.FAILED else None
    if not hits and code != 128 + signal.SIGKILL:
        return None
    return told(
        "killed",
        Severity.ERROR,
        "killed by SIGKILL",
        "A process of it was killed (SIGKILL), and nothing says by whom: mostly the kernel, for want of memory.",
        "Compare its memory with what it may have; ask for more, or use fewer data-loader workers.",
        hits,
        facts(exit_code=code),
        ended_at(seen),
    )


def _end(code: int | None, reason: str) -> str:
    """How it ended, in words."""
    if code in CODES:
        return f"{CODES[code]} (exit code {code})"
    known = {entry.value: entry.name for entry in signal.Signals}
    if code is not None and code > 128 and code - 128 in known:
        return f"killed by {known[code - 128]}"
    if code:
        return f"exit code {code}"
    return clean(reason, 200) or "its scheduler says no more"


RULES = (
    Rule("node_failure", Severity.ERROR, 200, node_failure, "the job's state, the log"),
    Rule("host_oom", Severity.ERROR, 220, host_oom, "the job's state, the log, usage of memory"),
    Rule("preempted", Severity.WARNING, 230, preempted, "the job's state, the log"),
    Rule("time_limit", Severity.ERROR, 232, time_limit, "the job's state, the log", ("stalled",)),
    Rule("killed", Severity.ERROR, 260, killed, "the log, the exit code", (*EXPLAINED, "crash", "non_finite")),
    Rule("ended_early", Severity.ERROR, 280, ended_early, "the job's state", (*EXPLAINED, "crash", "killed")),
    Rule("failed", Severity.ERROR, 290, failed, "the job's state", (*EXPLAINED, "crash", "killed", "ended_early")),
    Rule("lost", Severity.WARNING, 295, lost, "the job's state", EXPLAINED),
    Rule("cancelled", Severity.INFO, 299, cancelled, "the job's state, the log", (*EXPLAINED, "crash", "stalled")),
)
