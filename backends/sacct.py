"""sacct's answers → accounts. Pure: a line that is not whole is no evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.parse import slurm_state, slurm_time
from backends.taskids import JOB_ID, Numbered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backends.base import JobState

ACCOUNT_FIELDS = ("JobID", "State", "ExitCode", "Start", "End")

LOOKUP_FIELDS = (("Comment", "WorkDir"), ("Comment",))
"""Further ones for a look-up without an id, the most telling first: an old sacct does not know all of them."""


@dataclass(frozen=True, slots=True)
class Account(Numbered):
    """What sacct says of one job, or of one task of an array."""

    job_id: str
    state: JobState
    exit_code: int | None
    signal: int
    started: float | None
    ended: float | None
    comment: str = ""
    workdir: str = ""
    name: str = ""


def parse_sacct(text: str, further: Sequence[str] = ()) -> dict[str, Account]:
    """`sacct -n -P -X -o ACCOUNT_FIELDS[,further]` → by job id; of a requeued job the last line counts."""
    found = {}
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != len(ACCOUNT_FIELDS) + len(further) or not JOB_ID.fullmatch(fields[0]):
            continue  # a warning of sacct's, or a line cut short: no evidence
        job_id, word, code, started, ended, *rest = fields
        number, _, signal = code.partition(":")
        texts = dict(zip(further, rest, strict=True))
        found[job_id] = Account(
            job_id,
            slurm_state(word),
            int(number) if number.isdigit() else None,
            int(signal) if signal.isdigit() else 0,
            slurm_time(started),
            slurm_time(ended),
            comment=texts.get("Comment", ""),
            workdir=texts.get("WorkDir", ""),
        )
    return found
