"""A machine without a scheduler, over SSH: detached runners, and the attempt directories as the queue's memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from backends import script
from backends.base import Job, JobState, Rejected
from backends.host import parse_attempts
from backends.hosted import Hosted
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection

    from backends.base import Plan, Watched


class Server(Hosted):
    """Runs attempts as detached processes. The job id is the attempt's token."""

    kind = "ssh"

    async def submit(self, plan: Plan) -> str:
        """Upload, then start the runner."""
        directory = await self._upload(plan, script.detached_launch(self.python), self._environment())
        done = await self._launch(["sh", "launch.sh"], directory, plan)
        if done.code != 0:
            words = one_line(done.err or done.out) or f"exit code {done.code}"
            raise Rejected(f"{self.name}: the runner did not start: {words}")
        return plan.token

    async def jobs(self, watched: Collection[Watched]) -> tuple[Job, ...]:
        """What the attempt directories say; nothing for those that are not there."""
        attempts = list(watched)
        if attempts:
            self.host.calls.append(time.monotonic())
        _, data = await self.host.request("attempts", directories=[attempt.directory for attempt in attempts])
        found = (self._job(attempt, state) for attempt, state in zip(attempts, parse_attempts(data), strict=True))
        return tuple(job for job in found if job is not None)

    def _environment(self) -> dict[str, str]:
        """What run.sh exports besides the plan's."""
        return {}

    def _job(self, attempt: Watched, found: dict[str, Any]) -> Job | None:
        if not found["present"]:
            return None
        state, reason = process_state(found)
        started, ended = found["started"] or {}, found["exit"] or {}
        return Job(
            backend=self.name,
            job_id=attempt.token,
            name="",
            state=state,
            token=attempt.token,
            reason=reason,
            nodes=one_line(started.get("host", "")),
            submitted=attempt.submitted,
            started=started.get("time"),
            ended=ended.get("time"),
            exit_code=ended.get("code"),
            log=f"{attempt.directory}/out.log",
        )


def process_state(found: dict[str, Any]) -> tuple[JobState, str]:
    """State and reason of an attempt that no scheduler knows, from its directory."""
    if found["exit"] is not None:
        return exit_state(found["exit"])
    if found["started"] is not None:
        if found["alive"]:
            return JobState.RUNNING, ""
        if not found["same_boot"]:
            return JobState.NODE_FAIL, "the host was restarted"
        return JobState.LOST, "the runner is gone and left no exit record"
    return JobState.PENDING, "starting" if found["claimed"] else "not begun"


def exit_state(record: dict[str, Any]) -> tuple[JobState, str]:
    """State and reason of an exit record, the first in the order of evidence."""
    word = record["state"]
    state = JobState(word) if word in JobState.__members__ else JobState.UNKNOWN
    return state, one_line(record.get("reason") or "")
