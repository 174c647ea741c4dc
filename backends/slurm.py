"""A Slurm cluster through its gateway: sbatch, squeue, sacct, scancel, scontrol."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends import parse, script
from backends.base import CommandFailed, HostTimeout, Job, JobState, Rejected, Unclear
from backends.host import parse_attempts
from backends.hosted import Hosted
from backends.server import exit_state
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from backends.base import Completed, Plan, Watched

NOT_HERE = re.compile(r"No such file|not found", re.IGNORECASE)

NO_ACCOUNTING = re.compile(r"sacct is not on this gateway|accounting storage is disabled", re.IGNORECASE)
"""Words of a site without accounting; anything else that sacct fails with may pass."""

UNSURE = re.compile(
    r"timed? ?out|unable to contact|connect|communicat|socket|try again|temporarily|zero bytes|protocol",
    re.IGNORECASE,
)
"""Words of sbatch after which the job may exist all the same (the request arrived, the answer did not)."""

ENDED_ALREADY = re.compile(r"invalid job id|already complet", re.IGNORECASE)
"""Words of scancel and scontrol about a job that is over, or that Slurm has forgotten."""

NO_SLURM = "set `kind: ssh` for this backend if it has no Slurm, or fix the PATH of commands over SSH there"

UNEXPLAINED = ("ended by ", "killed by SIGKILL")
"""Reasons of exit records behind which the scheduler may be."""

CAUSES = frozenset({JobState.TIMEOUT, JobState.OUT_OF_MEMORY, JobState.NODE_FAIL, JobState.PREEMPTED})
"""What Slurm knows better than the runner that it signalled."""

EPOCH = {"SLURM_TIME_FORMAT": "%s"}
"""Times as seconds: a cluster's time zone is not ours."""


