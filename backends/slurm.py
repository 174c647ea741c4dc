"""A Slurm cluster through its gateway: sbatch, squeue, sacct, scancel, scontrol."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from backends import parse, sbatch
from backends.accounting import Accounting
from backends.allowance import Allowance
from backends.base import BackendError, CommandFailed, NoRoom, Rejected, Unclear, Watched
from backends.checks import Forecast, Unknown
from backends.evidence import (
    WAITING,
    claimed_by,
    holds_some,
    judged,
    passed_over,
    plainly_waits,
    queued_job,
    told,
    unrecorded,
)
from backends.forecast import forecast
from backends.gateway import OVER, Gateway, apart
from backends.history import History
from backends.hosted import Hosted, pieces
from backends.looking import Looking
from backends.metering import Metering
from backends.peaks import peaks_of, saved_of
from backends.programs import programs
from backends.sightings import Watchlist
from backends.squeue import TOP, arrays_in, topped
from backends.upload import rejected
from backends.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from backends.base import Job, Plan, Room
    from backends.checks import Nodes
    from backends.cluster import ClusterSeen, Finished, JobAsked, Partition, Variants, Waits
    from backends.jobuse import JobUse, NodeGpu
    from backends.sightings import Sighting
    from backends.spy import Spy
    from backends.squeue import QueueEntry
    from specs.model import Resources, SlurmOptions

    Outcome = str | Rejected | Unclear
    Sightings = dict[str, list[Sighting[QueueEntry]]]

SHRINK = 4
"""An array that does not fit is tried again with so much fewer tasks."""

RUNNING_JOB_ID = re.compile(r"\d+(_\d+)?", re.ASCII)

LOWER_ONLY = "this site lets its users lower the priority of their jobs, not raise it"


class Slurm(Hosted):
    """Runs attempts as batch jobs of one user, many at once as the tasks of an array."""

    kind = "slurm"

    _entries: tuple[QueueEntry, ...] | None = None
    """The last answer of squeue; None where something was submitted since."""

    @cached_property
    def gateway(self) -> Gateway:
        """Slurm's commands there."""
        return Gateway(self.name, self.host)

    @cached_property
    def accounting(self) -> Accounting:
        """What its sacct tells."""
        return Accounting(self.gateway)

    @cached_property
    def allowance(self) -> Allowance:
        """What its limits leave the user."""
        return Allowance(self.gateway)

    @cached_property
    def looking(self) -> Looking:
        """What it tells of the whole cluster."""
        return Looking(self.gateway, self.allowance)

    @cached_property
    def waiting(self) -> Waiting:
        """What it tells of jobs that wait."""
        return Waiting(self.gateway, self.looking.private)

    @cached_property
    def metering(self) -> Metering:
        """What its jobs use."""
        return Metering(self.gateway)

    async def job_use(self, job_ids: Sequence[str]) -> Mapping[str, JobUse]:
        """By sacct and sstat."""
        return await self.metering.use(job_ids)

    async def node_gpus(self, job_id: str) -> tuple[NodeGpu, ...]:
        """By a step in the job."""
        return await self.metering.node_gpus(job_id)

    # submission

    async def submit(self, plans: Sequence[Plan]) -> Mapping[str, Outcome]:
        """Upload, then sbatch: in the attempt directory, or one array for many."""
        done: dict[str, Outcome] = await apart(len(plans), lambda: impossible(plans))
        todo = [plan for plan in plans if plan.token not in done]
        if todo:
            done |= await self._queued_already(todo)
            todo = [plan for plan in todo if plan.token not in done]
        uploaded = await self._upload(todo, self._launch_script)
        done |= {token: outcome for token, outcome in uploaded.items() if isinstance(outcome, Rejected)}
        ready = [plan for plan in todo if plan.token not in done]
        if ready:
            size = await self.allowance.array_size()
            done |= await self._sent(await apart(len(ready), lambda: sbatch.submissions(ready, size)), uploaded)
        return done

    def _launch_script(self, plan: Plan) -> str:
        return sbatch.slurm_launch(plan, self.python, programs().folder)

    async def _queued_already(self, plans: Sequence[Plan]) -> dict[str, Outcome]:
        """Of plans that were sent before those that squeue shows; of new ones none, without asking it.

        Where squeue does not answer, nothing is known of any of them, and nothing may be sent.
        """
        try:
            header, _ = await self.host.request("exists", path=self.directory(plans[0].folder))
        except BackendError as error:
            return {plan.token: rejected(error) for plan in plans}
        if not header["exists"]:
            return {}
        try:
            entries = await self._queue()
        except BackendError as error:
            return {plan.token: Unclear(f"sent before, and may be queued: {error}") for plan in plans}
        watched = [
            Watched(plan.token, "", self.directory(plan.folder), 0.0, plan.batch, plan.task, plan.job_name)
            for plan in plans
        ]
        seen, _ = Watchlist(watched).find(entries)
        return {token: sightings[0].job_id for token, sightings in seen.items()}

    async def _sent(
        self, submissions: Sequence[sbatch.Submission], uploaded: Mapping[str, str | Rejected]
    ) -> dict[str, Outcome]:
        """One after the other, until there is no room for more."""
        none = NoRoom(f"{self.name}: no room for more jobs in its queue now")
        done: dict[str, Outcome] = {plan.token: none for each in submissions for plan in each.plans}
        for submission in submissions:
            done |= await self._fitted(submission, uploaded)
            if any(isinstance(done[plan.token], NoRoom) for plan in submission.plans):
                break
        return done

    async def _fitted(
        self, submission: sbatch.Submission, uploaded: Mapping[str, str | Rejected]
    ) -> dict[str, Outcome]:
        """Submit it, or as large a part of it as there is room for; the part that was tried last."""
        size = len(submission.plans)
        while True:
            done = await self._submitted(submission.part(size), uploaded)
            if size == 1 or not any(isinstance(outcome, NoRoom) for outcome in done.values()):
                return done
            self.allowance.forget()
            size = max(1, size // SHRINK)

    async def _submitted(
        self, submission: sbatch.Submission, uploaded: Mapping[str, str | Rejected]
    ) -> dict[str, Outcome]:
        """One call of sbatch."""
        self._entries = None
        try:
            outcome = await self._sbatch(submission, uploaded)
        except (Rejected, Unclear) as error:
            outcome = error
        if isinstance(outcome, (Rejected, Unclear)):
            return {plan.token: outcome for plan in submission.plans}
        if submission.plans[0].priority > 0:
            # Where the site forbids it they wait like all others, and `prioritise` says so to whoever asks for it.
            with contextlib.suppress(BackendError):
                await self._top([outcome])
        return {plan.token: submission.job_id(plan, outcome) for plan in submission.plans}

    async def _sbatch(self, submission: sbatch.Submission, uploaded: Mapping[str, str | Rejected]) -> Outcome:
        first = submission.plans[0]
        directory = str(uploaded[first.token])
        if submission.is_array:
            files = submission.files(self.python, programs().folder)
            path, token = submission.folder(self.root, files)
            data = {name: text.encode() for name, text in files.items()}
            directory = await self._publish_folder(path, token, data, submission.links())
        # On the command line too: SBATCH_… variables of the login win over a script, and lose against these.
        argv = ["sbatch", "--parsable", *submission.options, f"--chdir={directory}", "launch.sh"]
        return sbatch.answer(self.name, await self._launch(argv, directory, first.secrets))

    # the queue

    async def jobs(self, watched: Collection[Watched]) -> tuple[Job, ...]:
        """One squeue; the exit records of our attempts that wait no longer; sacct for those that left without one."""
        entries = await self._queue()
        size = len(entries) + len(watched)
        seen, others = await apart(size, lambda: Watchlist(watched).find(entries))
        seen = await self._told_apart(seen)
        waiting = {token for token, sightings in seen.items() if plainly_waits(sightings[0].attempt, sightings)}
        asked = [attempt for attempt in watched if attempt.token not in waiting]
        records = await self._attempts([attempt.directory for attempt in asked]) if asked else []

        def judge() -> tuple[list[Job], list[Watched], set[str]]:
            jobs = [queued_job(self.name, entry) for entry in others]
            jobs += [queued_job(self.name, seen[token][0].record, seen[token][0]) for token in waiting]
            gone: list[Watched] = []
            passed: set[str] = set()
            arrays = arrays_in(entries)
            for attempt, found in zip(asked, records, strict=True):
                job = judged(self.name, attempt, seen.get(attempt.token, ()), found)
                if job is not None:
                    jobs.append(replace(job, peaks=peaks_of(found), checkpoints=saved_of(found)))
                else:
                    known = claimed_by(found) or attempt.job_id
                    gone.append(replace(attempt, job_id=known if RUNNING_JOB_ID.fullmatch(known) else ""))
                    if attempt.token not in seen and passed_over(attempt, found, arrays):
                        passed.add(attempt.token)
            return jobs, gone, passed

        jobs, gone, passed = await apart(size, judge)
        accounted = await self.accounting.jobs(gone, passed) if gone else []
        found_of = {attempt.token: found for attempt, found in zip(asked, records, strict=True)}
        return (*jobs, *(unrecorded(job, found_of[job.token]) for job in accounted))

    async def log_path(self, job: Job) -> str | None:
        """StdOut, as Slurm tells it; one scontrol for a job, when it is first wanted."""
        try:
            return parse.parse_stdout_path(await self.gateway.command(["scontrol", "show", "job", job.job_id], 20))
        except CommandFailed as error:
            if OVER.search(str(error)):
                return None  # Slurm has forgotten the job
            raise

    async def _queue(self) -> tuple[QueueEntry, ...]:
        self._entries = await self.gateway.queue()
        return self._entries

    async def _told_apart(self, seen: Sightings) -> Sightings:
        """Where squeue tells of held and other tasks of our arrays in one line, ask which is which."""
        mixed = {
            each.record.array for sightings in seen.values() for each in sightings if holds_some(each.record.reason)
        }
        if not mixed:
            return seen
        reasons = await self.gateway.reasons(sorted(mixed))
        return {token: [told(each, reasons) for each in sightings] for token, sightings in seen.items()}

    # control

    def spy(self, job_id: str, node: str = "") -> Spy:
        """The same on one of the job's nodes, beside the job."""
        from backends.spy import Spy, step

        return Spy(self.name, self.host, step(job_id, node), self.python)

    async def cancel(self, attempts: Sequence[Watched]) -> None:
        """scancel, with the mark in the attempt directory first: the runner then knows what the signal means.

        What the first cannot do keeps nobody from the second.
        """
        failure: BackendError | None = None
        try:
            await super().cancel([attempt for attempt in attempts if attempt.token])
        except BackendError as error:
            failure = error
        ids = await self._ids(attempts)
        if ids:
            await self.gateway.scancel(ids)
        if failure is not None:
            raise failure

    async def withdraw(self, attempts: Sequence[Watched]) -> frozenset[str]:
        """Take the claims, then the jobs of those whose claims we got; a job that stays finds its claim taken."""
        taken = await super().withdraw(attempts)
        if taken:
            with contextlib.suppress(BackendError):
                await self.gateway.scancel(await self._ids([each for each in attempts if each.token in taken]))
        return taken

    async def hold(self, attempts: Sequence[Watched]) -> None:
        """scontrol hold for those that wait; of an array task by task."""
        await self._changed(["hold"], await self._waiting(attempts))

    async def release(self, attempts: Sequence[Watched]) -> None:
        """scontrol release."""
        await self._changed(["release"], await self._waiting(attempts))

    async def prioritise(self, attempts: Sequence[Watched], priority: int) -> None:
        """Nice for what shall wait longer, the top of the user's own jobs for what shall not."""
        ids = await self._waiting(attempts)
        await self._nice(ids, max(0, -priority))
        if priority > 0:
            await self._top(ids)

    async def to_top(self, attempts: Sequence[Watched]) -> None:
        """scontrol top; a task of an array is made a job of its own first, or all of its array would come along."""
        ids = await self._waiting(attempts)
        await self._nice([job_id for job_id in ids if "_" in job_id], 0)
        await self._top(ids)

    async def room(self, resources: Resources, slurm: SlurmOptions) -> Room:
        """How many more jobs the user's limits leave, by what is in the queue."""
        entries = self._entries if self._entries is not None else await self._queue()
        return await self.allowance.room(slurm, entries)

    async def forecast(self, plan: Plan) -> Forecast | None:
        """sbatch --test-only, and what the partitions offer; each as far as it answers."""
        partitions = await self._partitions()
        try:
            options = sbatch.slurm_options(plan)
        except ValueError as error:
            return Forecast(partitions, refusal=str(error))
        argv = ["sbatch", "--test-only", *options, f"--job-name={plan.job_name}", "--wrap=:"]
        try:
            return forecast(await self.gateway.run(argv, 30), partitions)
        except BackendError as error:
            return Forecast(partitions, refusal=error.bare, passing=True)

    # what only a cluster tells (`backends.cluster.Cluster`)

    async def look(self) -> ClusterSeen:
        """Partitions, nodes, shares and the queue of all."""
        return await self.looking.look(self._queue)

    async def waits(self, job_id: str) -> Waits:
        """Why a job waits."""
        return await self.waiting.waits(job_id)

    async def smaller(self, job: JobAsked, partitions: Sequence[Partition]) -> Variants:
        """When smaller ones would start."""
        return await self.waiting.smaller(job, partitions)

    async def finished(self, since: float, until: float) -> tuple[Finished, ...]:
        """The user's jobs that ended in this time."""
        return await History(self.gateway).finished(since, until)

    async def _partitions(self) -> tuple[Nodes, ...] | Unknown:
        try:
            return await self.gateway.nodes()
        except BackendError as error:
            return Unknown(error.bare)

    async def _ids(self, attempts: Sequence[Watched]) -> list[str]:
        """Every job of these that is not known to be over: the one that we know, and what squeue shows."""
        known = [attempt.job_id for attempt in attempts if attempt.job_id]
        entries = self._entries or ()
        if len(known) < len(attempts):
            entries = await self._queue()
        ours = [attempt for attempt in attempts if attempt.token]
        seen, _ = await apart(len(ours) + len(entries), lambda: Watchlist(ours).find(entries))
        found = [each.job_id for each in flat(seen) if not each.record.state.ended]
        return list(dict.fromkeys([*known, *found]))

    async def _waiting(self, attempts: Sequence[Watched]) -> list[str]:
        """The jobs of these that wait now, in the order of the attempts."""
        entries = await self._queue()
        seen, _ = await apart(len(attempts) + len(entries), lambda: Watchlist(attempts).find(entries))
        return [
            each.job_id
            for attempt in attempts
            for each in seen.get(attempt.token, ())
            if each.record.state in WAITING
        ]

    async def _changed(self, words: Sequence[str], ids: Sequence[str]) -> None:
        self._entries = None
        await self.gateway.scontrol(words, ids)

    async def _nice(self, ids: Sequence[str], nice: int) -> None:
        await self.gateway.scontrol(["update", f"Nice={nice}"], ids, "JobId=")

    async def _top(self, ids: Sequence[str]) -> None:
        """Before all others of the user's that wait; the last piece first, so that the first stands before it."""
        try:
            for some in reversed(list(pieces(ids, TOP // 2))):
                standings = await self.gateway.standings()
                for group in await apart(len(standings), lambda: topped(some, standings)):  # noqa: B023  # at once
                    await self.gateway.scontrol(["top"], group)
        except CommandFailed as error:
            raise CommandFailed(f"{error}: {LOWER_ONLY}") from error


def impossible(plans: Sequence[Plan]) -> dict[str, Outcome]:
    """Those that sbatch cannot be told of."""
    refused: dict[str, Outcome] = {}
    for plan in plans:
        try:
            sbatch.slurm_options(plan)
        except ValueError as error:
            refused[plan.token] = Rejected(f"not submitted: {error}")
    return refused


def flat(seen: Sightings) -> Iterable[Sighting[QueueEntry]]:
    """All of them."""
    return (each for sightings in seen.values() for each in sightings)
