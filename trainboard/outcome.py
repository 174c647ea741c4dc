"""How a log ended: by its last bytes, the series read of it and how far it came.

A sign of an end counts only where the training did not go on after it: an out-of-memory that was caught, a traceback
of an old worker and the `done` of an earlier part are followed by the lines that the training prints again and again.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trainboard.extract import Progress
    from trainboard.series import Series

TAIL = 64 * 1024
"""Bytes at the end of a log that tell how it ended."""
OUTCOMES = ("completed", "running", "failed", "nan", "oom", "timeout", "traceback", "killed", "unknown")

LINE_CAP = 2048
"""Bytes of a line that are looked at: with it a pattern costs the same whatever was printed."""
LINES = 2000
"""Lines that are looked at, without empty ones."""
REGULAR = 3
"""Lines of one shape that make it regular, and regular lines after a sign that make it none."""
EPILOGUE = 40
"""Lines that launchers, loggers and schedulers may print after the exception that ended the program."""

# A pattern is looked for in each line, which is stripped of colours and of what ranks and launchers put before it.
_TABLE = (
    (
        "timeout",
        r"DUE TO TIME LIMIT|\bTERM_RUNLIMIT\b|walltime \S+ exceeded limit|exceeded (?:its )?(?:wall ?time|time limit)"
        r"|(?:run|time|wall ?time) limit (?:was |is )?(?:exceeded|reached)|^timeout: sending signal"
        r"|exceeded hard wallclock time|reached (?:the )?(?:wall ?time|time) limit",
    ),
    (
        "oom",
        r"(?:CUDA|HIP|MPS backend|GPU|device) (?:error: )?(?:is |ran )?out of memory|\bOutOfMemory(?:Error)?\b"
        r"|\bResourceExhausted(?:Error)?\b|\bRESOURCE_EXHAUSTED\b|OOM when allocating|CUDA_ERROR_OUT_OF_MEMORY"
        r"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED|cudaErrorMemoryAllocation|cudaMalloc failed: out of"
        r"|std::bad_alloc|^(?:\S+\.)?_?(?:Array)?MemoryError\b|Cannot allocate memory|can't allocate memory"
        r"|Unable to allocate \S+ ?\wi?B|\boom[-_ ]?kill(?:ed|er)?\b|\bOOMKilled\b|Out of memory: Kill"
        r"|\bTERM_MEMLIMIT\b|mem(?:ory)? \S+ exceeded limit|exceeded (?:its )?(?:job )?memory limit"
        r"|Check failed: .{0,80}\b(?:out of memory|\(2 vs\. 0\))",
    ),
    (
        "nan",
        r"(?i:\b(?:loss|cost|objective) (?:is|was|became) (?:inf(?:inite)? or )?(?:nan|not finite|non-finite|inf)"
        r"|\b(?:nan|non-?finite|invalid) loss\b|encountered nan|returned nan values|\bloss is \[?(?:nan|inf)\b"
        r"|minimum loss scale reached|NanLossDuringTraining|diverged with loss)",
    ),
    ("signal", r"exit ?code ?: -9\b|Signal 9 \(SIGKILL\) received|return code = -9\b"),
    (
        "killed",
        r"^(?:Killed|Terminated)\s*$|^(?:\S+: )?line \d+: +\d+ (?:Killed|Terminated)"
        r"|slurmstepd: error: .*CANCELLED AT"
        r"|^srun: error: .{0,200}: (?:Killed|Terminated)$|\bSIGKILL\b"
        r"|exit ?(?:code|ed with|status)[ :=]*(?:-9|137|143)\b"
        r"|\bTERM_(?:OWNER|ADMIN|PREEMPT)\b|^KeyboardInterrupt\b|Detected Ctrl-C|\bDUE TO (?:PREEMPTION|NODE FAIL)"
        r"|got signal: (?:2|9|15)\b|[Rr]eceived (?:signal )?(?:SIGTERM|SIGINT)\b|\b(?:SIGTERM|SIGINT) received\b"
        r"|^Evicted\b|[Pp]reempted by",
    ),
    (
        "failed",
        r"Segmentation fault|\bcore dumped\b|\bSIG(?:ABRT|SEGV|BUS|ILL|FPE)\b|^Aborted\b|^Bus error"
        r"|^srun: error: .*Exited with|exit(?:ed|s)?(?: with)?(?: (?:return|exit))? ?(?:code|status)[ :=]+-?[1-9]"
        r"|^FATAL\b|^make: \*\*\* ",
    ),
)
_SIGNS = tuple((outcome, re.compile(pattern.encode())) for outcome, pattern in _TABLE)
_SPECIFIC = {"oom": "oom", "timeout": "timeout", "nan": "nan", "signal": "killed"}
"""They name the cause, with its outcome: the first of them counts, whatever else is told before or after it."""

_TRACEBACK = re.compile(
    rb"Traceback \(most recent call last\)|^stack traceback:|^Exception in thread \"main\"|Check failure stack trace"
    rb"|^panicked at|^thread '.{0,80}' panicked|^ERROR: LoadError|terminate called after throwing"
)
_IGNORED = re.compile(rb"^Exception ignored in|^(?:--- )?Logging error ---|^During handling of|^The above exception")
_EXCEPTION = re.compile(rb"^(?:\S{0,80}: ?)?[A-Za-z_][\w.]{0,120}(?:Error|Exception|Interrupt|Exit)\b")
_INTERRUPTED = re.compile(
    rb"^(?:\S{0,80}: ?)?(?:KeyboardInterrupt|SystemExit: (?:130|143)|[\w.]{0,80}SignalException)\b"
)
_CONDITIONAL = re.compile(rb"(?i)\b(?:may|might|could|can|if|avoid|prevent|case of|when|without|except|catch|not) ")
"""Before such a word a sign is advice or source code: nothing happened."""

_COMPLETED = re.compile(
    rb"(?i)(?:\b(?:training|optimi[sz]ation|run|fine-?tuning|job|experiment) (?:is |was |has |has been )?(?:now )?"
    rb"(?:done|complete[d]?|finished|ended successfully)\b|\b(?:done|finished|completed|end of) training\b)"
    rb"(?! (?:of |for |with |in )?(?:the )?(?:epoch|fold|step|round|stage))"
    rb"|max_(?:epochs|steps)=\d+` reached|\btrain_runtime\b|\bepochs completed in\b|^early stopping[ ,.:]"
    rb"|\b(?:all done|ending timing run)\b|\brun_stop\b|^Ended \(code 0\)|testing using (?:the )?best model"
    rb"|\bloss for final step\b|\bmaximum (?:number|#) of (?:checkpoints|epochs|steps|updates)\b.{0,20} reached"
    rb"|^(?:converged at|shrink model to first|saved pipeline to)|\bengine run finished\b"
    rb"|consecutive epochs?\. stopping|^process (?:completed successfully|finished with exit code 0\b)"
)
_DONE = re.compile(
    rb"(?i)^(?:done|finished|completed)(?:[.!]*\s*$|[,:;] )|(?:^|\bINFO\W{1,8})(?:end|finished) \S{1,80}\.(?:py|sh)\b"
    rb"|\b(?:saved?|saving|wrote|writing) (?:the )?final\b|\bfinal (?:model|checkpoint|weights) (?:was |is )?saved"
)
"""Words that end a training where there was one."""
_BEST = re.compile(
    rb"(?i)^(?:final|best) (?:\w+ ){0,3}(?:results?|scores?|accuracy|performance|perplexity|metrics?)\b"
)
"""A summary, where it comes once."""
_CAUGHT = re.compile(
    rb"(?i)\b(?:training|fitting|run|job|experiment|main|program|script)(?: has)? (?:failed|crashed|aborted)"
    rb"(?:[:!]| with| due to| because)"
)
"""An exception that was caught and logged."""
_SENTENCE = re.compile(rb"[A-Za-z]{3,}\W+[A-Za-z]{3,}")
_ANSI = re.compile(rb"\x1b\[[0-9;?]{0,32}[A-Za-z]")
# `7: `, `[rank3]: `, `2024-05-01 10:00:00,123 - INFO - `, `# `: what stands before the words of a line.
_PREFIX = re.compile(
    rb"(?:[ \t#*|>+-]{1,80}|\d{1,5}: |\[[^\]\n]{1,120}\]:?[ \t]?|[IWEF]\d{4} [^\]\n]{1,120}\] |"
    rb"\d{2,4}[-/]\d\d[-/]\d\d[T ][\d:.,+Z-]{5,20}[ :|]{0,3}|(?:INFO|DEBUG|WARNING|ERROR)\b[ :|-]{0,4})"
)
_PREFIXES = 4
_NUMBER = re.compile(rb"[-+]?\d[\d.,:eE+-]*|\bnan\b|\binf\b")
_MEASURES = re.compile(
    rb"[A-Za-z)\]%@'\"|][ \t]{0,8}[:=]?[ \t]{0,12}['\"\[]?[-+]?\d{1,12}\.\d|\d\.\d+[ \t,|]{1,20}[-+]?\d{1,12}\.\d"
)
"""A value with a fraction behind a word, or two of them side by side."""
_ASIDE = re.compile(rb"(?i)\W{0,40}(?:\w{1,20}\W{1,4}){0,2}?(?:test|eval|valid|predict|inference)")
"""Lines that may come after the end, again and again."""
_HEADING = re.compile(rb"(?i)\bepoch[^\w\n]{0,3}(\d{1,9}) ?(?:/|of) ?(\d{1,9})\b")
_LENGTH = re.compile(rb"\b(?:max|num|total|n)_(epochs?|steps?|iters?|iterations)[\"']?[:=] ?(\d{1,12})\b")
_LOSS = re.compile(r"(?i)loss(?!.{0,4}scale)|cost|\bnll|cross.?entropy|\bxent|\bppl|perplexity")


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last lines, and from which of them on the training does not go on."""

    lines: list[bytes]
    words: list[bytes]
    """The lines without their prefixes."""
    end: int
    """The first line after the last but two of the regular ones: a sign before it was none."""
    restart: int
    """Where the program was started for the last time: what went wrong before was another attempt."""
    usual: frozenset[bytes]
    """Shapes that were printed several times before: such a line ends an epoch or an evaluation, and not the run."""
    repeated: frozenset[bytes]
    """Shapes that were printed more than once."""

    def signs(self, pattern: re.Pattern[bytes], start: int) -> Iterator[int]:
        """Lines from `start` on that say so as a fact."""
        for i in range(start, len(self.words)):
            if (found := pattern.search(self.words[i])) and not _CONDITIONAL.search(self.words[i][: found.start()]):
                yield i


