"""What jobs use, asked of sacct and sstat on one gateway, and of their nodes: only when somebody looks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from backends.base import CommandFailed
from backends.jobuse import (
    ASK_GPUS,
    FIELDS,
    STEP_FIELDS,
    TRES,
    JobUse,
    NodeGpu,
    parse_node_gpus,
    parse_steps,
    parse_use,
    used,
)
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from backends.gateway import Gateway
    from backends.jobuse import Step

UNKNOWN_FIELD = re.compile(r"invalid field", re.IGNORECASE)

NO_OVERLAP = re.compile(r"unrecognized option.*overlap", re.IGNORECASE)

IDS = 200
"""Jobs in one call."""

SLOW, CAP = 30.0, 16 << 20
"""Seconds that sacct and sstat may take, and bytes that they may print."""

BEGIN, STEP = 15, 40.0
"""Seconds within which a step must begin, and in which it must be done."""

JOB_ID = re.compile(r"\d+(?:_\d+)?(?:\+\d+)?", re.ASCII)
"""One that has begun: a line for several tasks of an array that wait has used nothing."""


class Metering:
    """sacct, sstat and steps in jobs."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._tres: dict[str, Sequence[str]] = {}
        """By command: the further fields that it knows."""

    async def use(self, job_ids: Sequence[str]) -> dict[str, JobUse]:
        """By job id; of jobs that run what sstat adds. Raises a `BackendError`."""
        found: dict[str, JobUse] = {}
        ids = [job_id for job_id in job_ids if JOB_ID.fullmatch(job_id)]
        for at in range(0, len(ids), IDS):
            words = ["sacct", "-n", "-P", "-j", ",".join(ids[at : at + IDS]), "-o"]
            text, fields = await self._answer(words, FIELDS)
            found |= {job: use for job, use in parse_use(text, fields).items() if job in ids}
        running = [use for use in found.values() if not use.state.ended and use.elapsed]
        if running:
            steps = await self._steps([use.raw or use.job_id for use in running])
            found |= {use.job_id: used(use, steps.get(use.raw or use.job_id, ())) for use in running}
        return found

    async def _steps(self, ids: Sequence[str]) -> Mapping[str, list[Step]]:
        """What sstat tells; nothing of jobs between two steps, of those of others, and where there is no sstat."""
        try:
            text, fields = await self._answer(["sstat", "-a", "-n", "-P", "-j", ",".join(ids), "-o"], STEP_FIELDS)
        except CommandFailed:
            return {}
        return parse_steps(text, fields)

    async def _answer(self, words: list[str], fields: Sequence[str]) -> tuple[str, Sequence[str]]:
        """What a command prints with as many fields as it knows, and which these are. Raises a `BackendError`."""
        for more in (self._tres.get(words[0], TRES), ()):
            done = await self.gateway.run([*words, ",".join((*fields, *more))], SLOW, CAP)
            if done.code == 0 or done.out.strip():  # sstat fails where one of several jobs has no steps
                self._tres[words[0]] = more
                return done.out.decode("utf-8", "replace"), (*fields, *more)
            if not UNKNOWN_FIELD.search(done.err.decode("utf-8", "replace")):
                break
        raise self.gateway.failed(words[0], done.code, done.err)

    async def node_gpus(self, job_id: str) -> tuple[NodeGpu, ...]:
        """What nvidia-smi says on each node of a running job, by a step that shares what the job has.

        Raises a `BackendError`.
        """
        if not JOB_ID.fullmatch(job_id):
            raise CommandFailed(f"{self.gateway.name}: {one_line(job_id, 40)} has not begun")
        uses = await self.use([job_id])
        use = uses.get(job_id, JobUse(job_id))
        nodes = use.nodes or 1
        argv = ["srun", "--overlap", f"--immediate={BEGIN}", f"--jobid={use.raw or job_id}", f"--nodes={nodes}"]
        argv += [f"--ntasks={nodes}", "--ntasks-per-node=1", "--job-name=trainboard-gpus", "sh", "-c", ASK_GPUS]
        done = await self.gateway.run(argv, STEP)
        words = done.err.decode("utf-8", "replace")
        if NO_OVERLAP.search(words):
            raise CommandFailed(f"{self.gateway.name}: this Slurm has no srun --overlap, which came with 20.11")
        gpus = parse_node_gpus(done.out.decode("utf-8", "replace"))
        if done.code != 0 and not gpus:
            raise self.gateway.failed("srun", done.code, done.err)
        if not gpus:
            said = one_line(done.err) or one_line(done.out)
            raise CommandFailed(f"{self.gateway.name}: nvidia-smi tells of no GPU on the job's nodes: {said}")
        return gpus
