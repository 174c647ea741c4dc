"""Every kind of backend, real: this machine, an SSH host, a Slurm cluster."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from backends.base import Plan, Policy, Watched
from backends.host import Host, helper_command
from backends.local import Local
from backends.server import Server
from backends.slurm import Slurm
from backends.ssh import SshHost
from specs.model import Resources, SlurmOptions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
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
    usual: Mapping[str, object] = field(default_factory=dict)
    """Fields of every plan, in place of the ones below."""
    open: dict[str, Watched] = field(default_factory=dict)
    """Attempts that have not been seen to end, by token."""

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
            "batch": secrets.token_hex(8),
        } | dict(self.usual)
        return Plan(**(fields | changes))  # type: ignore[arg-type]  # fields by name

    def plans(self, count: int, command: str = "true", **changes: object) -> list[Plan]:
        """Runs of one experiment, to be submitted in one call."""
        common = {"experiment": f"t{secrets.token_hex(4)}", "batch": secrets.token_hex(8)} | changes
        return [self.plan(command, run=f"{n:03d}-run", task=n, **common) for n in range(count)]

    def watched(self, plan: Plan, job_id: str = "") -> Watched:
        """The attempt as the watch would know it."""
        directory = self.backend.directory(plan.folder)
        return Watched(plan.token, job_id, directory, time.time(), plan.batch, plan.task, plan.job_name)

    async def start(self, plan: Plan) -> Watched:
        """Submit one; raises why there is none."""
        [attempt] = await self.start_all([plan])
        return attempt

    async def start_all(self, plans: Sequence[Plan]) -> list[Watched]:
        """Submit in one call; raises why one of them is not there."""
        outcomes = await self.backend.submit(plans)
        assert set(outcomes) == {plan.token for plan in plans}
        for outcome in outcomes.values():
            if not isinstance(outcome, str):
                raise outcome
        attempts = [self.watched(plan, str(outcomes[plan.token])) for plan in plans]
        self.open.update((attempt.token, attempt) for attempt in attempts)
        return attempts

    async def job(self, attempt: Watched) -> Job:
        """The job as it is now."""
        return await self.until(attempt, lambda job: True)

    async def until(self, attempt: Watched, when: Callable[[Job], bool], within: float = 60) -> Job:
        """The job as soon as it is as wanted."""
        seen: Job | None = None
        async with asyncio.timeout(within):
            while True:
                for job in await self.backend.jobs([attempt]):
                    if job.token == attempt.token:
                        seen = job
                        if job.state.ended:
                            self.open.pop(job.token, None)
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

    async def leave(self) -> None:
        """End what a test left running."""
        if self.open:
            await self.backend.cancel(list(self.open.values()))
        await self.backend.close()


KINDS = ("local", pytest.param("ssh", marks=pytest.mark.sshd), pytest.param("slurm", marks=pytest.mark.slurm))


@pytest.fixture(params=KINDS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Desk]:
    """Each kind in turn."""
    backend = backend_of(request, tmp_path, Policy())
    desk = Desk(backend, tmp_path)
    yield desk
    await desk.leave()


@pytest.fixture(params=KINDS)
async def narrow(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Desk]:
    """Each kind in turn, with room for one run at a time."""
    backend = backend_of(request, tmp_path, Policy(at_most=1))
    whole_node = {"resources": Resources(cpus=16), "slurm": SlurmOptions(sbatch=("--nodelist=node1",))}
    desk = Desk(backend, tmp_path, whole_node if backend.kind == "slurm" else {})
    yield desk
    await desk.leave()


def backend_of(request: pytest.FixtureRequest, folder: Path, policy: Policy) -> Backend:
    """A backend of the kind that the fixture is made for; all that it writes is below `folder`."""
    root, leases = str(folder / "runs"), str(folder / "leases")
    if request.param == "local":
        return Local("here", root, leases=leases, policy=policy)
    if request.param == "ssh":
        host = over_ssh(request.getfixturevalue("sshd"), "gpu1")
        return Server("gpu1", host, root, shared=True, leases=leases, policy=policy)
    host = over_ssh(request.getfixturevalue("cluster"), "gateway")
    return Slurm("triton", host, root, shared=True)


@pytest.fixture
async def local_desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    """This machine alone."""
    backend = Local("here", str(tmp_path / "runs"), leases=str(tmp_path / "leases"))
    desk = Desk(backend, tmp_path)
    yield desk
    await desk.leave()