def outcome(tail: bytes, series: Mapping[str, Series], progress: Progress | None) -> str:
    """How a log ended, by its last bytes and what was read of it; `unknown` where it does not say."""
    seen = _read(tail[-TAIL:], len(tail) < TAIL)
    closing = {*seen.signs(_COMPLETED, seen.end), *(seen.signs(_DONE, seen.end) if series else ())}
    closing |= {i for i in seen.signs(_BEST, seen.end) if _shape(seen.words[i]) not in seen.repeated}
    success = max((i for i in closing if _shape(seen.words[i]) not in seen.usual), default=-1)
    start = max(success + 1, seen.end, seen.restart)
    first = {name: min(seen.signs(pattern, start), default=None) for name, pattern in _SIGNS}
    specific = [(line, told) for name, told in _SPECIFIC.items() if (line := first[name]) is not None]
    if specific:
        return min(specific)[1]
    if _is_nan(series):
        return "nan"
    generic = [(line, "killed")] if (line := first["killed"]) is not None else []
    if (raised := _traceback(seen, start)) is not None:
        generic.append(raised)
    if generic:
        return min(generic)[1]
    if first["failed"] is not None:
        return "failed"
    reached = progress is not None and progress.done >= progress.total and not _has_more(seen)
    if success >= 0 or reached or _is_through(seen, series):
        return "completed"
    return "unknown"


