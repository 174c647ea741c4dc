"""What is asked of a host, in words: for the log of commands, and to refuse what would change something."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST = 2000
"""Characters of a command that are kept."""

CHANGING = {
    "put": "write {path}",
    "publish": "publish attempts",
    "tree": "list the project's code",
    "blobs": "look which code is missing",
    "piece": "send a piece of the project's code",
    "code": "unpack the project's code",
    "cancel": "cancel attempts",
    "withdraw": "withdraw attempts",
    "hold": "hold attempts",
    "release": "release attempts",
    "priority": "change priorities",
    "top": "put attempts on top",
}
"""Requests to the helper that change something on the host, in words."""

READING = {
    "telemetry": "read GPUs, memory and disks every {interval} s (nvidia-smi -l, /proc, statvfs)",
    "open": "log in and start the helper (python3)",
    "program": "run a program of ours that reads",
}
"""Others that cost the host something."""

READERS = frozenset(
    (
        *(
            "cat",
            "date",
            "df",
            "du",
            "getent",
            "hostname",
            "id",
            "lfs",
            "ls",
            "ps",
            "quota",
            "stat",
            "uname",
            "xfs_quota",
        ),
        *("amd-smi", "nvidia-smi", "py-spy", "rocm-smi"),
        *(
            "sacct",
            "sacctmgr",
            "sbatch",
            "scontrol",
            "sdiag",
            "sinfo",
            "sprio",
            "squeue",
            "sreport",
            "sshare",
            "sstat",
        ),
    )
)
"""Commands of ours that change nothing, with the words that `changing` wants of some."""

WANTED = {
    "sbatch": {"--test-only"},
    "scontrol": {"show", "ping", "--version"},
    "sacctmgr": {"show", "list"},
    "date": {"+%s"},
    "lfs": {"quota", "df"},
}
"""One of these words makes them change nothing."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command on a host, once it has ended."""

    host: str
    at: float
    """When it was sent, by our clock."""
    text: str
    """In one line; it never has secrets, which travel in the environment."""
    seconds: float
    """Until its answer was here."""
    outcome: str
    """`ok`, `exit 1`, or why there is no answer, in one line."""
    changes: bool = False
    """Whether it may have changed something."""


def words(op: str, fields: Mapping[str, Any]) -> str:
    """What the request asks for, as one would type it; empty where the helper only looks at what is its own."""
    if op == "run":
        return one_line(shlex.join(fields["argv"]), LONGEST)
    text = CHANGING.get(op) or READING.get(op, "")
    return one_line(text.format_map(defaultdict(lambda: "…", fields)), LONGEST)


def changes(op: str, fields: Mapping[str, Any]) -> bool:
    """Whether the request may change something: files, jobs, what the scheduler does."""
    return changing(fields["argv"]) if op == "run" else op in CHANGING


def changing(argv: Sequence[str]) -> bool:
    """Whether a command may: all may but those that are known not to."""
    program = argv[0].rpartition("/")[2] if argv else ""
    wanted = WANTED.get(program)
    return program not in READERS or (wanted is not None and wanted.isdisjoint(argv[1:]))
