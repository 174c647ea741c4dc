"""What the log of a job says of its processes: exceptions, crashes, ranks that do not come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainboard.diagnose.finding import Severity
from trainboard.diagnose.jobrules.base import EXPLAINED, by_rank, ended_at, facts, standing, told, words
from trainboard.diagnose.ranks import culprit
from trainboard.diagnose.rule import Rule
from trainboard.show import clean, duration

if TYPE_CHECKING:
    from trainboard.diagnose.finding import Finding
    from trainboard.diagnose.jobseen import JobSeen
    from trainboard.diagnose.messages import Hit

INTERRUPTIONS = ("KeyboardInterrupt", "SystemExit", "SignalException", "GeneratorExit")
"""Exceptions that are no fault of the program."""


def crash(seen: JobSeen) -> Finding | None:
    """An exception ended the program: the last traceback, with its innermost frame of the user's own code.

    Trigger: a traceback that nothing came after. Of several, the first that does not follow from another process.
    Defaults: of a running job once it is stalled.
    Source: Python's tracebacks.
    Advice: look at the line that is named.
    """
    hits = _exceptions(seen, secondary=False)
    if not hits:
        return None
    first = hits[0]
    # Of a chain the last one ended the program: it has the words for people.
    for hit in hits[1:]:
        if "chained" in hit.facts and hit.facts.get("rank") == first.facts.get("rank") and hit.facts["own"]:
            first = hit
        else:
            break
    known = first.facts
    name = str(known["error"]).rpartition(".")[2]
    where = f" in {known['file']}:{known['line']:g}" if known["file"] else ""
    function = f" ({known['function']})" if known["function"] not in ("", "<module>") else ""
    said = clean(str(known["message"]), 160)
    return told(
        "crash",
        Severity.ERROR,
        "exception",
        f"{name}{where}{function}{by_rank((first,))}{f': {said}' if said else ''}",
        "Look at that line: it is the innermost one of your own code."
        if known["own"]
        else "The traceback has no line of your own code: look at how the program was started.",
        (first,),
        facts(error=str(known["error"]), file=str(known["file"]), line=float(str(known["line"]))),
        ended_at(seen),
    )


def segfault(seen: JobSeen) -> Finding | None:
    """Native code crashed.

    Trigger: `Segmentation fault`, `core dumped`, SIGABRT and their like.
    Defaults: —
    Source: shells and launchers.
    Advice: PYTHONFAULTHANDLER=1; versions of native packages that do not fit together.
    """
    hits = standing(seen, "segfault")
    if not hits:
        return None
    return told(
        "segfault",
        Severity.ERROR,
        "crash in native code",
        f"Native code crashed{by_rank(hits)}: {words(hits[0])}.",
        "Run it with PYTHONFAULTHANDLER=1 to see where; packages with native code may not fit together.",
        hits,
        at=ended_at(seen),
    )


def nccl_timeout(seen: JobSeen) -> Finding | None:
    """A collective operation timed out: one rank did not come.

    Trigger: the watchdog of NCCL, a gloo time-out, or ranks that did not join. The culprit is the rank that says
    nothing, else the one that has come least far (the lowest sequence number).
    Defaults: of a running job once it is stalled.
    Source: messages of PyTorch's ProcessGroupNCCL, gloo and TCPStore.
    Advice: look at the culprit's log, and at what ranks do differently.
    """
    hits = standing(seen, "nccl_timeout")
    if not hits:
        return None
    who = culprit(seen.hits)
    joined = next((hit for hit in hits if "joined" in hit.facts), None)
    ran = next(
        (
            float(str(hit.facts[name])) / 1000
            for hit in hits
            for name in ("ran_ms", "timeout_ms", "waited_ms")
            if name in hit.facts
        ),
        None,
    )
    op = next((str(hit.facts["op"]) for hit in hits if "op" in hit.facts), "A collective operation")
    if joined is not None and who.rank is None:
        message = f"Only {joined.facts['joined']:g} of {joined.facts['world']:g} ranks came to the start."
    else:
        after = f" after {duration(ran)}" if ran else ""
        message = f"{clean(op, 40)} timed out{after}: {who.sentence}."
    return told(
        "nccl_timeout",
        Severity.ERROR,
        "a rank did not come",
        message,
        "Look at what that rank did last: an exception, a slow data loader, another number of batches, or a branch "
        "that only some ranks take.",
        hits,
        facts(rank=who.rank, seconds=ran, ranks_told=float(who.told)),
        ended_at(seen),
    )


def nccl_error(seen: JobSeen) -> Finding | None:
    """The connection between ranks broke.

    Trigger: ncclSystemError, ncclRemoteError, errors of NET/IB, a peer that closed its connection.
    Defaults: —
    Source: messages of NCCL and gloo.
    Advice: mostly another rank died first: see its exception; else NCCL_DEBUG=INFO.
    """
    hits = standing(seen, "nccl_error")
    if not hits:
        return None
    return told(
        "nccl_error",
        Severity.ERROR,
        "connection between ranks",
        f"The connection between ranks broke{by_rank(hits)}: {words(hits[0])}.",
        "Mostly another rank died first: look for its exception; else run it with NCCL_DEBUG=INFO.",
        hits,
        at=ended_at(seen),
    )


def port_taken(seen: JobSeen) -> Finding | None:
    """The port that the ranks meet at is taken by another job on the machine.

    Trigger: `Address already in use`.
    Defaults: —
    Source: errno 98.
    Advice: another MASTER_PORT for each job, or --standalone.
    """
    hits = standing(seen, "port_taken")
    if not hits:
        return None
    return told(
        "port_taken",
        Severity.ERROR,
        "port taken",
        "The port that the ranks meet at is taken by another job on that machine.",
        "Give each job a MASTER_PORT of its own, or start it with torchrun --standalone.",
        hits,
        at=ended_at(seen),
    )


def child_failed(seen: JobSeen) -> Finding | None:
    """A launcher, or the ranks that are left, tell that a rank failed, and there is no other sign of why.

    Trigger: torchrun's ChildFailedError; exceptions that follow from the end of another process.
    Defaults: —
    Source: torch.distributed.elastic.
    Advice: look at the log of that rank.
    """
    hits = [*standing(seen, "child_failed"), *_exceptions(seen, secondary=True)]
    if not hits:
        return None
    codes = [hit.facts["exitcode"] for hit in hits if "exitcode" in hit.facts]
    code = f" with exit code {codes[0]:g}" if codes and isinstance(codes[0], float) else ""
    return told(
        "child_failed",
        Severity.ERROR,
        "a rank failed",
        f"A rank failed{by_rank(hits)}{code}, say its launcher or the other ranks, and nothing here says why.",
        "Look at what that rank printed; @record of torch.distributed.elastic brings its exception here.",
        hits,
        at=ended_at(seen),
    )


def _exceptions(seen: JobSeen, *, secondary: bool) -> list[Hit]:
    """Those that follow from the end of another process, or the others. A single process has none to follow."""
    alone = not any("rank" in hit.facts or hit.id == "child_failed" for hit in seen.hits)
    return [
        hit
        for hit in standing(seen, "traceback")
        if not str(hit.facts["error"]).endswith(INTERRUPTIONS)
        and ("secondary" in hit.facts and not alone) == secondary
    ]


FIRST = tuple(id for id in EXPLAINED if id not in ("nccl_timeout", "nccl_error", "segfault", "time_limit"))
"""What one process died of, which the others then missed."""

RULES = (
    Rule("port_taken", Severity.ERROR, 214, port_taken, "the log"),
    Rule("crash", Severity.ERROR, 240, crash, "the log", (*FIRST, "segfault", "time_limit", "killed", "non_finite")),
    Rule("nccl_timeout", Severity.ERROR, 244, nccl_timeout, "the log", (*FIRST, "crash")),
    Rule("nccl_error", Severity.ERROR, 246, nccl_error, "the log", (*FIRST, "crash", "nccl_timeout", "segfault")),
    Rule("segfault", Severity.ERROR, 226, segfault, "the log", (*FIRST, "nccl_timeout")),
    Rule("child_failed", Severity.ERROR, 270, child_failed, "the log", (*EXPLAINED, "killed", "crash")),
)