def _read(tail: bytes, whole: bool) -> _Tail:
    text = _ANSI.sub(b"", tail).replace(b"\r", b"\n")
    lines = [line[:LINE_CAP] for line in text.split(b"\n") if line and not line.isspace()][-LINES:]
    words = [_unprefixed(line) for line in lines]
    counts = Counter(shapes := [_shape(line) for line in words])
    regular = [i for i, shape in enumerate(shapes) if counts[shape] >= REGULAR and _is_measured(lines[i])]
    end = regular[-REGULAR] + 1 if len(regular) >= REGULAR else 0
    restart = _restart(shapes) if whole and len(lines) < LINES else 0
    usual = frozenset(shape for shape, count in Counter(shapes[:end]).items() if count >= REGULAR)
    repeated = frozenset(shape for shape, count in counts.items() if count > 1)
    return _Tail(lines, words, end, restart, usual, repeated)


def _restart(shapes: list[bytes]) -> int:
    """Where the program was started for the last time: its first line comes again."""
    if not shapes or not _SENTENCE.search(shapes[0]):
        return 0
    return max((i for i, shape in enumerate(shapes[:-REGULAR]) if shape == shapes[0]), default=0)


def _shape(words: bytes) -> bytes:
    """What stays the same where a line is printed again with other numbers."""
    return _NUMBER.sub(b"#", words)