class Slurm(Hosted):
    """Runs attempts as batch jobs of one user."""

    kind = "slurm"
    _user = ""

    async def submit(self, plan: Plan) -> str:
        """Upload, then sbatch in the attempt directory."""
        try:
            launch = script.slurm_launch(plan, self.python)
        except ValueError as error:
            raise Rejected(f"not submitted: {error}") from error
        directory = await self._upload(plan, launch)
        done = await self._launch(["sbatch", "--parsable", "launch.sh"], directory, plan)
        out, words = done.out.decode(errors="replace"), one_line(done.err) or one_line(done.out)
        job_id = parse.parse_job_id(out)
        if done.code == 0 and job_id is not None:
            return job_id
        if done.code != 0 and words and not UNSURE.search(words):
            raise Rejected(f"{self.name}: {words}")
        raise Unclear(f"sbatch gave no clear answer: {words or f'exit code {done.code}, no output'}")

    async def jobs(self, watched: Collection[Watched]) -> tuple[Job, ...]:
        """One squeue; the exit records of our attempts that wait no longer; sacct for those that left without one."""
        entries = await self._queue()
        by_token = {attempt.token: attempt for attempt in watched}
        by_id = {attempt.job_id: attempt for attempt in watched if attempt.job_id}
        jobs: list[Job] = []
        queued: dict[str, Job] = {}
        for entry in entries:
            attempt = by_token.get(entry.comment) or by_id.get(entry.job_id)
            job = self._queued_job(entry, attempt)
            if attempt is None:
                jobs.append(job)
            elif attempt.token not in queued or weight(job) > weight(queued[attempt.token]):
                queued[attempt.token] = job
        jobs += await self._ours(watched, queued)
        return tuple(jobs)

    async def cancel(self, attempts: Sequence[Watched]) -> None:
        """scancel, with the mark in the attempt directory first: the runner then knows what the signal means."""
        for attempt in attempts:
            if attempt.token:
                await self.host.request("cancel", path=attempt.directory, token=attempt.token)
        ids = [attempt.job_id for attempt in attempts if attempt.job_id]
        unknown = {attempt.token for attempt in attempts if not attempt.job_id}
        if unknown:
            ids += [
                entry.job_id for entry in await self._queue() if entry.comment in unknown and not entry.state.ended
            ]
        if ids:
            done = await self._run(["scancel", *ids], 30)
            words = [
                line for line in done.err.splitlines() if not ENDED_ALREADY.search(line.decode(errors="replace"))
            ]
            if done.code != 0 and (words or not done.err):
                raise self._failed("scancel", done.code, b"\n".join(words))

    async def log_path(self, job: Job) -> str | None:
        """StdOut, as Slurm tells it; one scontrol for a job, when it is first wanted."""
        try:
            return parse.parse_stdout_path(await self._command(["scontrol", "show", "job", job.job_id], 20))
        except CommandFailed as error:
            if ENDED_ALREADY.search(str(error)):
                return None  # Slurm has forgotten the job
            raise

    async def _queue(self) -> tuple[parse.QueueEntry, ...]:
        if not self._user:
            self._user = (await self._command(["id", "-un"], 10)).strip()
        mark = f"~{secrets.token_hex(4)}~"
        argv = ["squeue", "-h", "-t", "all", "-u", self._user, "-o", parse.queue_format(mark)]
        try:
            return parse.parse_squeue(await self._command(argv, 30, 32 << 20), mark)
        except ValueError as error:
            raise CommandFailed(f"{self.name}: {error}") from error

    async def _ours(self, watched: Collection[Watched], queued: dict[str, Job]) -> list[Job]:
        """The state of our attempts, by the order of evidence: exit record, squeue, sacct."""
        waiting = {token for token, job in queued.items() if job.state in (JobState.PENDING, JobState.HELD)}
        asked = [attempt for attempt in watched if attempt.token not in waiting]
        jobs = [queued[token] for token in waiting]
        gone: list[Watched] = []
        for attempt, found in zip(asked, await self._records(asked), strict=True):
            job = queued.get(attempt.token)
            if found["exit"] is not None:
                jobs.append(self._recorded_job(attempt, found, job))
            elif job is not None:
                jobs.append(job)
            else:
                job_id = attempt.job_id or str((found["started"] or {}).get("job_id", ""))
                if job_id.isdigit():
                    gone.append(replace(attempt, job_id=job_id))
        return jobs + await self._accounted(gone)

    async def _records(self, attempts: Iterable[Watched]) -> list[dict[str, Any]]:
        directories = [attempt.directory for attempt in attempts]
        if not directories:
            return []
        _, data = await self.host.request("attempts", directories=directories)
        return parse_attempts(data)

    async def _accounted(self, gone: Sequence[Watched]) -> list[Job]:
        """What sacct knows of attempts that left the queue without a record; where it knows nothing, nothing.

        While it does not answer they are UNKNOWN, so alive; where there is none, their absence is all there is.
        """
        if not gone:
            return []
        ids = ",".join(attempt.job_id for attempt in gone)
        try:
            text = await self._command(
                ["sacct", "-n", "-P", "-X", "-j", ids, "-o", parse.ACCOUNT_FIELDS], 30, 8 << 20
            )
        except (CommandFailed, HostTimeout) as error:
            if NO_ACCOUNTING.search(str(error)):
                return []
            reason = f"left the queue; {error.bare}"
            return [replace(self._bare_job(attempt, JobState.UNKNOWN), reason=reason) for attempt in gone]
        accounts = parse.parse_sacct(text)
        jobs = []
        for attempt in gone:
            account = accounts.get(attempt.job_id)
            if account is not None:
                job = self._bare_job(attempt, account.state)
                reason = f"signal {account.signal}" if account.signal else ""
                jobs.append(
                    replace(
                        job,
                        started=account.started,
                        ended=account.ended if account.state.ended else None,
                        exit_code=account.exit_code if account.state.ended else None,
                        reason=reason,
                    )
                )
        return jobs

    def _queued_job(self, entry: parse.QueueEntry, attempt: Watched | None) -> Job:
        ended = entry.state.ended
        reason = entry.word if entry.state is JobState.UNKNOWN else entry.reason
        return Job(
            backend=self.name,
            job_id=entry.job_id,
            name=entry.name,
            state=entry.state,
            token=attempt.token if attempt else "",
            reason=one_line(reason),
            partition=entry.partition,
            nodes=entry.nodes,
            submitted=entry.submitted,
            started=None if entry.state in (JobState.PENDING, JobState.HELD) else entry.started,
            ended=entry.ends if ended else None,
            time_limit=entry.time_limit,
            log=f"{attempt.directory}/out.log" if attempt else None,
        )

    def _bare_job(self, attempt: Watched, state: JobState) -> Job:
        return Job(
            backend=self.name,
            job_id=attempt.job_id,
            name="",
            state=state,
            token=attempt.token,
            submitted=attempt.submitted,
            log=f"{attempt.directory}/out.log",
        )

    def _recorded_job(self, attempt: Watched, found: dict[str, Any], job: Job | None) -> Job:
        """The exit record decides; squeue adds where it ran, and why where a signal came from Slurm itself."""
        state, reason = exit_state(found["exit"])
        if job is not None and reason.startswith(UNEXPLAINED):
            if not job.state.ended:
                return replace(job, state=JobState.COMPLETING)  # Slurm is about to tell
            state = job.state if job.state in CAUSES else state
        started = found["started"] or {}
        return replace(
            job or self._bare_job(attempt, state),
            state=state,
            reason=reason,
            started=started.get("time"),
            ended=found["exit"].get("time"),
            exit_code=found["exit"].get("code"),
        )

    async def _command(self, argv: list[str], timeout: float, cap: int = 1 << 20) -> str:
        """The output of a command that must succeed. Raises `CommandFailed` with what it said."""
        done = await self._run(argv, timeout, cap)
        if done.code != 0:
            raise self._failed(argv[0], done.code, done.err)
        if done.truncated:
            raise CommandFailed(f"{self.name}: {argv[0]} printed more than {cap >> 20} MB")
        return done.out.decode("utf-8", "replace")

    async def _run(self, argv: list[str], timeout: float, cap: int = 1 << 20) -> Completed:
        """A command of Slurm's. Raises `CommandFailed` with advice where this host has none."""
        try:
            return await self.host.run(argv, timeout, cap, env=EPOCH)
        except CommandFailed as error:
            if NOT_HERE.search(str(error)) and argv[0] != "id":
                raise CommandFailed(f"{self.name}: {argv[0]} is not on this gateway", NO_SLURM) from error
            raise

    def _failed(self, command: str, code: int, words: bytes) -> CommandFailed:
        return CommandFailed(f"{self.name}: {command}: {one_line(words) or f'exit code {code}'}")


def weight(job: Job) -> int:
    """Which of two jobs of one attempt (it was submitted twice) is the attempt: the greater.

    The other finds the claim taken and completes at once.
    """
    if job.state is JobState.COMPLETED:
        return 0
    if job.state.ended:
        return 1
    return 2 if job.state in (JobState.PENDING, JobState.HELD) else 3
