"""Every kind of backend, real: this machine, an SSH host, a Slurm cluster."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from backends.base import Plan, Watched
from backends.host import Host, helper_command
from backends.local import Local
from backends.server import Server
from backends.slurm import Slurm
from backends.ssh import SshHost
from specs.model import Resources, SlurmOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from backends.base import Backend, Job, Question
    from tests.cluster import Cluster


class Nobody:
    """A prompter with nobody to ask: a test that gets a question fails for want of an answer."""

    async def ask(self, question: Question) -> str | None:
        """No."""
        return None


def over_ssh(cluster: Cluster, alias: str, python: str = "python3") -> Host:
    """A host session to one of the cluster's hosts."""
    ssh = SshHost(alias, Nobody(), config=cluster.ssh_config)
    return Host(alias, lambda: ssh.open(helper_command(python)), ssh.close)


@dataclass(frozen=True)
class Desk:
    """A backend under test, and plans for it."""

    backend: Backend
    workdir: Path

    def plan(self, command: str, **changes: object) -> Plan:
        """A plan with everything that a test does not name."""
        fields: dict[str, object] = {
            "token": secrets.token_hex(8),
            "experiment": f"t{secrets.token_hex(4)}",
            "run": "000-run",
            "attempt": 1,
            "command": command,
            "spec_text": "name: t\n",
            "setup": "",
            "env": {},
            "secrets": {},
            "resources": Resources(cpus=1),
            "slurm": SlurmOptions(),
            "workdir": self.workdir,
        }
        return Plan(**(fields | changes))  # type: ignore[arg-type]  # fields by name

    async def start(self, plan: Plan) -> Watched:
        """Submit; the attempt as the watch would know it."""
        job_id = await self.backend.submit(plan)
        return Watched(plan.token, job_id, self.backend.directory(plan.folder), time.time())

    async def until(self, attempt: Watched, when: Callable[[Job], bool], within: float = 60) -> Job:
        """The job as soon as it is as wanted."""
        seen: Job | None = None
        async with asyncio.timeout(within):
            while True:
                for job in await self.backend.jobs([attempt]):
                    if job.token == attempt.token:
                        seen = job
                        if when(job):
                            return job
                await asyncio.sleep(0.1)
        raise AssertionError(f"last seen: {seen}")

    async def ended(self, attempt: Watched) -> Job:
        """The job when it has ended."""
        return await self.until(attempt, lambda job: job.state.ended)

    async def log(self, attempt: Watched) -> str:
        """The whole log so far."""
        return (await self.backend.read(f"{attempt.directory}/out.log", 0, 1 << 20)).data.decode()

    async def logged(self, attempt: Watched, words: str) -> None:
        """Wait until the log holds these words."""
        log = b""
        async with asyncio.timeout(60):
            async for piece in self.backend.follow(f"{attempt.directory}/out.log", 0):
                log += getattr(piece, "data", b"")
                if words.encode() in log:
                    return


KINDS = ("local", pytest.param("ssh", marks=pytest.mark.sshd), pytest.param("slurm", marks=pytest.mark.slurm))


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Desk]:
    """Each kind in turn."""
    backend: Backend
    if request.param == "local":
        backend = Local("here", str(tmp_path / "runs"))
    elif request.param == "ssh":
        host = over_ssh(request.getfixturevalue("sshd"), "gpu1")
        backend = Server("gpu1", host, str(tmp_path / "runs"), shared=True)
    else:
        host = over_ssh(request.getfixturevalue("cluster"), "gateway")
        backend = Slurm("triton", host, str(tmp_path / "runs"), shared=True)
    yield Desk(backend, tmp_path)
    await backend.close()
