"""Lines of a log that tell of trouble, in what frameworks, libraries, the kernel, shells and Slurm print: a table."""

from __future__ import annotations

from backends.base import Wanted

NUMBER = r"(?!\s*[:=(]*\s*[-+%\d.])"
"""What must not follow: `error 0.12` and `Error: 3 %` are measurements."""

ERRORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"Traceback \(most recent call last\)", ("traceback (most",)),
    (r"\b\w*(?:Error|Exception|Interrupt)(?:: |$)" + NUMBER, ("error", "exception", "interrupt")),
    (r"\b(?:ERROR|FATAL|CRITICAL)\b" + NUMBER, ("error", "fatal", "critical")),
    (r"\b(?:[Ee]rror|[Ff]atal|panic): " + NUMBER, ("error", "fatal", "panic: ")),
    (r"(?i:out of memory|\boom.?kill)", ("of memory", "oom")),
    (
        r"(?i:core dumped|segmentation fault|illegal instruction|bus error)",
        ("dumped", " fault", "illegal ins", "error"),
    ),
    (r"^(?:\S+: line \d+: +\d+ )?(?:Killed|Aborted|Terminated)\b", ("killed", "aborted", "terminate")),
    (r"(?i:no space left on device|disk quota exceeded)", ("no space left", "quota exceeded")),
    (r"(?i:stale file handle|read-only file system|input/output error)", ("file handle", "file system", "error")),
    (r"(?i:command not found|permission denied|no such file or directory)", ("not found", " denied", "no such file")),
    (r"(?i:cannot open shared object|undefined symbol)", ("shared object", "undefined sym")),
    (r"(?i:cuda error|ecc error|cu(?:dnn|blas)_status_|NVRM: Xid)", ("error", "_status_", "nvrm: xid")),
    (r"(?i:nccl (?:error|failure|warn)|watchdog caught collective)", ("nccl ", "watchdog caught")),
    (
        r"(?:slurmstepd|srun|sbatch|mpirun|torchrun): (?i:error)|DUE TO |(?i:node fail)",
        ("error", "due to", "node fail"),
    ),
    (
        r"(?i:assertion .*failed|terminate called|caught signal|received signal)",
        ("assertion", "terminate", " signal"),
    ),
    (r"(?i:\b(?:loss|cost|grad\w*|norm|objective)\b.{0,20}[ =:]-?nan\b)", ("nan",)),
    (r"(?i:non.?finite (?:loss|grad|value)|loss is nan|nan (?:loss|detected|encountered))", ("finite ", "nan")),
)
"""Each pattern, and words in small letters of which each of its matches contains one."""

ERROR = Wanted(
    "|".join(pattern for pattern, _ in ERRORS),
    ignore_case=False,
    needles=tuple(dict.fromkeys(word for _, words in ERRORS for word in words)),
)
"""A line that tells of trouble. Its words are looked for first, which is ten times as fast."""