def _is_measured(line: bytes) -> bool:
    return _MEASURES.search(line) is not None and not _ASIDE.match(line)


def _unprefixed(line: bytes) -> bytes:
    at = 0
    for _ in range(_PREFIXES):
        if not (found := _PREFIX.match(line, at)):
            break
        at = found.end()
    return line[at:]


def _is_nan(series: Mapping[str, Series]) -> bool:
    """Whether the last value of a loss is no number."""
    return any(
        _LOSS.search(name) and found.last is not None and not math.isfinite(found.last)
        for name, found in series.items()
    )


def _has_more(seen: _Tail) -> bool:
    """Whether the last heading tells of epochs to come: then what is at its total is the bar of one of them."""
    last = next((found for line in reversed(seen.lines) if (found := _HEADING.search(line))), None)
    return last is not None and int(last[1]) + 1 < int(last[2])


def _is_through(seen: _Tail, series: Mapping[str, Series]) -> bool:
    """Whether the last record is that of the last epoch or step that its own settings name."""
    named = [found for line in seen.lines[-REGULAR:] for found in _LENGTH.finditer(line)]
    return any(
        len(known) > 1
        and known.index == ("epoch" if b"epoch" in found[1] else "step")
        and known.steps[-1] - known.steps[0] + 1 >= max(len(known), int(found[2]))
        for found in named
        for known in series.values()
    )


def _traceback(seen: _Tail, start: int) -> tuple[int, str] | None:
    """The first traceback that ended the program, and how: an interruption is none of its own."""
    caught = next(seen.signs(_CAUGHT, max(start, len(seen.words) - REGULAR)), None)
    if caught is not None:
        return caught, "traceback"
    found = [i for i in seen.signs(_TRACEBACK, start) if not (i and _IGNORED.match(seen.words[i - 1]))]
    if not found:
        return None
    ended = len(seen.words)
    raised = [
        next((j for j in range(i + 1, ended) if _EXCEPTION.match(seen.words[j])), None)
        for i in found[:: max(1, len(found) - 1)]
    ]
    # After the last exception only a few lines come, or else it was not the end.
    if raised[-1] is not None and ended - raised[-1] > EPILOGUE + 1:
        return None
    interrupted = raised[0] is not None and _INTERRUPTED.match(seen.words[raised[0]])
    return found[0], "killed" if interrupted else "traceback"
