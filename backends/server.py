"""A machine without a scheduler, over SSH: the queue lives on it as files, and moves on without us."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from backends import script
from backends.base import BackendError, Job, JobState, Rejected, Room, Unclear
from backends.hosted import ASKED, Hosted, pieces
from backends.peaks import is_figure, peaks_of, saved_of
from backends.programs import programs
from backends.text import one_line
from backends.verdicts import Queued, queued

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from backends.base import Plan, Watched
    from specs.model import Resources, SlurmOptions

LAUNCHED = 200
"""Attempts that one call of the waiter puts into the queue."""


class Server(Hosted):
    """Runs attempts in the order of the host's own queue. The job id is the attempt's token."""

    kind = "ssh"

    async def submit(self, plans: Sequence[Plan]) -> Mapping[str, str | Rejected | Unclear]:
        """Upload, then one call that puts all of them into the host's queue."""
        done: dict[str, str | Rejected | Unclear] = {}
        published: list[tuple[Plan, str]] = []
        uploaded = await self._upload(plans, self._launch_text)
        for plan in plans:
            outcome = uploaded[plan.token]
            if isinstance(outcome, Rejected):
                done[plan.token] = outcome
            else:
                published.append((plan, outcome))
        for some in pieces(published, LAUNCHED):
            done |= await self._enqueue(some)
        return done

    async def jobs(self, watched: Collection[Watched]) -> tuple[Job, ...]:
        """What the attempt directories say; nothing for those that are not there."""
        attempts = list(watched)
        if attempts:
            self.host.calls.append(time.monotonic())
        else:
            await self.host.request("attempts", directories=[])  # that the host answers is an answer, too
        found = await self._attempts([attempt.directory for attempt in attempts])
        jobs = (self._job(attempt, state) for attempt, state in zip(attempts, found, strict=True))
        return tuple(job for job in jobs if job is not None)

    async def hold(self, attempts: Sequence[Watched]) -> None:
        """Keep these from starting, where they have not begun."""
        await self._tell("hold", attempts)

    async def release(self, attempts: Sequence[Watched]) -> None:
        """Let them start again."""
        await self._tell("release", attempts)

    async def prioritise(self, attempts: Sequence[Watched], priority: int) -> None:
        """Give these a new priority among the user's own."""
        await self._tell("priority", attempts, priority=priority)

    async def to_top(self, attempts: Sequence[Watched]) -> None:
        """Before all others of the user's; the last piece first, so that the first stands before it."""
        for some in reversed(list(pieces(attempts, ASKED))):
            await self._tell("top", some, leases=self.leases)

    async def verdicts(self, attempt: Watched) -> Queued | None:
        """Why an attempt waits, GPU by GPU."""
        return queued((await self._attempts([attempt.directory]))[0])

    async def room(self, resources: Resources, slurm: SlurmOptions) -> Room:
        """How many of this size would start now, as the host's queue sees it."""
        need = {name: getattr(resources, name) for name in ("gpus", "gpu_memory", "cpus", "memory")}
        header, _ = await self.host.request(
            "room", root=self.root, leases=self.leases, policy=asdict(self.policy), need=need
        )
        return Room(
            now=header["now"],
            reason=one_line(header["reason"]),
            waiting=header["waiting"],
            takes=tuple(tuple(indices) for indices in header["takes"]),
            gpus=tuple((index, one_line(reason)) for index, reason in header["gpus"]),
        )

    def _launch_text(self, plan: Plan) -> str:
        return script.queue_launch(plan, self.python, programs().folder)

    async def _enqueue(self, published: Sequence[tuple[Plan, str]]) -> dict[str, str | Rejected | Unclear]:
        """One call of the waiter for attempt directories that are in place; what became of each, by token."""
        directories = [directory for _, directory in published]
        argv = [self.python, f"../../../{programs().folder}/waiter.py", *directories]
        try:
            done = await self._launch(argv, directories[0], published[0][0].secrets)
        except (Rejected, Unclear) as error:
            return {plan.token: error for plan, _ in published}
        if done.code == 0:
            return {plan.token: plan.token for plan, _ in published}
        # Those that are not in the queue may still come: they are looked up, and sent again, which is safe.
        trouble = Unclear(
            f"{self.name}: not in the queue yet: {one_line(done.err, 1000) or f'exit code {done.code}'}"
        )
        try:
            found = await self._attempts(directories)
        except BackendError:
            return {plan.token: trouble for plan, _ in published}
        return {
            plan.token: plan.token if on_its_way(state) else trouble
            for (plan, _), state in zip(published, found, strict=True)
        }

    def _job(self, attempt: Watched, found: dict[str, Any]) -> Job | None:
        if not found["present"]:
            return None
        standing = stands(found)
        started, ended = found["started"] or {}, found["exit"] or {}
        return Job(
            backend=self.name,
            job_id=attempt.token,
            name="",
            state=standing.state,
            token=attempt.token,
            reason=standing.reason,
            nodes=one_line(started.get("host", "")),
            submitted=attempt.submitted,
            started=started.get("time"),
            ended=ended.get("time"),
            time_limit=started.get("time_limit") if is_figure(started.get("time_limit")) else None,
            exit_code=ended.get("code"),
            log=f"{attempt.directory}/out.log",
            stranded=standing.stranded,
            restarts=found["restarts"],
            peaks=peaks_of(found),
            checkpoints=saved_of(found),
            withdrawn=standing.state is JobState.CANCELLED
            and (bool(ended.get("withdrawn")) or found["taken_back"] == "withdrawn"),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How an attempt stands that no scheduler knows."""

    state: JobState
    reason: str = ""
    stranded: bool = False


def stands(found: dict[str, Any]) -> Standing:
    """What the records of an attempt directory mean together; the exit record decides where there is one."""
    if found["exit"] is not None:
        return Standing(*exit_state(found["exit"]))
    if found["taken_back"] == "withdrawn":
        return Standing(JobState.CANCELLED, "withdrawn")
    if found["taken_back"]:
        return Standing(JobState.CANCELLED, "cancelled before it began")
    record = found["started"] or found["waiting"]
    if record is not None and not found["same_boot"] and not found["same_host"]:
        verb, host = "began" if found["started"] else "waits", one_line(str(record.get("host")), 64)
        return Standing(JobState.UNKNOWN, f"it {verb} on {host}, which is not the host that answers now")
    if found["started"] is not None:
        return begun(found)
    if found["claimed"]:
        return Standing(JobState.PENDING, "starting") if found["waits"] else never_begun(found)
    return waiting(found)


def waiting(found: dict[str, Any]) -> Standing:
    """The same for an attempt that nobody has claimed."""
    state = JobState.HELD if found["held"] else JobState.PENDING
    if found["waits"]:
        return Standing(state, one_line(found["waiting"].get("reason") or ""))
    reason = "nothing moves it on: " + ("its waiter is gone" if found["waiting"] else "it was not put into the queue")
    return Standing(state, reason, stranded=True)


def never_begun(found: dict[str, Any]) -> Standing:
    """The same where somebody took the claim to start the program, and was gone before that: it can never start."""
    if found["cancelled"]:
        return Standing(JobState.CANCELLED, "cancelled before it began")
    if found["waiting"] is not None and not found["same_boot"]:
        return Standing(JobState.NODE_FAIL, "the host was restarted as it began")
    return Standing(JobState.FAILED, "killed as it began")


def begun(found: dict[str, Any]) -> Standing:
    """The same for an attempt that has begun and left no exit record."""
    started = found["started"]
    if found["alive"]:
        return Standing(JobState.RUNNING)
    if found["same_boot"]:
        if found["guarded"]:
            return Standing(JobState.RUNNING, "its runner was killed; what it ran is being ended")
        if found["orphans"]:
            return Standing(JobState.RUNNING, orphaned(found["orphans"], started.get("gpus") or []))
        return Standing(JobState.LOST, "the runner is gone and left no exit record")
    return Standing(JobState.NODE_FAIL, "the host was restarted")


def orphaned(count: int, gpus: Sequence[Mapping[str, Any]]) -> str:
    """What the user reads of a program whose runner was killed."""
    held = ", ".join(f"GPU {gpu.get('index')}" for gpu in gpus)
    processes = "1 process of it still runs" if count == 1 else f"{count} processes of it still run"
    holds = "" if not held else f" and hold{'s' if count == 1 else ''} {held}"
    return one_line(f"its runner is gone; {processes}{holds}; cancel ends {'it' if count == 1 else 'them'}")


def on_its_way(found: Mapping[str, Any]) -> bool:
    """Whether something moves an attempt on, or has."""
    return bool(found["waits"] or found["claimed"] or found["exit"] is not None)


def exit_state(record: dict[str, Any]) -> tuple[JobState, str]:
    """State and reason of an exit record, the first in the order of evidence."""
    word = record["state"]
    state = JobState(word) if word in JobState.__members__ else JobState.UNKNOWN
    return state, one_line(record.get("reason") or "")
