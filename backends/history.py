"""Jobs that are over, from the accounting: asked for a span of time when somebody wants to see them."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backends.accounting import NO_ACCOUNTING, UNKNOWN_FIELD
from backends.base import CommandFailed
from backends.cluster import Finished
from backends.gateway import apart
from backends.inventory import something, tres, tres_gpus, whole
from backends.parse import slurm_state, slurm_time
from backends.taskids import JOB_ID
from backends.text import one_line

if TYPE_CHECKING:
    from backends.gateway import Gateway

FIELDS = (
    "JobID",
    "State",
    "ExitCode",
    "Submit",
    "Start",
    "End",
    "ElapsedRaw",
    "Partition",
    "NodeList",
    "User",
    "Account",
    "JobName",
    "Comment",
    "AllocTRES",
)
"""sacct -o, of 17.11 to today. The last is no text of a user's, so that a record ends where it does."""

CAP = 64 << 20

CLOCKS = 15 * 3600
"""Seconds by which the cluster's time zone may differ from ours: sacct takes times of its own zone only."""

NOT_KEPT = "this site keeps no records of jobs that are over (sacct)"


class NoAccounting(CommandFailed):
    """There is no accounting here, and will be none."""


class History:
    """sacct on one gateway, by time."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def finished(self, since: float, until: float) -> tuple[Finished, ...]:
        """The user's jobs that ended from `since` on and before `until`. Raises `NoAccounting`, `BackendError`."""
        mark = f"~{secrets.token_hex(4)}~"
        argv = ["sacct", "-n", "-P", "-X", f"--delimiter={mark}", "-u", await self.gateway.user()]
        argv += ["-S", moment(since - CLOCKS), "-E", moment(until + CLOCKS), "-o", ",".join(FIELDS)]
        try:
            text = await self.gateway.command(argv, 60, CAP)
        except CommandFailed as error:
            if NO_ACCOUNTING.search(str(error)):
                raise NoAccounting(f"{self.gateway.name}: {NOT_KEPT}") from error
            if UNKNOWN_FIELD.search(str(error)):
                raise CommandFailed(f"{self.gateway.name}: this sacct is too old: {error.bare}") from error
            raise
        try:
            jobs = await apart(len(text) // 200, lambda: parse_finished(text, mark))
        except ValueError as error:
            raise CommandFailed(f"{self.gateway.name}: {error}") from error
        return tuple(job for job in jobs if job.ended is not None and since <= job.ended < until)


def moment(seconds: float) -> str:
    """As sacct takes it."""
    return datetime.fromtimestamp(max(0.0, seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_finished(text: str, mark: str) -> tuple[Finished, ...]:
    """The jobs of an answer that are over, each once: of a job that was requeued the last record.

    A name may hold any text, line breaks too: a record is whole with its last field. Raises `ValueError` where the
    answer is cut off, for half an answer is none.
    """
    found: dict[str, Finished] = {}
    held = ""
    for line in text.splitlines():
        record = f"{held} {line}" if held else line
        if not held and mark not in line:
            continue  # a site's own words before the answer
        if record.count(mark) < len(FIELDS) - 1:
            held = record
            continue
        held = ""
        job = _finished(record.split(mark))
        if job is not None:
            found[job.job_id] = job
    if held:
        raise ValueError("sacct's answer is cut off")
    return tuple(found.values())


def _finished(fields: list[str]) -> Finished | None:
    if len(fields) != len(FIELDS):
        raise ValueError(f"sacct's answer has {len(fields)} fields instead of {len(FIELDS)}")
    known = dict(zip(FIELDS, fields, strict=True))
    state = slurm_state(known["State"])
    if not JOB_ID.fullmatch(known["JobID"]) or not state.ended:
        return None
    code, _, signal = known["ExitCode"].partition(":")
    given = known["AllocTRES"].strip()
    return Finished(
        job_id=known["JobID"],
        name=one_line(known["JobName"]),
        state=state,
        user=known["User"],
        account=known["Account"],
        partition=known["Partition"],
        nodes="" if known["NodeList"] == "None assigned" else something(known["NodeList"]),
        exit_code=int(code) if re.fullmatch(r"\d{1,9}", code, re.ASCII) else None,
        signal=whole(signal) or 0,
        submitted=slurm_time(known["Submit"]),
        started=slurm_time(known["Start"]),
        ended=slurm_time(known["End"]),
        elapsed=float(whole(known["ElapsedRaw"]) or 0),
        gpus=tres_gpus(given),
        cpus=whole(tres(given).get("cpu")) or 0,
        token=one_line(known["Comment"], 80),
    )
